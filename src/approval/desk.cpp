#include <algorithm>
#include <map>

#include "approval/detail/shelf.hpp"
#include "base/assert.hpp"
#include "base/log.hpp"

namespace pincer::approval {
namespace {

Failure refuse(ErrorCode code, std::string reason, std::string message) {
    return Failure(Error(code, std::move(message)).with_reason(std::move(reason)));
}

Status status_of(Decision decision) { return decision == Decision::deny ? Status::denied : Status::allowed; }

std::string_view kind_of(Status status) {
    switch (status) {
        case Status::expired: return "approval.expired";
        case Status::cancelled: return "approval.cancelled";
        default: return "approval.decided";
    }
}

// The one clear answer for every click that comes too late.
Result<Record> answer_late(const Record& record, Decision decision) {
    if (record.decision == decision) return record;
    if (record.status == Status::expired) {
        return refuse(ErrorCode::expired, "APPROVAL_EXPIRED",
                      fmt::format("this request expired at {}", to_rfc3339(record.expires_at)));
    }
    const std::string when = record.decided_at ? to_rfc3339(*record.decided_at) : "";
    if (record.status == Status::cancelled) {
        return refuse(ErrorCode::conflict, "APPROVAL_ALREADY_RESOLVED",
                      fmt::format("this request was withdrawn at {}", when));
    }
    const Principal by = record.decided_by.value_or(Principal{});
    return refuse(ErrorCode::conflict, "APPROVAL_ALREADY_RESOLVED",
                  fmt::format("approval already resolved: {} by {} via {} at {}",
                              record.decision ? name_of(*record.decision) : name_of(record.status),
                              by.display.empty() ? by.id : by.display, record.decided_via, when));
}

Result<> check_request(Request& request, Millis ttl) {
    const std::string digest = digest_of(request.subject);
    if (request.subject_digest.empty()) request.subject_digest = digest;
    if (request.subject_digest != digest) {
        return refuse(ErrorCode::invalid_argument, "APPROVAL_DIGEST",
                      "the digest is not that of the subject: what is shown would not be what runs");
    }
    if (request.kind != "exec" && request.kind != "plugin")
        return PINCER_FAIL(invalid_argument, "\"kind\" must be exec or plugin");
    if (request.requester.id.empty()) return PINCER_FAIL(invalid_argument, "a request names who asks");
    if (std::ranges::find(request.allowed, Decision::deny) == request.allowed.end())
        return PINCER_FAIL(invalid_argument, "it must be possible to deny");
    if (ttl <= Millis(0) || ttl > kLongestTtl)
        return PINCER_FAIL(invalid_argument, "a request waits for at most {}", format_duration(kLongestTtl));
    const std::size_t bytes = detail::to_json_text(request).size();
    if (bytes > kMostRequestBytes)
        return PINCER_FAIL(too_large, "a request of {} bytes is over the limit of {}", bytes, kMostRequestBytes);
    return {};
}

std::optional<WallTime> intended_at(const std::string& intent) {
    const auto parsed = json::parse_object(intent);
    if (!parsed) return std::nullopt;
    auto at = parse_rfc3339(json::string_or(*parsed, "at"));
    return at ? std::optional<WallTime>(*at) : std::nullopt;
}

class DurableDesk final : public Desk {
public:
    DurableDesk(io::Runtime& runtime, storage::Database& db, audit::Chain& chain, const Clock& clock,
                crypto::Random& random, Policy policy)
        : runtime_(runtime), db_(db), chain_(chain), clock_(clock), random_(random), policy_(std::move(policy)) {}

    Result<> load() {
        PINCER_TRY(latest_wall_, detail::latest_moment(db_));
        PINCER_TRY(unmade_, detail::load_unmade(db_));
        PINCER_TRY(auto all, detail::load_pending(db_));
        for (auto& [record, intent] : all) {
            const ApprovalId id = record.id;
            if (auto at = intended_at(intent)) latest_wall_ = std::max(latest_wall_, *at);
            pending_.emplace(
                id,
                Waiting{.record = std::move(record), .intent = std::move(intent), .steady_end = {}, .busy = nullptr});
            Waiting& waiting = pending_.at(id);
            waiting.steady_end = clock_.steady() + std::max(Millis(0), waiting.record.expires_at - now());
        }
        return {};
    }

