// The Gateway, whole: made from its configuration, its state folder and what the outside world is reached through; run
// until stopped. The object graph stands in gateway.cpp, top to bottom, in the order in which the parts need each
// other.
#pragma once

#include <filesystem>
#include <memory>
#include <span>

#include "agent/model.hpp"
#include "gateway/config/gateway_config.hpp"
#include "gateway/core.hpp"
#include "gateway/server/server.hpp"
#include "io/http_client.hpp"
#include "io/websocket.hpp"
#include "registry/registry.hpp"

namespace pincer::gateway {

struct GatewayOptions {
    GatewayConfig config;
    std::filesystem::path state_directory;  // ~/.openclaw; made with mode 0700
    std::string config_path;
    std::string version;
    std::span<const WebAsset> assets;
};

// What a test or the simulation puts in the place of the real thing; null: the real thing.
struct GatewayDoubles {
    agent::ToolSource* tools = nullptr;
    Pauses* pauses = nullptr;
    std::function<Result<std::unique_ptr<storage::Database>>(const std::filesystem::path& file,
                                                             std::span<const storage::Migration>)>
        open_database;
    std::function<Result<std::unique_ptr<audit::Chain>>(const std::filesystem::path& directory,
                                                        const std::string& name)>
        open_chain;
};

struct GatewayEnvironment {
    io::Runtime& runtime;
    const Clock& clock;
    crypto::Random& random;
    io::HttpClient& http;
    io::WebSocketConnector& websockets;
    registry::Connector& mcp_connector;
    agent::Model& model;
    agent::Model& fallback;
    GatewayDoubles doubles = {};
};

class Gateway {
public:
    // Opens the store and the chain, takes up what a former life left, listens. Errors say what to do; nothing is left
    // running then.
    static Task<Result<std::unique_ptr<Gateway>>> start(GatewayOptions options, GatewayEnvironment environment);
    ~Gateway();

    std::uint16_t port() const;
    Core& core();  // its parts: for tests
    // New definitions of MCP servers and nothing else take effect without a restart.
    Task<Result<>> reload(GatewayConfig config);
    // Stops accepting, lets what is written be written. Open runs and deliveries are taken up by the next start. To be
    // awaited before the Gateway is destroyed.
    Task<> stop();

private:
    struct Parts;
    explicit Gateway(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace pincer::gateway
