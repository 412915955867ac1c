#include <unistd.h>

#include <algorithm>

#include "channels/access.hpp"
#include "gateway/methods/handlers.hpp"

namespace pincer::gateway {
namespace {

constexpr std::size_t kRecentSessions = 5;

std::string host_name() {
    char name[256] = {};
    return ::gethostname(name, sizeof name - 1) == 0 ? name : "localhost";
}

json::object session_summary(const Core& core) {
    const WallTime now = core.clock.wall();
    json::array recent;
    SessionFilter filter;
    filter.limit = kRecentSessions;
    for (const Session* s : core.store.list(filter).rows) {
        recent.push_back(json::object{{"key", s->key},
                                      {"updatedAt", to_millis(s->updated_at)},
                                      {"age", std::max<std::int64_t>(0, (now - s->updated_at).count())}});
    }
    return {
        {"path", core.store_path}, {"count", std::int64_t(core.store.session_count())}, {"recent", std::move(recent)}};
}

json::array servers_status(const Core& core) {
    json::array servers;
    for (const registry::ServerStatus& s : core.registry.status()) {
        servers.push_back(json::object{{"name", s.name},
                                       {"enabled", s.enabled},
                                       {"transport", registry::name_of(s.transport)},
                                       {"launch", s.launch},
                                       {"health", registry::name_of(s.health)},
                                       {"tools", std::int64_t(s.tools)},
                                       {"lastError", s.last_error}});
    }
    return servers;
}

}  // namespace

json::object health_snapshot(const Core& core) {
    json::object channels = core.channels.status();
    // There is no heartbeat here; the protocol wants to hear that.
    json::object heartbeat{{"enabled", false}, {"every", "disabled"}, {"everyMs", nullptr},
                           {"prompt", ""},     {"target", "none"},    {"ackMaxChars", 0}};
    json::object agent{{"agentId", core.config.routing.agent_id},
                       {"isDefault", true},
                       {"heartbeat", std::move(heartbeat)},
                       {"sessions", session_summary(core)}};
    return {
        {"ok", true},
        {"ts", to_millis(core.clock.wall())},
        {"durationMs", 0},
        {"channels", channels["channels"]},
        {"channelOrder", channels["channelOrder"]},
        {"channelLabels", channels["channelLabels"]},
        {"heartbeatSeconds", 0},
        {"defaultAgentId", core.config.routing.agent_id},
        {"agents", json::array{std::move(agent)}},
        {"sessions", session_summary(core)},
    };
}

json::array presence_snapshot(const Core& core) {
    const std::string host = host_name();
    json::object self{{"host", host},
                      {"version", core.version},
                      {"platform", "linux"},
                      {"deviceFamily", "Linux"},
                      {"mode", "gateway"},
                      {"reason", "self"},
                      {"instanceId", core.boot_id},
                      {"text", fmt::format("Gateway: {} · app {} · mode gateway · reason self", host, core.version)},
                      {"ts", to_millis(core.clock.wall())}};
    return json::array{std::move(self)};
}

// With what is ours besides: the published snapshot has no place for it.
json::object health_in_full(const Core& core) {
    json::object o = health_snapshot(core);
    o["mcpServers"] = servers_status(core);
    o["deliveriesWaiting"] = std::int64_t(core.outbox.waiting());
    return o;
}

Answer health(MethodCall& call) { return Answer::of(health_in_full(call.core)); }

Answer status(MethodCall& call) {
    json::object o = health_in_full(call.core);
    o["runtimeVersion"] = call.core.version;
    o["uptimeMs"] = (call.core.clock.wall() - call.core.started_at).count();
    o["pendingApprovals"] = std::int64_t(call.core.approvals.desk().pending().size());
    o["channelAccounts"] = call.core.channels.status()["channelAccounts"];
    return Answer::of(o);
}

Answer channels_status(MethodCall& call) { return Answer::of(call.core.channels.status()); }

Answer config_get(MethodCall& call) {
    const json::object redacted = redacted_config(call.core.config.raw);
    return Answer::of({{"path", call.core.config_path},
                       {"exists", true},
                       {"valid", true},
                       {"config", redacted},
                       {"raw", json::write_pretty(redacted)},
                       {"issues", json::array()}});
}

Answer identity_get(MethodCall& call) {
    return Answer::of({{"instanceId", call.core.boot_id}, {"version", call.core.version}, {"host", host_name()}});
}

Answer last_heartbeat(MethodCall&) { return {"null", std::nullopt}; }

Answer agents_list(MethodCall& call) {
    const std::string& id = call.core.config.routing.agent_id;
    return Answer::of({{"defaultId", id},
                       {"mainKey", "main"},
                       {"scope", "per-sender"},
                       {"agents", json::array{json::object{{"id", id}, {"name", id}}}}});
}

Answer models_list(MethodCall& call) {
    json::array models;
    models.push_back(json::object{{"id", "responder"}, {"name", "Built-in responder"}, {"provider", "builtin"}});
    if (const ModelSelection& m = call.core.config.model; !m.api.empty()) {
        models.push_back(json::object{{"id", m.config.model},
                                      {"name", m.config.model},
                                      {"provider", m.config.provider},
                                      {"contextWindow", m.config.context_window}});
    }
    return Answer::of({{"models", std::move(models)}});
}

Answer system_presence(MethodCall& call) {
    return {json::write(json::value(presence_snapshot(call.core))), std::nullopt};
}

std::string label_of(const std::string& channel) {
    for (const channels::ChannelType& type : channels::all_channels()) {
        if (type.id == channel) return std::string(type.label);
    }
    return channel;
}

// The published shape; requestId is the code that the person was told.
Answer pairing_list(MethodCall& call) {
    const Core& core = call.core;
    json::array accounts, requests;
    for (const ChannelConfig& channel : core.config.channels) {
        const std::string id(channel.type->id);
        accounts.push_back(json::object{{"channel", id},
                                        {"channelLabel", label_of(id)},
                                        {"accountId", channel.account.account_id},
                                        {"notifySupported", false}});
    }
    const std::string account = json::string_or(call.params, "accountId");
    for (const PairingRequest& p : core.store.pairing_requests(json::string_or(call.params, "channel"))) {
        if (!account.empty() && account != p.account_id) continue;
        const WallTime asked = p.expires_at - channels::kPairingTtl;
        requests.push_back(json::object{{"requestId", p.code},
                                        {"channel", p.channel},
                                        {"channelLabel", label_of(p.channel)},
                                        {"accountId", p.account_id},
                                        {"senderId", p.sender_id},
                                        {"senderLabel", p.display},
                                        {"createdAt", to_rfc3339(asked)},
                                        {"lastSeenAt", to_rfc3339(asked)},
                                        {"expiresAt", to_rfc3339(p.expires_at)},
                                        {"notifySupported", false}});
    }
    json::object limits{{"pendingPerAccount", std::int64_t(channels::kMaxPendingPairings)},
                        {"ttlMs", channels::kPairingTtl.count()}};
    return Answer::of({{"accounts", std::move(accounts)},
                       {"requests", std::move(requests)},
                       {"commandOwnerConfigured", !core.config.approvals.policy.owners.empty()},
                       {"limits", std::move(limits)}});
}

Task<Answer> pairing_approve(MethodCall call) {
    std::string code = json::string_or(call.params, "code", json::string_or(call.params, "requestId"));
    if (code.empty()) {
        Error error(ErrorCode::invalid_argument, "channels.pairing.approve needs the requestId (or the code)");
        co_return Answer::failed(error);
    }
    const std::string by = call.caller.principal.id;
    audit::Entry record{.kind = "pairing.approved", .actor = by, .body = {}, .follows = std::nullopt};
    record.body = {{"channel", json::string_or(call.params, "channel")}};
    auto recorded = co_await call.core.chain.append(std::move(record));
    if (!recorded) co_return Answer::failed(recorded.error());
    auto taken = co_await call.core.store.approve_pairing(json::string_or(call.params, "channel"), code, by);
    if (!taken) co_return Answer::failed(taken.error());
    json::object payload{{"requestId", taken->code},
                         {"senderId", taken->sender_id},
                         {"notification", "not-requested"},
                         {"commandOwnerBootstrap", "not-requested"}};
    co_return Answer::of(payload);
}

}  // namespace pincer::gateway
