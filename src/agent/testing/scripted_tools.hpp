// Tools that answer what the test wrote down, and keep what they were called with.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "agent/tool.hpp"
#include "io/runtime.hpp"

namespace pincer::agent::testing {

ToolSpec read_tool(std::string name);
ToolSpec change_tool(std::string name, std::string settled_by = {});
ToolResult text_result(std::string text, json::object structured = {});

class ScriptedTools final : public ToolSource {
public:
    using Answer = std::function<Result<ToolResult>(const ToolCall& call, const CallContext& context)>;

    void add(ToolSpec spec, Answer answer);
    void add(ToolSpec spec, ToolResult result);
    // Calls of this tool wait until `release`d, so that a test sees several of them under way.
    void hold(const std::string& tool, io::Event& release);

    std::vector<ToolSpec> tools() override;
    // A tool that is away: while `back` is not set, reach() waits for it; with none, it fails at once.
    Task<Result<>> reach(std::string tool, Deadline deadline) override;
    Task<Result<ToolResult>> call(ToolCall call, CallContext context) override;

    std::size_t calls_of(std::string_view tool) const;

    std::set<std::string> away;  // names of tools whose server is not there
    io::Event* back = nullptr;   // when it is set, all of them are there again
    std::vector<std::string> reached_for;

    std::vector<ToolCall> calls;        // in the order in which they began
    std::vector<CallContext> contexts;  // of the same
    int under_way = 0;
    int most_under_way = 0;

private:
    std::vector<ToolSpec> specs_;
    std::map<std::string, Answer> answers_;
    std::map<std::string, io::Event*> held_;
};

}  // namespace pincer::agent::testing
