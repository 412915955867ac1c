// The transcript form of a message: what is absent is left out, so that a plain question is one short object.
#include <array>

#include "agent/model.hpp"
#include "base/text.hpp"

namespace pincer::agent {
namespace {

constexpr std::array<std::pair<Role, std::string_view>, 3> kRoles{{
    {Role::user, "user"},
    {Role::assistant, "assistant"},
    {Role::tool, "tool"},
}};

json::object call_to_json(const ToolCall& call) {
    json::object o;
    o["id"] = call.id;
    o["name"] = call.name;
    o["arguments"] = call.arguments;
    if (!call.malformed_arguments.empty()) o["malformedArguments"] = call.malformed_arguments;
    return o;
}

Result<ToolCall> call_from_json(const json::value& v) {
    const json::object* o = v.if_object();
    if (!o) return PINCER_FAIL(invalid_argument, "\"toolCalls\" must hold objects");
    ToolCall call;
    PINCER_TRY(call.id, json::require_string(*o, "id"));
    PINCER_TRY(call.name, json::require_string(*o, "name"));
    if (const json::object* arguments = json::object_at(*o, "arguments")) call.arguments = *arguments;
    call.malformed_arguments = json::string_or(*o, "malformedArguments");
    return call;
}

}  // namespace

json::object to_json(const Message& message) {
    json::object o;
    for (const auto& [role, name] : kRoles) {
        if (role == message.role) o["role"] = name;
    }
    o["text"] = message.text;
    if (!message.tool_calls.empty()) {
        json::array calls;
        for (const ToolCall& call : message.tool_calls) calls.push_back(call_to_json(call));
        o["toolCalls"] = std::move(calls);
    }
    if (message.role == Role::tool) {
        o["toolCallId"] = message.tool_call_id;
        o["toolName"] = message.tool_name;
        if (message.is_error) o["isError"] = true;
        if (!message.structured.empty()) o["structured"] = message.structured;
    }
    if (!message.provider_state.is_null()) o["providerState"] = message.provider_state;
    o["timestamp"] = message.timestamp_ms;
    return o;
}

Result<Message> message_from_json(const json::object& o) {
    Message message;
    PINCER_TRY(const std::string role, json::require_string(o, "role"));
    bool known = false;
    for (const auto& [value, name] : kRoles) {
        if (name != role) continue;
        message.role = value;
        known = true;
    }
    if (!known)
        return PINCER_FAIL(invalid_argument, "\"role\" is \"{}\": must be user, assistant or tool",
                           truncate_utf8(role, 40));
    message.text = json::string_or(o, "text");
    if (const json::array* calls = json::array_at(o, "toolCalls")) {
        for (const json::value& v : *calls) {
            PINCER_TRY(ToolCall call, call_from_json(v));
            message.tool_calls.push_back(std::move(call));
        }
    }
    if (message.role == Role::tool) {
        PINCER_TRY(message.tool_call_id, json::require_string(o, "toolCallId"));
        message.tool_name = json::string_or(o, "toolName");
        message.is_error = json::bool_at(o, "isError").value_or(false);
        if (const json::object* structured = json::object_at(o, "structured")) message.structured = *structured;
    }
    if (const json::value* state = json::find(o, "providerState")) message.provider_state = *state;
    message.timestamp_ms = json::int_at(o, "timestamp").value_or(0);
    return message;
}

}  // namespace pincer::agent
