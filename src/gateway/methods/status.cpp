#include <unistd.h>

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
        recent.push_back(json::object{{"key", s->key}, {"updatedAt", to_millis(s->updated_at)}, {"age", (now - s->updated_at).count()}});
    }
    return {{"path", core.store_path}, {"count", std::int64_t(core.store.session_count())}, {"recent", std::move(recent)}};
}

json::array servers_status(const Core& core) {
    json::array servers;
    for (const registry::ServerStatus& s : core.registry.status()) {
        servers.push_back(json::object{{"name", s.name}, {"enabled", s.enabled}, {"transport", registry::name_of(s.transport)}, {"launch", s.launch},
                                       {"health", registry::name_of(s.health)}, {"tools", std::int64_t(s.tools)}, {"lastError", s.last_error}});
    }
    return servers;
}

}  // namespace

json::object health_snapshot(const Core& core) {
    json::object channels = core.channels.status();
    json::object agent{{"agentId", core.config.routing.agent_id}, {"isDefault", true}, {"sessions", session_summary(core)}};
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
        {"mcpServers", servers_status(core)},
        {"deliveriesWaiting", std::int64_t(core.outbox.waiting())},
    };
}

json::array presence_snapshot(const Core& core) {
    const std::string host = host_name();
    json::object self{{"host", host}, {"version", core.version}, {"platform", "linux"}, {"deviceFamily", "Linux"}, {"mode", "gateway"}, {"reason", "self"},
                      {"instanceId", core.boot_id}, {"text", fmt::format("Gateway: {} · app {} · mode gateway · reason self", host, core.version)}, {"ts", to_millis(core.clock.wall())}};
    return json::array{std::move(self)};
}

Answer health(MethodCall& call) { return Answer::of(health_snapshot(call.core)); }

Answer status(MethodCall& call) {
    json::object o = health_snapshot(call.core);
    o["runtimeVersion"] = call.core.version;
    o["uptimeMs"] = (call.core.clock.wall() - call.core.started_at).count();
    o["pendingApprovals"] = std::int64_t(call.core.approvals.desk().pending().size());
    o["channelAccounts"] = call.core.channels.status()["channelAccounts"];
    return Answer::of(o);
}

Answer channels_status(MethodCall& call) { return Answer::of(call.core.channels.status()); }

Answer config_get(MethodCall& call) {
    const json::object redacted = redacted_config(call.core.config.raw);
    return Answer::of({{"path", call.core.config_path}, {"exists", true}, {"valid", true}, {"config", redacted}, {"raw", json::write_pretty(redacted)}, {"issues", json::array()}});
}

Answer identity_get(MethodCall& call) {
    return Answer::of({{"instanceId", call.core.boot_id}, {"version", call.core.version}, {"host", host_name()}});
}

Answer last_heartbeat(MethodCall&) { return {"null", std::nullopt}; }

Answer agents_list(MethodCall& call) {
    const std::string& id = call.core.config.routing.agent_id;
    return Answer::of({{"defaultId", id}, {"mainKey", "main"}, {"scope", "per-sender"}, {"agents", json::array{json::object{{"id", id}, {"name", id}}}}});
}

Answer models_list(MethodCall& call) {
    json::array models;
    models.push_back(json::object{{"id", "responder"}, {"name", "Built-in responder"}, {"provider", "builtin"}});
    if (const ModelSelection& m = call.core.config.model; !m.api.empty()) {
        models.push_back(json::object{{"id", m.config.model}, {"name", m.config.model}, {"provider", m.config.provider}, {"contextWindow", m.config.context_window}});
    }
    return Answer::of({{"models", std::move(models)}});
}

Answer system_presence(MethodCall& call) { return {json::write(json::value(presence_snapshot(call.core))), std::nullopt}; }

Answer pairing_list(MethodCall& call) {
    json::array requests;
    for (const PairingRequest& p : call.core.store.pairing_requests(json::string_or(call.params, "channel"))) {
        requests.push_back(json::object{{"channel", p.channel}, {"accountId", p.account_id}, {"id", p.sender_id}, {"code", p.code}, {"meta", json::object{{"name", p.display}}},
                                        {"expiresAtMs", to_millis(p.expires_at)}});
    }
    return Answer::of({{"channel", json::string_or(call.params, "channel")}, {"requests", std::move(requests)}});
}

Task<Answer> pairing_approve(MethodCall call) {
    auto taken = co_await call.core.store.approve_pairing(json::string_or(call.params, "channel"), json::string_or(call.params, "code"), call.caller.principal.id);
    if (!taken) co_return Answer::failed(taken.error());
    json::object payload{{"ok", true}, {"channel", taken->channel}, {"accountId", taken->account_id}, {"id", taken->sender_id}};
    co_return Answer::of(payload);
}

}  // namespace pincer::gateway
