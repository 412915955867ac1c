#include "mcp/server_session.hpp"

#include <gtest/gtest.h>

#include "mcp/zod_wording.hpp"

namespace pincer::mcp {
namespace {

constexpr const char* kMeta =
    R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}})";

Task<Result<ToolResult>> never_called(ToolCall) { co_return PINCER_FAIL(internal, "the session runs no tasks"); }

// A session with an immediate tool "echo", a slow one "slow" and one that wants the client's help, "ask".
class Session : public testing::Test {
protected:
    void SetUp() override { open({.implementation = {"test", "1"}}); }

    void open(ServerOptions options) {
        session.reset();
        server = std::make_unique<Server>(std::move(options));
        Tool echo{
            .info = {
                .name = "echo",
                .input_schema = *json::parse_object(
                    R"({"type":"object","properties":{"text":{"type":"string","minLength":1},"n":{"type":"integer","minimum":1}},"required":["text"]})")}};
        echo.now = [](const ToolCall& call) -> Result<ToolResult> {
            call.progress({.done = 1});
            if (call.arguments.at("text") == "fail") return PINCER_FAIL(unavailable, "the gateway is away");
            return ToolResult::of({{"text", call.arguments.at("text")}});
        };
        ASSERT_TRUE(server->add_tool(std::move(echo)));
        ASSERT_TRUE(
            server->add_tool({.info = {.name = "slow", .annotations = {.read_only = true}}, .run = never_called}));
        ASSERT_TRUE(server->add_tool({.info = {.name = "ask"},
                                      .run = never_called,
                                      .required_client_capabilities = {{"elicitation", json::object()}}}));
        session = std::make_unique<ServerSession>(*server, Principal{.id = "me"});
    }

    std::vector<std::string> texts() {
        std::vector<std::string> lines;
        for (auto& message : out.send) lines.push_back(message.text);
        out.send.clear();
        return lines;
    }
    // The one text that is sent in answer.
    std::string ask(const std::string& text) {
        session->receive(text, out);
        const auto lines = texts();
        EXPECT_EQ(lines.size(), 1u) << text;
        return lines.empty() ? "" : lines.front();
    }
    std::string request(const std::string& method, const std::string& params = "{}", int id = 1) {
        return fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":"{}","params":{}}})", id, method, params);
    }
    void initialize(const std::string& version = "2025-06-18") {
        ask(request("initialize", R"({"protocolVersion":")" + version +
                                      R"(","capabilities":{},"clientInfo":{"name":"c","version":"9"}})"));
        session->receive(R"({"jsonrpc":"2.0","method":"notifications/initialized"})", out);
    }

    std::unique_ptr<Server> server;
    std::unique_ptr<ServerSession> session;
    ServerSession::Output out;
};

// --- legacy

TEST_F(Session, agrees_on_every_legacy_revision_and_offers_its_newest_for_others) {
    for (const auto& [asked, given] :
         std::initializer_list<std::pair<std::string, std::string>>{{"2024-11-05", "2024-11-05"},
                                                                    {"2025-03-26", "2025-03-26"},
                                                                    {"2025-06-18", "2025-06-18"},
                                                                    {"2025-11-25", "2025-11-25"},
                                                                    {"2024-10-07", "2025-11-25"},
                                                                    {"2099-01-01", "2025-11-25"}}) {
        open({.implementation = {"test", "1"},
              .instructions = "do",
              .experimental = {{"claude/channel", json::object()}}});
        const std::string answer =
            ask(request("initialize", R"({"protocolVersion":")" + asked +
                                          R"(","capabilities":{},"clientInfo":{"name":"c","version":"9"}})"));
        EXPECT_EQ(
            answer,
            R"({"jsonrpc":"2.0","id":1,"result":{"protocolVersion":")" + given +
                R"(","capabilities":{"experimental":{"claude/channel":{}},)"
                R"("tools":{"listChanged":true}},"serverInfo":{"name":"test","version":"1"},"instructions":"do"}})");
        EXPECT_EQ(session->client().name, "c");
    }
}

struct Refusal {
    const char* method;
    const char* params;
    int code;
};

class LegacyRefusals : public Session, public testing::WithParamInterface<Refusal> {};

