#include "bridge/tools.hpp"

#include "base/text.hpp"

namespace pincer::bridge {
namespace {

bool is_given(const json::value* v) { return v && !v->is_null() && !(v->is_string() && v->get_string().empty()); }

// The first of these that says something; the order is the original's.
const json::value* first_of(std::initializer_list<const json::value*> candidates) {
    for (const json::value* candidate : candidates) {
        if (is_given(candidate)) return candidate;
    }
    return nullptr;
}

const json::value* in(const json::object& row, std::string_view outer, std::string_view inner) {
    const json::object* object = json::object_at(row, outer);
    return object ? json::find(*object, inner) : nullptr;
}

struct RouteFields {
    const json::value* channel;
    const json::value* to;
    const json::value* account;
    const json::value* thread;
};

RouteFields fields_of(const json::object& row) {
    return {first_of({in(row, "deliveryContext", "channel"), json::find(row, "lastChannel"), json::find(row, "channel"),
                      in(row, "origin", "provider")}),
            first_of({in(row, "deliveryContext", "to"), json::find(row, "lastTo")}),
            first_of({in(row, "deliveryContext", "accountId"), json::find(row, "lastAccountId"),
                      in(row, "origin", "accountId")}),
            first_of({in(row, "deliveryContext", "threadId"), json::find(row, "lastThreadId"),
                      in(row, "origin", "threadId")})};
}

std::string as_text(const json::value* v) {
    if (!v) return "";
    return v->is_string() ? std::string(v->get_string()) : json::write(*v);
}

void add_text_block(mcp::ToolResult& result, std::string text) {
    result.content.push_back(json::object{{"type", "text"}, {"text", std::move(text)}});
}

mcp::ToolResult counted(std::string text, json::object structured) {
    std::string whole = json::write(structured);
    mcp::ToolResult result = mcp::ToolResult::of(std::move(structured), std::move(text));
    add_text_block(result, std::move(whole));
    return result;
}

mcp::ToolResult listed(std::string_view what, std::size_t count, json::object structured) {
    std::string text = fmt::format("{}: {}\n\n", what, count);
    json::append_pretty(text, structured);
    return mcp::ToolResult::of(std::move(structured), std::move(text));
}

json::value parsed_event(const QueuedEvent& event) {
    auto parsed = json::parse(event.text, {.bytes = EventQueue::kMaxEventBytes * 2, .depth = 80});
    return parsed ? std::move(*parsed) : json::value(json::object{{"cursor", event.cursor}});
}

json::object media_block(const json::object& media) {
    json::object kept;
    for (std::string_view key :
         {"url", "contentType", "kind", "fileName", "sizeBytes", "width", "height", "durationMs"}) {
        if (const json::value* v = json::find(media, key)) kept[key] = *v;
    }
    kept["transcribed"] = json::bool_at(media, "transcribed").value_or(false);
    return {{"type", "openclaw_media"}, {"media", std::move(kept)}};
}

}  // namespace

std::optional<Route> route_of(const json::object& row) {
    const RouteFields f = fields_of(row);
    if (!f.channel || !f.to) return std::nullopt;
    return Route{to_lower(as_text(f.channel)), as_text(f.to), as_text(f.account), as_text(f.thread)};
}

std::optional<json::object> conversation_of(const json::object& row) {
    const RouteFields f = fields_of(row);
    const auto key = json::string_at(row, "key");
    if (!key || key->empty() || !f.channel || !f.to) return std::nullopt;
    json::object out({{"sessionKey", *key}, {"channel", to_lower(as_text(f.channel))}, {"to", *f.to}}, row.storage());
    if (f.account) out["accountId"] = *f.account;
    if (f.thread) out["threadId"] = *f.thread;
    for (std::string_view name : {"label", "displayName", "derivedTitle", "lastMessagePreview"}) {
        if (const json::value* v = json::find(row, name); is_given(v)) out[name] = *v;
    }
    const json::value* updated = json::find(row, "updatedAt");
    out["updatedAt"] = updated && updated->is_number() ? *updated : json::value(nullptr);
    return out;
}

std::string text_of_message(const json::object& message) {
    const json::value* content = json::find(message, "content");
    if (!content) return json::string_or(message, "text");
    if (content->is_string()) return std::string(content->get_string());
    const json::array* blocks = content->if_array();
    std::string out;
    for (std::size_t i = 0; blocks && i < blocks->size(); ++i) {
        const json::object* block = (*blocks)[i].if_object();
        if (!block || json::string_or(*block, "type") != "text") continue;
        if (!out.empty()) out += '\n';
        out += json::string_or(*block, "text");
    }
    return out;
}

std::string id_of_message(const json::object& message) {
    if (const json::value* id = in(message, "__openclaw", "id"); id && id->is_string())
        return std::string(id->get_string());
    return json::string_or(message, "id");
}

json::array attachments_of_message(const json::object& message) {
    json::array out;
    if (const json::array* blocks = json::array_at(message, "content")) {
        for (const json::value& block : *blocks) {
            if (block.is_object() && json::string_or(block.get_object(), "type") != "text") out.push_back(block);
        }
    }
    const json::value* media = in(message, "__openclaw", "media");
    for (std::size_t i = 0; media && media->is_array() && i < media->get_array().size(); ++i) {
        if (const json::object* entry = media->get_array()[i].if_object()) out.push_back(media_block(*entry));
    }
    return out;
}

std::optional<json::object> message_event_of(const json::object& payload) {
    const auto key = json::string_at(payload, "sessionKey");
    const json::object* message = json::object_at(payload, "message");
    if (!key || key->empty() || !message) return std::nullopt;
    json::object event{{"type", "message"}, {"sessionKey", *key}};
    json::object row{{"key", *key}};
    for (std::string_view name : {"lastChannel", "lastTo", "lastAccountId", "lastThreadId"}) {
        if (const json::value* v = json::find(payload, name)) row[name] = *v;
    }
    if (auto conversation = conversation_of(row)) event["conversation"] = std::move(*conversation);
    std::string id = json::string_or(payload, "messageId", id_of_message(*message));
    if (!id.empty()) event["messageId"] = std::move(id);
    if (const json::value* seq = json::find(payload, "messageSeq"); seq && seq->is_number()) event["messageSeq"] = *seq;
    if (const auto role = json::string_at(*message, "role")) event["role"] = *role;
    if (std::string text = text_of_message(*message); !text.empty()) event["text"] = std::move(text);
    event["raw"] = payload;
    return event;
}

mcp::ToolResult conversations_result(const json::array& rows, std::string_view channel) {
    const std::string wanted = to_lower(trim(channel));
    json::array kept(rows.storage());  // what was parsed into one arena stays there
    for (const json::value& row : rows) {
        auto conversation = row.is_object() ? conversation_of(row.get_object()) : std::nullopt;
        if (!conversation) continue;
        if (!wanted.empty() && json::string_or(*conversation, "channel") != wanted) continue;
        kept.push_back(std::move(*conversation));
    }
    const std::size_t count = kept.size();
    json::object structured(kept.storage());
    structured["conversations"] = std::move(kept);
    return listed("conversations", count, std::move(structured));
}

mcp::ToolResult conversation_result(std::string_view key, const json::value& row) {
    auto conversation = row.is_object() ? conversation_of(row.get_object()) : std::nullopt;
    if (!conversation) return mcp::ToolResult::error(fmt::format("conversation not found: {}", key));
    return counted(fmt::format("conversation {}", key), {{"conversation", std::move(*conversation)}});
}

mcp::ToolResult messages_result(json::value messages) {
    if (!messages.is_array()) messages = json::array();
    const std::size_t count = messages.get_array().size();
    json::object structured(messages.storage());
    structured["messages"] = std::move(messages);
    return listed("messages", count, std::move(structured));
}

mcp::ToolResult attachments_result(json::object message) {
    json::array attachments = attachments_of_message(message);
    std::string text = fmt::format("attachments: {}", attachments.size());
    return counted(std::move(text), {{"attachments", std::move(attachments)}, {"message", std::move(message)}});
}

mcp::ToolResult events_result(const EventQueue::Page& page) {
    json::array events;
    for (const QueuedEvent* event : page.events) events.push_back(parsed_event(*event));
    std::string text = fmt::format("events: {}", events.size());
    json::object structured{{"events", std::move(events)}, {"next_cursor", page.next_cursor}};
    if (page.gap) structured["gap"] = page.gap->to_json();
    return counted(std::move(text), std::move(structured));
}

mcp::ToolResult event_result(const EventQueue::Page& page) {
    if (page.gap) {
        return counted(fmt::format("event gap before {}", page.gap->oldest_available_cursor),
                       {{"event", nullptr}, {"gap", page.gap->to_json()}});
    }
    if (page.events.empty()) return mcp::ToolResult::of({{"event", nullptr}}, "timeout");
    return counted(fmt::format("event {}", page.events.front()->cursor),
                   {{"event", parsed_event(*page.events.front())}});
}

mcp::ToolResult approvals_result(json::array approvals) {
    std::string text = fmt::format("approvals: {}", approvals.size());
    return counted(std::move(text), {{"approvals", std::move(approvals)}});
}

mcp::ToolResult plain_result(std::string_view text, json::value result) {
    return counted(std::string(text), {{"result", std::move(result)}});
}

json::object send_params(const Route& route, std::string_view session_key, std::string_view text,
                         std::string_view idempotency_key) {
    json::object out{{"to", route.to}, {"channel", route.channel}};
    if (!route.account_id.empty()) out["accountId"] = route.account_id;
    if (!route.thread_id.empty()) out["threadId"] = route.thread_id;
    out["message"] = text;
    out["sessionKey"] = session_key;
    out["idempotencyKey"] = idempotency_key;
    return out;
}

}  // namespace pincer::bridge
