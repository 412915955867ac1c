// Tools as the agent sees them. The agent declares this; the Gateway adapts the registry of MCP servers to it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "io/deadline.hpp"
#include "io/task.hpp"

namespace pincer::agent {

struct ToolSpec {
    std::string name;  // "<server>__<tool>"
    std::string description;
    json::object input_schema;
    bool read_only = false;  // said so by its definition and believed by the operator's policy; false when unknown
    bool destructive = false;
    std::string settled_by;  // name of the read-only tool that tells how a cut-off call of this one ended; "" when none
};

struct ToolCall {
    std::string id;
    std::string name;
    json::object arguments;
    // What the model wrote when that was not a JSON object. Such a call is never made; the model is told.
    std::string malformed_arguments;
};

struct ToolResult {
    bool is_error = false;
    std::string text;         // for people and models
    json::object structured;  // empty when the tool gave none
};

// Who this is done for. Made by the Gateway from its own record, carried through every call, never taken from a model.
struct CallContext {
    std::string principal;
    std::string session_key;
    std::string run_id;
    std::string grant;  // signed permission of a person for exactly this call; "" for reads
    Deadline deadline = Deadline::never();
};

class ToolSource {
public:
    virtual ~ToolSource() = default;
    virtual std::vector<ToolSpec> tools() = 0;
    // Servers that the operator has configured and whose tools are missing because they cannot be reached just now.
    virtual std::vector<std::string> absent_servers() { return {}; }
    // Waits until a call of this tool can be sent, its server started again and again if need be. Nothing has been sent
    // when it fails: unavailable naming the server (the deadline passed), not_found (the server is there, the tool is
    // not).
    virtual Task<Result<>> reach(std::string tool, Deadline deadline) = 0;
    // An Error is ours (timed_out naming server, tool and which timeout; unavailable; forbidden); what the tool itself
    // says went wrong is a ToolResult with is_error. The two never look alike to a person.
    virtual Task<Result<ToolResult>> call(ToolCall call, CallContext context) = 0;
};

}  // namespace pincer::agent
