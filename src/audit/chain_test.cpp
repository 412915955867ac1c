#include "audit/chain.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "audit/detail/record.hpp"
#include "base/testing/fake_clock.hpp"
#include "storage/testing/scratch.hpp"

namespace pincer::audit {
namespace {

using testing::FakeClock;
using testing::Scratch;

Entry entry(std::string kind, std::string actor = "engine", json::object body = {{"n", 1}}) {
    return {.kind = std::move(kind), .actor = std::move(actor), .body = std::move(body)};
}

class Audit : public ::testing::Test {
protected:
    Result<> open(std::int64_t checkpoint_every = 256, std::string name = "gateway") {
        chain_.reset();
        PINCER_TRY(chain_,
                   Chain::open(runtime_, directory(), std::move(name), clock_, {.checkpoint_every = checkpoint_every}));
        return {};
    }
    std::filesystem::path directory() { return scratch_ / "audit"; }
    Result<RecordRef> append(Entry e) {
        clock_.advance(Millis(7));
        return runtime_.run_until_done(chain_->append(std::move(e)));
    }
    Verification verified(const std::vector<Checkpoint>& exported = {}) {
        auto done = verify({directory()}, exported);
        EXPECT_TRUE(done) << done.error().message();
        return done ? done->at(0) : Verification{};
    }
    std::string read(const char* file) {
        std::ifstream in(directory() / file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void write(const char* file, std::string_view bytes) {
        std::ofstream(directory() / file, std::ios::binary) << bytes;
    }

    Scratch scratch_;
    FakeClock clock_;
    io::Runtime runtime_;
    std::unique_ptr<Chain> chain_;
};

TEST_F(Audit, records_follow_one_another_across_restarts) {
    ASSERT_TRUE(open());
    const auto first = append(entry("question.asked"));
    ASSERT_TRUE(first);
    EXPECT_EQ(first->seq, 2) << "record 1 names the chain";
    ASSERT_TRUE(open());
    EXPECT_EQ(chain_->tip(), *first);
    const auto second = append(entry("plan.made"));
    EXPECT_EQ(second->seq, 3);
    chain_.reset();
    const Verification v = verified();
    EXPECT_TRUE(v.intact()) << v.findings[0].problem;
    EXPECT_EQ(v.chain, "gateway");
    EXPECT_EQ(v.records, 3);
    EXPECT_EQ(v.checkpoints, 2) << "one for each close";
}

TEST_F(Audit, a_chain_in_use_verifies) {
    ASSERT_TRUE(open());
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(append(entry("step.applied")));
    EXPECT_TRUE(verified().intact());
    EXPECT_EQ(verified().records, 6);
}

TEST_F(Audit, what_would_not_read_back_is_not_written) {
    ASSERT_TRUE(open());
    EXPECT_EQ(append(entry("")).error().code(), ErrorCode::invalid_argument);
    EXPECT_EQ(append(entry("x", std::string(300, 'a'))).error().code(), ErrorCode::invalid_argument);
    EXPECT_EQ(append(entry("x", "bad\xff utf8")).error().code(), ErrorCode::invalid_argument);
    EXPECT_EQ(append(entry("x", "e", {{"v", std::numeric_limits<double>::infinity()}})).error().code(),
              ErrorCode::invalid_argument);
    EXPECT_EQ(append(entry("x", "e", {{"v", std::string(100'000, 'x')}})).error().code(), ErrorCode::too_large);
    EXPECT_TRUE(append(
        entry("x", "quote \" line\n and \u2028 é",
              {{"d", 1e300}, {"neg", -0.0}, {"u", UINT64_MAX}, {"nested", json::object{{"b", 1}, {"a", nullptr}}}})));
    chain_.reset();
    EXPECT_TRUE(verified().intact());
    EXPECT_EQ(verified().records, 2);
}

Task<> append_and_note(Chain& chain, std::vector<std::int64_t>& order, Entry e) {
    auto ref = co_await chain.append(std::move(e));
    if (ref) order.push_back(ref->seq);
}

Task<> until_empty(io::TaskGroup& group) {
    while (group.size() > 0) co_await io::yield();
}

TEST_F(Audit, concurrent_appends_are_answered_in_order) {
    ASSERT_TRUE(open());
    std::vector<std::int64_t> order, expected;
    io::TaskGroup group(runtime_);
    for (std::int64_t i = 0; i < 500; ++i) {
        expected.push_back(i + 2);
        group.spawn(append_and_note(*chain_, order, entry("step.applied", "engine", {{"i", i}})));
    }
    runtime_.run_until_done(until_empty(group));
    EXPECT_EQ(order, expected);
    EXPECT_TRUE(verified().intact());
}

TEST_F(Audit, another_name_another_key_or_a_second_owner_is_refused) {
    ASSERT_TRUE(open());
    EXPECT_EQ(Chain::open(runtime_, directory(), "gateway", clock_).error().reason(), "STORE_LOCKED");
    EXPECT_EQ(open(256, "clanker").error().code(), ErrorCode::invalid_argument);
    std::filesystem::remove(directory() / "audit.key");
    EXPECT_EQ(open().error().code(), ErrorCode::not_found) << "a lost key is never replaced in silence";
}

TEST_F(Audit, references_between_chains_are_checked) {
    ASSERT_TRUE(open());
    auto other = Chain::open(runtime_, scratch_ / "other", "clanker", clock_);
    ASSERT_TRUE(other);
    const auto there = runtime_.run_until_done((*other)->append(entry("plan.made")));
    Entry follows = entry("approval.requested");
    follows.follows = *there;
    ASSERT_TRUE(append(follows));
    RecordRef invented = *there;
    invented.mac[0] = invented.mac[0] == 'a' ? 'b' : 'a';
    follows.follows = invented;
    ASSERT_TRUE(append(follows));
    const auto both = verify({directory(), scratch_ / "other"});
    ASSERT_TRUE(both);
    EXPECT_TRUE(both->at(0).intact());
    ASSERT_EQ(both->at(0).dangling.size(), 1u);
    EXPECT_EQ(both->at(0).dangling[0], invented);
    EXPECT_EQ(verify({directory()})->at(0).dangling.size(), 2u);
}

TEST_F(Audit, a_torn_last_line_is_cut_off_and_recorded) {
    ASSERT_TRUE(open());
    ASSERT_TRUE(append(entry("plan.made")));
    chain_.reset();
    const std::string whole = read("audit.jsonl");
    for (const std::string& torn :
         {std::string("{\"seq\":3,\"at"), std::string(600, '\0'), std::string("garbage\nmore garbage\n")}) {
        const std::string before = read("audit.jsonl");
        write("audit.jsonl", before + torn);
        ASSERT_TRUE(open());
        chain_.reset();
        const Verification v = verified();
        EXPECT_TRUE(v.intact());
        EXPECT_NE(read("audit.jsonl").find("\"kind\":\"chain.repaired\""), std::string::npos);
        EXPECT_TRUE(read("audit.jsonl").starts_with(whole));
    }
    EXPECT_EQ(verified().records, 5);
}

TEST_F(Audit, records_that_a_crash_left_behind_the_head_are_kept) {
    ASSERT_TRUE(open());
    ASSERT_TRUE(append(entry("plan.made")));
    const std::string old_head = read("audit.head");
    ASSERT_TRUE(append(entry("step.applied")));
    const std::string records = read("audit.jsonl");
    chain_.reset();
    write("audit.jsonl", records);
    write("checkpoints.jsonl", "");
    write("audit.head", old_head);  // as if the process had died between the two fsyncs
    EXPECT_TRUE(verified().intact());
    ASSERT_TRUE(open());
    EXPECT_EQ(chain_->tip()->seq, 3);
    EXPECT_TRUE(verified().intact());
}

TEST_F(Audit, a_damaged_end_is_not_opened) {
    ASSERT_TRUE(open());
    ASSERT_TRUE(append(entry("plan.made")));
    chain_.reset();
    const std::string records = read("audit.jsonl");
    std::string changed = records;
    changed[changed.size() - 100] ^= 1;
    write("audit.jsonl", changed);
    EXPECT_EQ(open().error().code(), ErrorCode::corrupt);
    write("audit.jsonl", records.substr(0, records.size() - 10));
    EXPECT_EQ(open().error().code(), ErrorCode::corrupt);
    std::filesystem::remove(directory() / "audit.jsonl");
    EXPECT_EQ(open().error().code(), ErrorCode::corrupt);
    write("audit.jsonl", records);
    EXPECT_TRUE(open());
    chain_.reset();
    std::filesystem::remove(directory() / "audit.head");
    EXPECT_EQ(open().error().code(), ErrorCode::corrupt);
}

TEST_F(Audit, one_torn_half_of_the_head_is_mended_by_opening) {
    ASSERT_TRUE(open());
    ASSERT_TRUE(append(entry("plan.made")));
    chain_.reset();
    for (const std::size_t slot : {0u, 1u}) {
        // The newest half torn loses nothing but the knowledge that the last write was acknowledged.
        std::string head = read("audit.head");
        head.replace(slot * 512 + 100, 300, 300, '#');
        write("audit.head", head);
        EXPECT_FALSE(verified().intact());
        ASSERT_TRUE(open());
        chain_.reset();
        EXPECT_TRUE(verified().intact());
    }
}

TEST_F(Audit, a_record_reference_reads_back) {
    const RecordRef ref{.chain = "clanker:7", .seq = 42, .mac = std::string(64, 'a')};
    EXPECT_EQ(*RecordRef::parse(ref.str()), ref);
    for (const char* bad : {"", "a", "a:1", ":1:aa", "a:0:aa", "a:01:aa"}) EXPECT_FALSE(RecordRef::parse(bad)) << bad;
    EXPECT_FALSE(RecordRef::parse("c:01:" + std::string(64, 'a')));
    EXPECT_FALSE(RecordRef::parse("c:1:" + std::string(64, 'A')));
}

}  // namespace
}  // namespace pincer::audit
