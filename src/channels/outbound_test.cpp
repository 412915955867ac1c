#include "channels/outbound.hpp"

#include <gtest/gtest.h>

#include "base/testing/fake_clock.hpp"
#include "channels/endpoint.hpp"

namespace pincer::channels {
namespace {

TEST(Outbound, a_held_chat_waits_alone_and_a_held_account_holds_all) {
    testing::FakeClock clock;
    Outbound outbound;
    outbound.hold("a", Millis(3000), clock.steady());
    EXPECT_TRUE(outbound.ready("b", clock.steady()));
    clock.advance(Millis(1000));
    const auto held = outbound.ready("a", clock.steady());
    ASSERT_FALSE(held);
    EXPECT_EQ(held.error().code(), ErrorCode::rate_limited);
    EXPECT_EQ(held.error().retry_after(), Millis(2000));
    outbound.hold("", Millis(5000), clock.steady());
    EXPECT_FALSE(outbound.ready("b", clock.steady()));
    clock.advance(Millis(5000));
    EXPECT_TRUE(outbound.ready("a", clock.steady()));
    EXPECT_TRUE(outbound.ready("b", clock.steady()));
}

TEST(Outbound, remembers_the_parts_until_the_delivery_is_finished) {
    Outbound outbound;
    outbound.record("d", "1");
    outbound.record("d", "2");
    EXPECT_EQ(outbound.sent("d"), (std::vector<std::string>{"1", "2"}));
    EXPECT_EQ(outbound.finish("d").size(), 2u);
    EXPECT_TRUE(outbound.sent("d").empty());
}

TEST(Outbound, forgets_the_oldest_unfinished_delivery_first) {
    Outbound outbound;
    for (std::size_t i = 0; i <= Outbound::kMaxUnfinished; ++i) outbound.record(std::to_string(i), "x");
    EXPECT_EQ(outbound.finish(std::to_string(Outbound::kMaxUnfinished)).size(), 1u);
    EXPECT_EQ(outbound.finish("1").size(), 1u);
    EXPECT_TRUE(outbound.finish("0").empty());
}

TEST(Endpoint, plain_http_only_on_loopback) {
    EXPECT_EQ(parse_api_root("https://api.telegram.org/", "apiRoot")->target, "");
    EXPECT_EQ(parse_api_root("http://127.0.0.1:8081/api/", "apiRoot")->target, "/api");
    EXPECT_TRUE(parse_api_root("http://[::1]:8081", "apiRoot"));
    EXPECT_TRUE(parse_api_root("http://localhost:8081", "apiRoot"));
    for (const auto* bad :
         {"http://api.telegram.org", "http://10.0.0.1", "ws://127.0.0.1", "https://x.example/?a=1", "nonsense", ""}) {
        const auto root = parse_api_root(bad, "apiRoot");
        ASSERT_FALSE(root) << bad;
        EXPECT_EQ(root.error().code(), ErrorCode::invalid_argument);
        EXPECT_TRUE(root.error().message().starts_with("apiRoot")) << root.error().message();
    }
}

TEST(Endpoint, a_request_that_may_have_left_has_an_unknown_outcome) {
    const Secret token("s3cret");
    const auto after = [&](ErrorCode code, std::string message, Effect effect, std::string reason = "") {
        return transport_error(Error(code, std::move(message)).with_reason(std::move(reason)), effect, token).code();
    };
    for (const auto* reason : {"ANSWER_TIMEOUT", "READ_TIMEOUT", ""}) {
        EXPECT_EQ(after(ErrorCode::timed_out, "timed out", Effect::delivers, reason), ErrorCode::outcome_unknown)
            << reason;
    }
    EXPECT_EQ(after(ErrorCode::timed_out, "timed out", Effect::delivers, "CONNECT_TIMEOUT"), ErrorCode::timed_out);
    EXPECT_EQ(after(ErrorCode::io, "reset", Effect::delivers), ErrorCode::outcome_unknown);
    EXPECT_EQ(after(ErrorCode::protocol, "not http", Effect::delivers), ErrorCode::outcome_unknown);
    EXPECT_EQ(after(ErrorCode::unavailable, "could not connect", Effect::delivers), ErrorCode::unavailable);
    EXPECT_EQ(after(ErrorCode::unavailable, "closed", Effect::delivers, "NO_ANSWER"), ErrorCode::outcome_unknown);
    EXPECT_EQ(after(ErrorCode::unavailable, "closed", Effect::none, "NO_ANSWER"), ErrorCode::unavailable);
    EXPECT_EQ(after(ErrorCode::io, "reset", Effect::none), ErrorCode::io);
}

TEST(Endpoint, no_secret_stays_in_an_error) {
    const auto error = transport_error(Error(ErrorCode::io, "POST /bots3cret/x and s3cret").with_foreign("s3cret!"),
                                       Effect::none, Secret("s3cret"));
    EXPECT_EQ(error.message(), "POST /bot***/x and ***");
    EXPECT_EQ(error.foreign(), "***!");
}

TEST(Endpoint, reads_retry_after_in_seconds) {
    EXPECT_EQ(retry_after({{"retry-after", "30"}}), Millis(30'000));
    EXPECT_EQ(retry_after({{"Retry-After", "99999999999999999999"}}), std::nullopt);
    EXPECT_EQ(retry_after({{"Retry-After", "999999"}}), kMaxRetryAfter);
    EXPECT_EQ(retry_after({{"Retry-After", "soon"}}), std::nullopt);
    EXPECT_EQ(retry_after({}), std::nullopt);
}

}  // namespace
}  // namespace pincer::channels
