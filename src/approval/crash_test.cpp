// Real processes killed at any moment while requests are made and decided: nothing acknowledged is lost, nothing is
// half decided, and what is pending can be decided.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>

#include "approval/approval.hpp"
#include "crypto/random.hpp"
#include "storage/testing/scratch.hpp"

namespace pincer::approval {
namespace {

const storage::Migration kSchema[] = {{1, kDeskTableSql}};
constexpr int kKills = 30;
constexpr std::size_t kIdBytes = 36;

struct House {
    explicit House(const testing::Scratch& scratch) {
        auto opened_db = storage::Database::open(runtime, scratch / "desk.db", kSchema);
        auto opened_chain = audit::Chain::open(runtime, scratch / "audit", "gateway", clock);
        if (!opened_db || !opened_chain) return;
        db = *std::move(opened_db);
        chain = *std::move(opened_chain);
        auto opened_desk = Desk::open(runtime, *db, *chain, clock, random, {});
        if (opened_desk) desk = *std::move(opened_desk);
    }
    SystemClock clock;
    crypto::SystemRandom random;
    io::Runtime runtime;
    std::unique_ptr<storage::Database> db;
    std::unique_ptr<audit::Chain> chain;
    std::unique_ptr<Desk> desk;
};

void acknowledge(int fd, char what, const ApprovalId& id) {
    const std::string text = what + id.str();
    if (::write(fd, text.data(), text.size()) != ssize_t(text.size())) ::_exit(3);
}

Task<> ask_and_decide(Desk& desk, int worker, int acknowledged) {
    for (int i = 0;; ++i) {
        Request request;
        request.kind = "exec";
        request.subject = {{"worker", worker}, {"i", i}};
        request.requester = Principal{.id = "slack:T1:U1", .display = "Ann", .human = ""};
        auto made = co_await desk.request(std::move(request));
        if (!made) ::_exit(4);
        acknowledge(acknowledged, 'p', made->id);
        const Decision decision = (worker + i) % 2 == 0 ? Decision::allow_once : Decision::deny;
        Principal by{.id = "operator:d1", .display = "Bob", .human = ""};
        auto decided = co_await desk.decide(made->id, decision, std::move(by), "web");
        if (!decided) ::_exit(5);
        acknowledge(acknowledged, decision == Decision::deny ? 'd' : 'a', made->id);
    }
}

Task<> wait_for_the_end(io::TaskGroup& group) {
    while (group.size() > 0) (void)co_await io::sleep_for(Millis(1000));
}

void child(const testing::Scratch& scratch, int acknowledged) {
    House house(scratch);
    if (!house.desk) ::_exit(6);
    io::TaskGroup group(house.runtime);
    for (int worker = 0; worker < 3; ++worker) group.spawn(ask_and_decide(*house.desk, worker, acknowledged));
    house.runtime.run_until_done(wait_for_the_end(group));
}

Status status_for(char acknowledged) {
    return acknowledged == 'p' ? Status::pending : acknowledged == 'a' ? Status::allowed : Status::denied;
}

TEST(ApprovalCrash, kills_lose_nothing_and_leave_nothing_half_decided) {
    testing::Scratch scratch;
    std::uint32_t seed = 99;
    std::map<std::string, char> last_word;  // what the dead processes had told the world of each request
    for (int run = 0; run < kKills; ++run) {
        seed = seed * 1664525 + 1013904223;
        const std::string bytes =
            testing::run_and_kill((1 + kIdBytes) * (1 + (seed >> 16) % 20), [&](int fd) { child(scratch, fd); });
        ASSERT_GE(bytes.size(), 1 + kIdBytes) << "run " << run;
        for (std::size_t at = 0; at + 1 + kIdBytes <= bytes.size(); at += 1 + kIdBytes)
            last_word[bytes.substr(at + 1, kIdBytes)] = bytes[at];
    }
    House house(scratch);
    ASSERT_TRUE(house.desk);
    for (const auto& [id, word] : last_word) {
        const auto found = house.desk->find(ApprovalId(id));
        ASSERT_TRUE(found) << id;
        if (word != 'p')
            EXPECT_EQ(found->status, status_for(word));  // 'p' may have been decided without the answer getting out
    }
    ASSERT_TRUE(house.runtime.run_until_done(house.desk->expire_due()));  // ends what was being made
    for (const Record& record : house.desk->pending()) {
        auto decided = house.runtime.run_until_done(
            house.desk->decide(record.id, Decision::deny, {.id = "operator:d2", .display = "", .human = ""}, "cli"));
        ASSERT_TRUE(decided) << decided.error().message();
        last_word[record.id.str()] = 'd';
    }
    // In the chain: one decision in effect for each request, every other one declared void.
    std::map<std::string, int> in_effect;
    std::set<std::string> open;
    std::ifstream lines(scratch / "audit" / "audit.jsonl");
    for (std::string line; std::getline(lines, line);) {
        const auto record = json::parse_object(line);
        ASSERT_TRUE(record);
        const std::string kind = json::string_or(*record, "kind");
        const std::string id = json::string_or(*json::object_at(*record, "body"), "id");
        if (kind == "approval.decided") ++in_effect[id];
        if (kind == "approval.void") in_effect[id] = 0;
        if (kind == "approval.requested") open.insert(id);
        if (kind == "approval.void" && !house.desk->find(ApprovalId(id))) open.erase(id);
    }
    for (const auto& id : open)
        EXPECT_TRUE(house.desk->find(ApprovalId(id))) << id << " was never put up, and the chain does not say so";
    for (const auto& [id, word] : last_word) EXPECT_EQ(in_effect[id], 1) << id;
    EXPECT_TRUE(audit::verify({scratch / "audit"})->at(0).intact());
    EXPECT_GT(last_word.size(), std::size_t(kKills));
}

}  // namespace
}  // namespace pincer::approval
