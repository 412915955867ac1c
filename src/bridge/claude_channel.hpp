// Claude's channel: messages are pushed to it as they come, and its permission prompts can be answered from a
// conversation ("yes abcde"). Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/json.hpp"

namespace pincer::bridge {

enum class ClaudeMode { on, off };

struct Notification {
    std::string method;
    json::object params;
};

// "yes abcde" / "no abcde": five letters of a to z without l, in any case, blanks around allowed.
struct PermissionReply {
    bool allow = false;
    std::string request_id;
};
std::optional<PermissionReply> permission_reply_of(std::string_view text);

class ClaudeChannel {
public:
    static constexpr Millis kPermissionTtl{3'600'000};
    static constexpr std::size_t kMaxPending = 1000;

    explicit ClaudeChannel(ClaudeMode mode) : mode_(mode) {}
    bool on() const { return mode_ == ClaudeMode::on; }
    json::object experimental_capabilities() const;

    // notifications/claude/channel/permission_request: the event to queue for it, or nothing when it is malformed.
    std::optional<json::object> on_permission_request(const json::object& params, WallTime now);

    struct Reaction {
        std::optional<Notification> notify;
        bool queued = true;  // false: the message was the answer to a prompt, and is no event
    };
    // A message event (tools.hpp) about to be queued. Only the owner's words answer a prompt, and each prompt once.
    Reaction on_message(const json::object& event, WallTime now);
    void sweep(WallTime now);
    std::size_t pending() const { return pending_.size(); }

private:
    ClaudeMode mode_;
    std::map<std::string, WallTime> pending_;  // request id (lower case) → when it expires
};

}  // namespace pincer::bridge
