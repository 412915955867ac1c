#include "gateway/routing/routing.hpp"

#include <algorithm>

namespace pincer::gateway {
namespace {

std::string direct_key(const RoutingConfig& config, const channels::InboundMessage& m) {
    const std::string human = config.human_of(principal_of(m.route, m.sender));
    const std::string peer = human.empty() ? m.sender.id : human;
    switch (config.dm_scope) {
        case DmScope::main: return "main";
        case DmScope::per_peer: return "direct:" + peer;
        case DmScope::per_channel_peer: return m.route.channel + ":direct:" + peer;
        case DmScope::per_account_channel_peer: return m.route.channel + ":" + m.route.account_id + ":direct:" + peer;
    }
    return "main";
}

}  // namespace

RoutingConfig RoutingConfig::read(const Section& root) {
    RoutingConfig config;
    const Section session = root.section("session");
    const std::string scope = session.text_or("dmScope", "per-channel-peer");
    if (scope == "main")
        config.dm_scope = DmScope::main;
    else if (scope == "per-peer")
        config.dm_scope = DmScope::per_peer;
    else if (scope == "per-channel-peer")
        config.dm_scope = DmScope::per_channel_peer;
    else if (scope == "per-account-channel-peer")
        config.dm_scope = DmScope::per_account_channel_peer;
    else
        session.wrong("dmScope", "must be main, per-peer, per-channel-peer or per-account-channel-peer");
    const Section links = session.section("identityLinks");
    for (const auto& [human, ids] : links.object()) config.identity_links[std::string(human)] = links.texts(human);
    return config;
}

std::string RoutingConfig::human_of(const std::string& principal) const {
    // Whoever holds the Gateway's secret is its owner, by whichever device or page; and so is a human linked to one of
    // them.
    const auto is_operator = [](const std::string& id) { return id.starts_with("operator:"); };
    if (is_operator(principal)) return std::string(kOwner);
    for (const auto& [human, ids] : identity_links) {
        if (std::find(ids.begin(), ids.end(), principal) != ids.end())
            return std::any_of(ids.begin(), ids.end(), is_operator) ? std::string(kOwner) : human;
    }
    return {};
}

std::string principal_of(const channels::Route& route, const channels::Sender& sender) {
    return route.channel + ":" + sender.id;
}

Session session_for(const RoutingConfig& config, const channels::InboundMessage& m) {
    Session session;
    session.agent_id = config.agent_id;
    session.route = m.route;
    std::string tail;
    switch (m.type) {
        case channels::ConversationType::direct:
            tail = direct_key(config, m);
            session.display_name = m.sender.display;
            break;
        case channels::ConversationType::group:
            tail = m.route.channel + ":group:" + m.route.to;
            session.kind = SessionKind::group;
            break;
        case channels::ConversationType::room:
            tail = m.route.channel + ":channel:" + m.route.to;
            session.kind = SessionKind::group;
            break;
    }
    if (!m.route.thread_id.empty() &&
        !(m.type == channels::ConversationType::direct && config.dm_scope == DmScope::main)) {
        tail += (m.route.channel == "telegram" ? ":topic:" : ":thread:") + m.route.thread_id;
    }
    session.key = "agent:" + config.agent_id + ":" + tail;
    return session;
}

}  // namespace pincer::gateway
