#include "channels/telegram/telegram_wire.hpp"

#include <gtest/gtest.h>

#include "channels/markdown/document.hpp"

namespace pincer::channels::telegram {
namespace {

const Bot kBot{.id = 7, .username = "pincer_bot"};

Update one(std::string_view update) {
    auto updates = parse_updates(json::parse(fmt::format("[{}]", update)).value(), kBot, "default").value();
    EXPECT_EQ(updates.size(), 1u) << update;
    return updates.at(0);
}

std::string ignored(std::string_view update) {
    const auto parsed = one(update);
    const auto* why = std::get_if<Ignored>(&parsed.content);
    return why ? why->reason : "NOT IGNORED";
}

TEST(TelegramWire, a_direct_message) {
    const auto update =
        one(R"({"update_id": 5, "message": {"message_id": 11, "date": 1700000000, "text": "Is production healthy?",
        "from": {"id": 99, "is_bot": false, "first_name": "Ada", "last_name": "L", "username": "ada"}, "chat": {"id": 99, "type": "private"}}})");
    EXPECT_EQ(update.id, 5);
    const auto& message = std::get<InboundMessage>(update.content);
    EXPECT_EQ(message.event_id, "message:99:11");
    EXPECT_EQ(message.route, (Route{"telegram", "default", "99", ""}));
    EXPECT_EQ(message.type, ConversationType::direct);
    EXPECT_EQ(message.sender.id, "99");
    EXPECT_EQ(message.sender.display, "Ada L");
    EXPECT_EQ(message.message_id, "11");
    EXPECT_EQ(message.text, "Is production healthy?");
    EXPECT_FALSE(message.mentions_us);
    EXPECT_EQ(to_millis(message.at), 1'700'000'000'000);
}

// "€" and the emoji shift bytes and UTF-16 units apart.
TEST(TelegramWire, mentions_of_us_are_found_and_removed) {
    struct Row {
        std::string_view text, entities, expected;
        bool mentioned;
    };
    const Row rows[] = {
        {"€😀 @pincer_bot roll back", R"([{"type":"mention","offset":4,"length":11}])", "€😀 roll back", true},
        {"@Pincer_Bot hi", R"([{"type":"mention","offset":0,"length":11}])", "hi", true},
        {"@other_bot hi", R"([{"type":"mention","offset":0,"length":10}])", "@other_bot hi", false},
        {"/status@pincer_bot now", R"([{"type":"bot_command","offset":0,"length":18}])", "/status now", true},
        {"/status@other_bot now", R"([{"type":"bot_command","offset":0,"length":17}])", "/status@other_bot now", false},
        {"Pincer, hi", R"([{"type":"text_mention","offset":0,"length":6,"user":{"id":7}}])", ", hi", true},
        {"Pincer, hi", R"([{"type":"text_mention","offset":0,"length":6,"user":{"id":8}}])", "Pincer, hi", false},
        {"@pincer_bot", R"([])", "@pincer_bot", false},
        {"hi",
         R"([{"type":"mention","offset":-1,"length":2},{"type":"mention","offset":1,"length":99},{"type":"mention","offset":9e18,"length":9},7])",
         "hi", false},
    };
    for (const auto& row : rows) {
        const auto update =
            one(fmt::format(R"({{"update_id": 1, "message": {{"message_id": 1, "text": "{}", "entities": {},
            "from": {{"id": 99}}, "chat": {{"id": -5, "type": "group"}}}}}})",
                            row.text, row.entities));
        const auto& message = std::get<InboundMessage>(update.content);
        EXPECT_EQ(message.text, row.expected);
        EXPECT_EQ(message.mentions_us, row.mentioned) << row.text;
    }
}

