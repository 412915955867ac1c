// From the Gateway's rows and messages to what the tools show. Pure: JSON in, JSON out; exact shapes of the original.
#pragma once

#include <optional>
#include <string>

#include "bridge/queue.hpp"
#include "mcp/types.hpp"

namespace pincer::bridge {

// A session row as a conversation; nothing when it has no route (channel and recipient).
std::optional<json::object> conversation_of(const json::object& row);
// The parts of a conversation that `send` needs.
struct Route {
    std::string channel;
    std::string to;
    std::string account_id;
    std::string thread_id;  // as text, also when the row has a number
};
std::optional<Route> route_of(const json::object& row);

// A session.message payload as a queued event; nothing without session key or message.
std::optional<json::object> message_event_of(const json::object& payload);
std::string text_of_message(const json::object& message);  // text blocks, separated by line feeds
json::array attachments_of_message(const json::object& message);
std::string id_of_message(const json::object& message);

// Results. Where the original's text only counts, a second text block holds the same JSON as structuredContent.
mcp::ToolResult conversations_result(const json::array& rows, std::string_view channel);
mcp::ToolResult conversation_result(std::string_view key, const json::value& row);
mcp::ToolResult messages_result(json::value messages);
mcp::ToolResult attachments_result(json::object message);
mcp::ToolResult events_result(const EventQueue::Page& page);
mcp::ToolResult event_result(const EventQueue::Page& page);  // of events_wait: the first event, a gap, or "timeout"
mcp::ToolResult approvals_result(json::array approvals);
mcp::ToolResult plain_result(std::string_view text, json::value result);

// Params of `send` for a conversation.
json::object send_params(const Route& route, std::string_view session_key, std::string_view text,
                         std::string_view idempotency_key);

}  // namespace pincer::bridge
