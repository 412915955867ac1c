#include "gateway/store/records.hpp"

namespace pincer::gateway {
namespace {

json::array content_blocks(const agent::Message& message) {
    json::array blocks;
    if (!message.text.empty()) blocks.push_back(json::object{{"type", "text"}, {"text", message.text}});
    for (const agent::ToolCall& call : message.tool_calls) {
        blocks.push_back(
            json::object{{"type", "toolCall"}, {"id", call.id}, {"name", call.name}, {"arguments", call.arguments}});
    }
    return blocks;
}

std::string_view wire_role(agent::Role role) {
    switch (role) {
        case agent::Role::user: return "user";
        case agent::Role::assistant: return "assistant";
        case agent::Role::tool: return "toolResult";
    }
    return "user";
}

json::object button_to_json(const channels::Button& button) {
    return {{"label", button.label}, {"token", button.token}, {"style", int(button.style)}};
}

}  // namespace

std::string_view name_of(RunState state) {
    switch (state) {
        case RunState::queued: return "queued";
        case RunState::running: return "running";
        case RunState::waiting: return "waiting";
        case RunState::finished: return "finished";
        case RunState::aborted: return "aborted";
        case RunState::failed: return "failed";
    }
    return "failed";
}

std::string_view name_of(DeliveryState state) {
    switch (state) {
        case DeliveryState::queued: return "queued";
        case DeliveryState::sending: return "sending";
        case DeliveryState::sent: return "sent";
        case DeliveryState::failed: return "failed";
    }
    return "failed";
}

json::object to_wire(const Entry& entry) {
    const agent::Message& message = entry.message;
    json::object o{{"role", wire_role(message.role)}};
    if (message.role == agent::Role::user) {
        o["content"] = message.text;
    } else {
        o["content"] = content_blocks(message);
    }
    if (message.role == agent::Role::tool) {
        o["toolCallId"] = message.tool_call_id;
        o["toolName"] = message.tool_name;
        o["isError"] = message.is_error;
    }
    o["timestamp"] = message.timestamp_ms;
    o["__openclaw"] = json::object{
        {"id", entry.id},
        {"recordTimestampMs", message.timestamp_ms},
        {"transcriptPosition", json::object{{"source", entry.session_key}, {"rawSeq", entry.seq}}},
        {"seq", entry.seq},
        {"runId", entry.run_id},
    };
    return o;
}

json::object route_to_json(const channels::Route& route) {
    json::object o{{"channel", route.channel}, {"to", route.to}};
    if (!route.account_id.empty()) o["accountId"] = route.account_id;
    if (!route.thread_id.empty()) o["threadId"] = route.thread_id;
    return o;
}

channels::Route route_from_json(const json::object& o) {
    return {json::string_or(o, "channel"), json::string_or(o, "accountId"), json::string_or(o, "to"),
            json::string_or(o, "threadId")};
}

json::object outgoing_to_json(const channels::Outgoing& out) {
    json::array rows;
    for (const auto& row : out.buttons) {
        json::array cells;
        for (const auto& button : row) cells.push_back(button_to_json(button));
        rows.push_back(std::move(cells));
    }
    return {
        {"markdown", out.markdown}, {"buttons", std::move(rows)}, {"editOf", out.edit_of}, {"replyTo", out.reply_to}};
}

Result<channels::Outgoing> outgoing_from_json(const json::object& o) {
    channels::Outgoing out;
    PINCER_TRY(out.markdown, json::require_string(o, "markdown"));
    out.edit_of = json::string_or(o, "editOf");
    out.reply_to = json::string_or(o, "replyTo");
    if (const json::array* rows = json::array_at(o, "buttons")) {
        for (const auto& row : *rows) {
            auto& cells = out.buttons.emplace_back();
            if (!row.is_array()) continue;
            for (const auto& cell : row.get_array()) {
                if (!cell.is_object()) continue;
                const json::object& b = cell.get_object();
                const auto style = json::int_at(b, "style").value_or(0);
                channels::Button button{json::string_or(b, "label"), json::string_or(b, "token"),
                                        channels::ButtonStyle(style)};
                cells.push_back(std::move(button));
            }
        }
    }
    return out;
}

}  // namespace pincer::gateway
