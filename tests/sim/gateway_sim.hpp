// One seeded life of a Gateway and the people around it: questions, changes that wait for approval, approvers who click
// late, twice or not at all, a platform that says things again, a clock that is set, tools that time out, and a power
// that fails at any step. Everything is decided by the seed, so a seed replays a failure step by step.
#pragma once

#include <map>
#include <set>

#include "gateway/testing/gateway_fixture.hpp"

namespace pincer::sim {

class GatewaySim {
public:
    explicit GatewaySim(std::uint64_t seed);

    void play(int actions);
    // The failures stop; everything that is open comes to its end. Then `faults` says what did not hold.
    void heal();
    void judge();

    std::vector<std::string> faults;
    std::vector<std::string> trace;  // what was done, and at which step of the power
    int crashes = 0;
    int applied_in_all = 0;
    int answers = 0;

private:
    struct Asked {
        std::string text;
        std::string sender;
        std::string to;
        bool change = false;
    };
    std::uint64_t below(std::uint64_t bound) { return dice_.below(bound); }
    bool chance(unsigned percent) { return below(100) < percent; }
    void note(std::string what);
    void fault(std::string what);
    void step();
    void act();
    void ask();
    void decide();
    void disturb();
    void power_on();
    void add_tools();
    Result<agent::ToolResult> change(const std::string& id, const std::string& digest,
                                     const agent::CallContext& context);
    void check_grant(const agent::CallContext& context, const std::string& digest);
    void judge_question(const Asked& asked);
    void judge_approvals();
    void judge_cards();

    ::pincer::testing::SeededRandom dice_;
    std::unique_ptr<agent::Model> planner_;
    gateway::testing::GatewayWorld world_;
    std::vector<Asked> asked_;
    std::vector<std::string> events_;
    std::map<std::string, int> applied_;            // by what was changed
    std::map<std::string, std::string> digest_of_;  // of a plan, by what it changes
    bool failures_ = true;
};

}  // namespace pincer::sim