TEST(TelegramWire, an_answer_to_our_message_mentions_us_and_a_topic_is_a_thread) {
    const auto update = one(
        R"({"update_id": 1, "message": {"message_id": 1, "text": "why?", "from": {"id": 99}, "is_topic_message": true,
        "message_thread_id": 42, "chat": {"id": -1001, "type": "supergroup"}, "reply_to_message": {"from": {"id": 7}}}})");
    const auto& message = std::get<InboundMessage>(update.content);
    EXPECT_TRUE(message.mentions_us);
    EXPECT_EQ(message.route.thread_id, "42");
    EXPECT_EQ(message.type, ConversationType::group);
    const auto plain = one(
        R"({"update_id": 1, "message": {"message_id": 1, "text": "a reply", "from": {"id": 99}, "message_thread_id": 42,
        "chat": {"id": -1001, "type": "supergroup"}}})");
    EXPECT_EQ(std::get<InboundMessage>(plain.content).route.thread_id, "");
}

TEST(TelegramWire, files_keep_their_caption) {
    const auto update = one(
        R"({"update_id": 1, "message": {"message_id": 1, "caption": "see @pincer_bot", "caption_entities": [{"type": "mention", "offset": 4, "length": 11}],
        "photo": [{"file_id": "small"}, {"file_id": "large", "file_size": 9}], "from": {"id": 99}, "chat": {"id": -5, "type": "group"}}})");
    const auto& message = std::get<InboundMessage>(update.content);
    EXPECT_EQ(message.text, "see");
    ASSERT_EQ(message.attachments.size(), 1u);
    EXPECT_EQ(message.attachments[0].reference, "large");
}

TEST(TelegramWire, a_pressed_button) {
    const auto update = one(
        R"({"update_id": 6, "callback_query": {"id": "cb9", "from": {"id": 99, "first_name": "Ada"}, "data": "approve:1",
        "message": {"message_id": 12, "date": 0, "is_topic_message": true, "message_thread_id": 42, "chat": {"id": -1001, "type": "supergroup"}}}})");
    const auto& action = std::get<InboundAction>(update.content);
    EXPECT_EQ(action.event_id, "callback:cb9");
    EXPECT_EQ(action.token, "approve:1");
    EXPECT_EQ(action.message_ref, "12");
    EXPECT_EQ(action.answer_handle, "cb9");
    EXPECT_EQ(action.route, (Route{"telegram", "default", "-1001", "42"}));
}

// Side events never bypass the gate: whatever they hold, they are no command, in any kind of chat.
TEST(TelegramWire, no_other_kind_of_update_speaks) {
    for (const auto* kind :
         {"edited_message", "channel_post", "edited_channel_post", "business_message", "edited_business_message",
          "message_reaction", "inline_query", "chosen_inline_result", "poll_answer", "my_chat_member", "chat_member",
          "chat_join_request", "guest_message", "something_of_next_year"}) {
        for (const auto* chat : {"private", "group", "supergroup", "channel"}) {
            const auto body = fmt::format(
                R"({{"message_id": 1, "text": "approve", "data": "approve", "from": {{"id": 99}}, "chat": {{"id": 99, "type": "{}"}}}})",
                chat);
            EXPECT_NE(ignored(fmt::format(R"({{"update_id": 1, "{}": {}}})", kind, body)), "NOT IGNORED")
                << kind << " in " << chat;
            if (std::string_view(kind) == "something_of_next_year") continue;
            EXPECT_EQ(ignored(fmt::format(R"({{"update_id": 1, "{}": {}, "message": {}}})", kind, body, body)), kind);
        }
    }
}

