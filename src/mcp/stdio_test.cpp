// Server and client at the two ends of a pipe in memory, and each against a script.
#include <gtest/gtest.h>

#include "mcp/client.hpp"
#include "mcp/stdio_server.hpp"
#include "mcp/testing/line_pipe.hpp"

namespace pincer::mcp {
namespace {

using testing::make_line_pipe;

// Tools that show what the edges do: echo answers at once, gate waits until the test opens it, steps tells its
// progress.
struct Fixture {
    Fixture() : gate(runtime), cancelled(runtime), server(options()) {}

    static ServerOptions options() { return {.implementation = {"fixture", "1.2"}, .instructions = "be kind"}; }

    void add_tools() {
        ASSERT_TRUE(server.add_tool({.info = {.name = "echo"}, .now = [](const ToolCall& call) -> Result<ToolResult> {
                                         return ToolResult::of(call.arguments);
                                     }}));
        ASSERT_TRUE(server.add_tool(
            {.info = {.name = "gate"}, .run = [this](ToolCall call) { return wait_at_gate(std::move(call)); }}));
        ASSERT_TRUE(server.add_tool(
            {.info = {.name = "steps"}, .run = [](ToolCall call) { return count_steps(std::move(call)); }}));
        ASSERT_TRUE(server.add_tool({.info = {.name = "meta"}, .now = [](const ToolCall& call) -> Result<ToolResult> {
                                         return ToolResult::of(call.meta);
                                     }}));
    }
    Task<Result<ToolResult>> wait_at_gate(ToolCall) {
        const Result<> opened = co_await gate.wait();
        if (!opened) {
            cancelled.set();
            co_return Failure(opened.error());
        }
        co_return ToolResult::text("open");
    }
    static Task<Result<ToolResult>> count_steps(ToolCall call) {
        for (int i = 1; i <= 3; ++i) {
            call.progress({.done = double(i), .total = 3, .message = "step"});
            co_await io::yield();
        }
        co_return ToolResult::text("done");
    }

    io::Runtime runtime;
    io::Event gate;
    io::Event cancelled;
    Server server;
};

Task<> serve(Fixture& f, std::unique_ptr<io::LineStream> stream) {
    const Result<> served = co_await serve_stdio(f.runtime, f.server, *stream, Millis(100));
    EXPECT_TRUE(served || served.error().code() == ErrorCode::cancelled);
}

class BothEras : public ::testing::TestWithParam<EraChoice> {
protected:
    void SetUp() override { f.add_tools(); }
    // Runs `body` with a client that is connected to the fixture's server.
    void with_client(std::function<Task<>(Client&)> body, ClientOptions options = {}) {
        options.server_name = "fixture";
        options.era = GetParam();
        f.runtime.run_until_done(run(std::move(body), std::move(options)));
    }
    Task<> run(std::function<Task<>(Client&)> body, ClientOptions options) {
        auto pipe = make_line_pipe(f.runtime);
        io::TaskGroup tasks(f.runtime);
        tasks.spawn(serve(f, std::move(pipe.left)));
        auto client = co_await Client::over_stdio(f.runtime, std::move(pipe.right), std::move(options));
        EXPECT_TRUE(client) << client.error().message();
        if (client) {
            co_await body(**client);
            co_await (*client)->close();
        }
        co_await tasks.stop();
    }
    Fixture f;
};

INSTANTIATE_TEST_SUITE_P(Stdio, BothEras,
                         ::testing::Values(EraChoice::legacy, EraChoice::modern, EraChoice::automatic));

Task<> lists_and_calls(Client& client) {
    EXPECT_EQ(client.server().implementation.name, "fixture");
    EXPECT_EQ(client.server().instructions, "be kind");
    auto tools = co_await client.list_tools(Deadline::after(Millis(5000)));
    EXPECT_TRUE(tools);
    if (tools) EXPECT_EQ(tools->size(), 4u);
    json::object arguments{{"a", 1}};
    CallOptions options;
    auto result = co_await client.call_tool("echo", std::move(arguments), std::move(options));
    EXPECT_TRUE(result);
    if (result) EXPECT_EQ(result->joined_text(), R"({"a":1})");
    EXPECT_TRUE(co_await client.ping(Deadline::after(Millis(5000))));
}
TEST_P(BothEras, list_and_call) { with_client(lists_and_calls); }

Task<> passes_meta(Client& client) {
    json::object none;
    CallOptions options{.meta = {{"io.pincer/grant", "signed"}}};
    auto result = co_await client.call_tool("meta", std::move(none), std::move(options));
    EXPECT_TRUE(result && result->structured->at("io.pincer/grant") == "signed");
}
TEST_P(BothEras, pass_meta_on) { with_client(passes_meta); }

Task<> sees_progress(Client& client) {
    std::vector<double> seen;
    json::object none;
    CallOptions options;
    options.on_progress = [&seen](const Progress& p) { seen.push_back(p.done); };
    auto result = co_await client.call_tool("steps", std::move(none), std::move(options));
    EXPECT_TRUE(result);
    EXPECT_EQ(seen, (std::vector<double>{1, 2, 3}));
}
TEST_P(BothEras, report_progress) { with_client(sees_progress); }

// A later quick call is answered while an earlier slow one waits.
struct Overlap {
    std::optional<Result<ToolResult>> slow;

