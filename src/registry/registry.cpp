#include "registry/registry.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "registry/detail/supervised_server.hpp"

namespace pincer::registry {

std::string_view name_of(Health health) {
    switch (health) {
        case Health::idle: return "idle";
        case Health::starting: return "starting";
        case Health::ready: return "ready";
        case Health::backing_off: return "backing-off";
        case Health::disabled: return "disabled";
        case Health::failed: return "failed";
    }
    return "";
}

using ServerRef = std::shared_ptr<SupervisedServer>;  // shared by the table and the calls that are on it

class Registry::Impl {
public:
    Impl(io::Runtime& runtime, Connector& connector, const Clock& clock, crypto::Random& random,
         RegistryOptions options)
        : services{runtime, connector, clock, random, std::move(options)}, tasks(runtime) {}

    ServerRef find(std::string_view name) const {
        const auto found = std::find_if(servers.begin(), servers.end(),
                                        [&](const ServerRef& s) { return s->definition().name == name; });
        return found == servers.end() ? nullptr : *found;
    }

    ServiceSet services;
    std::vector<ServerRef> servers;  // in the order of the definitions
    io::TaskGroup tasks;
};

Registry::Registry(io::Runtime& runtime, Connector& connector, const Clock& clock, crypto::Random& random,
                   RegistryOptions options)
    : impl_(std::make_unique<Impl>(runtime, connector, clock, random, std::move(options))) {}

Registry::~Registry() { PINCER_ASSERT(impl_->servers.empty(), "stop() was awaited"); }

Task<Result<>> Registry::reload(std::vector<ServerDefinition> definitions) {
    if (definitions.size() > impl_->services.options.max_servers) {
        co_return PINCER_FAIL(too_large, "{} MCP servers are defined; the limit is {}", definitions.size(),
                              impl_->services.options.max_servers);
    }
    std::vector<ServerRef> next;
    for (ServerDefinition& definition : definitions) {
        ServerRef known = impl_->find(definition.name);
        if (known && same_connection(known->definition(), definition)) {
            known->update(std::move(definition));  // trust and filter take effect at once
            next.push_back(std::move(known));
        } else {
            next.push_back(std::make_shared<SupervisedServer>(impl_->services, std::move(definition)));
        }
    }
    std::vector<ServerRef> gone;
    for (const ServerRef& server : impl_->servers) {
        if (std::find(next.begin(), next.end(), server) == next.end()) gone.push_back(server);
    }
    impl_->servers = std::move(next);  // before any waiting: calls from now on go to the new ones
    for (const ServerRef& server : gone) co_await server->stop();
    if (impl_->services.options.on_tools_changed) impl_->services.options.on_tools_changed();
    co_return Result<>();
}

namespace {
struct Loading {
    std::size_t left = 1;  // one is ours while we spawn: a task may be through before the next is counted
    io::Event done;
    void finished_one() {
        if (--left == 0) done.set();
    }
};
Task<> load_one(ServerRef server, Deadline deadline, Loading& loading) {
    const Result<> loaded = co_await server->load_tools(deadline);
    if (!loaded) log::failure(log::Level::warn, "registry.server_unavailable", loaded.error());
    loading.finished_one();
}
}  // namespace

Task<> Registry::load_tools(Deadline deadline) {
    Loading loading{.done = io::Event(impl_->services.runtime)};
    io::TaskGroup tasks(impl_->services.runtime);
    for (const ServerRef& server : impl_->servers) {
        if (!server->definition().enabled || server->knows_tools()) continue;
        ++loading.left;
        tasks.spawn(load_one(server, deadline, loading));
    }
    loading.finished_one();
    (void)co_await loading.done.wait(deadline);
    co_await tasks.stop();
}

std::vector<ToolInfo> Registry::tools() const {
    std::vector<ToolInfo> out;
    for (const ServerRef& server : impl_->servers) {
        for (const ToolInfo& tool : server->tools()) {
            if (out.size() >= impl_->services.options.max_tools) return out;
            out.push_back(tool);
        }
    }
    return out;
}

std::optional<ToolInfo> Registry::tool(std::string_view name) const {
    const auto cut = name.find("__");
    const ServerRef server = cut == std::string_view::npos ? nullptr : impl_->find(name.substr(0, cut));
    if (!server) return std::nullopt;
    const auto& tools = server->tools();
    const auto found =
        std::find_if(tools.begin(), tools.end(), [&](const ToolInfo& tool) { return tool.name == name; });
    return found == tools.end() ? std::nullopt : std::optional(*found);
}

Task<Result<mcp::ToolResult>> Registry::call(std::string name, json::object arguments, CallOptions options) {
    const auto cut = name.find("__");
    const ServerRef server = cut == std::string::npos ? nullptr : impl_->find(std::string_view(name).substr(0, cut));
    if (!server) co_return PINCER_FAIL(not_found, "no MCP server provides a tool {}", name);
    co_return co_await server->call(name.substr(cut + 2), std::move(arguments), std::move(options));
}

namespace {
constexpr Millis kShortestPause{50};  // between two tries, whatever the server's own pause
}

Task<Result<>> Registry::reach(std::string name, Deadline deadline) {
    const std::string server_name = name.substr(0, name.find("__"));
    for (;;) {
        const ServerRef server = impl_->find(server_name);
        if (!server) co_return PINCER_FAIL(not_found, "no MCP server provides a tool {}", name);
        const Result<> up = co_await server->load_tools(deadline);
        if (up && tool(name)) co_return Result<>();
        if (up)
            co_return PINCER_FAIL(not_found, "MCP server \"{}\" offers no tool \"{}\"", server_name,
                                  name.substr(std::min(name.size(), server_name.size() + 2)));
        if (up.error().code() == ErrorCode::cancelled) co_return up;
        if (impl_->find(server_name) != server) continue;  // a reload put another in its place
        if (!server->definition().enabled || deadline.passed()) {
            const std::string& last = server->last_error().empty() ? up.error().message() : server->last_error();
            co_return PINCER_FAIL(unavailable, "MCP server \"{}\" is not reachable ({})", server_name, last);
        }
        const SteadyTime next = std::max(server->retry_at(), Deadline::after(kShortestPause).at());
        PINCER_CO_CHECK(co_await io::sleep_until(Deadline(std::min(next, deadline.at()))));
    }
}

std::vector<ServerStatus> Registry::status() const {
    std::vector<ServerStatus> out;
    for (const ServerRef& server : impl_->servers) out.push_back(server->status());
    return out;
}

Task<Result<std::vector<ToolInfo>>> Registry::probe(std::string name, Deadline deadline) {
    const ServerRef server = impl_->find(name);
    if (!server) co_return PINCER_FAIL(not_found, "No MCP server named \"{}\"", name);
    server->forget_failures();
    PINCER_CO_CHECK(co_await server->load_tools(deadline));
    co_return server->tools();
}

Task<> Registry::stop() {
    const std::vector<ServerRef> servers = std::exchange(impl_->servers, {});
    for (const ServerRef& server : servers) server->refuse_calls();
    for (const ServerRef& server : servers) co_await server->stop();
    co_await impl_->tasks.stop();
}

}  // namespace pincer::registry
