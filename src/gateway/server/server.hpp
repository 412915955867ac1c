// The Gateway's port: WebSocket clients, health for probes, and the web page.
#pragma once

#include <map>
#include <memory>

#include "gateway/server/connection.hpp"

namespace pincer::gateway {

// Files of the web page, by path; compiled into the program (web/).
struct WebAsset {
    std::string_view path;  // "/", "/app.js"
    std::string_view content_type;
    std::string_view bytes;
};

class Server {
public:
    Server(Core& core, std::span<const WebAsset> assets);
    ~Server();

    Result<> listen();
    std::uint16_t port() const { return http_->port(); }
    Task<> stop(Deadline deadline);

private:
    Task<> exchange(std::shared_ptr<io::Exchange> exchange);
    Task<> upgrade(std::shared_ptr<io::Exchange> exchange, Peer peer);
    io::ServerResponse page(const io::ServerRequest& request) const;
    io::ServerResponse readiness() const;
    void tell(const Event& event);
    void drop_device(const std::string& device_id);
    static Task<> close_revoked(std::shared_ptr<Connection> connection);
    Task<> tick();

    Core& core_;
    std::span<const WebAsset> assets_;
    std::map<Connection*, std::shared_ptr<Connection>> connections_;
    EventBus::Subscription subscription_;
    std::unique_ptr<io::HttpServer> http_;
    io::TaskGroup tasks_;
};

}  // namespace pincer::gateway