TEST(TelegramWire, a_message_that_is_not_a_persons_own_is_ignored) {
    const auto message = [](std::string_view more, std::string_view chat = "group") {
        return fmt::format(
            R"({{"update_id": 1, "message": {{"message_id": 1, "chat": {{"id": -5, "type": "{}"}}, {}}}}})", chat,
            more);
    };
    EXPECT_EQ(ignored(message(R"("text": "x", "from": {"id": 99}, "sender_chat": {"id": -5})")),
              "message on behalf of a chat");
    EXPECT_EQ(ignored(message(R"("text": "x", "from": {"id": 99}, "via_bot": {"id": 3})")), "message by way of a bot");
    EXPECT_EQ(ignored(message(R"("from": {"id": 99}, "new_chat_members": [{"id": 99}])")),
              "message without text or file");
    EXPECT_EQ(ignored(message(R"("text": "x")")), "message without sender, id or chat");
    EXPECT_EQ(ignored(message(R"("text": "x", "from": {"id": "99"})")), "message without sender");
    EXPECT_EQ(ignored(message(R"("text": "x", "from": {"id": 99})", "channel")), "message without sender, id or chat");
    EXPECT_EQ(ignored(R"({"update_id": 1, "message": 5})"), "unknown kind");
    EXPECT_EQ(
        ignored(
            R"({"update_id": 1, "callback_query": {"id": "1", "from": {"id": 99}, "data": "x", "inline_message_id": "i"}})"),
        "callback without sender, message or data");
}

TEST(TelegramWire, updates_come_in_order_and_without_an_id_not_at_all) {
    const auto updates =
        parse_updates(json::parse(R"([{"update_id": 3}, 5, {"x": 1}, {"update_id": -1}, {"update_id": 2}])").value(),
                      kBot, "a")
            .value();
    ASSERT_EQ(updates.size(), 2u);
    EXPECT_EQ(updates[0].id, 2);
    EXPECT_FALSE(parse_updates(json::parse("{}").value(), kBot, "a"));
}

TEST(TelegramWire, refusals_by_code) {
    struct Row {
        int status;
        std::string_view body;
        ErrorCode reading, sending;
        std::string_view reason;
    };
    using enum ErrorCode;
    const Row rows[] = {
        {401, R"({"ok":false,"error_code":401,"description":"Unauthorized"})", unauthenticated, unauthenticated,
         "BAD_TOKEN"},
        {404, R"({"ok":false,"error_code":404,"description":"Not Found"})", unauthenticated, unauthenticated,
         "BAD_TOKEN"},
        {409, R"({"ok":false,"error_code":409,"description":"Conflict: terminated by other getUpdates request"})",
         conflict, conflict, "OTHER_POLLER"},
        {409,
         R"({"ok":false,"error_code":409,"description":"Conflict: can't use getUpdates method while webhook is active"})",
         conflict, conflict, "WEBHOOK_ACTIVE"},
        {429, R"({"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":5}})",
         rate_limited, rate_limited, ""},
        {403, R"({"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"})", forbidden,
         forbidden, ""},
        {400, R"({"ok":false,"error_code":400,"description":"Bad Request: chat not found"})", not_found, not_found, ""},
        {400, R"({"ok":false,"error_code":400,"description":"Bad Request: can't parse entities: x"})", invalid_argument,
         invalid_argument, "BAD_ENTITIES"},
        {400, R"({"ok":false,"error_code":400,"description":"Bad Request: message is not modified"})", invalid_argument,
         invalid_argument, "NOT_MODIFIED"},
        {400,
         R"({"ok":false,"error_code":400,"description":"Bad Request: query is too old and response timeout expired"})",
         expired, expired, ""},
        {502, "<html>Bad Gateway</html>", unavailable, outcome_unknown, ""},
        {503, "", unavailable, unavailable, ""},
        {200, "not json", protocol, outcome_unknown, ""},
    };
    Call sending = get_me();
    sending.effect = Effect::delivers;
    for (const auto& row : rows) {
        const auto read = parse_reply(get_me(), row.status, row.body);
        const auto sent = parse_reply(sending, row.status, row.body);
        ASSERT_FALSE(read || sent) << row.body;
        EXPECT_EQ(read.error().code(), row.reading) << row.body;
        EXPECT_EQ(sent.error().code(), row.sending) << row.body;
        EXPECT_EQ(read.error().reason(), row.reason) << row.body;
        if (row.status == 429) {
            EXPECT_EQ(read.error().retry_after(), Millis(5000));
        }
    }
    EXPECT_EQ(parse_reply(get_me(), 200, R"({"ok":true,"result":{"id":7}})").value(),
              json::parse(R"({"id":7})").value());
}

