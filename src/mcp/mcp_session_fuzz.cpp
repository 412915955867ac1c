// Lines to one server session, both eras mixed: no crash, every text that it wants to write is one line of JSON, and
// each request that was counted is answered at most once.
#include "base/assert.hpp"
#include "mcp/server_session.hpp"

using namespace pincer;

static Task<Result<mcp::ToolResult>> never_run(mcp::ToolCall) {
    co_return PINCER_FAIL(internal, "the fuzzer runs no tasks");
}

static void add_tools(mcp::Server& server) {
    mcp::Tool echo{.info = {.name = "echo",
                            .input_schema = *json::parse_object(
                                R"({"type":"object","properties":{"n":{"type":"integer","minimum":1}}})")}};
    echo.now = [](const mcp::ToolCall& call) -> Result<mcp::ToolResult> {
        call.progress({.done = 1});
        call.channel->log("error", call.arguments);
        return mcp::ToolResult::of(call.arguments);
    };
    PINCER_ASSERT(server.add_tool(std::move(echo)), "it compiles");
    PINCER_ASSERT(server.add_tool({.info = {.name = "slow"}, .run = never_run}), "it compiles");
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    mcp::Server server({.implementation = {"fuzz", "1"}, .logging = true, .page_size = 1, .max_calls_in_flight = 4});
    add_tools(server);
    mcp::ServerSession session(server, {});
    mcp::ServerSession::Output out;
    std::vector<mcp::CallKey> running;
    while (!rest.empty()) {
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        session.receive(line, out);
        for (auto& start : out.start) {
            start.call.progress({.done = 2});
            running.push_back(start.key);
        }
        session.take_outbox(out);
        if (line.empty() && !running.empty()) {  // an empty line lets the oldest call finish
            session.finish(running.front(), mcp::ToolResult::text("x"), out);
            running.erase(running.begin());
        }
        session.notify({"notifications/tools/list_changed", {}}, out);
        for (const auto& message : out.send) {
            PINCER_ASSERT(json::parse(message.text), "what we write can be read");
            PINCER_ASSERT(message.text.find('\n') == std::string::npos, "one message is one line");
        }
        PINCER_ASSERT(session.running() + session.subscriptions() <= 4, "limits hold");
        out.clear();
    }
    return 0;
}
