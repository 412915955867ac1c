#include "gateway/testing/gateway_test_base.hpp"

namespace pincer::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Trouble = testing::ScriptedPlatform::Trouble;

class Outboxes : public testing::GatewayTest {
protected:
    void post(std::string id, std::string text, std::string to = "D1") {
        Delivery d;
        d.purpose = "send";
        d.out.delivery_id = std::move(id);
        d.out.route = {"slack", "default", std::move(to), ""};
        d.out.markdown = std::move(text);
        auto posted = run(core().outbox.post(std::move(d)));
        ASSERT_TRUE(posted) << posted.error().message();
    }
    std::vector<std::string> shown(const std::string& to = "D1") {
        std::vector<std::string> texts;
        for (const auto& m : platform.in(to)) texts.push_back(m.markdown);
        return texts;
    }
    std::string state_of(const std::string& id) {
        const auto rows = query("SELECT state FROM deliveries WHERE id = '" + id + "'");
        return rows.empty() ? "" : rows[0];
    }
};

TEST_F(Outboxes, conversations_are_in_order_each_and_do_not_wait_for_each_other) {
    platform.troubles = {{Error(ErrorCode::unavailable, "away"), false}};
    post("a1", "first", "D1");
    post("a2", "second", "D1");
    post("b1", "elsewhere", "D2");
    pump();
    EXPECT_THAT(shown("D1"), IsEmpty());
    EXPECT_THAT(shown("D2"), ElementsAre("elsewhere"));
    EXPECT_EQ(core().outbox.waiting(), 2u);
    EXPECT_EQ(state_of("a1"), "queued") << "the platform said no: nothing of it has left";
    advance(Millis(1'000));
    EXPECT_THAT(shown("D1"), ElementsAre("first", "second"));
    EXPECT_EQ(core().outbox.waiting(), 0u);
}

TEST_F(Outboxes, a_platform_says_how_long_to_wait) {
    platform.troubles = {{Error(ErrorCode::rate_limited, "slow down").with_retry_after(Millis(30'000)), false}};
    post("a", "hello");
    pump();
    EXPECT_EQ(pauses.asked.back(), Millis(30'000));
    advance(Millis(29'999));
    EXPECT_THAT(shown(), IsEmpty());
    advance(Millis(1));
    EXPECT_THAT(shown(), ElementsAre("hello"));
}

TEST_F(Outboxes, waits_grow_up_to_a_minute_and_an_absent_platform_is_waited_for) {
    for (int i = 0; i < 40; ++i) platform.troubles.push_back({Error(ErrorCode::unavailable, "away"), false});
    post("a", "late");
    pump();
    std::vector<Millis> waits;
    for (int i = 0; i < 40; ++i) {
        waits.push_back(pauses.asked.back());
        pauses.asked.clear();
        advance(Millis(80'000));
        std::erase(pauses.asked, Millis(1'000));  // the approvals' tick
        if (pauses.asked.empty()) break;
    }
    EXPECT_GE(waits[1], Millis(1'000));
    EXPECT_LE(*std::max_element(waits.begin(), waits.end()), kLongestBackoff + kLongestBackoff / 4);
    EXPECT_THAT(shown(), ElementsAre("late"));
}

TEST_F(Outboxes, what_will_never_work_fails_for_good_and_the_next_goes_on) {
    platform.troubles = {{Error(ErrorCode::not_found, "channel_not_found"), false}};
    post("a", "to nobody");
    post("b", "to somebody");
    pump();
    EXPECT_EQ(state_of("a"), "failed");
    EXPECT_THAT(query("SELECT error FROM deliveries WHERE id = 'a'"), ElementsAre("channel_not_found"));
    EXPECT_THAT(shown(), ElementsAre("to somebody"));
    ASSERT_TRUE(restart());
    EXPECT_EQ(platform.sends, 2) << "not tried again";
}

TEST_F(Outboxes, after_a_day_nobody_waits_for_the_message_any_more) {
    for (int i = 0; i < 5; ++i) platform.troubles.push_back({Error(ErrorCode::unavailable, "away"), false});
    post("a", "old news");
    pump();
    advance(kGiveUpAfter + Millis(61'000));
    EXPECT_EQ(state_of("a"), "failed");
}

TEST_F(Outboxes, a_channel_that_is_not_configured_fails_at_once) {
    Delivery d;
    d.out.delivery_id = "x";
    d.out.route = {"matrix", "default", "room", ""};
    ASSERT_TRUE(run(core().outbox.post(d)));
    pump();
    EXPECT_EQ(state_of("x"), "failed");
}

TEST_F(Outboxes, an_id_is_posted_once) {
    post("a", "hello");
    Delivery again;
    again.out.delivery_id = "a";
    again.out.route = {"slack", "default", "D1", ""};
    EXPECT_EQ(run(core().outbox.post(again)).error().code(), ErrorCode::already_exists);
    pump();
    EXPECT_THAT(shown(), ElementsAre("hello"));
}

TEST_F(Outboxes, a_send_whose_outcome_is_unknown_is_settled_by_asking) {
    platform.troubles = {{Error(ErrorCode::outcome_unknown, "cut off"), true}};
    post("a", "hello");
    pump();
    advance(Millis(1'000));
    EXPECT_THAT(shown(), ElementsAre("hello")) << "it had arrived, so it is not sent again";
    EXPECT_EQ(state_of("a"), "sent");
    platform.troubles = {{Error(ErrorCode::outcome_unknown, "cut off"), false}};
    post("b", "world");
    pump();
    advance(Millis(1'000));
    EXPECT_THAT(shown(), ElementsAre("hello", "world")) << "it had not, so it is sent";
}

TEST_F(Outboxes, a_platform_that_cannot_tell_gets_it_once_more_with_a_word_about_it) {
    platform.capabilities.settles_deliveries = false;
    platform.troubles = {{Error(ErrorCode::outcome_unknown, "cut off"), true}};
    post("a", "hello");
    pump();
    advance(Millis(1'000));
    ASSERT_THAT(shown(), SizeIs(2));
    EXPECT_THAT(shown()[1], HasSubstr("repeated after an interruption"));
    EXPECT_EQ(state_of("a"), "sent");
    // Not for ever: after a few that nobody can tell of it is given up.
    for (int i = 0; i < 20; ++i) platform.troubles.push_back({Error(ErrorCode::outcome_unknown, "cut off"), true});
    post("b", "world", "D2");
    pump();
    for (int i = 0; i < 10; ++i) advance(Millis(80'000));
    EXPECT_THAT(shown("D2"), SizeIs(std::size_t(kMostUnknownOutcomes)));
    EXPECT_EQ(state_of("b"), "failed");
    EXPECT_THAT(shown("D2").back(), Not(HasSubstr("did not arrive)_\n\n_(repeated"))) << "the word stands there once";
}

TEST_F(Outboxes, what_a_crash_cut_off_is_settled_by_the_next_life) {
    for (const bool arrived : {true, false}) {
        platform.messages.clear();
        power.fails_at = [&](std::string_view step) { return step == (arrived ? "send.after" : "send.before"); };
        post(arrived ? "a" : "b", "hello");
        pump();
        ASSERT_FALSE(power.on());
        power.fails_at = nullptr;
        crash();
        ASSERT_TRUE(start());
        pump();
        EXPECT_THAT(shown(), ElementsAre("hello")) << arrived;
    }
}

TEST_F(Outboxes, a_doubt_outlives_an_attempt_that_was_refused) {
    platform.capabilities.settles_deliveries = false;
    power.fails_at = [](std::string_view step) { return step == "send.after"; };
    post("a", "hello");
    pump();
    power.fails_at = nullptr;
    crash();
    platform.troubles = {{Error(ErrorCode::unavailable, "not connected yet"), false}};
    ASSERT_TRUE(start());
    pump();
    ASSERT_TRUE(platform.troubles.empty());
    crash();
    ASSERT_TRUE(start());
    pump();
    ASSERT_THAT(shown(), SizeIs(2));
    EXPECT_THAT(shown()[1], HasSubstr("repeated after an interruption"));
}

TEST_F(Outboxes, settling_waits_for_a_platform_that_is_away) {
    power.fails_at = [](std::string_view step) { return step == "send.after"; };
    post("a", "hello");
    pump();
    power.fails_at = nullptr;
    crash();
    for (int i = 0; i < 20; ++i) platform.settle_troubles.push_back(Error(ErrorCode::unavailable, "connecting"));
    ASSERT_TRUE(start());
    for (int i = 0; i < 25; ++i) advance(Millis(80'000));
    EXPECT_THAT(shown(), ElementsAre("hello"));
    EXPECT_EQ(state_of("a"), "sent");
}

TEST_F(Outboxes, our_own_disk_does_not_break_the_order) {
    platform.troubles = {{Error(ErrorCode::unavailable, "away"), false}};
    post("a", "first");
    pump();
    power.cut();  // every write fails for a while
    advance(Millis(2'000));
    EXPECT_THAT(shown(), IsEmpty());
    power.restore();
    post("b", "second");
    advance(Millis(2'000));
    advance(Millis(2'000));
    EXPECT_THAT(shown(), ElementsAre("first", "second"));
}

TEST_F(Outboxes, stopping_leaves_what_is_open_to_the_next_life) {
    for (int i = 0; i < 3; ++i) platform.troubles.push_back({Error(ErrorCode::unavailable, "away"), false});
    post("a", "first");
    post("b", "second");
    pump();
    stop();
    platform.troubles.clear();
    ASSERT_TRUE(start());
    pump();
    EXPECT_THAT(shown(), ElementsAre("first", "second"));
}

}  // namespace
}  // namespace pincer::gateway
