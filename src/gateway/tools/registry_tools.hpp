// The registry of MCP servers as the agent's tools. The signed grant and who it is for travel in `_meta`, which a model
// can neither see nor write.
#pragma once

#include "agent/tool.hpp"
#include "registry/registry.hpp"

namespace pincer::gateway {

class RegistryTools final : public agent::ToolSource {
public:
    explicit RegistryTools(registry::Registry& registry) : registry_(registry) {}

    std::vector<agent::ToolSpec> tools() override;
    std::vector<std::string> absent_servers() override;
    Task<Result<>> reach(std::string tool, Deadline deadline) override;
    Task<Result<agent::ToolResult>> call(agent::ToolCall call, agent::CallContext context) override;

private:
    registry::Registry& registry_;
};

}  // namespace pincer::gateway