    Task<Result<Record>> request(Request request, std::optional<Millis> ttl) override {
        const Millis lifetime = ttl.value_or(policy_.default_ttl);
        PINCER_CO_CHECK(check_request(request, lifetime));
        if (pending_.size() + being_made_ >= kMostPending) {
            co_return refuse(ErrorCode::rate_limited, "APPROVAL_TOO_MANY",
                             fmt::format("{} requests wait for a decision already", kMostPending));
        }
        PINCER_CO_CHECK(co_await declare_unmade());
        ++being_made_;
        auto made = co_await make(std::move(request), lifetime);
        --being_made_;
        if (made) tell(*made);
        co_return made;
    }

    Task<Result<Record>> decide(ApprovalId id, Decision decision, Principal by, std::string via) override {
        auto found = co_await when_free(id);
        if (!found) co_return Failure(std::move(found).error());
        if (found->status != Status::pending) co_return answer_late(*found, decision);
        if (is_due(pending_.at(id))) {
            Settlement expiry{.status = Status::expired, .decision = {}, .by = {}, .via = {}, .why = {}};
            auto expired = co_await settle(id, std::move(expiry));
            if (!expired) co_return Failure(std::move(expired).error());
            co_return answer_late(*expired, decision);
        }
        PINCER_CO_CHECK(check_decision(found->request, decision, by));
        Settlement settlement{
            .status = status_of(decision), .decision = decision, .by = std::move(by), .via = std::move(via), .why = {}};
        co_return co_await settle(id, std::move(settlement));
    }

    Task<Result<>> cancel(ApprovalId id, std::string why) override {
        auto found = co_await when_free(id);
        if (!found) co_return Failure(std::move(found).error());
        if (found->status == Status::cancelled) co_return Result<>();
        if (found->status != Status::pending) {
            co_return refuse(ErrorCode::conflict, "APPROVAL_ALREADY_RESOLVED",
                             fmt::format("approval already resolved: {}", name_of(found->status)));
        }
        Settlement settlement{.status = Status::cancelled, .decision = {}, .by = {}, .via = {}, .why = std::move(why)};
        auto settled = co_await settle(id, std::move(settlement));
        if (!settled) co_return Failure(std::move(settled).error());
        co_return Result<>();
    }

    std::optional<Record> find(const ApprovalId& id) const override {
        if (const auto found = pending_.find(id); found != pending_.end()) return found->second.record;
        auto stored = detail::load_one(db_, id);
        if (stored) return *std::move(stored);
        log::failure(log::Level::error, "approval.find", stored.error());
        return std::nullopt;
    }

    std::vector<Record> pending() const override {
        std::vector<Record> all;
        for (const auto& [id, waiting] : pending_) all.push_back(waiting.record);
        std::ranges::sort(all, [](const Record& a, const Record& b) {
            return std::tie(a.created_at, a.id) < std::tie(b.created_at, b.id);
        });
        return all;
    }

    Task<Result<std::vector<Record>>> expire_due() override {
        PINCER_CO_CHECK(co_await declare_unmade());
        std::vector<ApprovalId> due;
        for (const auto& [id, waiting] : pending_) {
            if (!waiting.busy && is_due(waiting)) due.push_back(id);  // busy: somebody settles it this moment
        }
        std::vector<Record> expired;
        std::optional<Error> failure;
        for (const ApprovalId& id : due) {
            const auto found = pending_.find(id);
            if (found == pending_.end() || found->second.busy) continue;
            Settlement settlement{.status = Status::expired, .decision = {}, .by = {}, .via = {}, .why = {}};
            auto settled = co_await settle(id, std::move(settlement));
            if (settled) {
                expired.push_back(*std::move(settled));
            } else {
                failure = std::move(settled).error();
            }
        }
        if (failure && expired.empty()) co_return Failure(*failure);
        co_return expired;
    }

    void on_change(std::function<void(const Record&)> listener) override { listeners_.push_back(std::move(listener)); }

private:
    struct Waiting {
        Record record;
        std::string intent;  // of a settlement that did not come to its end
        SteadyTime steady_end;
        std::shared_ptr<io::Event> busy;  // shared: whoever waits for it holds it beyond the entry's end
    };
    struct Settlement {
        Status status;
        std::optional<Decision> decision;
        std::optional<Principal> by;
        std::string via;
        std::string why;
    };

