#include "gateway/config/gateway_config.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace pincer::gateway {
namespace {

Failure wrong(std::string_view key, std::string_view what) { return PINCER_FAIL(invalid_argument, "{}: {}", key, what); }

const json::object& section(const json::object& root, std::string_view key) {
    static const json::object kEmpty;
    const json::object* found = json::object_at(root, key);
    return found ? *found : kEmpty;
}

Result<std::vector<std::string>> string_list(const json::object& o, std::string_view key, std::string_view path) {
    std::vector<std::string> list;
    const json::value* v = json::find(o, key);
    if (!v) return list;
    if (!v->is_array()) return wrong(path, "must be a list of strings");
    for (const auto& item : v->get_array()) {
        if (item.is_int64()) list.push_back(std::to_string(item.get_int64()));   // Telegram ids are often written bare
        else if (item.is_string()) list.emplace_back(item.get_string());
        else return wrong(path, "must be a list of strings");
    }
    return list;
}

Result<> read_gateway(const json::object& root, GatewayConfig& config) {
    const json::object& gateway = section(root, "gateway");
    if (const json::value* port = json::find(gateway, "port")) {
        const auto number = json::int_at(gateway, "port");
        if (!port || !number || *number < 1 || *number > 65535) return wrong("gateway.port", "must be a port number from 1 to 65535");
        config.port = std::uint16_t(*number);
    }
    const std::string bind = json::string_or(gateway, "bind", "loopback");
    if (bind == "loopback" || bind == "auto") config.bind_address = "127.0.0.1";
    else if (bind == "lan") config.bind_address = "0.0.0.0";
    else if (bind == "custom") config.bind_address = json::string_or(gateway, "customBindHost", "");
    else return wrong("gateway.bind", "must be loopback, lan, auto or custom (with gateway.customBindHost)");
    if (config.bind_address.empty()) return wrong("gateway.customBindHost", "must name an address when gateway.bind is custom");

    const json::object& auth = section(gateway, "auth");
    const std::string mode = json::string_or(auth, "mode", json::find(auth, "password") ? "password" : "token");
    if (mode == "token") config.auth.mode = AuthMode::token;
    else if (mode == "password") config.auth.mode = AuthMode::password;
    else if (mode == "none") config.auth.mode = AuthMode::none;
    else return wrong("gateway.auth.mode", "must be token, password or none");
    config.auth.token = Secret(json::string_or(auth, "token"));
    config.auth.password = Secret(json::string_or(auth, "password"));

    PINCER_TRY(config.allowed_origins, string_list(section(gateway, "controlUi"), "allowedOrigins", "gateway.controlUi.allowedOrigins"));
    return {};
}

Result<channels::AccountConfig> read_account(const channels::ChannelType& type, const std::string& account_id, const json::object& o, const std::string& path) {
    channels::AccountConfig account;
    account.account_id = account_id;
    account.values = o;
    for (const channels::ConfigField& field : type.fields) {
        const json::value* v = json::find(o, field.key);
        const std::string key = path + "." + std::string(field.key);
        if (!v) {
            if (field.required) return wrong(key, fmt::format("is required ({})", field.help));
            continue;
        }
        if (field.kind == channels::FieldKind::secret) {
            if (!v->is_string()) return wrong(key, "must be a string");
            account.secrets.emplace_back(std::string(field.key), Secret(std::string(v->get_string())));
            account.values.erase(field.key);
        } else if (field.kind == channels::FieldKind::text && !v->is_string()) {
            return wrong(key, "must be a string");
        } else if (field.kind == channels::FieldKind::boolean && !v->is_bool()) {
            return wrong(key, "must be true or false");
        } else if (field.kind == channels::FieldKind::number && !v->is_number()) {
            return wrong(key, "must be a number");
        } else if (field.kind == channels::FieldKind::text_list && !v->is_array()) {
            return wrong(key, "must be a list");
        }
    }
    return account;
}

Result<> read_channels(const json::object& root, GatewayConfig& config) {
    const json::object& all = section(root, "channels");
    for (const channels::ChannelType& type : channels::all_channels()) {
        const json::object* o = json::object_at(all, type.id);
        if (!o || !json::bool_at(*o, "enabled").value_or(true)) continue;
        std::vector<std::pair<std::string, json::object>> accounts;
        if (const json::object* listed = json::object_at(*o, "accounts")) {
            for (const auto& [name, value] : *listed) {
                if (!value.is_object()) return wrong(fmt::format("channels.{}.accounts.{}", type.id, std::string_view(name)), "must be an object");
                json::object merged = *o;            // an account inherits what stands beside the list
                merged.erase("accounts");
                for (const auto& [key, v] : value.get_object()) merged[key] = v;
                accounts.emplace_back(std::string(name), std::move(merged));
            }
        } else {
            accounts.emplace_back("default", *o);
        }
        for (const auto& [name, values] : accounts) {
            const std::string path = name == "default" ? fmt::format("channels.{}", type.id) : fmt::format("channels.{}.accounts.{}", type.id, name);
            ChannelConfig channel;
            channel.type = &type;
            PINCER_TRY(channel.account, read_account(type, name, values, path));
            auto access = channels::AccessPolicy::from_config(values);
            if (!access) return Failure(std::move(access).error().context(path));
            channel.access = *std::move(access);
            config.channels.push_back(std::move(channel));
        }
    }
    return {};
}

Result<> read_approvals(const json::object& root, GatewayConfig& config) {
    const json::object& approvals = section(root, "approvals");
    const json::object& plugin = section(approvals, "plugin");
    const std::string mode = json::string_or(plugin, "mode", "session");
    if (mode != "session" && mode != "targets" && mode != "both") return wrong("approvals.plugin.mode", "must be session, targets or both");
    config.approvals.in_session = mode != "targets";
    if (const json::array* targets = json::array_at(plugin, "targets"); targets && mode != "session") {
        for (const auto& item : *targets) {
            const json::object* o = item.if_object();
            channels::Route route;
            if (o) route = {json::string_or(*o, "channel"), json::string_or(*o, "accountId", "default"), json::string_or(*o, "to"), json::string_or(*o, "threadId")};
            if (!route.complete()) return wrong("approvals.plugin.targets", "each target needs channel and to");
            config.approvals.targets.push_back(std::move(route));
        }
    }
    PINCER_TRY(config.approvals.approvers, string_list(approvals, "approvers", "approvals.approvers"));
    const std::string self = json::string_or(approvals, "selfApproval", "deny");
    if (self != "deny" && self != "owner") return wrong("approvals.selfApproval", "must be deny or owner");
    config.approvals.policy.self_approval = self == "owner" ? approval::SelfApproval::owner : approval::SelfApproval::deny;
    PINCER_TRY(config.approvals.policy.owners, string_list(section(root, "commands"), "ownerAllowFrom", "commands.ownerAllowFrom"));
    if (const auto ttl = json::string_at(approvals, "timeout")) {
        auto parsed = parse_duration(*ttl);
        if (!parsed) return Failure(std::move(parsed).error().context("approvals.timeout"));
        config.approvals.policy.default_ttl = *parsed;
    }
    return {};
}

Result<> read_model(const json::object& root, GatewayConfig& config) {
    const json::object& defaults = section(section(root, "agents"), "defaults");
    config.system_prompt = json::string_or(defaults, "systemPrompt");
    std::string primary = json::string_or(section(defaults, "model"), "primary");
    if (primary.empty()) primary = json::string_or(defaults, "model");
    PINCER_TRY(config.egress, agent::ModelEgressPolicy::from_config(section(section(root, "models"), "egress")));
    if (primary.empty()) return {};
    const auto slash = primary.find('/');
    if (slash == std::string::npos) return wrong("agents.defaults.model.primary", "must be <provider>/<model>");
    const std::string provider = primary.substr(0, slash);
    const std::string path = "models.providers." + provider;
    const json::object* o = json::object_at(section(section(root, "models"), "providers"), provider);
    if (!o) return wrong(path, fmt::format("is missing, but agents.defaults.model.primary is \"{}\"", primary));
    config.model.api = json::string_or(*o, "api", "openai-completions");
    agent::ModelConfig& model = config.model.config;
    model.provider = provider;
    model.model = primary.substr(slash + 1);
    model.base_url = json::string_or(*o, "baseUrl");
    if (model.base_url.empty()) return wrong(path + ".baseUrl", "is required");
    model.api_key = Secret(json::string_or(*o, "apiKey"));
    if (const json::array* models = json::array_at(*o, "models")) {
        for (const auto& item : *models) {
            const json::object* m = item.if_object();
            if (!m || json::string_or(*m, "id") != model.model) continue;
            model.context_window = json::int_at(*m, "contextWindow").value_or(model.context_window);
            model.max_tokens = std::size_t(json::int_at(*m, "maxTokens").value_or(std::int64_t(model.max_tokens)));
        }
    }
    return {};
}

bool is_secret_key(std::string_view key) {
    const std::string lower = to_lower(key);
    for (std::string_view end : {"token", "secret", "password", "apikey", "api_key", "privatekey", "authorization"}) {
        if (lower.ends_with(end)) return true;
    }
    return false;
}

void redact_value(json::value& v, bool everything) {
    if (json::object* o = v.if_object()) {
        for (auto& [key, item] : *o) {
            const bool inner = everything || key == "headers" || key == "env";
            if (item.is_string() && (everything || is_secret_key(key))) item = kRedacted;
            else redact_value(item, inner);
        }
    } else if (json::array* a = v.if_array()) {
        for (auto& item : *a) redact_value(item, everything);
    }
}

}  // namespace

