#include "approval/detail/shelf.hpp"

namespace pincer::approval {

constexpr std::string_view kDeskTableSql = R"(
    CREATE TABLE approval_request(
        id TEXT PRIMARY KEY,
        request TEXT NOT NULL,
        status TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        requested_ref TEXT NOT NULL,
        intent TEXT NOT NULL DEFAULT '',
        decision TEXT,
        decided_by TEXT,
        decided_by_display TEXT,
        decided_by_human TEXT,
        decided_via TEXT,
        decided_at INTEGER,
        settled_ref TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX approval_request_pending ON approval_request(created_at) WHERE status = 'pending';
)";

namespace detail {
namespace {

using storage::Connection;
using storage::Row;
using storage::Value;

constexpr std::string_view kSelectPending =
    "SELECT id, request, status, created_at, expires_at, requested_ref, intent, decision, decided_by, "
    "decided_by_display, decided_by_human, "
    "decided_via, decided_at, settled_ref FROM approval_request WHERE status = 'pending' ORDER BY created_at, id";
constexpr std::string_view kSelectOne =
    "SELECT id, request, status, created_at, expires_at, requested_ref, intent, decision, decided_by, "
    "decided_by_display, decided_by_human, "
    "decided_via, decided_at, settled_ref FROM approval_request WHERE id = ? AND status <> 'making'";

json::object to_json(const Principal& p) { return {{"id", p.id}, {"display", p.display}, {"human", p.human}}; }

Principal principal_from(const json::object& o) {
    return {
        .id = json::string_or(o, "id"), .display = json::string_or(o, "display"), .human = json::string_or(o, "human")};
}

std::optional<Status> parse_status(std::string_view text) {
    for (const Status status : {Status::pending, Status::allowed, Status::denied, Status::expired, Status::cancelled}) {
        if (name_of(status) == text) return status;
    }
    return std::nullopt;
}

Result<Shelved> from_row(const Row& row) {
    Shelved shelved;
    Record& record = shelved.record;
    record.id = ApprovalId(row.text(0));
    PINCER_TRY(record.request, request_from_json(row.view(1)));
    const auto status = parse_status(row.view(2));
    if (!status) return PINCER_FAIL(corrupt, "approval {} has an unknown status", record.id.str());
    record.status = *status;
    record.created_at = from_millis(row.integer(3));
    record.expires_at = from_millis(row.integer(4));
    record.requested_ref = row.text(5);
    shelved.intent = row.text(6);
    if (!row.is_null(7)) record.decision = parse_decision(row.view(7));
    if (!row.is_null(8))
        record.decided_by = Principal{.id = row.text(8), .display = row.text(9), .human = row.text(10)};
    record.decided_via = row.text(11);
    if (!row.is_null(12)) record.decided_at = from_millis(row.integer(12));
    record.settled_ref = row.text(13);
    return shelved;
}

Result<> expect_one(const Result<std::int64_t>& changed) {
    if (!changed) return Failure(changed.error());
    if (*changed == 1) return {};
    return PINCER_FAIL(conflict, "the request is no longer pending");
}

}  // namespace

std::string to_json_text(const Request& r) {
    json::array allowed;
    for (const Decision decision : r.allowed) allowed.emplace_back(name_of(decision));
    json::object o{{"kind", r.kind},
                   {"subjectDigest", r.subject_digest},
                   {"subject", r.subject},
                   {"risk", name_of(r.risk)},
                   {"requester", to_json(r.requester)},
                   {"sessionKey", r.session_key},
                   {"runId", r.run_id},
                   {"toolCallId", r.tool_call_id},
                   {"presentation", r.presentation},
                   {"allowed", std::move(allowed)}};
    if (r.follows) o["follows"] = r.follows->str();
    return json::write(o);
}

Result<Request> request_from_json(std::string_view text) {
    PINCER_TRY(const json::object o, json::parse_object(text, {.bytes = 2 * kMostRequestBytes}));
    Request r{.kind = json::string_or(o, "kind"), .subject_digest = json::string_or(o, "subjectDigest")};
    const auto* subject = json::object_at(o, "subject");
    const auto* presentation = json::object_at(o, "presentation");
    const auto* requester = json::object_at(o, "requester");
    const auto* allowed = json::array_at(o, "allowed");
    const auto risk = parse_risk(json::string_or(o, "risk"));
    if (!subject || !presentation || !requester || !allowed || !risk)
        return PINCER_FAIL(corrupt, "a stored approval request is incomplete");
    r.subject = *subject;
    r.presentation = *presentation;
    r.requester = principal_from(*requester);
    r.risk = *risk;
    r.session_key = json::string_or(o, "sessionKey");
    r.run_id = json::string_or(o, "runId");
    r.tool_call_id = json::string_or(o, "toolCallId");
    r.allowed.clear();
    for (const auto& item : *allowed) {
        const auto decision = item.is_string() ? parse_decision(std::string_view(item.get_string())) : std::nullopt;
        if (decision) r.allowed.push_back(*decision);
    }
    if (json::find(o, "follows")) {
        PINCER_TRY(r.follows, audit::RecordRef::parse(json::string_or(o, "follows")));
    }
    // What was shown is what may run: a row that was edited by hand is not a request any more.
    if (digest_of(r.subject) != r.subject_digest)
        return PINCER_FAIL(corrupt, "a stored approval request does not match its digest");
    return r;
}

Result<std::vector<Shelved>> load_pending(storage::Database& db) {
    std::vector<Shelved> all;
    Result<> failure;
    PINCER_CHECK(db.read([&](Connection& c) {
        return c.query(kSelectPending, {}, [&](const Row& row) {
            auto shelved = from_row(row);
            if (shelved) {
                all.push_back(*std::move(shelved));
            } else {
                failure = Failure(std::move(shelved).error());
            }
            return bool(failure);
        });
    }));
    if (!failure) return Failure(failure.error());
    return all;
}

Result<std::optional<Record>> load_one(storage::Database& db, const ApprovalId& id) {
    std::optional<Result<Shelved>> found;
    PINCER_CHECK(db.read([&](Connection& c) {
        return c.query(kSelectOne, {id.str()}, [&](const Row& row) {
            found = from_row(row);
            return false;
        });
    }));
    if (!found) return std::nullopt;
    if (!*found) return Failure(found->error());
    return std::optional<Record>((*found)->record);
}

Result<std::vector<ApprovalId>> load_unmade(storage::Database& db) {
    std::vector<ApprovalId> all;
    PINCER_CHECK(db.read([&](Connection& c) {
        return c.query("SELECT id FROM approval_request WHERE status = 'making' ORDER BY created_at, id", {},
                       [&](const Row& row) {
                           all.emplace_back(row.text(0));
                           return true;
                       });
    }));
    return all;
}

Result<WallTime> latest_moment(storage::Database& db) {
    std::int64_t latest = 0;
    PINCER_CHECK(db.read([&](Connection& c) {
        return c.query("SELECT max(max(created_at, coalesce(decided_at, 0))) FROM approval_request", {},
                       [&](const Row& row) {
                           latest = row.integer(0);
                           return false;
                       });
    }));
    return from_millis(latest);
}

Task<Result<>> insert(storage::Database& db, Record r) {
    std::function<Result<>(Connection&)> work = [r = std::move(r)](Connection& c) -> Result<> {
        PINCER_CHECK(c.execute(
            "INSERT INTO approval_request(id, request, status, created_at, expires_at, requested_ref) VALUES(?, ?, "
            "'making', ?, ?, ?)",
            {r.id.str(), to_json_text(r.request), to_millis(r.created_at), to_millis(r.expires_at), r.requested_ref}));
        return {};
    };
    return db.write(std::move(work));
}

Task<Result<>> write_made(storage::Database& db, ApprovalId id, std::string requested_ref) {
    std::function<Result<>(Connection&)> work = [id = std::move(id), ref = std::move(requested_ref)](Connection& c) {
        return expect_one(c.execute(
            "UPDATE approval_request SET status = 'pending', requested_ref = ? WHERE id = ? AND status = 'making'",
            {ref, id.str()}));
    };
    return db.write(std::move(work));
}

Task<Result<>> erase_unmade(storage::Database& db, ApprovalId id) {
    std::function<Result<>(Connection&)> work = [id = std::move(id)](Connection& c) -> Result<> {
        PINCER_CHECK(c.execute("DELETE FROM approval_request WHERE id = ? AND status = 'making'", {id.str()}));
        return {};
    };
    return db.write(std::move(work));
}

Task<Result<>> write_intent(storage::Database& db, ApprovalId id, std::string intent) {
    std::function<Result<>(Connection&)> work = [id = std::move(id), intent = std::move(intent)](Connection& c) {
        return expect_one(c.execute("UPDATE approval_request SET intent = ? WHERE id = ? AND status = 'pending'",
                                    {intent, id.str()}));
    };
    return db.write(std::move(work));
}

Task<Result<>> write_settled(storage::Database& db, Record r) {
    std::function<Result<>(Connection&)> work = [r = std::move(r)](Connection& c) {
        const Value decision = r.decision ? Value(std::string(name_of(*r.decision))) : Value();
        const Value by = r.decided_by ? Value(r.decided_by->id) : Value();
        const Principal who = r.decided_by.value_or(Principal{});
        return expect_one(
            c.execute("UPDATE approval_request SET status = ?, intent = '', decision = ?, decided_by = ?, "
                      "decided_by_display = ?, "
                      "decided_by_human = ?, decided_via = ?, decided_at = ?, settled_ref = ? WHERE id = ? AND status "
                      "= 'pending'",
                      {std::string(name_of(r.status)), decision, by, who.display, who.human, r.decided_via,
                       to_millis(r.decided_at.value_or(WallTime{})), r.settled_ref, r.id.str()}));
    };
    return db.write(std::move(work));
}

}  // namespace detail
}  // namespace pincer::approval