    Task<> call_slow(Client& client) {
        json::object none;
        CallOptions options;
        slow = co_await client.call_tool("gate", std::move(none), std::move(options));
    }
    Task<> run(Client& client, Fixture& f) {
        io::TaskGroup tasks(f.runtime);
        tasks.spawn(call_slow(client));
        for (int i = 0; i < 5; ++i) co_await io::yield();
        json::object none;
        CallOptions options;
        auto quick = co_await client.call_tool("echo", std::move(none), std::move(options));
        EXPECT_TRUE(quick);
        EXPECT_FALSE(slow);
        f.gate.set();
        while (tasks.size() > 0) co_await io::yield();
        EXPECT_TRUE(slow && *slow);
    }
};
TEST_P(BothEras, overlap) {
    Overlap overlap;
    with_client([&](Client& client) { return overlap.run(client, f); });
}

TEST_P(BothEras, fail_by_name_when_a_call_takes_too_long) {
    struct Body {
        static Task<> run(Client& client, Fixture& f) {
            json::object none;
            CallOptions options{.deadline = Deadline::after(Millis(20))};
            auto result = co_await client.call_tool("gate", std::move(none), std::move(options));
            EXPECT_FALSE(result);
            EXPECT_EQ(result.error().code(), ErrorCode::timed_out);
            EXPECT_EQ(result.error().reason(), "MCP_TIMEOUT_DEADLINE");
            EXPECT_NE(result.error().message().find(R"(MCP server "fixture", tool "gate": no answer within)"),
                      std::string::npos)
                << result.error().message();
            // The server was told, and its tool stopped.
            EXPECT_TRUE(co_await f.cancelled.wait(Deadline::after(Millis(5000))));
        }
    };
    with_client([this](Client& client) { return Body::run(client, f); });
}

TEST_P(BothEras, name_the_request_timeout_and_the_idle_timeout) {
    struct Body {
        static Task<> run(Client& client) {
            json::object none;
            CallOptions options;
            auto result = co_await client.call_tool("gate", std::move(none), std::move(options));
            EXPECT_EQ(result.error().reason(), "MCP_TIMEOUT_REQUEST");
            EXPECT_NE(result.error().message().find("no answer within 30ms (request timeout)"), std::string::npos)
                << result.error().message();
        }
    };
    ClientOptions options;
    options.timeouts.request = Millis(30);
    with_client(Body::run, std::move(options));
}

TEST_P(BothEras, hear_of_changed_tools) {
    struct Body {
        static Task<> run(Client& client, Fixture& f, io::Event& changed) {
            EXPECT_TRUE(
                co_await client.ping(Deadline::never()));  // by now the server has seen notifications/initialized
            f.server.tools_changed();
            EXPECT_TRUE(co_await changed.wait(Deadline::after(Millis(5000))));
        }
    };
    io::Event changed(f.runtime);
    ClientOptions options;
    options.on_tools_changed = [&changed] { changed.set(); };
    with_client([&](Client& client) { return Body::run(client, f, changed); }, std::move(options));
}

TEST_P(BothEras, fail_when_the_other_side_goes_away) {
    struct Body {
        static Task<> run(Fixture& f, EraChoice era) {
            auto pipe = make_line_pipe(f.runtime);
            io::TaskGroup tasks(f.runtime);
            tasks.spawn(serve(f, std::move(pipe.left)));
            ClientOptions options{.server_name = "fixture", .era = era};
            auto client = co_await Client::over_stdio(f.runtime, std::move(pipe.right), std::move(options));
            EXPECT_TRUE(client);
            io::TaskGroup killer(f.runtime);
            killer.spawn(kill(tasks));
            json::object none;
            CallOptions call;
            auto result = co_await (*client)->call_tool("gate", std::move(none), std::move(call));
            EXPECT_EQ(result.error().code(), ErrorCode::outcome_unknown) << result.error().message();
            json::object again;
            CallOptions second;
            auto refused = co_await (*client)->call_tool("echo", std::move(again), std::move(second));
            EXPECT_EQ(refused.error().code(), ErrorCode::unavailable);
            co_await killer.stop();
            co_await (*client)->close();
        }
        static Task<> kill(io::TaskGroup& tasks) {
            for (int i = 0; i < 20; ++i) co_await io::yield();
            co_await tasks.stop();
        }
    };
    f.runtime.run_until_done(Body::run(f, GetParam()));
}

// --- the server against lines by hand

Task<std::vector<std::string>> converse(Fixture& f, std::vector<std::string> lines) {
    auto pipe = make_line_pipe(f.runtime);
    io::TaskGroup tasks(f.runtime);
    tasks.spawn(serve(f, std::move(pipe.left)));
    for (std::string& line : lines) (void)co_await pipe.right->write_line(std::move(line));
    std::vector<std::string> answers;
    for (std::size_t i = 0; i < 3; ++i) {
        auto line = co_await io::with_deadline(pipe.right->read_line(), Deadline::after(Millis(5000)), "reading");
        if (!line || !*line) break;
        answers.push_back(**line);
    }
    pipe.right.reset();
    co_await tasks.stop();
    co_return answers;
}

TEST(StdioServer, answers_as_calls_finish_and_survives_nonsense) {
    Fixture f;
    f.add_tools();
    const std::string call =
        R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":)"
        R"({"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}})";
    const auto answers =
        f.runtime.run_until_done(converse(f, {"{", "", call, R"({"jsonrpc":"2.0","id":2,"method":"ping"})"}));
    ASSERT_EQ(answers.size(), 3u);
    EXPECT_NE(answers[0].find("-32700"), std::string::npos);
    EXPECT_NE(answers[1].find(R"("id":1,"result")"), std::string::npos);
    EXPECT_EQ(answers[2], R"({"jsonrpc":"2.0","id":2,"result":{}})");
}

