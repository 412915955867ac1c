#include "channels/slack/slack_wire.hpp"

#include <gtest/gtest.h>

namespace pincer::channels::slack {
namespace {

const Self kSelf{"T1", "UBOT", "BBOT"};

Inbound content(std::string_view type, const json::object& payload) {
    const auto text = json::write(json::object{{"envelope_id", "e1"}, {"type", type}, {"payload", payload}});
    const auto frame = parse_frame(text, kSelf, "default").value();
    EXPECT_EQ(std::get<Envelope>(frame).id, "e1");
    return std::get<Envelope>(frame).content;
}

Inbound event(std::string_view text) {
    return content("events_api", {{"team_id", "T1"}, {"event_id", "Ev1"}, {"event", json::parse(text).value()}});
}

std::string ignored(const Inbound& inbound) {
    const auto* why = std::get_if<Ignored>(&inbound);
    return why ? why->reason : "NOT IGNORED";
}

TEST(SlackWire, a_message_in_a_channel_is_answered_in_its_thread) {
    const auto inbound = event(
        R"({"type": "message", "channel": "C1", "channel_type": "channel", "user": "U9", "team": "T1", "ts": "1700000000.123456",
        "text": "<@UBOT> Is production healthy?"})");
    const auto& message = std::get<InboundMessage>(inbound);
    EXPECT_EQ(message.event_id, "message:C1:1700000000.123456");
    EXPECT_EQ(message.route, (Route{"slack", "default", "C1", "1700000000.123456"}));
    EXPECT_EQ(message.type, ConversationType::room);
    EXPECT_EQ(message.sender.id, "T1.U9");
    EXPECT_EQ(message.text, "Is production healthy?");
    EXPECT_TRUE(message.mentions_us);
    EXPECT_EQ(to_millis(message.at), 1'700'000'000'123);
}

TEST(SlackWire, a_message_and_its_mention_and_their_retries_have_one_event_id) {
    const auto message = std::get<InboundMessage>(event(
        R"({"type":"message","channel":"C1","channel_type":"channel","user":"U9","ts":"1.2","text":"<@UBOT> hi"})"));
    const auto mention = std::get<InboundMessage>(
        event(R"({"type":"app_mention","channel":"C1","user":"U9","ts":"1.2","text":"<@UBOT> hi"})"));
    EXPECT_EQ(message.event_id, mention.event_id);
    EXPECT_EQ(message.text, mention.text);
    EXPECT_EQ(message.route, mention.route);
    EXPECT_EQ(message.sender.id, mention.sender.id);
}

TEST(SlackWire, conversations_and_threads) {
    struct Row {
        std::string_view channel, channel_type, thread;
        ConversationType type;
        std::string_view route_thread;
    };
    const Row rows[] = {
        {"D1", "im", "", ConversationType::direct, ""},       {"D1", "im", "5.6", ConversationType::direct, "5.6"},
        {"G1", "mpim", "", ConversationType::group, "1.2"},   {"C1", "group", "", ConversationType::group, "1.2"},
        {"C1", "channel", "", ConversationType::room, "1.2"}, {"C1", "channel", "5.6", ConversationType::room, "5.6"},
        {"D1", "", "", ConversationType::direct, ""},         {"C1", "", "5.6", ConversationType::room, "5.6"},
    };
    for (const auto& row : rows) {
        json::object raw{{"type", "message"}, {"channel", row.channel}, {"user", "U9"}, {"ts", "1.2"}, {"text", "x"}};
        if (!row.channel_type.empty()) raw["channel_type"] = row.channel_type;
        if (!row.thread.empty()) raw["thread_ts"] = row.thread;
        const auto message = std::get<InboundMessage>(event(json::write(raw)));
        EXPECT_EQ(message.type, row.type) << row.channel << row.channel_type;
        EXPECT_EQ(message.route.thread_id, row.route_thread) << row.channel << row.channel_type;
    }
}

TEST(SlackWire, a_stranger_of_a_shared_channel_keeps_their_own_team) {
    const auto message = std::get<InboundMessage>(
        event(R"({"type":"message","channel":"C1","user":"U9","user_team":"T2","team":"T1","ts":"1.2","text":"x"})"));
    EXPECT_EQ(message.sender.id, "T2.U9");
    EXPECT_EQ(message.sender.home_id, "") << "no plain id on a list means a guest";
    const auto of_ours = std::get<InboundMessage>(
        event(R"({"type":"message","channel":"C1","user":"U9","team":"T1","ts":"1.2","text":"x"})"));
    EXPECT_EQ(of_ours.sender.id, "T1.U9");
    EXPECT_EQ(of_ours.sender.home_id, "U9");
}

TEST(SlackWire, text_is_made_readable) {
    const std::pair<std::string_view, std::string_view> rows[] = {
        {"a &amp; b &lt;c&gt; &amp;lt;", "a & b <c> &lt;"},
        {"<https://x.example|here> <https://y.example>", "here (https://x.example) https://y.example"},
        {"<#C2|ops> <@U3> <@U3|eve> <!here> <!subteam^S1|@sre>", "#ops @U3 @eve @here @sre"},
        {"broken <http", "broken <http"},
        {"please <@UBOT> roll back", "please roll back"},
    };
    for (const auto& [raw, text] : rows) {
        const json::object message{
            {"type", "message"}, {"channel", "C1"}, {"user", "U9"}, {"ts", "1.2"}, {"text", raw}};
        EXPECT_EQ(std::get<InboundMessage>(event(json::write(message))).text, text);
    }
}

TEST(SlackWire, only_people_who_write_something_new_speak) {
    for (const auto* channel_type : {"im", "mpim", "group", "channel"}) {
        for (const auto* subtype :
             {"message_changed", "message_deleted", "bot_message", "channel_join", "channel_topic", "message_replied",
              "reminder_add", "ekm_access_denied", "assistant_app_thread", "something_of_next_year"}) {
            EXPECT_EQ(
                ignored(event(fmt::format(
                    R"({{"type":"message","subtype":"{}","channel":"C1","channel_type":"{}","user":"U9","ts":"1.2","text":"approve",
                "message":{{"user":"U9","text":"approve"}}}})",
                    subtype, channel_type))),
                std::string("subtype ") + subtype);
        }
    }
    EXPECT_EQ(ignored(event(R"({"type":"message","channel":"C1","user":"UBOT","ts":"1.2","text":"x"})")),
              "written by a bot");
    EXPECT_EQ(ignored(event(R"({"type":"message","channel":"C1","user":"U8","bot_id":"B8","ts":"1.2","text":"x"})")),
              "written by a bot");
    EXPECT_EQ(
        ignored(event(
            R"({"type":"app_mention","channel":"C1","user":"U9","edited":{"ts":"2"},"ts":"1.2","text":"<@UBOT> x"})")),
        "edited or hidden");
    EXPECT_EQ(ignored(event(R"({"type":"message","channel":"C1","ts":"1.2","text":"x"})")),
              "message without channel, user or ts");
    EXPECT_EQ(ignored(event(R"({"type":"reaction_added","user":"U9","item":{"channel":"C1"}})")),
              "event reaction_added");
    EXPECT_EQ(ignored(content("slash_commands", {})), "frame slash_commands");
    for (const auto* subtype : {"file_share", "thread_broadcast", "me_message"}) {
        EXPECT_EQ(
            ignored(event(fmt::format(
                R"({{"type":"message","subtype":"{}","channel":"C1","user":"U9","ts":"1.2","text":"x"}})", subtype))),
            "NOT IGNORED");
    }
}

