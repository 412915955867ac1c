#include <gtest/gtest.h>

#include <fstream>

#include "approval/approval.hpp"
#include "base/testing/fake_clock.hpp"
#include "crypto/testing/seeded_random.hpp"
#include "storage/testing/scratch.hpp"

namespace pincer::approval {
namespace {

const storage::Migration kSchema[] = {{1, kDeskTableSql}};

// Stands before the real chain or database and breaks at a chosen call: before doing it, or after doing it but before
// saying so. Dropping the desk then is what a crash at that point leaves behind.
enum class Break { never, before, after };
struct Fault {
    Break how = Break::never;
    int calls_left = 0;
    bool strikes() { return how != Break::never && calls_left-- == 0; }
};

class FaultyChain final : public audit::Chain {
public:
    FaultyChain(audit::Chain& real, Fault& fault) : real_(real), fault_(fault) {}
    Task<Result<audit::RecordRef>> append(audit::Entry entry) override {
        const bool strikes = fault_.strikes();
        if (strikes && fault_.how == Break::before) co_return PINCER_FAIL(io, "broken");
        auto done = co_await real_.append(std::move(entry));
        if (strikes) co_return PINCER_FAIL(io, "broken");
        co_return done;
    }
    std::optional<audit::RecordRef> tip() const override { return real_.tip(); }
    Task<Result<audit::Checkpoint>> checkpoint() override { return real_.checkpoint(); }

private:
    audit::Chain& real_;
    Fault& fault_;
};

class FaultyDatabase final : public storage::Database {
public:
    FaultyDatabase(storage::Database& real, Fault& fault) : real_(real), fault_(fault) {}
    using Work = std::function<Result<>(storage::Connection&)>;
    Task<Result<>> write(Work work) override {
        const bool strikes = fault_.strikes();
        if (strikes && fault_.how == Break::before) co_return PINCER_FAIL(io, "broken");
        auto done = co_await real_.write(std::move(work));
        if (strikes) co_return PINCER_FAIL(io, "broken");
        co_return done;
    }
    Result<> read(Work work) override { return real_.read(std::move(work)); }
    Task<Result<>> read_slow(Work work) override { return real_.read_slow(std::move(work)); }
    storage::Stats stats() const override { return real_.stats(); }

private:
    storage::Database& real_;
    Fault& fault_;
};

const Principal kAsker{.id = "slack:T1:U1", .display = "Ann", .human = "ann"};
const Principal kBoss{.id = "operator:d1", .display = "Bob", .human = "bob"};

Request a_request(std::string kind = "exec") {
    Request r;
    r.kind = std::move(kind);
    r.subject = {{"operation", "rollout-undo"}, {"object", "shop/deployment/web"}};
    r.risk = Risk::high;
    r.requester = kAsker;
    r.session_key = "agent:main:slack";
    r.presentation = {{"title", "Roll back web"}};
    return r;
}

class Desks : public ::testing::Test {
protected:
    void SetUp() override {
        db_ = *storage::Database::open(runtime_, scratch_ / "desk.db", kSchema);
        chain_ = *audit::Chain::open(runtime_, scratch_ / "audit", "gateway", clock_);
        faulty_chain_ = std::make_unique<FaultyChain>(*chain_, chain_fault_);
        faulty_db_ = std::make_unique<FaultyDatabase>(*db_, db_fault_);
        open();
    }
    void open(Policy policy = {}) {
        desk_.reset();
        auto opened = Desk::open(runtime_, *faulty_db_, *faulty_chain_, clock_, random_, std::move(policy));
        ASSERT_TRUE(opened) << opened.error().message();
        desk_ = *std::move(opened);
    }
    // Everything, as a new process would find it.
    void restart() {
        desk_.reset();
        chain_fault_ = {};
        db_fault_ = {};
        faulty_chain_.reset();
        faulty_db_.reset();
        chain_.reset();
        db_.reset();
        SetUp();
    }
    Record ask(Request r = a_request(), std::optional<Millis> ttl = std::nullopt) {
        auto made = runtime_.run_until_done(desk_->request(std::move(r), ttl));
        EXPECT_TRUE(made) << made.error().message();
        return made ? *made : Record{};
    }
    Result<Record> decide(const Record& record, Decision decision, Principal by = kBoss) {
        return runtime_.run_until_done(desk_->decide(record.id, decision, std::move(by), "web"));
    }
    std::string records_of(std::string_view kind) {
        std::ifstream in(scratch_ / "audit" / "audit.jsonl");
        std::string line, all;
        while (std::getline(in, line)) {
            if (line.find(fmt::format("\"kind\":\"{}\"", kind)) != std::string::npos) all += line + "\n";
        }
        return all;
    }
    std::size_t count_of(std::string_view kind) {
        const std::string all = records_of(kind);
        return std::size_t(std::count(all.begin(), all.end(), '\n'));
    }