TEST_P(LegacyRefusals, have_the_code_of_the_specification) {
    initialize();
    session->receive(request(GetParam().method, GetParam().params), out);
    ASSERT_EQ(out.send.size(), 1u);
    EXPECT_EQ(out.send[0].error_code, GetParam().code) << out.send[0].text;
    EXPECT_TRUE(out.send[0].is_response);
}

INSTANTIATE_TEST_SUITE_P(
    Table, LegacyRefusals,
    testing::Values(Refusal{"resources/list", "{}", -32601}, Refusal{"prompts/list", "{}", -32601},
                    Refusal{"server/discover", "{}", -32601},
                    Refusal{"logging/setLevel", R"({"level":"info"})", -32601}, Refusal{"nope", "{}", -32601},
                    Refusal{"initialize", R"({"protocolVersion":"2025-06-18"})", -32600},
                    Refusal{"tools/call", "{}", -32602}, Refusal{"tools/call", R"({"name":1})", -32602},
                    Refusal{"tools/call", R"({"name":"echo","arguments":[]})", -32602},
                    Refusal{"tools/call", R"({"name":"gone"})", -32602},
                    Refusal{"tools/call", R"({"name":"ask"})", -32021},
                    Refusal{"tools/list", R"({"cursor":"x"})", -32602},
                    Refusal{"tools/list", R"({"cursor":7})", -32602}, Refusal{"tools/list", "[]", -32602}));

TEST_F(Session, before_initialize_only_ping_is_answered) {
    EXPECT_EQ(ask(request("ping")), R"({"jsonrpc":"2.0","id":1,"result":{}})");
    EXPECT_NE(ask(request("tools/list")).find("-32602"), std::string::npos);
    EXPECT_FALSE(session->initialized());
}

TEST_F(Session, runs_an_immediate_tool_inside) {
    initialize();
    EXPECT_EQ(
        ask(request("tools/call", R"({"name":"echo","arguments":{"text":"hi"}})")),
        R"({"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"{\"text\":\"hi\"}"}],"structuredContent":{"text":"hi"}}})");
    EXPECT_EQ(
        ask(request("tools/call", R"({"name":"echo","arguments":{"text":"fail"}})")),
        R"({"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"the gateway is away"}],"isError":true}})");
    EXPECT_TRUE(out.start.empty());
}

TEST_F(Session, progress_goes_before_the_answer_and_only_to_who_asked) {
    initialize();
    session->receive(
        request("tools/call", R"({"name":"echo","arguments":{"text":"hi"},"_meta":{"progressToken":"t"}})"), out);
    const auto lines = texts();
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(lines[0],
              R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":1}})");
}

TEST_F(Session, hands_out_slow_tools_and_answers_them_in_any_order) {
    initialize();
    session->receive(request("tools/call", R"({"name":"slow"})", 1), out);
    session->receive(request("tools/call", R"({"name":"slow","arguments":{}})", 2), out);
    ASSERT_EQ(out.start.size(), 2u);
    EXPECT_EQ(out.start[0].call.principal.id, "me");
    EXPECT_EQ(session->running(), 2u);
    session->finish(out.start[1].key, ToolResult::text("b"), out);
    session->finish(out.start[0].key, ToolResult::text("a"), out);
    session->finish(out.start[0].key, ToolResult::text("again"), out);
    const auto lines = texts();
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_NE(lines[0].find(R"("id":2)"), std::string::npos);
    EXPECT_NE(lines[1].find(R"("id":1)"), std::string::npos);
}

TEST_F(Session, a_cancelled_call_is_stopped_and_never_heard_of_again) {
    initialize();
    session->receive(request("tools/call", R"({"name":"slow","_meta":{"progressToken":1}})", 5), out);
    const auto start = std::move(out.start.at(0));
    session->receive(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}})", out);
    ASSERT_EQ(out.cancel.size(), 1u);
    EXPECT_EQ(out.cancel[0].key, start.key);
    start.call.progress({.done = 3});
    session->take_outbox(out);
    session->finish(start.key, ToolResult::text("late"), out);
    EXPECT_TRUE(out.send.empty());
    for (const char* nonsense : {R"({"requestId":5})", R"({"requestId":"5"})", R"({"requestId":[]})", "{}"}) {
        session->receive(fmt::format(R"({{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}})", nonsense),
                         out);
    }
    EXPECT_EQ(out.cancel.size(), 1u);
    EXPECT_TRUE(out.send.empty());
}

