#include "channels/telegram/telegram_session.hpp"

#include <gtest/gtest.h>

#include "crypto/testing/seeded_random.hpp"

namespace pincer::channels::telegram {
namespace {

class TelegramSession : public ::testing::Test {
protected:
    pincer::testing::SeededRandom random{1};
    Session session{"default", 0, random};

    template <class T>
    T expect() {
        auto step = session.next();
        EXPECT_TRUE(std::holds_alternative<T>(step)) << "step " << step.index();
        return std::get<T>(std::move(step));
    }
    void reply(std::string_view result) { session.on_reply(json::parse(result).value()); }
    void fail(ErrorCode code, std::string reason = "") {
        session.on_reply(Failure(Error(code, "no").with_reason(std::move(reason))));
    }
    void greet() { reply(R"({"id": 7, "username": "pincer_bot"})"); }
    std::string method() { return expect<DoCall>().call.method; }
    std::optional<std::int64_t> offset() { return json::int_at(expect<DoCall>().call.parameters, "offset"); }
    void pause() {
        expect<DoPause>();
        session.on_paused();
    }
};

TEST_F(TelegramSession, greets_then_polls_without_an_offset) {
    EXPECT_EQ(method(), "getMe");
    greet();
    EXPECT_EQ(method(), "getUpdates");
    EXPECT_EQ(offset(), std::nullopt);
    EXPECT_EQ(session.bot().username, "pincer_bot");
    EXPECT_EQ(session.link(), LinkState::connected);
    const auto call = expect<DoCall>();
    EXPECT_EQ(json::write(*json::find(call.call.parameters, "allowed_updates")), R"(["message","callback_query"])");
    EXPECT_GT(call.timeout, kPollTimeout);
}

TEST_F(TelegramSession, the_offset_moves_only_after_the_inbox_answered) {
    greet();
    reply(R"([{"update_id": 10}, {"update_id": 11}])");
    EXPECT_EQ(expect<DoHandle>().update.id, 10);
    session.on_handled({});
    EXPECT_EQ(expect<DoHandle>().update.id, 11);
    session.on_handled({});
    EXPECT_EQ(expect<DoSave>().offset, 12);
    session.on_saved();
    EXPECT_EQ(offset(), 12);
    reply("[]");
    EXPECT_EQ(offset(), 12);
}

TEST_F(TelegramSession, an_update_that_the_inbox_refused_is_handed_out_again) {
    greet();
    reply(R"([{"update_id": 10}])");
    session.on_handled(PINCER_FAIL(io, "disk full"));
    EXPECT_EQ(session.link(), LinkState::failing);
    pause();
    EXPECT_EQ(expect<DoHandle>().update.id, 10);
    session.on_handled({});
    EXPECT_EQ(session.link(), LinkState::connected);
    EXPECT_EQ(expect<DoSave>().offset, 11);
}

TEST_F(TelegramSession, starts_at_the_saved_offset) {
    Session later("default", 12, random);
    later.on_reply(json::parse(R"({"id": 7})").value());
    EXPECT_EQ(json::int_at(std::get<DoCall>(later.next()).call.parameters, "offset"), 12);
}

TEST_F(TelegramSession, a_bad_token_ends_it) {
    fail(ErrorCode::unauthenticated, "BAD_TOKEN");
    EXPECT_EQ(expect<DoStop>().error.code(), ErrorCode::unauthenticated);
    EXPECT_EQ(session.link(), LinkState::failing);
}

TEST_F(TelegramSession, waits_as_long_as_telegram_says) {
    greet();
    session.on_reply(Failure(Error(ErrorCode::rate_limited, "slow down").with_retry_after(Millis(7000))));
    EXPECT_EQ(expect<DoPause>().delay, Millis(7000));
    session.on_paused();
    EXPECT_EQ(method(), "getUpdates");
}

TEST_F(TelegramSession, takes_a_webhook_away_and_polls) {
    greet();
    fail(ErrorCode::conflict, "WEBHOOK_ACTIVE");
    pause();
    EXPECT_EQ(method(), "deleteWebhook");
    reply("true");
    EXPECT_EQ(method(), "getUpdates");
}

TEST_F(TelegramSession, another_poller_is_named_and_tried_again) {
    greet();
    fail(ErrorCode::conflict, "OTHER_POLLER");
    EXPECT_EQ(session.detail(), "another process polls with this bot token");
    pause();
    EXPECT_EQ(method(), "getUpdates");
}

TEST_F(TelegramSession, backs_off_with_jitter_up_to_a_minute_and_starts_anew_after_success) {
    greet();
    Millis step = Backoff::kFirst;
    for (int i = 0; i < 12; ++i) {
        fail(ErrorCode::unavailable);
        const auto delay = expect<DoPause>().delay;
        EXPECT_GE(delay, step / 2);
        EXPECT_LE(delay, step);
        session.on_paused();
        step = std::min(step * 2, Backoff::kMax);
    }
    EXPECT_EQ(session.link(), LinkState::failing);
    reply("[]");
    EXPECT_EQ(session.link(), LinkState::connected);
    fail(ErrorCode::unavailable);
    EXPECT_LE(expect<DoPause>().delay, Backoff::kFirst);
}

}  // namespace
}  // namespace pincer::channels::telegram
