// An MCP client over a stream of lines or Streamable HTTP. It finds out which era the server speaks (server/discover
// first, initialize when that is not understood), and its errors say which server, which tool and which timeout.
//
//     PINCER_CO_TRY(auto client, co_await Client::over_stdio(runtime, std::move(stream), options));
//     PINCER_CO_TRY(auto tools, co_await client->list_tools(deadline));
//     PINCER_CO_TRY(auto result, co_await client->call_tool("echo", arguments, call_options));
//     co_await client->close();
#pragma once

#include <functional>
#include <memory>

#include "io/http_client.hpp"
#include "io/stdio.hpp"
#include "mcp/types.hpp"

namespace pincer::mcp {

enum class EraChoice { automatic, legacy, modern };

// Each names itself in the error: "... (connect timeout)".
struct Timeouts {
    Millis connect{30'000};  // all of the handshake, era detection included
    Millis probe{5'000};     // how long server/discover may go unanswered before the server counts as legacy (stdio)
    Millis request{60'000};  // until the first sign of life about a request
    Millis idle{60'000};     // between one sign (progress) and the next
    Millis total{600'000};   // until the answer, whatever signs there are
};

struct ClientOptions {
    std::string server_name = "server";  // as the operator calls it; stands in every error
    Implementation implementation = {"pincer", "0"};
    EraChoice era = EraChoice::automatic;
    Timeouts timeouts = {};
    std::size_t max_pages = 64;  // of tools/list
    std::size_t max_tools = 2'000;
    std::size_t max_message_bytes = 16u << 20;
    std::function<void()> on_tools_changed = nullptr;
    std::function<void(const std::string& method, const json::object& params)> on_notification = nullptr;
};

struct ServerFacts {
    Implementation implementation;
    std::string instructions;
    json::object capabilities;
    Era era = Era::legacy;
    std::string version;  // of the protocol
};

struct CallOptions {
    Deadline deadline = Deadline::never();  // of the caller; the earliest of all timeouts counts
    json::object meta = {};                 // goes into `_meta` beside the protocol's own keys
    std::function<void(const Progress&)> on_progress = nullptr;
};

struct HttpTarget {
    io::Url url;
    io::Headers headers;  // sent with every request, e.g. Authorization; never logged
};

// Lives on the io thread. Requests may overlap. A cancelled task cancels its request at the server.
class Client {
public:
    // Errors: timed_out, unavailable (ended, refused), protocol, unsupported (no common version), unauthenticated and
    // forbidden (HTTP 401, 403). The stream is dropped, and so closed, with the client.
    static Task<Result<std::unique_ptr<Client>>> over_stdio(io::Runtime& runtime,
                                                            std::unique_ptr<io::LineStream> stream,
                                                            ClientOptions options);
    // `http` outlives the client.
    static Task<Result<std::unique_ptr<Client>>> over_http(io::Runtime& runtime, io::HttpClient& http,
                                                           HttpTarget target, ClientOptions options);
    virtual ~Client() = default;

    virtual const ServerFacts& server() const = 0;
    // All pages. Errors also: too_large (pages or tools over the limit), protocol.
    virtual Task<Result<std::vector<ToolInfo>>> list_tools(Deadline deadline) = 0;
    // A ToolResult with is_error is the tool's own word. Errors are ours: timed_out naming server, tool and which
    // timeout; invalid_argument (the server says the arguments or the name are wrong); outcome_unknown when the
    // connection broke after the request was sent; cancelled; protocol; too_large.
    virtual Task<Result<ToolResult>> call_tool(std::string name, json::object arguments, CallOptions options) = 0;
    // Any other method; the result as it came.
    virtual Task<Result<json::object>> request(std::string method, json::object params, CallOptions options) = 0;
    virtual Task<Result<>> ping(Deadline deadline) = 0;  // modern servers are asked server/discover instead

    virtual bool is_open() const = 0;
    // Completes when the other side has gone.
    virtual Task<> wait_closed() = 0;
    // Ends the session (HTTP: DELETE), fails what waits, stops its tasks. Must be awaited before the client is dropped.
    virtual Task<> close() = 0;
};

}  // namespace pincer::mcp