TEST(SlackWire, a_pressed_button) {
    const auto payload =
        json::parse_object(
            R"({"type":"block_actions","user":{"id":"U9","username":"ada","team_id":"T1"},"team":{"id":"T1"},
        "channel":{"id":"C1","name":"ops"},"container":{"type":"message","message_ts":"1.3","channel_id":"C1","thread_ts":"1.2"},
        "response_url":"https://evil.example/","actions":[{"type":"button","action_id":"pincer_0_0","value":"approve:1","action_ts":"1700000001.5"}]})")
            .value();
    const auto action = std::get<InboundAction>(content("interactive", payload));
    EXPECT_EQ(action.event_id, "action:C1:1.3:U9:1700000001.5");
    EXPECT_EQ(action.route, (Route{"slack", "default", "C1", "1.2"}));
    EXPECT_EQ(action.sender.id, "T1.U9");
    EXPECT_EQ(action.message_ref, "1.3");
    EXPECT_EQ(action.token, "approve:1");
    EXPECT_EQ(action.answer_handle, "U9");
    EXPECT_EQ(ignored(content("interactive", {{"type", "view_submission"}})), "interaction view_submission");
}

TEST(SlackWire, frames_that_are_no_envelopes) {
    EXPECT_TRUE(std::holds_alternative<Hello>(parse_frame(R"({"type":"hello"})", kSelf, "a").value()));
    EXPECT_EQ(
        std::get<Disconnect>(parse_frame(R"({"type":"disconnect","reason":"warning"})", kSelf, "a").value()).reason,
        "warning");
    for (const auto* bad : {"", "[]", "{", R"({"type":"events_api"})"}) {
        const auto frame = parse_frame(bad, kSelf, "a");
        ASSERT_FALSE(frame) << bad;
        EXPECT_EQ(frame.error().code(), ErrorCode::protocol);
    }
    EXPECT_EQ(acknowledgement("e1"), R"({"envelope_id":"e1"})");
}

