#include "bridge/claude_channel.hpp"

#include <gtest/gtest.h>

#include "bridge/approvals.hpp"
#include "bridge/tools.hpp"

namespace pincer::bridge {
namespace {

const WallTime kNow = from_millis(1'000'000);

json::object prompt(std::string_view id) {
    return {{"request_id", id}, {"tool_name", "Bash"}, {"description", "d"}, {"input_preview", "{}"}};
}
json::object said(std::string_view text, bool owner, std::string_view role = "user") {
    return {{"type", "message"}, {"sessionKey", "k"}, {"conversation", json::object{{"channel", "c"}, {"to", "t"}}},
            {"role", role},      {"text", text},      {"raw", json::object{{"senderIsOwner", owner}}}};
}

TEST(PermissionReply, is_yes_or_no_and_five_letters) {
    EXPECT_TRUE(permission_reply_of("yes abcde")->allow);
    EXPECT_FALSE(permission_reply_of(" NO   ABCDE\n")->allow);
    EXPECT_EQ(permission_reply_of("No aBcDe")->request_id, "abcde");
    for (const char* other : {"yesabcde", "yes abcdl", "yes abcdef", "yes abcd", "yes", "maybe abcde",
                              "yes abcde please", "yes abc1e", ""}) {
        EXPECT_FALSE(permission_reply_of(other)) << other;
    }
}

TEST(ClaudeChannel, the_owners_answer_is_taken_once_and_is_no_event) {
    ClaudeChannel channel(ClaudeMode::on);
    ASSERT_TRUE(channel.on_permission_request(prompt("abcde"), kNow));
    EXPECT_TRUE(channel.on_message(said("yes abcde", false), kNow).queued);  // somebody else says so
    const auto reaction = channel.on_message(said("yes abcde", true), kNow);
    EXPECT_FALSE(reaction.queued);
    EXPECT_EQ(json::write(reaction.notify->params), R"({"request_id":"abcde","behavior":"allow"})");
    EXPECT_TRUE(channel.on_message(said("yes abcde", true), kNow).queued);  // answered already
}

TEST(ClaudeChannel, a_prompt_is_forgotten_after_an_hour) {
    ClaudeChannel channel(ClaudeMode::on);
    channel.on_permission_request(prompt("abcde"), kNow);
    EXPECT_TRUE(channel.on_message(said("yes abcde", true), kNow + ClaudeChannel::kPermissionTtl).queued);
    EXPECT_EQ(channel.pending(), 0u);
}

TEST(ClaudeChannel, pushes_user_messages_with_a_route_when_it_is_on) {
    ClaudeChannel channel(ClaudeMode::on);
    EXPECT_EQ(
        json::write(channel.on_message(said("", true), kNow).notify->params),
        R"({"content":"[non-text message]","meta":{"session_key":"k","channel":"c","to":"t","account_id":"","thread_id":"","message_id":""}})");
    EXPECT_FALSE(channel.on_message(said("x", true, "assistant"), kNow).notify);
    EXPECT_FALSE(ClaudeChannel(ClaudeMode::off).on_message(said("x", true), kNow).notify);
    EXPECT_FALSE(channel.on_permission_request({{"request_id", "abcde"}}, kNow));
}

TEST(OpenApprovals, expire_by_their_own_time_or_after_half_an_hour) {
    OpenApprovals open;
    open.on_requested("exec", {{"id", "b"}, {"createdAtMs", 2}, {"expiresAtMs", 1'000'050}}, kNow);
    open.on_requested("plugin", {{"id", "a"}, {"createdAtMs", 1}}, kNow);
    open.on_requested("exec", {{"id", "gone"}, {"expiresAtMs", 999'999}}, kNow);
    EXPECT_EQ(
        json::write(open.list(kNow)),
        R"([{"kind":"plugin","id":"a","createdAtMs":1},{"kind":"exec","id":"b","createdAtMs":2,"expiresAtMs":1000050}])");
    EXPECT_EQ(open.list(kNow + Millis(50)).size(), 1u);
    EXPECT_EQ(open.list(kNow + OpenApprovals::kDefaultTtl).size(), 0u);
}

TEST(Conversations, take_their_route_from_the_best_source_and_need_one) {
    const json::object row{{"key", "k"},
                           {"deliveryContext", json::object{{"channel", "Slack"}, {"to", "C1"}, {"threadId", 17}}},
                           {"lastChannel", "x"},
                           {"lastAccountId", "acc"},
                           {"origin", json::object{{"threadId", "o"}}}};
    EXPECT_EQ(json::write(*conversation_of(row)),
              R"({"sessionKey":"k","channel":"slack","to":"C1","accountId":"acc","threadId":17,"updatedAt":null})");
    EXPECT_EQ(route_of(row)->thread_id, "17");
    EXPECT_FALSE(conversation_of({{"key", "k"}, {"channel", "c"}}));
    EXPECT_FALSE(conversation_of({{"channel", "c"}, {"lastTo", "t"}}));
}

TEST(Attachments, are_blocks_that_are_not_text_and_the_media_of_the_record) {
    const json::object message{
        {"content",
         json::array{json::object{{"type", "text"}, {"text", "a"}}, json::object{{"type", "image"}, {"data", "x"}},
                     json::object{{"type", "text"}, {"text", "b"}}}},
        {"__openclaw",
         json::object{{"id", "m"}, {"media", json::array{json::object{{"url", "u"}, {"secret", "no"}}}}}}};
    EXPECT_EQ(text_of_message(message), "a\nb");
    EXPECT_EQ(json::write(attachments_of_message(message)),
              R"([{"type":"image","data":"x"},{"type":"openclaw_media","media":{"url":"u","transcribed":false}}])");
}

}  // namespace
}  // namespace pincer::bridge
