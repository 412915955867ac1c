// Socket Mode frames to what the Gateway knows. Every subtype that may speak is named here: what is not, does not.
#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.hpp"
#include "channels/slack/slack_wire.hpp"

namespace pincer::channels::slack {
namespace {

// A plain message has no subtype. Edits (message_changed), deletions, joins, bot messages and all others stay silent.
constexpr std::array kSpeakingSubtypes =
    std::to_array<std::string_view>({"file_share", "me_message", "thread_broadcast"});

// "1700000000.123456": seconds and microseconds; Slack's name of a message too.
WallTime time_of(std::string_view ts) {
    std::int64_t seconds = 0;
    std::int64_t micros = 0;
    const auto dot = std::min(ts.find('.'), ts.size());
    std::from_chars(ts.data(), ts.data() + dot, seconds);
    if (dot < ts.size()) std::from_chars(ts.data() + dot + 1, ts.data() + ts.size(), micros);
    if (seconds < 0 || seconds > (1ll << 40) || micros < 0 || micros > 999'999) return WallTime{};
    return WallTime(std::chrono::seconds(seconds) + Millis(micros / 1000));
}

std::string unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto rest = text.substr(i);
        const auto take = [&](std::string_view entity, char c) {
            if (!rest.starts_with(entity)) return false;
            out += c;
            i += entity.size() - 1;
            return true;
        };
        if (!take("&amp;", '&') && !take("&lt;", '<') && !take("&gt;", '>')) out += text[i];
    }
    return out;
}

// The inside of <...>: "@U1", "@U1|name", "#C1|name", "!here", "!subteam^S1|@ops", "https://x|label".
std::string readable(std::string_view inside) {
    const auto bar = inside.find('|');
    const auto target = inside.substr(0, bar);
    const auto label = bar == std::string_view::npos ? std::string_view() : inside.substr(bar + 1);
    const auto first = target.empty() ? '\0' : target.front();
    if (first == '@') return "@" + std::string(label.empty() ? target.substr(1) : label);
    if (first == '#') return "#" + std::string(label.empty() ? target.substr(1) : label);
    if (first == '!') return label.empty() ? "@" + std::string(target.substr(1)) : std::string(label);
    if (label.empty() || label == target) return unescape(target);
    return unescape(label) + " (" + unescape(target) + ")";
}

struct Addressed {
    std::string text;
    bool mentions_us = false;
};

Addressed plain_text(std::string_view text, const Self& self) {
    Addressed out;
    while (!text.empty()) {
        const auto open = std::min(text.find('<'), text.size());
        out.text += unescape(text.substr(0, open));
        text.remove_prefix(open);
        const auto close = text.find('>');
        if (text.empty() || close == std::string_view::npos) break;
        const auto inside = text.substr(1, close - 1);
        text.remove_prefix(close + 1);
        if (inside.starts_with('@') && inside.substr(1, inside.find('|') - 1) == self.user_id) {
            out.mentions_us = true;
            if (out.text.empty() || out.text.ends_with(' '))
                text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
        } else {
            out.text += readable(inside);
        }
    }
    out.text += unescape(text);  // a '<' that is never closed
    out.text = std::string(trim(out.text));
    return out;
}

// app_mention and buttons do not say what kind of conversation it is, but its id does, as far as it matters.
ConversationType type_of(std::string_view channel_type, std::string_view channel) {
    if (channel_type == "im" || channel.starts_with('D')) return ConversationType::direct;
    if (channel_type == "mpim" || channel_type == "group" || channel.starts_with('G')) return ConversationType::group;
    return ConversationType::room;
}

std::vector<Attachment> attachments_of(const json::object& event) {
    std::vector<Attachment> out;
    const auto* files = json::array_at(event, "files");
    for (std::size_t i = 0; files && i < std::min<std::size_t>(files->size(), 20); ++i) {
        const auto* file = (*files)[i].if_object();
        if (!file) continue;
        const auto type = json::string_or(*file, "mimetype");
        const auto slash = std::min(type.find('/'), type.size());
        const auto family = type.substr(0, slash);
        const bool media = family == "image" || family == "audio" || family == "video";
        out.push_back({.kind = media ? family : "document",
                       .content_type = type,
                       .file_name = json::string_or(*file, "name"),
                       .reference = json::string_or(*file, "id"),
                       .size_bytes = json::int_at(*file, "size").value_or(0)});
    }
    return out;
}

std::string first_of(const json::object& object, std::initializer_list<std::string_view> keys) {
    for (const auto key : keys) {
        if (auto value = json::string_or(object, key); !value.empty()) return value;
    }
    return "";
}

// `<team>.<user>`, and the user alone when the team is the one that the app is installed in.
Sender sender_of(const std::string& team, const std::string& user, const Self& self) {
    return {.id = team + "." + user, .home_id = team == self.team_id ? user : ""};
}

Inbound message_of(const json::object& event, const std::string& team, const Self& self, const std::string& account) {
    const auto channel = json::string_or(event, "channel");
    const auto user = json::string_or(event, "user");
    const auto ts = json::string_or(event, "ts");
    const auto subtype = json::string_or(event, "subtype");
    if (!subtype.empty() && std::ranges::find(kSpeakingSubtypes, subtype) == kSpeakingSubtypes.end())
        return Ignored{"subtype " + subtype};
    if (event.contains("bot_id") || event.contains("bot_profile") || user == self.user_id)
        return Ignored{"written by a bot"};
    if (event.contains("edited") || json::bool_at(event, "hidden").value_or(false)) return Ignored{"edited or hidden"};
    if (channel.empty() || user.empty() || ts.empty()) return Ignored{"message without channel, user or ts"};

    const auto type = type_of(json::string_or(event, "channel_type"), channel);
    auto addressed = plain_text(json::string_or(event, "text"), self);
    const auto author_team = first_of(event, {"user_team", "team"});
    // `message` and `app_mention` tell of the same message, and a retry tells it again: one name for all of them.
    InboundMessage out{.event_id = fmt::format("message:{}:{}", channel, ts),
                       .route = {"slack", account, channel, json::string_or(event, "thread_ts")},
                       .type = type,
                       .sender = sender_of(author_team.empty() ? team : author_team, user, self),
                       .message_id = ts,
                       .text = std::move(addressed.text),
                       .mentions_us = addressed.mentions_us,
                       .attachments = attachments_of(event),
                       .at = time_of(ts)};
    out.sender.display = user;
    if (out.route.thread_id.empty() && type != ConversationType::direct)
        out.route.thread_id = ts;  // the answer opens the thread
    if (out.text.empty() && out.attachments.empty() && !out.mentions_us) return Ignored{"message without text or file"};
    return out;
}

Inbound event_of(const json::object& payload, const Self& self, const std::string& account) {
    const auto* event = json::object_at(payload, "event");
    if (!event) return Ignored{"no event"};
    const auto kind = json::string_or(*event, "type");
    if (kind != "message" && kind != "app_mention") return Ignored{"event " + kind};
    const auto team = json::string_or(payload, "team_id");
    return message_of(*event, team.empty() ? self.team_id : team, self, account);
}

Inbound action_of(const json::object& payload, const Self& self, const std::string& account) {
    if (json::string_or(payload, "type") != "block_actions")
        return Ignored{"interaction " + json::string_or(payload, "type")};
    const auto* user = json::object_at(payload, "user");
    const auto* container = json::object_at(payload, "container");
    const auto* actions = json::array_at(payload, "actions");
    const auto* action = actions && !actions->empty() ? actions->front().if_object() : nullptr;
    if (!user || !container || !action) return Ignored{"action without user, message or value"};
    const json::value whole(payload);
    auto channel = json::string_or(*container, "channel_id");
    if (channel.empty()) channel = json::string_at_path(whole, {"channel", "id"});
    auto thread = json::string_or(*container, "thread_ts");
    if (thread.empty()) thread = json::string_at_path(whole, {"message", "thread_ts"});
    const auto message_ts = json::string_or(*container, "message_ts");
    const auto user_id = json::string_or(*user, "id");
    const auto token = json::string_or(*action, "value");
    const auto pressed = json::string_or(*action, "action_ts");
    if (channel.empty() || message_ts.empty() || user_id.empty() || token.empty() || pressed.empty())
        return Ignored{"action without channel, message or value"};
    auto team = json::string_or(*user, "team_id");
    if (team.empty()) team = json::string_at_path(whole, {"team", "id"}, self.team_id);
    const auto name = json::string_at_path(whole, {"channel", "name"});
    const auto hint = name == "directmessage"                               ? "im"
                      : name == "privategroup" || name.starts_with("mpdm-") ? "group"
                                                                            : "";
    Sender sender = sender_of(team, user_id, self);
    sender.display = first_of(*user, {"name", "username", "id"});
    sender.username = json::string_or(*user, "username");
    return InboundAction{.event_id = fmt::format("action:{}:{}:{}:{}", channel, message_ts, user_id, pressed),
                         .route = {"slack", account, channel, thread},
                         .type = type_of(hint, channel),
                         .sender = std::move(sender),
                         .message_ref = message_ts,
                         .token = token,
                         .answer_handle = user_id,
                         .at = time_of(pressed)};
}

}  // namespace

Result<Frame> parse_frame(std::string_view text, const Self& self, const std::string& account) {
    auto parsed = json::parse_object(text);
    if (!parsed) return PINCER_FAIL(protocol, "Slack sent a frame that does not parse");
    const auto type = json::string_or(*parsed, "type");
    if (type == "hello") return Hello{};
    if (type == "disconnect") return Disconnect{json::string_or(*parsed, "reason")};
    Envelope envelope{json::string_or(*parsed, "envelope_id"), Ignored{"frame " + type}};
    if (envelope.id.empty()) return PINCER_FAIL(protocol, "Slack sent a frame without an envelope id");
    const auto* payload = json::object_at(*parsed, "payload");
    if (payload && type == "events_api") envelope.content = event_of(*payload, self, account);
    if (payload && type == "interactive") envelope.content = action_of(*payload, self, account);
    return envelope;
}

}  // namespace pincer::channels::slack