TEST(SlackWire, refusals_by_word) {
    using enum ErrorCode;
    struct Row {
        int status;
        std::string_view body;
        ErrorCode reading, sending;
    };
    const Row rows[] = {
        {200, R"({"ok":false,"error":"invalid_auth"})", unauthenticated, unauthenticated},
        {200, R"({"ok":false,"error":"missing_scope"})", forbidden, forbidden},
        {200, R"({"ok":false,"error":"channel_not_found"})", not_found, not_found},
        {200, R"({"ok":false,"error":"ratelimited"})", rate_limited, rate_limited},
        {200, R"({"ok":false,"error":"msg_too_long"})", invalid_argument, invalid_argument},
        {200, R"({"ok":false,"error":"internal_error"})", unavailable, outcome_unknown},
        {429, "", rate_limited, rate_limited},
        {503, "", unavailable, unavailable},
        {500, "<html>", unavailable, outcome_unknown},
        {200, "<html>", protocol, outcome_unknown},
    };
    const Call sending{.method = "chat.postMessage", .effect = Effect::delivers};
    for (const auto& row : rows) {
        const auto read = parse_reply(auth_test(), row.status, {{"Retry-After", "4"}}, row.body);
        const auto sent = parse_reply(sending, row.status, {}, row.body);
        ASSERT_FALSE(read || sent) << row.body;
        EXPECT_EQ(read.error().code(), row.reading) << row.body;
        EXPECT_EQ(sent.error().code(), row.sending) << row.body;
        if (row.reading == rate_limited) {
            EXPECT_EQ(read.error().retry_after(), Millis(4000));
        }
    }
    EXPECT_EQ(parse_reply(auth_test(), 200, {}, R"({"ok":false,"error":"invalid_auth"})").error().reason(),
              "INVALID_AUTH");
}

Outgoing outgoing() {
    return {.delivery_id = "d1",
            .route = {"slack", "default", "C1", "1.2"},
            .markdown = "x",
            .buttons = {{{"Approve", "a:1", ButtonStyle::primary}, {"Deny", "d:1", ButtonStyle::danger}}}};
}

