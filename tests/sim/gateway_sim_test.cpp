#include "gateway_sim.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/log.hpp"

namespace pincer::sim {
namespace {

constexpr int kActions = 24;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* value = std::getenv(name);
    return value ? std::strtoull(value, nullptr, 10) : otherwise;
}

std::string all_of(const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& line : lines) text += "  " + line + "\n";
    return text;
}

// Failures are the point here: what the Gateway says about them is only of use when one seed is looked at.
class GatewaySimulation : public ::testing::Test {
protected:
    void SetUp() override {
        if (!std::getenv("PINCER_SIM_SEED")) log::set_level(log::Level::off);
    }
    void TearDown() override { log::set_level(log::Level::info); }
};

TEST_F(GatewaySimulation, nothing_is_lost_doubled_or_done_twice) {
    const bool one = std::getenv("PINCER_SIM_SEED") != nullptr;
    const std::uint64_t first = from_environment("PINCER_SIM_SEED", 1);
    const std::uint64_t last = one ? first : first + from_environment("PINCER_SIM_SEEDS", 200) - 1;
    int crashes = 0, applied = 0, answers = 0;
    for (std::uint64_t seed = first; seed <= last; ++seed) {
        GatewaySim sim(seed);
        sim.play(kActions);
        sim.heal();
        sim.judge();
        crashes += sim.crashes;
        applied += sim.applied_in_all;
        answers += sim.answers;
        ASSERT_TRUE(sim.faults.empty()) << "seed " << seed << " (PINCER_SIM_SEED=" << seed << " replays it):\n"
                                        << all_of(sim.faults) << "trace:\n"
                                        << all_of(sim.trace);
    }
    std::printf("%llu seeds: %d answers, %d changes, %d crashes\n", static_cast<unsigned long long>(last - first + 1),
                answers, applied, crashes);
    if (one) return;
    EXPECT_GT(crashes, int(last - first)) << "the simulation has lost its teeth";
    EXPECT_GT(applied, int(last - first) / 2);
}

TEST_F(GatewaySimulation, a_seed_replays_step_by_step) {
    for (std::uint64_t seed : {3u, 17u}) {
        std::vector<std::string> traces[2];
        for (auto& trace : traces) {
            GatewaySim sim(seed);
            sim.play(kActions);
            sim.heal();
            trace = sim.trace;
        }
        EXPECT_EQ(traces[0], traces[1]) << "seed " << seed;
    }
}

}  // namespace
}  // namespace pincer::sim
