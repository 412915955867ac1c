// The fixtures that the official MCP conformance suite calls by name, on our own server. `everything_server --http
// PORT` serves http://127.0.0.1:PORT/mcp (0: any port) and prints the URL; without it, stdio.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/clock.hpp"
#include "io/http_server.hpp"
#include "io/stdio.hpp"
#include "mcp/http_endpoint.hpp"
#include "mcp/stdio_server.hpp"

using namespace pincer;

namespace {

constexpr const char* kRedPixel =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
constexpr const char* kSilence = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";

Task<Result<mcp::ToolResult>> with_progress(mcp::ToolCall call) {
    for (const double done : {0.0, 50.0, 100.0}) {
        call.progress({.done = done, .total = 100});
        PINCER_CO_CHECK(co_await io::sleep_for(Millis(50)));
    }
    co_return mcp::ToolResult::text("done");
}

Task<Result<mcp::ToolResult>> with_logging(mcp::ToolCall call) {
    for (const char* text : {"Tool execution started", "Tool processing data", "Tool execution completed"}) {
        call.channel->log("info", text);
        PINCER_CO_CHECK(co_await io::sleep_for(Millis(50)));
    }
    co_return mcp::ToolResult::text("logged");
}

mcp::ToolResult blocks(json::array content) {
    mcp::ToolResult result;
    result.content = std::move(content);
    return result;
}

json::object image() { return {{"type", "image"}, {"data", kRedPixel}, {"mimeType", "image/png"}}; }
json::object resource() {
    return {{"type", "resource"},
            {"resource", json::object{{"uri", "test://embedded"}, {"mimeType", "text/plain"}, {"text", "embedded"}}}};
}

Result<> add_tools(mcp::Server& server) {
    using Call = const mcp::ToolCall&;
    using Answer = Result<mcp::ToolResult>;
    std::vector<mcp::Tool> tools;
    const auto add = [&](std::string name, mcp::ImmediateToolHandler now) {
        mcp::Tool tool{.info = {.name = name, .description = "Fixture " + name}, .now = std::move(now)};
        tools.push_back(std::move(tool));
    };
    add("test_simple_text",
        [](Call) -> Answer { return mcp::ToolResult::text("This is a simple text response for testing."); });
    add("test_image_content", [](Call) -> Answer { return blocks({image()}); });
    add("test_audio_content", [](Call) -> Answer {
        return blocks({json::object{{"type", "audio"}, {"data", kSilence}, {"mimeType", "audio/wav"}}});
    });
    add("test_embedded_resource", [](Call) -> Answer { return blocks({resource()}); });
    add("test_multiple_content_types", [](Call) -> Answer {
        return blocks({json::object{{"type", "text"}, {"text", "Multiple content types test:"}}, image(), resource()});
    });
    add("test_error_handling",
        [](Call) -> Answer { return mcp::ToolResult::error("This tool intentionally returns an error for testing"); });
    add("echo", [](Call call) -> Answer {
        return mcp::ToolResult::text("Echo: " + json::string_or(call.arguments, "message"));
    });
    tools.back().info.input_schema = *json::parse_object(
        R"({"type":"object","properties":{"message":{"type":"string","description":"What to say back"}},"required":["message"]})");
    add("json_schema_2020_12_tool", [](Call call) -> Answer { return mcp::ToolResult::of(call.arguments); });
    tools.back().info.input_schema =
        *json::parse_object(R"({"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object",
        "$defs":{"address":{"$anchor":"addressDef","type":"object","properties":{"street":{"type":"string"},"city":{"type":"string"}}}},
        "properties":{"name":{"type":"string"},"address":{"$ref":"#/$defs/address"},"contactMethod":{"type":"string","enum":["phone","email"]},
        "phone":{"type":"string"},"email":{"type":"string"}},
        "allOf":[{"anyOf":[{"required":["phone"]},{"required":["email"]}]}],
        "if":{"properties":{"contactMethod":{"const":"phone"}},"required":["contactMethod"]},"then":{"required":["phone"]},"else":{"required":["email"]},
        "additionalProperties":false})");
    add("test_x_mcp_header", [](Call call) -> Answer { return mcp::ToolResult::of(call.arguments); });
    tools.back().info.input_schema =
        *json::parse_object(R"({"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}})");
    add("test_missing_capability", [](Call) -> Answer { return mcp::ToolResult::text("sampling is there"); });
    tools.back().required_client_capabilities = {{"sampling", json::object()}};
    tools.push_back({.info = {.name = "test_logging_tool", .description = "Logs what it does"}, .run = with_logging});
    tools.push_back(
        {.info = {.name = "test_tool_with_progress", .description = "Reports its progress"}, .run = with_progress});
    tools.push_back(
        {.info = {.name = "test_tool_with_logging", .description = "Logs what it does"}, .run = with_logging});
    return server.set_tools(std::move(tools));
}

Task<int> serve_http(io::Runtime& runtime, mcp::Server& server, std::uint16_t port) {
    crypto::SystemRandom random;
    SystemClock clock;
    mcp::HttpEndpointOptions endpoint_options;
    mcp::HttpEndpoint endpoint(runtime, server, random, clock, nullptr, std::move(endpoint_options));
    io::HttpServerOptions options{.port = port};
    auto listener = io::HttpServer::listen(runtime, std::move(options), endpoint.handler());
    if (!listener) {
        std::fprintf(stderr, "%s\n", listener.error().message().c_str());
        co_return 1;
    }
    std::printf("http://127.0.0.1:%u/mcp\n", unsigned((*listener)->port()));
    std::fflush(stdout);
    (void)co_await io::wait_for_signal({SIGINT, SIGTERM});
    co_await endpoint.stop();
    const Deadline soon = Deadline::after(Millis(1000));
    co_await (*listener)->stop(soon);
    co_return 0;
}

Task<int> serve_lines(io::Runtime& runtime, mcp::Server& server) {
    auto stream = io::make_stdio_stream(runtime, 16u << 20);
    const Result<> served = co_await mcp::serve_stdio(runtime, server, *stream);
    co_return served ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    io::Runtime runtime;
    mcp::Server server({.implementation = {"everything", "1.0.0", "Everything"},
                        .instructions = "Fixtures for tests.",
                        .logging = true});
    if (const auto added = add_tools(server); !added) {
        std::fprintf(stderr, "%s\n", added.error().message().c_str());
        return 1;
    }
    const bool http = argc == 3 && std::strcmp(argv[1], "--http") == 0;
    return runtime.run(http ? serve_http(runtime, server, std::uint16_t(std::atoi(argv[2])))
                            : serve_lines(runtime, server));
}
