#include "agent/testing/scripted_tools.hpp"

#include <algorithm>

namespace pincer::agent::testing {

ToolSpec read_tool(std::string name) {
    ToolSpec spec;
    spec.name = std::move(name);
    spec.read_only = true;
    return spec;
}

ToolSpec change_tool(std::string name, std::string settled_by) {
    ToolSpec spec;
    spec.name = std::move(name);
    spec.destructive = true;
    spec.settled_by = std::move(settled_by);
    return spec;
}

ToolResult text_result(std::string text, json::object structured) {
    return ToolResult{.is_error = false, .text = std::move(text), .structured = std::move(structured)};
}

void ScriptedTools::add(ToolSpec spec, Answer answer) {
    answers_[spec.name] = std::move(answer);
    specs_.push_back(std::move(spec));
}

void ScriptedTools::add(ToolSpec spec, ToolResult result) {
    add(std::move(spec),
        [result = std::move(result)](const ToolCall&, const CallContext&) -> Result<ToolResult> { return result; });
}

void ScriptedTools::hold(const std::string& tool, io::Event& release) { held_[tool] = &release; }

std::vector<ToolSpec> ScriptedTools::tools() {
    std::vector<ToolSpec> here = specs_;
    std::erase_if(here, [this](const ToolSpec& spec) { return away.contains(spec.name); });
    return here;
}

Task<Result<>> ScriptedTools::reach(std::string tool, Deadline deadline) {
    reached_for.push_back(tool);
    if (away.contains(tool) && back) {
        PINCER_CO_CHECK(co_await back->wait(deadline));
        away.clear();
    }
    const std::vector<ToolSpec> here = tools();
    if (std::ranges::find(here, tool, &ToolSpec::name) != here.end()) co_return Result<>();
    co_return PINCER_FAIL(unavailable, "MCP server \"{}\" is not reachable", tool.substr(0, tool.find("__")));
}

Task<Result<ToolResult>> ScriptedTools::call(ToolCall call, CallContext context) {
    calls.push_back(call);
    contexts.push_back(context);
    most_under_way = std::max(most_under_way, ++under_way);
    Result<> waited;
    if (const auto held = held_.find(call.name); held != held_.end())
        waited = co_await held->second->wait(context.deadline);
    --under_way;
    PINCER_CO_CHECK(waited);
    const auto answer = answers_.find(call.name);
    if (answer == answers_.end()) co_return PINCER_FAIL(not_found, "no tool {}", call.name);
    co_return answer->second(call, context);
}

std::size_t ScriptedTools::calls_of(std::string_view tool) const {
    return std::size_t(std::ranges::count(calls, tool, &ToolCall::name));
}

}  // namespace pincer::agent::testing
