#include "gateway/server/server.hpp"

#include "base/log.hpp"

namespace pincer::gateway {
namespace {

constexpr std::size_t kMaxHttpBody = 1u << 20;
// Connections that have not said hello: a flood of them closes its own oldest, and nobody else's.
constexpr std::size_t kMaxStrangers = 1024;
constexpr std::size_t kMaxStrangersOfAddress = 256;

// The page talks to its own origin only, runs no foreign script and is framed by nobody.
void add_page_headers(io::Headers& headers) {
    headers.set("Content-Security-Policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
                "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    headers.set("X-Content-Type-Options", "nosniff");
    headers.set("Referrer-Policy", "no-referrer");
    headers.set("Cache-Control", "no-cache");
}

// A proxy on this machine speaks for whoever is behind it: that is not this machine.
bool is_forwarded(const io::Headers& headers) {
    for (const char* name : {"X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded"}) {
        if (headers.get(name)) return true;
    }
    return false;
}

bool is_loopback(const std::string& ip) {
    const auto kind = io::classify_address(ip);
    return kind && *kind == io::AddressKind::loopback;
}

}  // namespace

Server::Server(Core& core, std::span<const WebAsset> assets) : core_(core), assets_(assets), tasks_(core.runtime) {}
Server::~Server() = default;

Result<> Server::listen() {
    io::HttpServerOptions options;
    options.address = core_.config.bind_address;
    options.port = core_.config.port;
    options.max_body_bytes = kMaxHttpBody;
    options.max_strangers = kMaxStrangers;
    options.max_strangers_per_ip = kMaxStrangersOfAddress;
    io::HttpHandler handler = [this](std::shared_ptr<io::Exchange> e) { return exchange(std::move(e)); };
    PINCER_TRY(http_, io::HttpServer::listen(core_.runtime, options, std::move(handler)));
    subscription_ = core_.events.subscribe([this](const Event& event) { tell(event); });
    core_.authenticator.on_ended([this](const std::string& device_id) { drop_device(device_id); });
    tasks_.spawn(tick());
    return {};
}

Task<> Server::stop(Deadline deadline) {
    Event bye;
    bye.name = "shutdown";
    bye.payload = std::make_shared<const std::string>(R"({"reason":"gateway stopping"})");
    bye.audience = Audience::everyone;
    tell(bye);
    core_.authenticator.on_ended(nullptr);
    co_await tasks_.stop();
    if (http_) co_await http_->stop(deadline);
}

void Server::tell(const Event& event) {
    if (connections_.empty()) return;
    const auto frame = wire::SharedEvent::from_text(event.name, *event.payload);
    for (auto& [key, connection] : connections_) connection->offer(event, frame);
}

void Server::drop_device(const std::string& device_id) {
    for (auto& [key, connection] : connections_) {
        if (connection->device_id() != device_id) continue;
        connection->revoke();
        tasks_.spawn(close_revoked(connection));
    }
}

// Holds the connection while it says goodbye.
Task<> Server::close_revoked(std::shared_ptr<Connection> connection) {
    co_await connection->close(1008, "device token revoked");
}

Task<> Server::tick() {
    for (;;) {
        auto slept = co_await core_.pauses->pause(Millis(wire::kTickIntervalMs));
        if (!slept) co_return;
        Event beat;
        beat.name = "tick";
        beat.payload =
            std::make_shared<const std::string>(fmt::format(R"({{"ts":{}}})", to_millis(core_.clock.wall())));
        beat.audience = Audience::everyone;
        tell(beat);
    }
}

Task<> Server::exchange(std::shared_ptr<io::Exchange> exchange) {
    const io::ServerRequest& request = exchange->request();
    Peer peer;
    peer.ip = request.remote_ip;
    peer.loopback = is_loopback(request.remote_ip) && !is_forwarded(request.headers);
    peer.origin = std::string(request.headers.get("Origin").value_or(""));
    peer.host = std::string(request.headers.get("Host").value_or(""));

    io::ServerResponse response;
    if (!core_.authenticator.host_allowed(peer.host)) {
        response = io::ServerResponse::text(
            403,
            "Forbidden: this Gateway is not known by that Host name. Add it to gateway.controlUi.allowedOrigins.\n");
    } else if (request.is_websocket_upgrade) {
        co_return co_await upgrade(exchange, std::move(peer));
    } else if (request.method != "GET" && request.method != "HEAD") {
        response = io::ServerResponse::text(405, "Method Not Allowed");
        response.headers.set("Allow", "GET, HEAD");
    } else if (request.path == "/healthz" || request.path == "/health") {
        response = io::ServerResponse::json(200, R"({"ok":true,"status":"live"})");
    } else if (request.path == "/readyz") {
        response = readiness();
    } else {
        response = page(request);
    }
    auto sent = co_await exchange->respond(std::move(response));
    if (!sent) log::failure(log::Level::debug, "http.respond", sent.error());
}

io::ServerResponse Server::readiness() const {
    json::array failing;
    if (!core_.tools_ready->is_set()) failing.push_back("mcp-servers");
    const bool ready = failing.empty();
    json::object o{{"ready", ready},
                   {"failing", std::move(failing)},
                   {"uptimeMs", (core_.clock.wall() - core_.started_at).count()}};
    return io::ServerResponse::json(ready ? 200 : 503, json::write(o));
}

io::ServerResponse Server::page(const io::ServerRequest& request) const {
    for (const WebAsset& asset : assets_) {
        if (asset.path != request.path) continue;
        io::ServerResponse response;
        response.body = std::string(asset.bytes);
        response.headers.set("Content-Type", std::string(asset.content_type));
        add_page_headers(response.headers);
        return response;
    }
    return io::ServerResponse::text(404, "Not Found");
}

Task<> Server::upgrade(std::shared_ptr<io::Exchange> exchange, Peer peer) {
    auto socket = co_await exchange->accept_websocket({}, wire::kMaxHandshakeBytes);
    if (!socket) {
        log::failure(log::Level::debug, "ws.accept", socket.error());
        co_return;
    }
    auto connection = std::make_shared<Connection>(core_, *std::move(socket), std::move(peer));
    connections_.emplace(connection.get(), connection);
    co_await connection->serve();
    connections_.erase(connection.get());
}

}  // namespace pincer::gateway
