// Slack by Socket Mode: the thin edge that carries out what the session machine says and sends what the wire module has
// made. Needs a bot token (xoxb: chat:write, app_mentions:read, *:history for what it reads) and an app token (xapp:
// connections:write).
#pragma once

#include "channels/channel.hpp"

namespace pincer::channels::slack {

inline constexpr ConfigField kFields[] = {
    {"enabled", FieldKind::boolean, "whether the account is used"},
    {"name", FieldKind::text, "how people call this account"},
    {"mode", FieldKind::text, "socket, the only one"},
    {"botToken", FieldKind::secret, "the bot token, xoxb-...", true},
    {"appToken", FieldKind::secret, "the app-level token for Socket Mode, xapp-...", true},
    {"apiUrl", FieldKind::text, "another Web API root; https, or http on loopback"},
    {"dmPolicy", FieldKind::text, "pairing (default), allowlist, open or disabled"},
    {"allowFrom", FieldKind::text_list, "people who may write, as <team>.<user>; \"*\" only with open"},
    {"dm", FieldKind::object, "the older spelling: policy and allowFrom"},
    {"groupPolicy", FieldKind::text, "allowlist (default), open or disabled"},
    {"channels", FieldKind::object, "channels by id, each with requireMention"},
    {"groupAllowFrom", FieldKind::text_list, "people who may write in channels, as <team>.<user>"},
    {"requireMention", FieldKind::boolean, "in channels, only what mentions the bot (default)"},
};

Result<std::unique_ptr<Channel>> make(const AccountConfig& config, Services services);

inline constexpr ChannelType kType{.id = "slack", .label = "Slack", .fields = kFields, .make = make};

}  // namespace pincer::channels::slack