// --- the client against a script

struct ScriptLine {
    std::string when;    // a piece of the line that is waited for
    std::string answer;  // "" for none; ID stands for the request's id
};

Task<> play(io::Runtime&, io::LineStream& stream, std::vector<ScriptLine> script) {
    for (const ScriptLine& step : script) {
        auto line = co_await stream.read_line();
        if (!line || !*line) co_return;
        EXPECT_NE((*line)->find(step.when), std::string::npos) << **line;
        const auto message = json::parse_object(**line);
        std::string answer = step.answer;
        if (const auto at = answer.find("ID"); at != std::string::npos)
            answer.replace(at, 2, json::write(message->at("id")));
        if (!answer.empty()) (void)co_await stream.write_line(std::move(answer));
    }
}

Result<ServerFacts> connect_to_script(std::vector<ScriptLine> script, ClientOptions options = {}) {
    struct Body {
        static Task<Result<ServerFacts>> run(io::Runtime& runtime, std::vector<ScriptLine> script,
                                             ClientOptions options) {
            auto pipe = make_line_pipe(runtime);
            io::TaskGroup tasks(runtime);
            tasks.spawn(play(runtime, *pipe.left, std::move(script)));
            auto client = co_await Client::over_stdio(runtime, std::move(pipe.right), std::move(options));
            Result<ServerFacts> facts = PINCER_FAIL(internal, "not connected");
            if (client) {
                facts = (*client)->server();
                co_await (*client)->close();
            } else {
                facts = Failure(client.error());
            }
            co_await tasks.stop();
            co_return facts;
        }
    };
    io::Runtime runtime;
    options.server_name = "script";
    options.timeouts.probe = Millis(20);
    options.timeouts.connect = Millis(200);
    return runtime.run_until_done(Body::run(runtime, std::move(script), std::move(options)));
}

