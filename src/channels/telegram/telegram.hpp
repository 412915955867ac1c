// Telegram by long polling: the thin edge that carries out what the session machine says and sends what the wire module
// has made.
#pragma once

#include "channels/channel.hpp"

namespace pincer::channels::telegram {

inline constexpr ConfigField kFields[] = {
    {"enabled", FieldKind::boolean, "whether the account is used"},
    {"name", FieldKind::text, "how people call this account"},
    {"botToken", FieldKind::secret, "the token that @BotFather gave"},
    {"tokenFile", FieldKind::text, "a file that holds the token, in place of botToken"},
    {"apiRoot", FieldKind::text, "another Bot API server; https, or http on loopback"},
    {"dmPolicy", FieldKind::text, "pairing (default), allowlist, open or disabled"},
    {"allowFrom", FieldKind::text_list, "numeric ids of people who may write; \"*\" only with open"},
    {"groupPolicy", FieldKind::text, "allowlist (default), open or disabled"},
    {"groups", FieldKind::object, "groups by chat id, each with requireMention"},
    {"groupAllowFrom", FieldKind::text_list, "numeric ids of people who may write in groups"},
    {"requireMention", FieldKind::boolean, "in groups, only what mentions the bot (default)"},
};

Result<std::unique_ptr<Channel>> make(const AccountConfig& config, Services services);

inline constexpr ChannelType kType{.id = "telegram", .label = "Telegram", .fields = kFields, .make = make};

}  // namespace pincer::channels::telegram
