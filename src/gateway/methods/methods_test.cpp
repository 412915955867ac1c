#include "gateway/methods/handlers.hpp"
#include "gateway/testing/gateway_test_base.hpp"

namespace pincer::gateway {
namespace {

using agent::testing::text_reply;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::object;
using ::testing::SizeIs;

TEST(MethodTable, is_the_wire_table_no_more_and_no_less) {
    std::vector<std::string> ours, known;
    for (const Method& method : all_methods()) {
        ours.emplace_back(method.name);
        EXPECT_TRUE((method.quick != nullptr) != (method.slow != nullptr)) << method.name << " has one handler";
        EXPECT_EQ(find_handler(method.name), &method);
    }
    for (const wire::Method& method : wire::methods()) known.emplace_back(method.name);
    EXPECT_EQ(ours, known);
    EXPECT_EQ(find_handler("no.such"), nullptr);
}

class Methods : public testing::GatewayTest {
protected:
    Answer call(std::string_view name, std::string_view params = "{}") {
        const Method* method = find_handler(name);
        EXPECT_NE(method, nullptr) << name;
        MethodCall made{core(), caller, object(params), {}};
        if (method->quick) return method->quick(made);
        return run(method->slow(std::move(made)));
    }
    json::object ask(std::string_view name, std::string_view params = "{}") {
        const Answer answer = call(name, params);
        EXPECT_FALSE(answer.error) << name << ": " << (answer.error ? answer.error->message : "");
        return answer.error ? json::object{} : object(answer.payload);
    }
    std::string refusal(std::string_view name, std::string_view params = "{}") {
        const Answer answer = call(name, params);
        return answer.error ? answer.error->message : "answered: " + answer.payload;
    }
    Caller caller{.conn_id = "c1",
                  .device_id = "",
                  .scopes = {wire::Scope::admin},
                  .principal = {"operator:web", "Web", ""},
                  .client_mode = "webchat",
                  .subscribed = false,
                  .watched = {}};
};

TEST_F(Methods, an_exec_request_is_bound_to_all_that_decides_what_runs_and_shows_it) {
    const auto request = [&](std::string_view params) {
        std::set<std::string> before;
        for (const auto& record : core().approvals.desk().pending()) before.insert(record.id.str());
        io::TaskGroup group(runtime);
        struct Asker {
            static Task<> ask(Core& core, Caller& caller, json::object params) {
                MethodCall made{core, caller, std::move(params), {}};
                (void)co_await find_handler("exec.approval.request")->slow(std::move(made));
            }
        };
        group.spawn(Asker::ask(core(), caller, object(params)));
        pump();
        run(group.stop());
        auto pending = core().approvals.desk().pending();
        std::erase_if(pending, [&](const approval::Record& record) { return before.contains(record.id.str()); });
        EXPECT_THAT(pending, SizeIs(1));
        return pending.empty() ? approval::Request{} : pending.front().request;
    };
    const std::string base =
        R"({"command":"ls","commandArgv":["ls","-l"],"cwd":"/a","host":"node","env":{"X":"1"},"agentId":"main","nodeId":"n1","security":"allowlist","ask":"always","resolvedPath":"/bin/ls"})";
    const auto first = request(base);
    EXPECT_EQ(first.subject_digest, request(base).subject_digest);
    const std::pair<const char*, const char*> changes[] = {
        {"command", R"("ls ")"},
        {"commandArgv", R"(["ls","-l",""])"},
        {"cwd", R"("/a/")"},
        {"host", R"("gateway")"},
        {"env", R"({"X":"2"})"},
        {"agentId", R"("other")"},
        {"nodeId", R"("n2")"},
        {"security", R"("full")"},
        {"ask", R"("off")"},
        {"resolvedPath", R"("/tmp/ls")"},
        {"env", R"({"X":"1","LD_PRELOAD":"/x"})"},
        {"commandArgv", R"(["ls -l"])"},
    };
    std::set<std::string> digests{first.subject_digest};
    for (const auto& [field, value] : changes) {
        json::object changed = object(base);
        changed[field] = *json::parse(value);
        EXPECT_TRUE(digests.insert(request(json::write(changed)).subject_digest).second) << field << " = " << value;
    }
    const auto lying = request(
        R"({"command":"ls","commandArgv":["rm","-rf","/srv/a b"],"env":{"LD_PRELOAD":"/evil.so","TOKEN":"s3cret"}})");
    EXPECT_EQ(lying.presentation.at("command"), "rm -rf '/srv/a b'") << "the list runs, so the list is shown";
    EXPECT_EQ(lying.presentation.at("warningText"), "It sets the variables LD_PRELOAD, TOKEN.");
    EXPECT_THAT(json::write(lying.subject) + json::write(lying.presentation), ::testing::Not(HasSubstr("s3cret")));
}

TEST_F(Methods, chat_send_is_started_in_flight_and_done_under_one_key) {
    io::Event release(runtime);
    tools.add(agent::testing::read_tool("infra__look"), agent::testing::text_result("seen"));
    tools.hold("infra__look", release);
    scripted.then(agent::testing::call_reply("infra__look", {})).then(text_reply("done"));
    const char* question = R"({"sessionKey":"main","message":"hello","idempotencyKey":"k1"})";
    EXPECT_EQ(ask("chat.send", question)["status"], "started");
    EXPECT_EQ(ask("chat.send", question)["status"], "in_flight");
    release.set();
    pump();
    EXPECT_EQ(ask("chat.send", question)["status"], "ok");
    EXPECT_THAT(transcript("agent:main:main"), ElementsAre("user: hello", "assistant: done"));
    EXPECT_THAT(refusal("chat.send", R"({"sessionKey":"nonsense","message":"x","idempotencyKey":"k2"})"),
                HasSubstr("invalid session key"));
    EXPECT_THAT(refusal("chat.send", fmt::format(R"({{"sessionKey":"main","message":"{}","idempotencyKey":"k3"}})",
                                                 std::string(70'000, 'x'))),
                HasSubstr("over the limit"));
    EXPECT_THAT(refusal("chat.send", fmt::format(R"({{"sessionKey":"main","message":"x","idempotencyKey":"{}"}})",
                                                 std::string(300, 'x'))),
                HasSubstr("256 bytes"));
}

TEST_F(Methods, a_session_is_read_in_every_way) {
    scripted.then(text_reply("hello to you"));
    platform.write("ann", "hello there", "D1");
    pump();
    const std::string key = "agent:main:slack:direct:ann";
    const json::object listed =
        ask("sessions.list", R"({"limit":1,"includeDerivedTitles":true,"includeLastMessage":true})");
    const json::object& row = listed.at("sessions").as_array().at(0).as_object();
    EXPECT_EQ(json::string_or(row, "key"), key);
    EXPECT_EQ(row.at("derivedTitle"), "hello there");
    EXPECT_EQ(row.at("lastMessagePreview"), "hello to you");
    EXPECT_EQ(row.at("deliveryContext").as_object().at("to"), "D1");
    EXPECT_EQ(listed.at("hasMore"), false);
    EXPECT_EQ(ask("sessions.list", R"({"search":"nothing like it"})").at("totalCount"), 0);
    EXPECT_TRUE(ask("sessions.describe", R"({"key":"nothing"})").at("session").is_null());
    EXPECT_TRUE(ask("sessions.get", R"({"key":"nothing"})").at("messages").as_array().empty());
    const json::object messages = ask("sessions.get", R"({"key":"agent:main:slack:direct:ann","limit":20})");
    ASSERT_EQ(messages.at("messages").as_array().size(), 2u);
    const std::string id(
        messages.at("messages").as_array()[0].as_object().at("__openclaw").as_object().at("id").as_string());
    EXPECT_EQ(ask("chat.message.get", fmt::format(R"({{"sessionKey":"{}","messageId":"{}"}})", key, id)).at("ok"),
              true);
    EXPECT_EQ(
        ask("chat.message.get", fmt::format(R"({{"sessionKey":"agent:main:other","messageId":"{}"}})", id)).at("ok"),
        false)
        << "not through another session";
    const std::string session_id(row.at("sessionId").as_string());
    EXPECT_EQ(ask("sessions.resolve", fmt::format(R"({{"sessionId":"{}"}})", session_id)).at("key").as_string(),
              std::string_view(key));
    EXPECT_EQ(ask("events.replay", R"({"afterEventId":0})").at("events").as_array().size(), 2u);
    EXPECT_EQ(ask("events.replay", R"({"afterEventId":1})").at("events").as_array().size(), 1u);
    EXPECT_EQ(ask("sessions.delete", fmt::format(R"({{"key":"{}"}})", key)).at("deleted"), true);
    EXPECT_EQ(ask("events.replay", R"({"afterEventId":0})").at("events").as_array().size(), 0u)
        << "what is deleted is told no more";
    EXPECT_EQ(ask("events.replay", R"({"afterEventId":0})").at("newestId"), 2);
}

TEST_F(Methods, approvals_are_replayed_as_they_were_told) {
    std::vector<std::pair<std::string, std::string>> told;
    auto listening = core().events.subscribe([&](const Event& event) {
        if (event.name.contains(".approval.")) told.emplace_back(event.name, *event.payload);
    });
    tools.add(agent::testing::change_tool("infra__restart"), agent::testing::text_result("restarted"));
    for (int i = 0; i < 2; ++i)
        scripted.then(agent::testing::call_reply("infra__restart", {})).then(text_reply("done"));
    platform.write("ann", "restart", "D1");
    pump();
    platform.click("boss", *platform.card(), 0);
    pump();
    platform.write("ann", "again", "D1");
    pump();
    ASSERT_THAT(told, SizeIs(3)) << "asked, decided, asked";
    std::vector<std::pair<std::string, std::string>> replayed;
    std::int64_t last = 0;
    const json::object page = ask("events.replay", R"({"afterEventId":0})");
    for (const json::value& item : page.at("events").as_array()) {
        const json::object& event = item.as_object();
        EXPECT_GT(event.at("id").as_int64(), last);
        last = event.at("id").as_int64();
        if (const std::string name = json::string_or(event, "event"); name.contains(".approval."))
            replayed.emplace_back(name, json::write(event.at("payload")));
    }
    EXPECT_EQ(replayed, told) << "word by word, with their numbers";
    EXPECT_EQ(page.at("newestId").as_int64(), last);
    EXPECT_THAT(replayed[1].first, HasSubstr("plugin.approval.resolved"));
    EXPECT_THAT(replayed[1].second, HasSubstr(fmt::format(R"("eventId":{})", 3)));

    listening = {};
    ASSERT_TRUE(restart());
    EXPECT_EQ(core().store.event_range().second, last) << "the log is where it was";
    advance(Millis(31 * 60'000));  // the second one expires
    const json::object later = ask("events.replay", fmt::format(R"({{"afterEventId":{}}})", last));
    EXPECT_THAT(json::write(later), HasSubstr("plugin.approval.resolved"));
    caller.scopes = {wire::Scope::read};
    EXPECT_THAT(json::write(ask("events.replay", R"({"afterEventId":0})")), ::testing::Not(HasSubstr("approval")))
        << "not for those who may not see them";
}

TEST_F(Methods, send_is_once_for_its_key_and_never_lost) {
    scripted.then(text_reply("hi"));
    platform.write("ann", "hello", "D1");
    pump();
    const char* note =
        R"({"sessionKey":"agent:main:slack:direct:ann","channel":"slack","to":"D1","message":"from us","idempotencyKey":"s1"})";
    EXPECT_EQ(ask("send", note).at("status"), "queued");
    EXPECT_EQ(ask("send", note).at("status"), "duplicate");
    pump();
    EXPECT_THAT(platform.in("D1"), SizeIs(2));
    EXPECT_EQ(transcript("agent:main:slack:direct:ann").back(), "assistant: from us");
    EXPECT_EQ(
        ask("send", R"({"sessionKey":"agent:main:slack:direct:ann","message":"by its route","idempotencyKey":"s2"})")
            .at("channel"),
        "slack");
    EXPECT_THAT(refusal("send", R"({"message":"x","idempotencyKey":"s3"})"),
                HasSubstr("needs a channel and a recipient"));
    EXPECT_THAT(refusal("send", R"({"channel":"matrix","to":"r","message":"x","idempotencyKey":"s4"})"),
                HasSubstr("not configured here"));
    // Cut off at any step: the retry under the same key makes it one message.
    for (int at = 1; at <= 4; ++at) {
        const int base = power.steps();
        power.fails_at = [&, base](std::string_view) { return power.steps() == base + at; };
        const std::string params =
            fmt::format(R"({{"channel":"slack","to":"D9","message":"n{0}","idempotencyKey":"c{0}"}})", at);
        (void)call("send", params);
        pump();
        power.fails_at = nullptr;
        if (!power.on()) crash();
        if (!running()) ASSERT_TRUE(start());
        (void)ask("send", params);
        pump();
        EXPECT_THAT(platform.in("D9"), SizeIs(std::size_t(at))) << "cut off at step " << at;
    }
}

TEST_F(Methods, status_tells_of_channels_and_nothing_secret) {
    config.raw = object(R"({"gateway":{"auth":{"token":"CANARY"}}})");
    ASSERT_TRUE(restart());
    for (const char* name :
         {"health", "status", "channels.status", "config.get", "models.list", "agents.list", "gateway.identity.get"}) {
        EXPECT_THAT(call(name).payload, ::testing::Not(HasSubstr("CANARY"))) << name;
        EXPECT_THAT(call(name).payload, ::testing::Not(HasSubstr(testing::kToken))) << name;
    }
    EXPECT_THAT(ask("channels.status").at("channelOrder").as_array(), SizeIs(1));
    EXPECT_THAT(call("channels.status").payload, HasSubstr(R"("connected":true)"));
    EXPECT_EQ(call("last-heartbeat").payload, "null");
}

TEST_F(Methods, a_channel_that_cannot_work_is_shown_with_its_error_and_tried_again) {
    stop();
    platform.end_run = {Error(ErrorCode::unauthenticated, "invalid_auth")};
    ASSERT_TRUE(start());
    EXPECT_THAT(call("channels.status").payload, HasSubstr("invalid_auth"));
    advance(Millis(1'000));
    EXPECT_THAT(call("channels.status").payload, HasSubstr(R"("connected":true)"));
}

TEST_F(Methods, pairing_is_listed_and_approved_by_its_code) {
    stop();
    config.channels[0].access = {};
    ASSERT_TRUE(start());
    platform.write("eve", "hello", "D-eve");
    pump();
    const json::object listed = ask("channels.pairing.list");
    ASSERT_EQ(listed.at("requests").as_array().size(), 1u);
    const std::string code(listed.at("requests").as_array()[0].as_object().at("requestId").as_string());
    EXPECT_THAT(refusal("channels.pairing.approve", R"({"channel":"slack"})"), HasSubstr("needs the requestId"));
    EXPECT_EQ(ask("channels.pairing.approve", fmt::format(R"({{"channel":"slack","code":"{}"}})", code)).at("senderId"),
              "eve");
    EXPECT_THAT(refusal("channels.pairing.approve", fmt::format(R"({{"channel":"slack","code":"{}"}})", code)),
                HasSubstr("no pending pairing"));
    EXPECT_THAT(audit_records("pairing.approved"), SizeIs(2)) << "who tried is in the chain, before it happens";
}

TEST_F(Methods, what_one_connection_watches_is_bounded) {
    for (std::size_t i = 0; i < kMostWatched; ++i)
        ask("sessions.messages.subscribe", fmt::format(R"({{"key":"agent:main:{}"}})", i));
    EXPECT_THAT(refusal("sessions.messages.subscribe", R"({"key":"agent:main:more"})"), HasSubstr("may watch"));
    ask("sessions.messages.unsubscribe", R"({"key":"agent:main:0"})");
    ask("sessions.messages.subscribe", R"({"key":"agent:main:more"})");
}

}  // namespace
}  // namespace pincer::gateway
