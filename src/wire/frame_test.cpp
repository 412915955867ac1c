#include "wire/frame.hpp"

#include <gtest/gtest.h>

#include "base/clock.hpp"

namespace pincer::wire {
namespace {

std::string fault_of(std::string_view text) {
    const auto parsed = parse_request(text);
    return parsed.frame ? "" : parsed.frame.error().message();
}

TEST(RequestFrame, is_read_whole) {
    const auto parsed = parse_request(
        R"({"type":"req","id":"1:a","method":"sessions.list","params":{"limit":3},"traceparent":"00-x"})");
    ASSERT_TRUE(parsed.frame);
    EXPECT_EQ(parsed.answer_id, "1:a");
    EXPECT_EQ(parsed.frame->method, "sessions.list");
    EXPECT_EQ(json::write(parsed.frame->params), R"({"limit":3})");
    EXPECT_EQ(parsed.frame->traceparent, "00-x");
}

TEST(RequestFrame, without_params_has_an_empty_object) {
    const auto parsed = parse_request(R"({"type":"req","id":"1","method":"health"})");
    ASSERT_TRUE(parsed.frame);
    EXPECT_EQ(json::write(parsed.frame->params), "{}");
}

TEST(RequestFrame, faults_are_worded_as_the_protocol_words_them) {
    EXPECT_EQ(fault_of("{}"), "invalid request frame: must have required property 'type'");
    EXPECT_EQ(fault_of("[]"), "invalid request frame: must be object");
    EXPECT_EQ(fault_of(R"({"type":"req","id":"","method":3,"x":1})"),
              "invalid request frame: at root: unexpected property 'x'; at /id: must not have fewer than 1 characters; "
              "at /method: must be string");
    EXPECT_EQ(fault_of(R"({"type":"res","id":"a","method":"m"})"),
              "invalid request frame: at /type: must be equal to constant");
}

TEST(RequestFrame, a_fault_is_answered_under_the_frames_own_id_if_it_has_one) {
    EXPECT_EQ(parse_request(R"({"id":"7","type":"req"})").answer_id, "7");
    EXPECT_EQ(parse_request(R"({"id":7,"type":"req"})").answer_id, "invalid");
    EXPECT_EQ(parse_request(R"({"id":")" + std::string(300, 'x') + R"(","type":"req"})").answer_id, "invalid");
}

TEST(RequestFrame, what_is_not_json_or_too_deep_is_told_apart) {
    EXPECT_EQ(parse_request("hello").frame.error().code(), ErrorCode::protocol);
    EXPECT_EQ(parse_request("").frame.error().code(), ErrorCode::protocol);
    EXPECT_EQ(parse_request(std::string(100, '[')).frame.error().code(), ErrorCode::protocol);
    EXPECT_EQ(parse_request(std::string(kMaxPayloadBytes + 1, ' ')).frame.error().code(), ErrorCode::too_large);
    EXPECT_EQ(parse_request("[]").frame.error().code(), ErrorCode::invalid_argument);
}

TEST(Responses, are_written_as_captured) {
    EXPECT_EQ(write_response("2:x", json::object{{"subscribed", true}}),
              R"({"type":"res","id":"2:x","ok":true,"payload":{"subscribed":true}})");
    EXPECT_EQ(
        write_failure("x", missing_scope("operator.admin")),
        R"({"type":"res","id":"x","ok":false,"error":{"code":"FORBIDDEN","message":"missing scope: operator.admin","details":{"code":"MISSING_SCOPE","missingScope":"operator.admin","requiredScopes":["operator.admin"]}}})");
    EXPECT_EQ(write_response_text("a\"b", "[1]"), R"({"type":"res","id":"a\"b","ok":true,"payload":[1]})");
}

TEST(SharedEvent, differs_between_connections_only_in_seq) {
    const SharedEvent event("chat.metadata.changed", json::object());
    EXPECT_EQ(*event.for_connection(4), R"({"type":"event","event":"chat.metadata.changed","payload":{},"seq":4})");
    EXPECT_EQ(*event.for_connection(900), R"({"type":"event","event":"chat.metadata.changed","payload":{},"seq":900})");
    const SharedEvent versioned("presence", json::object(), StateVersion{2, 7});
    EXPECT_EQ(*versioned.for_connection(1),
              R"({"type":"event","event":"presence","payload":{},"seq":1,"stateVersion":{"presence":2,"health":7}})");
}

TEST(ServerFrame, is_read_leniently) {
    auto event = parse_server_frame(
        R"({"type":"event","event":"tick","payload":{"ts":1},"seq":3,"recipientProfileId":"x","new":1})");
    ASSERT_TRUE(event);
    EXPECT_EQ(event->event.event, "tick");
    EXPECT_EQ(event->event.seq, 3);
    auto failure = parse_server_frame(
        R"({"type":"res","id":"1","ok":false,"error":{"code":"UNAVAILABLE","message":"no","retryAfterMs":5}})");
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->response.error.retry_after_ms, 5);
    EXPECT_EQ(parse_server_frame(R"({"type":"other"})")->kind, ServerFrame::Kind::other);
    EXPECT_FALSE(parse_server_frame(R"({"type":"res","id":"1"})"));
    EXPECT_FALSE(parse_server_frame("3"));
}

TEST(Errors, every_code_of_ours_has_a_wire_code) {
    for (int code = 0; code <= int(ErrorCode::internal); ++code) {
        const WireError out = to_wire(Error(ErrorCode(code), "m").with_reason("R"));
        EXPECT_TRUE(out.code == kInvalidRequest || out.code == kUnavailable || out.code == kForbidden) << out.code;
        EXPECT_EQ(out.detail("reason"), "R");
    }
    EXPECT_EQ(to_wire(Error(ErrorCode::internal, "stack of secrets")).message, "internal error");
    EXPECT_FALSE(to_wire(Error(ErrorCode::outcome_unknown, "m")).retryable);
    EXPECT_EQ(to_wire(Error(ErrorCode::unavailable, "m").with_foreign("secret")).to_json().size(), 3u);
}

TEST(Errors, a_clients_error_keeps_the_finest_reason) {
    const Error already = from_wire({.code = "INVALID_REQUEST",
                                     .message = "approval already resolved",
                                     .details = json::object{{"reason", "APPROVAL_ALREADY_RESOLVED"}}});
    EXPECT_EQ(already.code(), ErrorCode::conflict);
    EXPECT_EQ(already.reason(), "APPROVAL_ALREADY_RESOLVED");
    EXPECT_EQ(from_wire(connect_failure::token_mismatch().error).code(), ErrorCode::unauthenticated);
    EXPECT_EQ(from_wire(connect_failure::starting_up(500).error).retry_after(), Millis(500));
    EXPECT_EQ(from_wire(missing_scope("operator.admin")).code(), ErrorCode::forbidden);
}

TEST(ConnectFailure, a_close_reason_fits_into_a_close_frame) {
    const auto failure = connect_failure::invalid_params("invalid connect params: " + std::string(400, 'x'));
    EXPECT_LE(failure.close_reason().size(), 123u);
    EXPECT_EQ(connect_failure::protocol_mismatch(2, 3).close_code, 1002);
    EXPECT_EQ(connect_failure::not_json().close_code, 1000);
    EXPECT_FALSE(connect_failure::not_json().answered);
}

}  // namespace
}  // namespace pincer::wire