Outgoing outgoing() {
    return {.delivery_id = "d1",
            .route = {"telegram", "default", "-1001", "42"},
            .markdown = "x",
            .buttons = {{{"Approve", "a:1"}, {"Deny", "d:1"}}},
            .reply_to = "11"};
}

TEST(TelegramWire, a_message_with_buttons_in_a_topic) {
    const auto call = send_part(outgoing(), {.text = "<b>x</b>", .first = true, .last = true});
    EXPECT_EQ(call.method, "sendMessage");
    EXPECT_EQ(call.effect, Effect::delivers);
    EXPECT_EQ(json::write_canonical(call.parameters),
              json::write_canonical(json::parse(R"({"chat_id": -1001, "message_thread_id": 42, "text": "<b>x</b>",
        "parse_mode": "HTML", "link_preview_options": {"is_disabled": true}, "reply_parameters": {"message_id": 11, "allow_sending_without_reply": true},
        "reply_markup": {"inline_keyboard": [[{"text": "Approve", "callback_data": "a:1"}, {"text": "Deny", "callback_data": "d:1"}]]}})")
                                        .value()));
    const auto middle = send_part(outgoing(), {.text = "x", .form = TextForm::plain});
    EXPECT_FALSE(middle.parameters.contains("reply_markup") || middle.parameters.contains("reply_parameters") ||
                 middle.parameters.contains("parse_mode"));
}

TEST(TelegramWire, an_edit_replaces_and_may_be_repeated) {
    auto message = outgoing();
    message.edit_of = "12";
    const auto call = send_part(message, {.text = "x", .first = true, .last = true});
    EXPECT_EQ(call.method, "editMessageText");
    EXPECT_EQ(call.effect, Effect::none);
    EXPECT_EQ(json::int_at(call.parameters, "message_id"), 12);
    EXPECT_EQ(send_part(message, {.text = "x", .last = true}).method, "sendMessage");
}

TEST(TelegramWire, the_answer_to_a_button_is_cut_to_what_telegram_shows) {
    std::string long_text;
    for (int i = 0; i < 300; ++i) long_text += "€";
    const auto call = answer_callback({.answer_handle = "cb"}, long_text);
    const auto text = json::string_or(call.parameters, "text");
    EXPECT_LE(markdown::utf16_length(text), kMaxAnswerUnits);
    EXPECT_TRUE(text.ends_with("…"));
    EXPECT_EQ(json::string_or(answer_callback({.answer_handle = "cb"}, "Approved").parameters, "text"), "Approved");
}

TEST(TelegramWire, what_can_never_be_sent_is_refused_before_it_leaves) {
    EXPECT_TRUE(check_outgoing(outgoing()));
    const auto refused = [](auto change) {
        auto message = outgoing();
        change(message);
        const auto checked = check_outgoing(message);
        return !checked && checked.error().code() == ErrorCode::invalid_argument;
    };
    EXPECT_TRUE(refused([](Outgoing& m) { m.route.to = "abc"; }));
    EXPECT_TRUE(refused([](Outgoing& m) { m.route.to = ""; }));
    EXPECT_TRUE(refused([](Outgoing& m) { m.route.thread_id = "x"; }));
    EXPECT_TRUE(refused([](Outgoing& m) { m.edit_of = "x"; }));
    EXPECT_TRUE(refused([](Outgoing& m) { m.buttons[0][0].token = std::string(65, 'x'); }));
    EXPECT_TRUE(refused([](Outgoing& m) { m.buttons[0][0].label = ""; }));
    EXPECT_TRUE(refused([](Outgoing& m) { m.markdown = " \n"; }));
}

}  // namespace
}  // namespace pincer::channels::telegram