    WallTime now() {
        latest_wall_ = std::max(latest_wall_, clock_.wall());
        return latest_wall_;
    }
    bool is_due(const Waiting& waiting) {
        return now() >= waiting.record.expires_at || clock_.steady() >= waiting.steady_end;
    }

    void tell(const Record& record) {
        for (const auto& listener : listeners_) listener(record);
    }

    Result<> check_decision(const Request& request, Decision decision, const Principal& by) const {
        if (std::ranges::find(request.allowed, decision) == request.allowed.end()) {
            return refuse(ErrorCode::invalid_argument, "APPROVAL_DECISION_NOT_ALLOWED",
                          fmt::format("\"{}\" is not offered for this request", name_of(decision)));
        }
        if (by.id.empty()) return PINCER_FAIL(invalid_argument, "a decision names who makes it");
        if (decision == Decision::deny || !same_person(by, request.requester)) return {};
        const auto names_them = [&](const std::string& owner) {
            return owner == by.id || (!by.human.empty() && owner == by.human);
        };
        const bool owner =
            policy_.self_approval == SelfApproval::owner && std::ranges::any_of(policy_.owners, names_them);
        if (owner) return {};
        return refuse(ErrorCode::forbidden, "APPROVAL_SELF", "you asked for this, somebody else has to approve it");
    }

    // The record once nobody else is settling it.
    Task<Result<Record>> when_free(ApprovalId id) {
        for (;;) {
            const auto found = pending_.find(id);
            if (found == pending_.end()) break;
            if (!found->second.busy) co_return found->second.record;
            const auto busy = found->second.busy;
            PINCER_CO_CHECK(co_await busy->wait());
        }
        PINCER_CO_TRY(auto stored, detail::load_one(db_, id));
        if (!stored) co_return refuse(ErrorCode::not_found, "APPROVAL_NOT_FOUND", "unknown or expired approval id");
        co_return *std::move(stored);
    }

    Task<Result<Record>> make(Request request, Millis lifetime) {
        Record record;
        record.id = ApprovalId((request.kind == "plugin" ? "plugin:" : "") + random_.uuid());
        record.created_at = now();
        record.expires_at = record.created_at + lifetime;
        const SteadyTime steady_end = clock_.steady() + lifetime;
        json::object body{{"id", record.id.str()},
                          {"subjectDigest", request.subject_digest},
                          {"approvalKind", request.kind},
                          {"risk", name_of(request.risk)},
                          {"expiresAt", to_rfc3339_millis(record.expires_at)},
                          {"sessionKey", request.session_key},
                          {"runId", request.run_id}};
        audit::Entry entry{.kind = "approval.requested",
                           .actor = request.requester.id,
                           .body = std::move(body),
                           .follows = request.follows};
        record.request = std::move(request);
        auto written = co_await write_down(record, std::move(entry));
        if (!written) {
            unmade_.push_back(record.id);
            co_return Failure(std::move(written).error());
        }
        record.requested_ref = *std::move(written);
        pending_.emplace(record.id, Waiting{.record = record, .intent = {}, .steady_end = steady_end, .busy = nullptr});
        co_return record;
    }

    // The shelf first, as something that is being made, then the chain: a record in the chain of a request that never
    // came to be is known by that, and declared void.
    Task<Result<std::string>> write_down(Record record, audit::Entry entry) {
        const ApprovalId id = record.id;
        PINCER_CO_CHECK(co_await detail::insert(db_, std::move(record)));
        PINCER_CO_TRY(const auto ref, co_await chain_.append(std::move(entry)));
        std::string requested_ref = ref.str();
        PINCER_CO_CHECK(co_await detail::write_made(db_, id, requested_ref));
        co_return requested_ref;
    }

    Task<Result<>> declare_unmade() {
        while (!unmade_.empty()) {
            const ApprovalId id = unmade_.back();
            unmade_.pop_back();  // two tasks at once do not declare the same one
            auto declared = co_await declare_unmade(id);
            if (declared) continue;
            unmade_.push_back(id);
            co_return declared;
        }
        co_return Result<>();
    }
    Task<Result<>> declare_unmade(ApprovalId id) {
        json::object body{{"id", id.str()},
                          {"why", "it was never put up: the process stopped, or could not write, while it was made"}};
        audit::Entry entry{.kind = "approval.void", .actor = "desk", .body = std::move(body), .follows = {}};
        PINCER_CO_CHECK(co_await chain_.append(std::move(entry)));
        co_return co_await detail::erase_unmade(db_, id);
    }