const ScriptLine kInitialize{
    "\"initialize\"",
    R"({"jsonrpc":"2.0","id":ID,"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"old","version":"1"}}})"};

TEST(EraDetection, any_error_that_is_not_modern_means_legacy) {
    for (const char* error : {R"({"code":-32601,"message":"Method not found"})", R"({"code":-32602,"message":"x"})",
                              R"({"code":0,"message":"not initialized"})"}) {
        const auto facts =
            connect_to_script({{"server/discover", fmt::format(R"({{"jsonrpc":"2.0","id":ID,"error":{}}})", error)},
                               kInitialize,
                               {"notifications/initialized", ""}});
        ASSERT_TRUE(facts) << facts.error().message();
        EXPECT_EQ(facts->era, Era::legacy);
        EXPECT_EQ(facts->version, "2025-06-18");
    }
}

TEST(EraDetection, silence_means_legacy) {
    const auto facts = connect_to_script({{"server/discover", ""}, kInitialize, {"notifications/initialized", ""}});
    ASSERT_TRUE(facts) << facts.error().message();
    EXPECT_EQ(facts->implementation.name, "old");
}

TEST(EraDetection, a_modern_server_without_our_revision_is_not_asked_to_initialize) {
    const auto facts = connect_to_script(
        {{"server/discover",
          R"({"jsonrpc":"2.0","id":ID,"error":{"code":-32022,"message":"v","data":{"supported":["2027-01-01"]}}})"}});
    EXPECT_EQ(facts.error().code(), ErrorCode::unsupported);
}

TEST(EraDetection, a_modern_server_that_also_offers_a_legacy_version_is) {
    const auto facts = connect_to_script(
        {{"server/discover",
          R"({"jsonrpc":"2.0","id":ID,"error":{"code":-32022,"message":"v","data":{"supported":["2025-11-25"]}}})"},
         kInitialize});
    EXPECT_TRUE(facts);
}

TEST(Handshake, errors_name_the_server_and_the_connect_timeout) {
    const auto silent = connect_to_script({{"server/discover", ""}, {"initialize", ""}});
    EXPECT_EQ(silent.error().code(), ErrorCode::timed_out);
    EXPECT_EQ(silent.error().reason(), "MCP_TIMEOUT_CONNECT");
    EXPECT_NE(silent.error().message().find("MCP server \"script\": not connected within"), std::string::npos)
        << silent.error().message();
    const auto strange = connect_to_script(
        {{"\"initialize\"", R"({"jsonrpc":"2.0","id":ID,"result":{"protocolVersion":"1.0","capabilities":{}}})"}},
        {.era = EraChoice::legacy});
    EXPECT_EQ(strange.error().code(), ErrorCode::unsupported);
}

TEST(Handshake, questions_of_the_server_are_answered_and_noise_is_not) {
    const auto facts = connect_to_script(
        {{"server/discover", "Listening on stdio..."},
         {"\"initialize\"", R"({"jsonrpc":"2.0","id":"q","method":"ping"})"},
         {R"("id":"q","result":{})", R"({"jsonrpc":"2.0","id":"r","method":"roots/list"})"},
         {"-32601", R"({"jsonrpc":"2.0","id":2,"result":{"protocolVersion":"2024-11-05","capabilities":{}}})"}});
    ASSERT_TRUE(facts) << facts.error().message();
    EXPECT_EQ(facts->version, "2024-11-05");
}

}  // namespace
}  // namespace pincer::mcp
