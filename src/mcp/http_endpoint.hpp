// MCP over Streamable HTTP: one path, both eras. POST carries messages; GET (a stream of what the server has to say)
// and DELETE (the end) exist for legacy sessions only. A legacy session is known by its Mcp-Session-Id, a modern
// request stands alone. HTTP+SSE of 2024-11-05 is not served here.
#pragma once

#include <memory>

#include "crypto/random.hpp"
#include "io/http_server.hpp"
#include "mcp/server.hpp"

namespace pincer::mcp {

// Says who is asking. A refusal becomes 401 (unauthenticated) or 403 (forbidden) with `challenge` as WWW-Authenticate.
class Authenticator {
public:
    struct Refusal {
        int status = 401;
        std::string challenge = "Bearer";
    };
    virtual ~Authenticator() = default;
    virtual std::expected<Principal, Refusal> authenticate(const io::ServerRequest& request) = 0;
};

struct HttpEndpointOptions {
    std::string path = "/mcp";
    // Host header values that are ours, without port ("localhost", "127.0.0.1", "[::1]" are always among them) and
    // origins that may call from a browser ("https://console.example.com"). Everything else is 403: DNS rebinding.
    std::vector<std::string> allowed_hosts = {};
    std::vector<std::string> allowed_origins = {};
    std::size_t max_sessions = 1024;  // legacy; the longest idle one without work gives way, else 503
    std::size_t max_streams_per_session = 8;
    Millis session_idle{30 * 60'000};
    std::size_t replay_events = 256;  // kept for each legacy stream, for Last-Event-ID
    std::size_t replay_bytes = 1u << 20;
    Millis keep_alive{15'000};  // comment lines on quiet streams
    Millis retry{1'000};        // what a broken-off client is told to wait
};

class HttpEndpoint {
public:
    // `authenticator` may be null: then everybody on this listener is the empty principal, which only a loopback
    // listener should allow. All references outlive the endpoint.
    HttpEndpoint(io::Runtime& runtime, Server& server, crypto::Random& random, const Clock& clock,
                 Authenticator* authenticator, HttpEndpointOptions options);
    ~HttpEndpoint();

    // Answers any request to its path; others get 404. Usable as an io::HttpHandler through handler().
    Task<> handle(std::shared_ptr<io::Exchange> exchange);
    io::HttpHandler handler();

    // Ends subscriptions and streams, cancels what runs, waits for it.
    Task<> stop();
    std::size_t sessions() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace pincer::mcp
