#include <gtest/gtest.h>

#include <cstring>

#include "audit/chain.hpp"
#include "storage/testing/scratch.hpp"

namespace pincer::audit {
namespace {

constexpr int kKills = 30;

Task<> append_for_ever(Chain& chain, int acknowledged) {
    for (;;) {
        Entry entry{.kind = "step.applied", .actor = "engine", .body = {{"filler", std::string(200, 'f')}}};
        auto ref = co_await chain.append(std::move(entry));
        if (!ref || ::write(acknowledged, &ref->seq, sizeof ref->seq) != sizeof ref->seq) ::_exit(3);
    }
}

Task<> wait_for_the_end(io::TaskGroup& group) {
    while (group.size() > 0) (void)co_await io::sleep_for(Millis(1000));
}

void child(const std::filesystem::path& directory, int acknowledged) {
    io::Runtime runtime;
    SystemClock clock;
    auto chain = Chain::open(runtime, directory, "killed", clock, {.checkpoint_every = 7});
    if (!chain) ::_exit(4);
    io::TaskGroup group(runtime);
    for (int i = 0; i < 4; ++i) group.spawn(append_for_ever(**chain, acknowledged));
    runtime.run_until_done(wait_for_the_end(group));
}

TEST(AuditCrash, a_killed_chain_is_intact_and_holds_every_acknowledged_record) {
    testing::Scratch scratch;
    std::uint32_t seed = 4711;
    std::int64_t last = 0;
    for (int run = 0; run < kKills; ++run) {
        seed = seed * 1664525 + 1013904223;
        const std::string bytes =
            testing::run_and_kill(8 * (1 + (seed >> 16) % 60), [&](int fd) { child(scratch / "audit", fd); });
        ASSERT_GE(bytes.size(), 8u) << "run " << run << " could not open or append";
        std::int64_t newest = 0;
        std::memcpy(&newest, bytes.data() + bytes.size() / 8 * 8 - 8, 8);
        EXPECT_GT(newest, last);
        last = newest;
        const auto v = verify({scratch / "audit"});
        ASSERT_TRUE(v);
        ASSERT_TRUE(v->at(0).intact()) << "run " << run << ": " << v->at(0).findings[0].problem;
        EXPECT_GE(v->at(0).records, last);
    }
}

}  // namespace
}  // namespace pincer::audit
