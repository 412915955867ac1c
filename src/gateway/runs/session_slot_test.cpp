#include "gateway/runs/session_slot.hpp"

#include <gtest/gtest.h>

namespace pincer::gateway {
namespace {

// Takes the slot, says so, keeps it until told to let go.
Task<> hold(SessionSlot& slot, std::string name, std::vector<std::string>& log, io::Event& let_go) {
    auto taken = co_await slot.acquire();
    log.push_back(name + (taken ? " has it" : " gave up"));
    if (!taken) co_return;
    auto waited = co_await let_go.wait();
    log.push_back(name + (waited ? " lets go" : " is cancelled"));
    slot.release();
}

Task<> turns(int n) {
    for (int i = 0; i < n; ++i) co_await io::yield();
}

class Slots : public ::testing::Test {
protected:
    void pump() { runtime.run_until_done(turns(20)); }
    io::Runtime runtime;
    SessionSlot slot{runtime};
    std::vector<std::string> log;
    using Log = std::vector<std::string>;
};

TEST_F(Slots, one_at_a_time_in_the_order_of_arrival) {
    io::TaskGroup group(runtime);
    io::Event a(runtime), b(runtime), c(runtime);
    group.spawn(hold(slot, "a", log, a));
    group.spawn(hold(slot, "b", log, b));
    group.spawn(hold(slot, "c", log, c));
    c.set();
    pump();
    EXPECT_EQ(log, (Log{"a has it"}));
    EXPECT_FALSE(slot.idle());
    a.set();
    pump();
    b.set();
    pump();
    EXPECT_EQ(log, (Log{"a has it", "a lets go", "b has it", "b lets go", "c has it", "c lets go"}));
    EXPECT_TRUE(slot.idle());
    runtime.run_until_done(group.stop());
}

TEST_F(Slots, who_is_cancelled_in_the_queue_does_not_hold_it_up) {
    io::TaskGroup first(runtime), second(runtime), third(runtime);
    io::Event a(runtime), never(runtime), c(runtime);
    first.spawn(hold(slot, "a", log, a));
    second.spawn(hold(slot, "b", log, never));
    third.spawn(hold(slot, "c", log, c));
    pump();
    runtime.run_until_done(second.stop());
    a.set();
    c.set();
    pump();
    EXPECT_EQ(log, (Log{"a has it", "b gave up", "a lets go", "c has it", "c lets go"}));
    EXPECT_TRUE(slot.idle());
    runtime.run_until_done(first.stop());
    runtime.run_until_done(third.stop());
}

TEST_F(Slots, who_is_cancelled_just_as_it_is_handed_over_passes_it_on) {
    io::TaskGroup first(runtime), second(runtime), third(runtime);
    io::Event a(runtime), never(runtime), c(runtime);
    first.spawn(hold(slot, "a", log, a));
    second.spawn(hold(slot, "b", log, never));
    third.spawn(hold(slot, "c", log, c));
    pump();
    slot.release();  // as a does: b's turn is set, b has not run yet
    second.cancel();
    c.set();
    pump();
    EXPECT_EQ(log.back(), "c lets go") << "the slot did not die with b";
    first.cancel();
    pump();
    EXPECT_TRUE(slot.idle());
    for (io::TaskGroup* group : {&first, &second, &third}) runtime.run_until_done(group->stop());
}

}  // namespace
}  // namespace pincer::gateway
