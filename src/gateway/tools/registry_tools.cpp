#include "gateway/tools/registry_tools.hpp"

namespace pincer::gateway {
std::vector<agent::ToolSpec> RegistryTools::tools() {
    std::vector<agent::ToolSpec> specs;
    for (registry::ToolInfo& tool : registry_.tools()) {
        agent::ToolSpec spec;
        spec.name = std::move(tool.name);
        spec.description = std::move(tool.description);
        spec.input_schema = std::move(tool.input_schema);
        spec.read_only = tool.read_only;
        spec.destructive = tool.destructive;
        spec.settled_by = std::move(tool.settled_by);
        specs.push_back(std::move(spec));
    }
    return specs;
}

std::vector<std::string> RegistryTools::absent_servers() {
    std::vector<std::string> absent;
    for (const registry::ServerStatus& server : registry_.status()) {
        if (server.health == registry::Health::failed || server.health == registry::Health::backing_off)
            absent.push_back(server.name);
    }
    return absent;
}

Task<Result<>> RegistryTools::reach(std::string tool, Deadline deadline) {
    co_return co_await registry_.reach(std::move(tool), deadline);
}

Task<Result<agent::ToolResult>> RegistryTools::call(agent::ToolCall call, agent::CallContext context) {
    registry::CallOptions options;
    options.deadline = context.deadline;
    options.meta["io.pincer/requester"] = context.principal;
    options.meta["io.pincer/context"] =
        json::object{{"principal", context.principal}, {"session", context.session_key}, {"run", context.run_id}};
    if (!context.grant.empty()) options.meta["io.pincer/grant"] = context.grant;
    PINCER_CO_TRY(auto answer,
                  co_await registry_.call(std::move(call.name), std::move(call.arguments), std::move(options)));
    agent::ToolResult result;
    result.is_error = answer.is_error;
    result.text = answer.joined_text();
    if (answer.structured && answer.structured->is_object())
        result.structured = std::move(answer.structured->get_object());
    co_return result;
}

}  // namespace pincer::gateway