Result<GatewayConfig> GatewayConfig::from_json(json::object root) {
    GatewayConfig config;
    PINCER_CHECK(read_gateway(root, config));
    PINCER_TRY(config.routing, RoutingConfig::from_config(root));
    PINCER_CHECK(read_channels(root, config));
    PINCER_CHECK(read_approvals(root, config));
    PINCER_CHECK(read_model(root, config));
    config.mcp_servers = section(section(root, "mcp"), "servers");
    config.raw = std::move(root);
    return config;
}

bool is_loopback_bind(std::string_view address) { return address == "127.0.0.1" || address == "::1" || address == "localhost"; }

Result<> GatewayConfig::check_exposure() const {
    const bool secured = auth.mode == AuthMode::token ? !auth.token.empty() : auth.mode == AuthMode::password && !auth.password.empty();
    if (secured || is_loopback_bind(bind_address)) return {};
    return PINCER_FAIL(refused,
                       "refusing to listen on {} without authentication: set gateway.auth.token (or OPENCLAW_GATEWAY_TOKEN), or "
                       "gateway.auth.password, or keep gateway.bind at loopback",
                       bind_address);
}

json::object redacted_config(const json::object& raw) {
    json::value copy = raw;
    redact_value(copy, false);
    return std::move(copy.get_object());
}

}  // namespace pincer::gateway
