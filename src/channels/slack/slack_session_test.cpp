#include "channels/slack/slack_session.hpp"

#include <gtest/gtest.h>

#include "base/testing/fake_clock.hpp"
#include "crypto/testing/seeded_random.hpp"

namespace pincer::channels::slack {
namespace {

constexpr std::string_view kMessage =
    R"({"envelope_id":"e1","type":"events_api","payload":{"team_id":"T1","event":{"type":"message","channel":"C1","user":"U9","ts":"1.2","text":"hi"}}})";

class SlackSession : public ::testing::Test {
protected:
    pincer::testing::FakeClock clock;
    pincer::testing::SeededRandom random{1};
    Session session{"default", clock, random};

    template <class T>
    T expect() {
        auto step = session.next();
        EXPECT_TRUE(std::holds_alternative<T>(step)) << "step " << step.index();
        return std::get<T>(std::move(step));
    }
    void reply(std::string_view text) { session.on_reply(json::parse_object(text).value()); }
    void text(std::string_view frame) { session.on_text(std::string(frame)); }
    void connect() {
        if (expect<DoCall>().call.method == "auth.test")
            reply(R"({"ok":true,"team_id":"T1","user_id":"UBOT","bot_id":"BBOT"})");
        reply(R"({"ok":true,"url":"wss://x.example/?ticket=1"})");
        EXPECT_EQ(expect<DoConnect>().url, "wss://x.example/?ticket=1");
        session.on_connected({});
        EXPECT_TRUE(expect<DoReceive>().hello);
        text(R"({"type":"hello"})");
    }
};

TEST_F(SlackSession, identifies_itself_then_connects) {
    EXPECT_EQ(expect<DoCall>().call.method, "auth.test");
    reply(R"({"ok":true,"team_id":"T1","user_id":"UBOT","bot_id":"BBOT"})");
    const auto open = expect<DoCall>().call;
    EXPECT_EQ(open.method, "apps.connections.open");
    EXPECT_EQ(open.token, Token::app);
    EXPECT_EQ(session.link(), LinkState::connecting);
    connect();
    EXPECT_EQ(session.link(), LinkState::connected);
    EXPECT_FALSE(expect<DoReceive>().hello);
}

TEST_F(SlackSession, an_envelope_is_acknowledged_only_after_the_inbox_answered) {
    connect();
    text(kMessage);
    EXPECT_EQ(std::get<InboundMessage>(expect<DoHandle>().content).text, "hi");
    session.on_handled({});
    EXPECT_EQ(expect<DoAcknowledge>().text, R"({"envelope_id":"e1"})");
    session.on_acknowledged({});
    expect<DoReceive>();
}

TEST_F(SlackSession, what_the_inbox_refused_is_not_acknowledged) {
    connect();
    text(kMessage);
    session.on_handled(PINCER_FAIL(io, "disk full"));
    expect<DoReceive>();
    EXPECT_EQ(session.link(), LinkState::failing);
    text(kMessage);
    session.on_handled({});
    EXPECT_EQ(session.link(), LinkState::connected);
    expect<DoAcknowledge>();
}

TEST_F(SlackSession, what_is_no_command_is_acknowledged_at_once) {
    connect();
    text(R"({"envelope_id":"e2","type":"slash_commands","payload":{}})");
    EXPECT_EQ(expect<DoAcknowledge>().text, R"({"envelope_id":"e2"})");
    session.on_acknowledged({});
    text("not json");
    expect<DoReceive>();
}

TEST_F(SlackSession, a_bad_token_ends_it) {
    for (const auto code : {ErrorCode::unauthenticated, ErrorCode::forbidden}) {
        Session fresh("default", clock, random);
        fresh.on_reply(Failure(Error(code, "Slack refused auth.test: invalid_auth")));
        EXPECT_EQ(std::get<DoStop>(fresh.next()).error.code(), code);
        EXPECT_EQ(fresh.link(), LinkState::failing);
    }
}

TEST_F(SlackSession, a_refresh_of_a_good_connection_is_followed_at_once) {
    for (const auto* reason : {"refresh_requested", "warning"}) {
        connect();
        clock.advance(kSteadyAfter);
        text(fmt::format(R"({{"type":"disconnect","reason":"{}"}})", reason));
        EXPECT_EQ(expect<DoCall>().call.method, "apps.connections.open");
    }
}

TEST_F(SlackSession, connections_that_do_not_hold_are_made_ever_more_slowly) {
    Millis step = Backoff::kFirst;
    for (int i = 0; i < 8; ++i) {
        connect();
        session.on_text(PINCER_FAIL(unavailable, "closed"));
        const auto delay = expect<DoPause>().delay;
        EXPECT_GE(delay, step / 2);
        EXPECT_LE(delay, step);
        session.on_paused();
        step = std::min(step * 2, Backoff::kMax);
    }
}

TEST_F(SlackSession, no_hello_is_a_failed_connection) {
    reply(R"({"ok":true,"team_id":"T1","user_id":"UBOT"})");
    reply(R"({"ok":true,"url":"wss://x.example/"})");
    session.on_connected({});
    session.on_text(PINCER_FAIL(timed_out, "waiting for hello timed out"));
    expect<DoPause>();
    session.on_paused();
    EXPECT_EQ(expect<DoCall>().call.method, "apps.connections.open");
}

TEST_F(SlackSession, waits_as_long_as_slack_says) {
    session.on_reply(Failure(Error(ErrorCode::rate_limited, "slow down").with_retry_after(Millis(7000))));
    EXPECT_EQ(expect<DoPause>().delay, Millis(7000));
}

TEST_F(SlackSession, a_failed_acknowledgement_makes_a_new_connection) {
    connect();
    text(kMessage);
    session.on_handled({});
    session.on_acknowledged(PINCER_FAIL(unavailable, "closed"));
    expect<DoPause>();
}

}  // namespace
}  // namespace pincer::channels::slack