    // Marks the entry as busy, so that there is one winner, and tells the others when it is over. The caller has seen
    // it pending and free, without a co_await since.
    Task<Result<Record>> settle(ApprovalId id, Settlement settlement) {
        PINCER_ASSERT(!pending_.at(id).busy, "one settlement at a time");
        const auto busy = std::make_shared<io::Event>(runtime_);
        pending_.at(id).busy = busy;
        auto settled = co_await settle_alone(id, std::move(settlement));
        Waiting& waiting = pending_.at(id);  // only a settlement removes an entry, and this one is the only one
        waiting.busy = nullptr;
        if (settled) pending_.erase(id);
        busy->set();
        if (settled) tell(*settled);
        co_return settled;
    }

    Task<Result<Record>> settle_alone(ApprovalId id, Settlement s) {
        Record record = pending_.at(id).record;
        record.status = s.status;
        record.decision = s.decision;
        record.decided_by = s.by;
        record.decided_via = s.via;
        record.decided_at = now();
        const std::string actor = s.by ? s.by->id : "desk";
        json::object body{{"id", id.str()},
                          {"subjectDigest", record.request.subject_digest},
                          {"status", name_of(s.status)},
                          {"requested", record.requested_ref}};
        if (s.decision) body["decision"] = name_of(*s.decision);
        if (!s.via.empty()) body["via"] = s.via;
        if (!s.why.empty()) body["why"] = s.why;

        PINCER_CO_CHECK(co_await declare_void(id));
        const std::string intent = json::write(json::object{
            {"status", name_of(s.status)}, {"actor", actor}, {"at", to_rfc3339_millis(*record.decided_at)}});
        // From here until the last write an error, or a crash, leaves a settlement that must be declared void first.
        pending_.at(id).intent = intent;
        PINCER_CO_CHECK(co_await detail::write_intent(db_, id, intent));
        audit::Entry entry{
            .kind = std::string(kind_of(s.status)), .actor = actor, .body = std::move(body), .follows = {}};
        PINCER_CO_TRY(const auto ref, co_await chain_.append(std::move(entry)));
        record.settled_ref = ref.str();
        PINCER_CO_CHECK(co_await detail::write_settled(db_, record));
        co_return record;
    }

    Task<Result<>> declare_void(ApprovalId id) {
        const std::string intent = pending_.at(id).intent;
        if (intent.empty()) co_return Result<>();
        json::object body{
            {"id", id.str()},
            {"why", "it did not take effect: the process stopped, or could not write, before it was complete"}};
        if (auto parsed = json::parse(intent)) body["settlement"] = *parsed;
        audit::Entry entry{.kind = "approval.void", .actor = "desk", .body = std::move(body), .follows = {}};
        auto appended = co_await chain_.append(std::move(entry));
        if (!appended) co_return Failure(std::move(appended).error());
        pending_.at(id).intent.clear();
        co_return Result<>();
    }

    io::Runtime& runtime_;
    storage::Database& db_;
    audit::Chain& chain_;
    const Clock& clock_;
    crypto::Random& random_;
    const Policy policy_;
    std::map<ApprovalId, Waiting> pending_;  // a map: references stay good while others come and go
    std::vector<ApprovalId> unmade_;         // may stand in the chain, and never came to be
    std::size_t being_made_ = 0;
    WallTime latest_wall_{};
    std::vector<std::function<void(const Record&)>> listeners_;
};

}  // namespace

Result<std::unique_ptr<Desk>> Desk::open(io::Runtime& runtime, storage::Database& db, audit::Chain& chain,
                                         const Clock& clock, crypto::Random& random, Policy policy) {
    auto desk = std::make_unique<DurableDesk>(runtime, db, chain, clock, random, std::move(policy));
    PINCER_CHECK(desk->load());
    return std::unique_ptr<Desk>(std::move(desk));
}

}  // namespace pincer::approval