    testing::Scratch scratch_;
    testing::FakeClock clock_;
    testing::SeededRandom random_{1};
    io::Runtime runtime_;
    Fault chain_fault_, db_fault_;
    std::unique_ptr<storage::Database> db_;
    std::unique_ptr<audit::Chain> chain_;
    std::unique_ptr<FaultyChain> faulty_chain_;
    std::unique_ptr<FaultyDatabase> faulty_db_;
    std::unique_ptr<Desk> desk_;
};

TEST_F(Desks, a_request_waits_and_survives_a_restart_whole) {
    Request r = a_request("plugin");
    r.follows = audit::RecordRef{.chain = "clanker", .seq = 9, .mac = std::string(64, 'a')};
    const Record made = ask(r);
    EXPECT_TRUE(made.id.str().starts_with("plugin:"));
    EXPECT_EQ(made.request.subject_digest, digest_of(r.subject));
    EXPECT_EQ(made.expires_at - made.created_at, Millis(30 * 60 * 1000));
    restart();
    const auto found = desk_->find(made.id);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->status, Status::pending);
    EXPECT_EQ(found->request.subject, made.request.subject);
    EXPECT_EQ(found->request.presentation, made.request.presentation);
    EXPECT_EQ(found->request.requester, kAsker);
    EXPECT_EQ(found->request.requester.human, "ann");
    EXPECT_EQ(found->request.allowed, made.request.allowed);
    EXPECT_EQ(found->request.risk, Risk::high);
    EXPECT_EQ(found->request.follows, r.follows);
    EXPECT_EQ(found->expires_at, made.expires_at);
    EXPECT_EQ(found->requested_ref, made.requested_ref);
    EXPECT_EQ(desk_->pending().size(), 1u);
    const auto decided = decide(made, Decision::allow_once);
    ASSERT_TRUE(decided);
    EXPECT_EQ(decided->status, Status::allowed);
}

TEST_F(Desks, a_decision_is_final_everywhere) {
    std::vector<Status> seen;
    desk_->on_change([&](const Record& record) { seen.push_back(record.status); });
    const Record made = ask();
    const auto decided = decide(made, Decision::allow_once);
    ASSERT_TRUE(decided);
    EXPECT_EQ(decided->decided_by, kBoss);
    EXPECT_EQ(decided->decided_via, "web");
    EXPECT_TRUE(audit::RecordRef::parse(decided->settled_ref));
    EXPECT_TRUE(desk_->pending().empty());
    EXPECT_EQ(seen, (std::vector{Status::pending, Status::allowed}));
    EXPECT_NE(records_of("approval.decided").find(made.request.subject_digest), std::string::npos);
    restart();
    EXPECT_EQ(desk_->find(made.id)->status, Status::allowed);
    EXPECT_EQ(desk_->find(made.id)->settled_ref, decided->settled_ref);
}

TEST_F(Desks, a_late_click_gets_one_clear_answer_for_every_ending) {
    struct Ending {
        Decision first;
        Decision again;
        const char* reason;  // "" when the same decision is repeated
    };
    for (const Ending& e : {Ending{Decision::allow_once, Decision::allow_once, ""},
                            Ending{Decision::allow_once, Decision::deny, "APPROVAL_ALREADY_RESOLVED"},
                            Ending{Decision::deny, Decision::deny, ""},
                            Ending{Decision::deny, Decision::allow_once, "APPROVAL_ALREADY_RESOLVED"}}) {
        const Record made = ask();
        ASSERT_TRUE(decide(made, e.first));
        const auto late = decide(made, e.again);
        EXPECT_EQ(late ? "" : late.error().reason(), e.reason);
        if (late) EXPECT_EQ(late->decision, e.first);
        if (!late)
            EXPECT_NE(late.error().message().find("by Bob via web at 2027-01-15T08:00:00Z"), std::string::npos)
                << late.error().message();
    }
    const Record withdrawn = ask();
    ASSERT_TRUE(runtime_.run_until_done(desk_->cancel(withdrawn.id, "run was stopped")));
    EXPECT_EQ(decide(withdrawn, Decision::allow_once).error().reason(), "APPROVAL_ALREADY_RESOLVED");
    EXPECT_TRUE(runtime_.run_until_done(desk_->cancel(withdrawn.id, "again"))) << "idempotent";
    const Record expired = ask();
    clock_.advance(Millis(31 * 60 * 1000));
    EXPECT_EQ(decide(expired, Decision::allow_once).error().reason(), "APPROVAL_EXPIRED");
    EXPECT_EQ(decide(expired, Decision::deny).error().reason(), "APPROVAL_EXPIRED");
    EXPECT_EQ(runtime_.run_until_done(desk_->cancel(expired.id, "")).error().reason(), "APPROVAL_ALREADY_RESOLVED");
    EXPECT_EQ(decide(Record{.id = ApprovalId("nothing")}, Decision::deny).error().reason(), "APPROVAL_NOT_FOUND");
    EXPECT_EQ(runtime_.run_until_done(desk_->cancel(ApprovalId("nothing"), "")).error().code(), ErrorCode::not_found);
}

TEST_F(Desks, nobody_approves_their_own_request) {
    const Principal same_human{.id = "telegram:b:7", .display = "Ann", .human = "ann"};
    const Record made = ask();
    for (const Principal& by : {kAsker, same_human}) {
        EXPECT_EQ(decide(made, Decision::allow_once, by).error().reason(), "APPROVAL_SELF");
    }
    EXPECT_EQ(desk_->find(made.id)->status, Status::pending);
    EXPECT_TRUE(decide(made, Decision::deny, kAsker)) << "but may withdraw it by denying";
    open({.self_approval = SelfApproval::owner, .owners = {kAsker.id}});
    EXPECT_EQ(decide(ask(), Decision::allow_once, same_human).error().reason(), "APPROVAL_SELF")
        << "this account is not the owner";
    EXPECT_TRUE(decide(ask(), Decision::allow_once, kAsker));
}

TEST_F(Desks, only_what_is_offered_can_be_decided) {
    EXPECT_EQ(decide(ask(), Decision::allow_always).error().reason(), "APPROVAL_DECISION_NOT_ALLOWED");
    Request r = a_request();
    r.allowed.push_back(Decision::allow_always);
    EXPECT_EQ(decide(ask(r), Decision::allow_always)->status, Status::allowed);
    EXPECT_EQ(decide(ask(), Decision::deny, Principal{}).error().code(), ErrorCode::invalid_argument);
}

TEST_F(Desks, bad_requests_are_refused_and_leave_nothing) {
    const auto refused = [&](Request r, std::optional<Millis> ttl = std::nullopt) {
        return runtime_.run_until_done(desk_->request(std::move(r), ttl)).error();
    };
    Request wrong_digest = a_request();
    wrong_digest.subject_digest = std::string(64, '0');
    EXPECT_EQ(refused(wrong_digest).reason(), "APPROVAL_DIGEST");
    EXPECT_EQ(refused(a_request("other")).code(), ErrorCode::invalid_argument);
    EXPECT_EQ(refused(a_request(), Millis(0)).code(), ErrorCode::invalid_argument);
    EXPECT_EQ(refused(a_request(), kLongestTtl + Millis(1)).code(), ErrorCode::invalid_argument);
    Request no_deny = a_request();
    no_deny.allowed = {Decision::allow_once};
    EXPECT_EQ(refused(no_deny).code(), ErrorCode::invalid_argument);
    Request nobody = a_request();
    nobody.requester = {};
    EXPECT_EQ(refused(nobody).code(), ErrorCode::invalid_argument);
    Request huge = a_request();
    huge.presentation["x"] = std::string(kMostRequestBytes, 'x');
    EXPECT_EQ(refused(huge).code(), ErrorCode::too_large);
    EXPECT_TRUE(desk_->pending().empty());
    EXPECT_EQ(count_of("approval.requested"), 0u);
}

Task<> click(Desk& desk, ApprovalId id, Decision decision, std::vector<Result<Record>>& answers) {
    auto answer = co_await desk.decide(id, decision, kBoss, "web");
    answers.push_back(std::move(answer));
}

Task<> until_empty(io::TaskGroup& group) {
    while (group.size() > 0) co_await io::yield();
}

TEST_F(Desks, of_many_clicks_at_once_exactly_one_wins) {
    const Record made = ask();
    std::vector<Result<Record>> answers;
    std::vector<Record> changes;
    desk_->on_change([&](const Record& record) { changes.push_back(record); });
    io::TaskGroup group(runtime_);
    for (int i = 0; i < 20; ++i)
        group.spawn(click(*desk_, made.id, i % 2 == 0 ? Decision::allow_once : Decision::deny, answers));
    runtime_.run_until_done(until_empty(group));
    ASSERT_EQ(answers.size(), 20u);
    const auto won =
        std::count_if(answers.begin(), answers.end(), [](const auto& answer) { return answer.has_value(); });
    EXPECT_EQ(won, 10) << "the ten that say the same get the record, the ten others are told";
    for (const auto& answer : answers) {
        if (!answer) EXPECT_EQ(answer.error().reason(), "APPROVAL_ALREADY_RESOLVED");
    }
    EXPECT_EQ(changes.size(), 1u);
    EXPECT_EQ(count_of("approval.decided"), 1u);
}

TEST_F(Desks, a_click_whose_task_is_cancelled_is_still_done_whole) {
    const Record made = ask();
    std::vector<Result<Record>> answers;
    io::TaskGroup group(runtime_);
    group.spawn(click(*desk_, made.id, Decision::allow_once, answers));
    runtime_.run_until_done(io::yield());
    runtime_.run_until_done(group.stop());
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_TRUE(answers[0]);
    restart();
    EXPECT_EQ(desk_->find(made.id)->status, Status::allowed);
    EXPECT_EQ(count_of("approval.void"), 0u);
}

TEST_F(Desks, what_is_due_expires_once) {
    const Record soon = ask(a_request(), Millis(1000));
    clock_.advance(Millis(1));
    const Record later = ask(a_request(), Millis(5000));
    EXPECT_EQ(desk_->pending()[0].id, soon.id);
    EXPECT_TRUE(runtime_.run_until_done(desk_->expire_due())->empty());
    clock_.advance(Millis(999));
    const auto expired = runtime_.run_until_done(desk_->expire_due());
    ASSERT_EQ(expired->size(), 1u);
    EXPECT_EQ(expired->at(0).id, soon.id);
    EXPECT_EQ(expired->at(0).status, Status::expired);
    EXPECT_TRUE(runtime_.run_until_done(desk_->expire_due())->empty());
    EXPECT_EQ(desk_->pending().size(), 1u);
    EXPECT_EQ(count_of("approval.expired"), 1u);
}

TEST_F(Desks, a_clock_that_goes_backwards_revives_nothing) {
    const Record made = ask(a_request(), Millis(1000));
    clock_.advance(Millis(2000));
    ask(a_request(), Millis(60'000));  // the desk has seen the later time, and so has its file
    clock_.advance(Millis(-1900));
    EXPECT_EQ(decide(made, Decision::allow_once).error().reason(), "APPROVAL_EXPIRED");
    const Record other = ask(a_request(), Millis(1000));
    clock_.advance(Millis(4000));
    ask(a_request(), Millis(60'000));
    clock_.advance(Millis(-3900));
    restart();
    EXPECT_EQ(decide(other, Decision::allow_once).error().reason(), "APPROVAL_EXPIRED");
}

TEST_F(Desks, there_is_a_most_of_waiting_requests) {
    // Rows straight into the table: asking a thousand times would only test the disk.
    ask();
    ASSERT_TRUE(runtime_.run_until_done(db_->write([](storage::Connection& c) -> Result<> {
        PINCER_CHECK(c.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999) "
            "INSERT INTO approval_request(id, request, status, created_at, expires_at, requested_ref) "
            "SELECT 'x' || i, request, status, created_at, expires_at, requested_ref FROM approval_request, n"));
        return {};
    })));
    restart();
    EXPECT_EQ(desk_->pending().size(), kMostPending);
    EXPECT_EQ(runtime_.run_until_done(desk_->request(a_request())).error().reason(), "APPROVAL_TOO_MANY");
    ASSERT_TRUE(decide(desk_->pending()[0], Decision::deny));
    EXPECT_TRUE(runtime_.run_until_done(desk_->request(a_request())));
}

TEST_F(Desks, a_stored_request_that_was_edited_is_not_opened) {
    ask();
    ASSERT_TRUE(runtime_.run_until_done(db_->write([](storage::Connection& c) -> Result<> {
        PINCER_CHECK(c.execute("UPDATE approval_request SET request = replace(request, 'shop/', 'bank/')"));
        return {};
    })));
    EXPECT_EQ(Desk::open(runtime_, *db_, *chain_, clock_, random_, {}).error().code(), ErrorCode::corrupt);
}

// Every point at which a decision can be cut short. What holds at all of them: it is decided or it is pending, never
// both; a pending one can be decided; and the chain has exactly one record for it that was not declared void.
TEST_F(Desks, a_decision_cut_short_at_any_point_is_wholly_done_or_wholly_not) {
    struct Point {
        const char* name;
        bool in_database;
        Break how;
        int call;
        Status after;
        std::size_t records_before;  // approval.decided in the chain after the crash
    };
    constexpr Point kPoints[] = {
        {"before the intention", true, Break::before, 0, Status::pending, 0},
        {"after the intention", true, Break::after, 0, Status::pending, 0},
        {"before the record", false, Break::before, 0, Status::pending, 0},
        {"after the record", false, Break::after, 0, Status::pending, 1},
        {"before the decision", true, Break::before, 1, Status::pending, 1},
        {"after the decision", true, Break::after, 1, Status::allowed, 1},
    };
    for (const bool same_process : {false, true}) {
        for (const Point& point : kPoints) {
            SCOPED_TRACE(fmt::format("{} {}", point.name, same_process ? "and going on" : "and a restart"));
            const std::size_t decided_before = count_of("approval.decided");
            const std::size_t void_before = count_of("approval.void");
            const Record made = ask();
            (point.in_database ? db_fault_ : chain_fault_) = {.how = point.how, .calls_left = point.call};
            EXPECT_FALSE(decide(made, Decision::allow_once));
            db_fault_ = chain_fault_ = {};
            EXPECT_EQ(count_of("approval.decided") - decided_before, point.records_before);
            if (same_process && point.after != Status::pending) continue;  // the desk cannot know; the next test has it
            if (!same_process) restart();
            ASSERT_EQ(desk_->find(made.id)->status, point.after);
            if (point.after == Status::pending) ASSERT_TRUE(decide(made, Decision::deny));
            const std::size_t voided = count_of("approval.void") - void_before;
            EXPECT_LE(point.records_before, voided + (point.after == Status::pending ? 0 : 1))
                << "what did not take effect was declared void";
            EXPECT_EQ(count_of("approval.decided") - decided_before,
                      point.records_before + (point.after == Status::pending ? 1 : 0));
            EXPECT_TRUE(audit::verify({scratch_ / "audit"})->at(0).intact());
        }
    }
}

// Every point at which the making of a request can be cut short. What the chain says was asked and what anybody can
// decide are the same requests in the end.
TEST_F(Desks, a_request_cut_short_at_any_point_waits_or_is_declared_void) {
    struct Point {
        const char* name;
        bool in_database;
        Break how;
        int call;
        bool recorded;  // approval.requested is in the chain after the crash
        bool waits;     // after a restart
    };
    constexpr Point kPoints[] = {
        {"before the shelf", true, Break::before, 0, false, false},
        {"on the shelf", true, Break::after, 0, false, false},
        {"before the record", false, Break::before, 0, false, false},
        {"after the record", false, Break::after, 0, true, false},
        {"before it waits", true, Break::before, 1, true, false},
        {"after it waits", true, Break::after, 1, true, true},
    };
    for (const bool same_process : {false, true}) {
        for (const Point& point : kPoints) {
            if (same_process && point.waits) continue;  // the desk cannot know
            SCOPED_TRACE(fmt::format("{} {}", point.name, same_process ? "and going on" : "and a restart"));
            const std::size_t requested = count_of("approval.requested");
            const std::size_t voided = count_of("approval.void");
            const std::size_t waiting = desk_->pending().size();
            (point.in_database ? db_fault_ : chain_fault_) = {.how = point.how, .calls_left = point.call};
            EXPECT_FALSE(runtime_.run_until_done(desk_->request(a_request())));
            db_fault_ = chain_fault_ = {};
            EXPECT_EQ(count_of("approval.requested") - requested, point.recorded ? 1u : 0u);
            if (!same_process) restart();
            EXPECT_EQ(desk_->pending().size() - waiting, point.waits ? 1u : 0u);
            ask();
            ASSERT_TRUE(runtime_.run_until_done(desk_->expire_due()));
            const std::size_t void_now = count_of("approval.void") - voided;
            EXPECT_GE(void_now, point.recorded && !point.waits ? 1u : 0u);
            EXPECT_LE(void_now, point.waits ? 0u : 1u);
            restart();
            ASSERT_TRUE(runtime_.run_until_done(desk_->expire_due()));
            EXPECT_EQ(count_of("approval.void") - voided, void_now) << "once";
            EXPECT_TRUE(audit::verify({scratch_ / "audit"})->at(0).intact());
        }
    }
}

TEST_F(Desks, a_decision_whose_answer_was_lost_is_found_after_a_restart) {
    const Record made = ask();
    db_fault_ = {.how = Break::after, .calls_left = 1};
    EXPECT_FALSE(decide(made, Decision::allow_once));
    db_fault_ = {};
    EXPECT_FALSE(decide(made, Decision::deny)) << "the row is settled, whatever this process believes";
    restart();
    EXPECT_EQ(desk_->find(made.id)->status, Status::allowed);
    EXPECT_EQ(decide(made, Decision::deny).error().reason(), "APPROVAL_ALREADY_RESOLVED");
}

}  // namespace
}  // namespace pincer::approval
