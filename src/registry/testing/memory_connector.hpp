// Connects to MCP servers that live in this process, over pipes in memory: what a test of the registry or of its users
// needs. A server can refuse to start, hang, and crash.
#pragma once

#include <map>

#include "mcp/server.hpp"
#include "registry/registry.hpp"

namespace pincer::registry::testing {

class MemoryConnector final : public Connector {
public:
    explicit MemoryConnector(io::Runtime& runtime);
    ~MemoryConnector() override;

    // `server` outlives the connector. Definitions of this name reach it.
    void provide(std::string name, mcp::Server& server);
    void refuse(std::string name, Error error);  // from now on
    void crash(std::string name);                // cuts the connections that are open
    std::size_t connects(const std::string& name) const;

    Task<Result<std::unique_ptr<Connection>>> connect(ServerDefinition definition, mcp::ClientOptions options) override;

private:
    class MemoryConnection;
    struct Entry {
        mcp::Server* server = nullptr;
        std::optional<Error> refusal;
        std::size_t connects = 0;
        std::vector<MemoryConnection*> open;
    };
    io::Runtime& runtime_;
    std::map<std::string, Entry> entries_;
};

}  // namespace pincer::registry::testing