TEST_F(Session, a_channel_outlives_its_session_silently) {
    initialize();
    session->receive(request("tools/call", R"({"name":"slow","_meta":{"progressToken":1}})"), out);
    const auto call = out.start.at(0).call;
    session.reset();
    call.progress({.done = 1});
}

TEST_F(Session, progress_must_grow) {
    initialize();
    int told = 0;
    session->set_on_outbox([&] { ++told; });
    session->receive(request("tools/call", R"({"name":"slow","_meta":{"progressToken":1}})"), out);
    const auto call = out.start.at(0).call;
    for (double done : {1.0, 1.0, 0.5, 2.0}) call.progress({.done = done, .total = 2, .message = "m"});
    EXPECT_EQ(told, 1);
    session->take_outbox(out);
    EXPECT_EQ(out.send.size(), 2u);
    EXPECT_EQ(out.send[0].about, jsonrpc::RequestId(1));
}

TEST_F(Session, batches_exist_in_2025_03_26_and_no_longer_after) {
    initialize("2025-03-26");
    const std::string batch = "[" + request("ping", "{}", 1) + "," +
                              request("tools/call", R"({"name":"echo","arguments":{"text":"x"}})", 2) + "]";
    EXPECT_EQ(json::parse(ask(batch))->as_array().size(), 2u);
    open({.implementation = {"test", "1"}});
    initialize("2025-06-18");
    EXPECT_NE(ask(batch).find("-32600"), std::string::npos);
}

TEST_F(Session, pages_through_its_tools) {
    open({.implementation = {"test", "1"}, .page_size = 2});
    initialize();
    const auto first = *json::parse(ask(request("tools/list")));
    EXPECT_EQ(first.at("result").at("tools").as_array().size(), 2u);
    const std::string cursor(first.at("result").at("nextCursor").as_string());
    const auto second = *json::parse(ask(request("tools/list", R"({"cursor":")" + cursor + "\"}")));
    EXPECT_EQ(second.at("result").at("tools").as_array().size(), 1u);
    EXPECT_FALSE(second.at("result").as_object().contains("nextCursor"));
}

TEST_F(Session, speaks_as_the_typescript_library_when_asked_to) {
    open({.implementation = {"t", "1"},
          .argument_wording = zod_argument_wording,
          .unknown_tool = UnknownTool::tool_result});
    initialize();
    const auto text = [&](const char* params) {
        const auto answer = *json::parse(ask(request("tools/call", params)));
        EXPECT_TRUE(answer.at("result").at("isError").as_bool());
        return std::string(answer.at("result").at("content").at(0).at("text").as_string());
    };
    EXPECT_EQ(text(R"({"name":"echo","arguments":{"text":"a","n":0}})"),
              "MCP error -32602: Input validation error: Invalid arguments for tool echo: Too small: expected number "
              "to be >=1 at n");
    EXPECT_EQ(text(R"({"name":"echo"})"),
              "MCP error -32602: Input validation error: Invalid arguments for tool echo: Invalid input: expected "
              "string, received undefined at text");
    EXPECT_EQ(text(R"({"name":"nope"})"), "MCP error -32602: Tool nope not found");
}

TEST_F(Session, tells_legacy_clients_once_they_are_ready) {
    server->notify("notifications/x", {});
    session->notify({"notifications/x", {}}, out);
    EXPECT_TRUE(out.send.empty());
    initialize();
    session->notify({"notifications/claude/channel", {{"content", "hi"}}}, out);
    EXPECT_EQ(texts(), std::vector<std::string>{
                           R"({"jsonrpc":"2.0","method":"notifications/claude/channel","params":{"content":"hi"}})"});
}

