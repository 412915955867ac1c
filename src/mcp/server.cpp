#include "mcp/server.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/log.hpp"

namespace pincer::mcp {

Server::Server(ServerOptions options) : options_(std::move(options)) {}

Server::~Server() { PINCER_ASSERT(listeners_.empty(), "a server outlives its connections"); }

Result<std::shared_ptr<const Server::CompiledTool>> Server::compile(Tool tool) {
    PINCER_ASSERT(bool(tool.run) != bool(tool.now), "a tool has exactly one handler");
    if (tool.info.name.empty()) return PINCER_FAIL(invalid_argument, "a tool needs a name");
    const auto named = [&](Error error) { return Failure(std::move(error).context("tool " + tool.info.name)); };
    if (tool.info.input_schema.empty()) tool.info.input_schema = {{"type", "object"}};
    auto input = schema::Validator::compile(tool.info.input_schema);
    if (!input) return named(std::move(input).error());
    std::optional<schema::Validator> output;
    if (!tool.info.output_schema.empty()) {
        auto compiled = schema::Validator::compile(tool.info.output_schema);
        if (!compiled) return named(std::move(compiled).error());
        output = std::move(*compiled);
    }
    return std::make_shared<const CompiledTool>(CompiledTool{std::move(tool), std::move(*input), std::move(output)});
}

Result<> Server::add_tool(Tool tool) {
    if (by_name_.contains(tool.info.name))
        return PINCER_FAIL(already_exists, "there is a tool {} already", tool.info.name);
    PINCER_TRY(auto compiled, compile(std::move(tool)));
    by_name_.emplace(compiled->tool.info.name, compiled);
    tools_.push_back(std::move(compiled));
    all_text_.clear();
    tools_changed();
    return {};
}

bool Server::remove_tool(std::string_view name) {
    if (by_name_.erase(std::string(name)) == 0) return false;
    std::erase_if(tools_, [&](const auto& tool) { return tool->tool.info.name == name; });
    all_text_.clear();
    tools_changed();
    return true;
}

Result<> Server::set_tools(std::vector<Tool> tools) {
    std::vector<std::shared_ptr<const CompiledTool>> list;
    std::unordered_map<std::string, std::shared_ptr<const CompiledTool>> by_name;
    for (Tool& tool : tools) {
        PINCER_TRY(auto compiled, compile(std::move(tool)));
        const std::string& name = compiled->tool.info.name;
        if (!by_name.emplace(name, compiled).second) return PINCER_FAIL(already_exists, "two tools are named {}", name);
        list.push_back(std::move(compiled));
    }
    const std::string before = page(0).tools_text;
    tools_ = std::move(list);
    by_name_ = std::move(by_name);
    all_text_.clear();
    if (page(0).tools_text != before || options_.page_size > 0) tools_changed();
    return {};
}

void Server::notify(std::string method, json::object params) {
    const ServerNotification notification{std::move(method), std::move(params)};
    const std::vector<Listener*> listeners = listeners_;  // a listener may go while we tell it
    for (Listener* listener : listeners) {
        if (std::find(listeners_.begin(), listeners_.end(), listener) != listeners_.end())
            listener->on_notify(notification);
    }
}

void Server::tools_changed() {
    if (options_.tools_list_changed && !listeners_.empty()) notify("notifications/tools/list_changed", {});
}

void Server::on_notification(std::string method, NotificationHandler handler) {
    notifications_.insert_or_assign(std::move(method), std::move(handler));
}

void Server::dispatch_notification(std::string_view method, const json::object& params) const {
    if (const auto handler = notifications_.find(method); handler != notifications_.end())
        handler->second(params);
    else
        log::debug("mcp.server.notification_ignored", {{"method", method}});
}

std::shared_ptr<const Server::CompiledTool> Server::find_tool(std::string_view name) const {
    const auto found = by_name_.find(std::string(name));
    return found == by_name_.end() ? nullptr : found->second;
}

json::object Server::capabilities(Era era) const {
    json::object tools;
    if (options_.tools_list_changed) tools["listChanged"] = true;
    json::object o;
    if (!options_.experimental.empty()) o["experimental"] = options_.experimental;
    if (era == Era::modern && !options_.extensions.empty()) o["extensions"] = options_.extensions;
    if (options_.logging) o["logging"] = json::object();
    o["tools"] = std::move(tools);
    return o;
}

Server::Page Server::page(std::size_t from) const {
    const std::size_t size = options_.page_size;
    const std::size_t to = size == 0 ? tools_.size() : std::min(tools_.size(), from + size);
    const bool whole = from == 0 && to == tools_.size();
    Page page{whole ? all_text_ : "", to < tools_.size() ? to : 0};
    if (!page.tools_text.empty()) return page;
    json::array tools;
    for (std::size_t i = from; i < to; ++i) tools.push_back(tools_[i]->tool.info.to_json());
    page.tools_text = json::write(tools);
    if (whole) all_text_ = page.tools_text;
    return page;
}

void Server::attach(Listener& listener) { listeners_.push_back(&listener); }

void Server::detach(Listener& listener) { std::erase(listeners_, &listener); }

std::string plain_argument_wording(std::string_view tool, std::span<const schema::Violation> violations) {
    std::string out = fmt::format("Invalid arguments for tool {}:", tool);
    const char* separator = " ";
    for (const auto& v : violations) {
        const std::string where = v.path.empty() ? "the arguments" : v.dotted();
        const std::string demanded = json::write(v.demanded);
        if (v.keyword == "required")
            out += fmt::format("{}{} is missing", separator, where);
        else if (v.keyword == "type")
            out += fmt::format("{}{} must be of type {}, not {}", separator, where, v.expected_type, v.actual_type);
        else if (v.keyword == "enum")
            out += fmt::format("{}{} must be one of {}", separator, where, demanded);
        else if (v.keyword == "additionalProperties")
            out += fmt::format("{}{} has an unknown field {}", separator, where, demanded);
        else
            out += fmt::format("{}{} must satisfy {} {}", separator, where, v.keyword, demanded);
        separator = "; ";
    }
    return out;
}

}  // namespace pincer::mcp
