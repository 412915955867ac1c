// Which session a message belongs to. Keys are OpenClaw's:
//   agent:main:slack:direct:T1.U2            one person (dmScope per-channel-peer, our default)
//   agent:main:main                          all direct messages together (dmScope main, OpenClaw's default)
//   agent:main:slack:channel:C3:thread:17.1  a thread in a room; Telegram topics end in :topic:<n>
// We keep people apart unless told otherwise: what one asked in private another does not read.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "channels/channel.hpp"
#include "gateway/config/section.hpp"
#include "gateway/store/records.hpp"

namespace pincer::gateway {

// Everybody who holds the Gateway's own secret is, for the rule of four eyes, one person: its owner. So are the channel
// accounts that the configuration calls owners, or links with an operator.
inline constexpr std::string_view kOwner = "gateway-owner";

enum class DmScope { main, per_peer, per_channel_peer, per_account_channel_peer };

struct RoutingConfig {
    DmScope dm_scope = DmScope::per_channel_peer;
    std::string agent_id = "main";
    // session.identityLinks: a human's name to their ids on the platforms ("slack:T1.U2", "telegram:99").
    std::map<std::string, std::vector<std::string>> identity_links;
    // The keys under `session`; what is wrong with them is noted in the Section.
    static RoutingConfig read(const Section& root);

    // The linked human behind a principal, "" when there is none; kOwner for operators ("operator:<device>").
    std::string human_of(const std::string& principal) const;
};

// "slack:T1.U2": the id that policies, approvals and audit know a sender by.
std::string principal_of(const channels::Route& route, const channels::Sender& sender);

// The session as the message would have it: key, kind, route, display name.
Session session_for(const RoutingConfig& config, const channels::InboundMessage& message);

}  // namespace pincer::gateway