TEST_F(Session, passes_foreign_notifications_on) {
    std::string seen;
    server->on_notification("notifications/claude/channel/permission_request",
                            [&](const json::object& params) { seen = json::write(params); });
    session->receive(
        R"({"jsonrpc":"2.0","method":"notifications/claude/channel/permission_request","params":{"request_id":"abcde"}})",
        out);
    EXPECT_EQ(seen, R"({"request_id":"abcde"})");
}

TEST_F(Session, limits_calls_in_flight) {
    open({.implementation = {"test", "1"}, .max_calls_in_flight = 2});
    initialize();
    for (int id = 1; id <= 2; ++id) session->receive(request("tools/call", R"({"name":"slow"})", id), out);
    EXPECT_NE(ask(request("tools/call", R"({"name":"slow"})", 3)).find("-32000"), std::string::npos);
    EXPECT_NE(ask(request("tools/call", R"({"name":"slow"})", 2)).find("-32600"), std::string::npos);
    EXPECT_EQ(session->running(), 2u);
}

// --- modern

TEST_F(Session, answers_discover) {
    const auto answer = *json::parse(ask(request("server/discover", fmt::format("{{{}}}", kMeta))));
    EXPECT_EQ(
        json::write(answer.at("result")),
        R"({"supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true}},"resultType":"complete","ttlMs":0,"cacheScope":"private",)"
        R"("_meta":{"io.modelcontextprotocol/serverInfo":{"name":"test","version":"1"}}})");
}

TEST_F(Session, every_modern_result_says_that_it_is_complete) {
    const auto list = *json::parse(ask(request("tools/list", fmt::format("{{{}}}", kMeta))));
    EXPECT_EQ(list.at("result").at("resultType"), "complete");
    EXPECT_EQ(list.at("result").at("ttlMs"), 0);
    EXPECT_EQ(list.at("result").at("tools").as_array().size(), 3u);
    const auto call = *json::parse(
        ask(request("tools/call", fmt::format(R"({{"name":"echo","arguments":{{"text":"x"}},{}}})", kMeta))));
    EXPECT_EQ(call.at("result").at("resultType"), "complete");
    EXPECT_EQ(call.at("result").at("_meta").at("io.modelcontextprotocol/serverInfo").at("name"), "test");
    EXPECT_FALSE(session->initialized());
}

class ModernRefusals : public Session, public testing::WithParamInterface<Refusal> {};

TEST_P(ModernRefusals, have_the_code_of_the_specification) {
    session->receive(request(GetParam().method, GetParam().params), out);
    ASSERT_EQ(out.send.size(), 1u);
    EXPECT_EQ(out.send[0].error_code, GetParam().code) << out.send[0].text;
}

#define MODERN \
    R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}})"
INSTANTIATE_TEST_SUITE_P(
    Table, ModernRefusals,
    testing::Values(
        Refusal{"ping", "{" MODERN "}", -32601}, Refusal{"initialize", "{" MODERN "}", -32601},
        Refusal{"logging/setLevel", "{" MODERN "}", -32601}, Refusal{"resources/read", "{" MODERN "}", -32601},
        Refusal{"server/discover", "{}", -32602}, Refusal{"tools/list", "{}", -32602},
        Refusal{"tools/list", R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}})", -32602},
        Refusal{
            "tools/list",
            R"({"_meta":{"io.modelcontextprotocol/protocolVersion":5,"io.modelcontextprotocol/clientCapabilities":{}}})",
            -32602},
        Refusal{
            "tools/list",
            R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"1900-01-01","io.modelcontextprotocol/clientCapabilities":{}}})",
            -32022},
        Refusal{"tools/call", R"({"name":"gone",)" MODERN "}", -32602},
        Refusal{"tools/call", R"({"name":"ask",)" MODERN "}", -32021},
        Refusal{"subscriptions/listen", "{" MODERN "}", -32602}));

TEST_F(Session, names_the_supported_versions) {
    const std::string answer =
        ask(request("tools/list", R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"2030-01-01"}})"));
    EXPECT_EQ(answer, R"({"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"Unsupported protocol version",)"
                      R"("data":{"supported":["2026-07-28"],"requested":"2030-01-01"}}})");
}