TEST(SlackWire, a_message_with_buttons_in_a_thread) {
    const auto call = send_part(outgoing(), {.mrkdwn = "*x*"});
    EXPECT_EQ(call.method, "chat.postMessage");
    EXPECT_EQ(
        json::write_canonical(call.parameters),
        json::write_canonical(
            json::parse(R"({"channel":"C1","thread_ts":"1.2","text":"*x*","unfurl_links":false,"unfurl_media":false,
        "metadata":{"event_type":"pincer_delivery","event_payload":{"delivery_id":"d1","part":0,"parts":1}},
        "blocks":[{"type":"section","text":{"type":"mrkdwn","text":"*x*"}},{"type":"actions","elements":[
          {"type":"button","text":{"type":"plain_text","text":"Approve"},"value":"a:1","action_id":"pincer_0_0","style":"primary"},
          {"type":"button","text":{"type":"plain_text","text":"Deny"},"value":"d:1","action_id":"pincer_0_1","style":"danger"}]}]})")
                .value()));
    EXPECT_FALSE(send_part(outgoing(), {.mrkdwn = "x", .index = 0, .count = 2}).parameters.contains("blocks"));
}

TEST(SlackWire, an_edit_takes_the_old_buttons_away) {
    auto message = outgoing();
    message.edit_of = "1.3";
    message.buttons.clear();
    const auto call = send_part(message, {.mrkdwn = "done"});
    EXPECT_EQ(call.method, "chat.update");
    EXPECT_EQ(call.effect, Effect::none);
    EXPECT_EQ(json::string_or(call.parameters, "ts"), "1.3");
    EXPECT_EQ(json::write(*json::find(call.parameters, "blocks")), "[]");
}

TEST(SlackWire, only_our_own_messages_settle_a_delivery) {
    const auto message = [](std::string_view author, std::string_view delivery, int part, std::string_view ts) {
        return fmt::format(
            R"({{{},"ts":"{}","metadata":{{"event_type":"pincer_delivery","event_payload":{{"delivery_id":"{}","part":{},"parts":2}}}}}})",
            author, ts, delivery, part);
    };
    const auto page = [](std::string first, std::string second) {
        return json::parse_object(fmt::format(R"({{"ok":true,"messages":[{},{}]}})", first, second)).value();
    };
    const auto look = [&](const json::object& where) {
        Sightings found;
        look_for("d1", where, kSelf, found);
        return found;
    };
    EXPECT_TRUE(
        look(page(message(R"("user":"UBOT")", "d1", 0, "1"), message(R"("bot_id":"BBOT")", "d1", 1, "2"))).complete());
    EXPECT_FALSE(
        look(page(message(R"("user":"UBOT")", "d1", 0, "1"), message(R"("user":"UBOT")", "d2", 1, "2"))).complete());
    EXPECT_EQ(
        look(page(message(R"("user":"U9")", "d1", 0, "1"), message(R"("bot_id":"B8")", "d1", 1, "2"))).refs.size(), 0u);
    EXPECT_EQ(read_page(outgoing(), "").method, "conversations.replies");
    auto top = outgoing();
    top.route.thread_id.clear();
    EXPECT_EQ(read_page(top, "").method, "conversations.history");
}

TEST(SlackWire, what_can_never_be_sent_is_refused_before_it_leaves) {
    EXPECT_TRUE(check_outgoing(outgoing()));
    const auto refused = [](auto change) {
        auto message = outgoing();
        change(message);
        const auto checked = check_outgoing(message);
        return !checked && checked.error().code() == ErrorCode::invalid_argument;
    };
    EXPECT_TRUE(refused([](Outgoing& m) { m.route.to.clear(); }));
    EXPECT_TRUE(refused([](Outgoing& m) { m.markdown = "\n"; }));
    EXPECT_TRUE(refused([](Outgoing& m) { m.buttons[0][0].token = std::string(65, 'x'); }));
    EXPECT_TRUE(refused([](Outgoing& m) { m.buttons[0][0].label = std::string(76, 'x'); }));
    EXPECT_TRUE(refused([](Outgoing& m) { m.buttons[0].clear(); }));
}

}  // namespace
}  // namespace pincer::channels::slack
