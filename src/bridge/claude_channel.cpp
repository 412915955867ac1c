#include "bridge/claude_channel.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace pincer::bridge {
namespace {

std::string field(const json::object* object, std::string_view key) {
    const json::value* v = object ? json::find(*object, key) : nullptr;
    if (!v || v->is_null()) return "";
    return v->is_string() ? std::string(v->get_string()) : json::write(*v);
}

Notification channel_notification(const json::object& event, const json::object& conversation) {
    std::string content = json::string_or(event, "text");
    if (content.empty()) content = "[non-text message]";
    json::object meta{{"session_key", json::string_or(event, "sessionKey")},
                      {"channel", field(&conversation, "channel")},
                      {"to", field(&conversation, "to")},
                      {"account_id", field(&conversation, "accountId")},
                      {"thread_id", field(&conversation, "threadId")},
                      {"message_id", json::string_or(event, "messageId")}};
    return {"notifications/claude/channel", {{"content", std::move(content)}, {"meta", std::move(meta)}}};
}

}  // namespace

std::optional<PermissionReply> permission_reply_of(std::string_view text) {
    const std::string lower = to_lower(trim(text));
    const std::string_view words(lower);
    const bool allow = words.starts_with("yes");
    if (!allow && !words.starts_with("no")) return std::nullopt;
    const std::string_view rest = words.substr(allow ? 3 : 2);
    const std::string_view id = trim(rest);
    if (rest.size() == id.size() || id.size() != 5) return std::nullopt;  // a blank must stand between them
    if (!std::all_of(id.begin(), id.end(), [](char c) { return c >= 'a' && c <= 'z' && c != 'l'; }))
        return std::nullopt;
    return PermissionReply{allow, std::string(id)};
}

json::object ClaudeChannel::experimental_capabilities() const {
    if (!on()) return {};
    return {{"claude/channel", json::object()}, {"claude/channel/permission", json::object()}};
}

std::optional<json::object> ClaudeChannel::on_permission_request(const json::object& params, WallTime now) {
    const std::string id = json::string_or(params, "request_id");
    const auto tool = json::string_at(params, "tool_name");
    const auto description = json::string_at(params, "description");
    const auto preview = json::string_at(params, "input_preview");
    if (id.empty() || !tool || !description || !preview) return std::nullopt;
    sweep(now);
    if (pending_.size() < kMaxPending) pending_[to_lower(id)] = now + kPermissionTtl;
    return json::object{{"type", "claude_permission_request"},
                        {"requestId", id},
                        {"toolName", *tool},
                        {"description", *description},
                        {"inputPreview", *preview}};
}

ClaudeChannel::Reaction ClaudeChannel::on_message(const json::object& event, WallTime now) {
    if (json::string_or(event, "role") != "user") return {};
    const json::object* raw = json::object_at(event, "raw");
    if (raw && json::bool_at(*raw, "senderIsOwner").value_or(false)) {
        sweep(now);
        const auto reply = permission_reply_of(json::string_or(event, "text"));
        if (reply && pending_.erase(reply->request_id) > 0) {
            json::object params{{"request_id", reply->request_id}, {"behavior", reply->allow ? "allow" : "deny"}};
            return {Notification{"notifications/claude/channel/permission", std::move(params)}, false};
        }
    }
    const json::object* conversation = json::object_at(event, "conversation");
    if (!on() || !conversation) return {};
    return {channel_notification(event, *conversation), true};
}

void ClaudeChannel::sweep(WallTime now) {
    std::erase_if(pending_, [&](const auto& entry) { return entry.second <= now; });
}

}  // namespace pincer::bridge