TEST_F(Session, acknowledges_a_subscription_first_and_ends_it_gracefully) {
    EXPECT_EQ(
        ask(request(
            "subscriptions/listen",
            fmt::format(R"({{"notifications":{{"toolsListChanged":true,"promptsListChanged":true}},{}}})", kMeta), 7)),
        R"({"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":7},)"
        R"("notifications":{"toolsListChanged":true}}})");
    session->notify({"notifications/tools/list_changed", {}}, out);
    session->notify({"notifications/claude/channel", {}}, out);
    const auto lines = texts();
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(
        lines[0],
        R"({"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":7}}})");
    session->end_subscriptions(out);
    EXPECT_NE(texts().at(0).find(R"("id":7,"result":{"resultType":"complete")"), std::string::npos);
    EXPECT_EQ(session->subscriptions(), 0u);
}

TEST_F(Session, a_cancelled_subscription_is_silent) {
    ask(request("subscriptions/listen", fmt::format(R"({{"notifications":{{"toolsListChanged":true}},{}}})", kMeta),
                7));
    session->receive(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}})", out);
    session->notify({"notifications/tools/list_changed", {}}, out);
    session->end_subscriptions(out);
    EXPECT_TRUE(out.send.empty());
}

TEST_F(Session, a_server_of_one_era_refuses_the_other) {
    open({.implementation = {"test", "1"}, .modern = false});
    EXPECT_NE(ask(request("server/discover", fmt::format("{{{}}}", kMeta))).find("-32601"), std::string::npos);
    open({.implementation = {"test", "1"}, .legacy = false});
    const auto refusal = ask(request("initialize", R"({"protocolVersion":"2025-06-18","capabilities":{}})"));
    EXPECT_NE(refusal.find(R"("supported":["2026-07-28"])"), std::string::npos);
}

TEST_F(Session, logs_only_when_declared_and_asked_for) {
    open({.implementation = {"test", "1"}, .logging = true});
    const std::string with_level =
        R"({"name":"slow","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
        R"("io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/logLevel":"warning"}})";
    session->receive(request("tools/call", with_level, 1), out);
    session->receive(request("tools/call", fmt::format(R"({{"name":"slow",{}}})", kMeta), 2), out);
    for (auto& start : out.start) {
        for (const char* level : {"info", "error", "nonsense"}) start.call.channel->log(level, "x");
    }
    session->take_outbox(out);
    EXPECT_EQ(texts(),
              std::vector<std::string>{
                  R"({"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","data":"x"}})"});
}

TEST(Server, refuses_tools_that_cannot_work) {
    Server server({.implementation = {"t", "1"}});
    const auto handler = [](const ToolCall&) -> Result<ToolResult> { return ToolResult::text(""); };
    EXPECT_TRUE(server.add_tool({.info = {.name = "a"}, .now = handler}));
    EXPECT_EQ(server.add_tool({.info = {.name = "a"}, .now = handler}).error().code(), ErrorCode::already_exists);
    EXPECT_EQ(server.add_tool({.info = {.name = ""}, .now = handler}).error().code(), ErrorCode::invalid_argument);
    const auto bad = server.add_tool({.info = {.name = "b", .input_schema = {{"type", "nonsense"}}}, .now = handler});
    EXPECT_NE(bad.error().message().find("tool b: schema at"), std::string::npos) << bad.error().message();
    EXPECT_TRUE(server.remove_tool("a"));
    EXPECT_FALSE(server.remove_tool("a"));
}

TEST_F(Session, does_not_pass_on_what_breaks_the_output_schema) {
    const auto handler = [](const ToolCall& call) -> Result<ToolResult> {
        return ToolResult::of({{"n", call.arguments.at("n")}});
    };
    ASSERT_TRUE(server->add_tool(
        {.info = {.name = "typed",
                  .output_schema = *json::parse_object(R"({"type":"object","properties":{"n":{"type":"integer"}}})")},
         .now = handler}));
    initialize();
    EXPECT_EQ(ask(request("tools/call", R"({"name":"typed","arguments":{"n":1}})")).find("isError"), std::string::npos);
    EXPECT_NE(
        ask(request("tools/call", R"({"name":"typed","arguments":{"n":"x"}})")).find("breaks its own output schema"),
        std::string::npos);
}

}  // namespace
}  // namespace pincer::mcp
