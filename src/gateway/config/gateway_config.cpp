#include "gateway/config/gateway_config.hpp"

#include <algorithm>

#include "gateway/config/section.hpp"

namespace pincer::gateway {
namespace {

Failure wrong(std::string_view key, std::string_view what) {
    return PINCER_FAIL(invalid_argument, "{}: {}", key, what);
}

void read_gateway(const Section& gateway, GatewayConfig& config) {
    if (const auto port = gateway.number("port", 1, 65535)) config.port = std::uint16_t(*port);
    const std::string bind = gateway.text_or("bind", "loopback");
    if (bind == "loopback" || bind == "auto")
        config.bind_address = "127.0.0.1";
    else if (bind == "lan")
        config.bind_address = "0.0.0.0";
    else if (bind == "custom")
        config.bind_address = gateway.text_or("customBindHost", "");
    else
        gateway.wrong("bind", "must be loopback, lan, auto or custom (with gateway.customBindHost)");
    if (config.bind_address.empty())
        gateway.wrong("customBindHost", "must name an address when gateway.bind is custom");

    const Section auth = gateway.section("auth");
    const std::string mode = auth.text_or("mode", auth.has("password") && !auth.has("token") ? "password" : "token");
    if (mode == "token")
        config.auth.mode = AuthMode::token;
    else if (mode == "password")
        config.auth.mode = AuthMode::password;
    else if (mode == "none")
        config.auth.mode = AuthMode::none;
    else
        auth.wrong("mode", "must be token, password or none");
    config.auth.token = auth.secret("token");
    config.auth.password = auth.secret("password");
    config.allowed_origins = gateway.section("controlUi").texts("allowedOrigins");
}

bool fits(channels::FieldKind kind, const json::value& v) {
    switch (kind) {
        case channels::FieldKind::text:
        case channels::FieldKind::secret: return v.is_string();
        case channels::FieldKind::boolean: return v.is_bool();
        case channels::FieldKind::number: return v.is_number();
        case channels::FieldKind::text_list: return v.is_array();
        case channels::FieldKind::object: return v.is_object();
    }
    return false;
}

std::string_view kind_name(channels::FieldKind kind) {
    switch (kind) {
        case channels::FieldKind::text:
        case channels::FieldKind::secret: return "a string";
        case channels::FieldKind::boolean: return "true or false";
        case channels::FieldKind::number: return "a number";
        case channels::FieldKind::text_list: return "a list";
        case channels::FieldKind::object: return "an object";
    }
    return "something else";
}

Result<channels::AccountConfig> read_account(const channels::ChannelType& type, const std::string& account_id,
                                             const json::object& o, const std::string& path) {
    channels::AccountConfig account;
    account.account_id = account_id;
    account.values = o;
    for (const channels::ConfigField& field : type.fields) {
        const json::value* v = json::find(o, field.key);
        const std::string key = fmt::format("{}.{}", path, field.key);
        if (!v && field.required) return wrong(key, fmt::format("is required ({})", field.help));
        if (!v) continue;
        if (!fits(field.kind, *v)) return wrong(key, fmt::format("must be {}", kind_name(field.kind)));
        if (field.kind == channels::FieldKind::secret) {
            account.secrets.emplace_back(std::string(field.key), Secret(std::string(v->get_string())));
            account.values.erase(field.key);
        }
    }
    return account;
}

// The accounts of a channel: those of `accounts`, each with what stands beside the list, or the one that stands there.
std::vector<std::pair<std::string, json::object>> accounts_of(const Section& channel) {
    if (!channel.has("accounts")) return {{"default", channel.object()}};
    std::vector<std::pair<std::string, json::object>> accounts;
    const Section listed = channel.section("accounts");
    for (const auto& [name, value] : listed.object()) {
        json::object merged = channel.object();
        merged.erase("accounts");
        const Section own = listed.section(name);
        for (const auto& [key, v] : own.object()) merged[key] = v;
        accounts.emplace_back(std::string(name), std::move(merged));
    }
    return accounts;
}

Result<> read_channels(const Section& all, GatewayConfig& config) {
    for (const channels::ChannelType& type : channels::all_channels()) {
        const Section section = all.section(type.id);
        if (!all.has(type.id) || !section.flag_or("enabled", true)) continue;
        for (auto& [name, values] : accounts_of(section)) {
            const std::string path = section.has("accounts") ? fmt::format("channels.{}.accounts.{}", type.id, name)
                                                             : fmt::format("channels.{}", type.id);
            if (const json::value* enabled = json::find(values, "enabled");
                enabled && enabled->is_bool() && !enabled->get_bool())
                continue;
            ChannelConfig channel;
            channel.type = &type;
            PINCER_TRY(channel.account, read_account(type, name, values, path));
            auto access = channels::AccessPolicy::from_config(values);
            if (!access) {  // its message begins with the key
                const std::string& told = access.error().message();
                const auto space = told.find(' ');
                return wrong(path + "." + told.substr(0, space), told.substr(std::min(space, told.size() - 1) + 1));
            }
            channel.access = *std::move(access);
            config.channels.push_back(std::move(channel));
        }
    }
    return {};
}

Result<> read_approvals(const Section& root, GatewayConfig& config) {
    const Section approvals = root.section("approvals");
    const Section plugin = approvals.section("plugin");
    const std::string mode = plugin.text_or("mode", "session");
    if (mode != "session" && mode != "targets" && mode != "both")
        plugin.wrong("mode", "must be session, targets or both");
    config.approvals.in_session = mode != "targets";
    if (const json::array* targets = plugin.list("targets"); targets && mode != "session") {
        for (const auto& item : *targets) {
            const json::object* o = item.if_object();
            channels::Route route;
            if (o)
                route = {json::string_or(*o, "channel"), json::string_or(*o, "accountId", "default"),
                         json::string_or(*o, "to"), json::string_or(*o, "threadId")};
            if (!route.complete()) plugin.wrong("targets", "each target needs channel and to");
            config.approvals.targets.push_back(std::move(route));
        }
    }
    config.approvals.approvers = approvals.texts("approvers");
    const std::string self = approvals.text_or("selfApproval", "deny");
    if (self != "deny" && self != "owner") approvals.wrong("selfApproval", "must be deny or owner");
    config.approvals.policy.self_approval =
        self == "owner" ? approval::SelfApproval::owner : approval::SelfApproval::deny;
    config.approvals.policy.owners = root.section("commands").texts("ownerAllowFrom");
    if (const auto ttl = approvals.text("timeout")) {
        auto parsed = parse_duration(*ttl);
        if (!parsed) return wrong("approvals.timeout", parsed.error().message());
        if (*parsed <= Millis(0) || *parsed > approval::kLongestTtl)
            return wrong("approvals.timeout", "must be longer than nothing and at most 7d");
        config.approvals.policy.default_ttl = *parsed;
    }
    return {};
}

Result<> read_model(const Section& root, GatewayConfig& config) {
    const Section defaults = root.section("agents").section("defaults");
    config.system_prompt = defaults.text_or("systemPrompt", "");
    const json::value* model_key = json::find(defaults.object(), "model");
    const bool nested = model_key && model_key->is_object();
    const std::string primary =
        nested ? defaults.section("model").text_or("primary", "") : defaults.text_or("model", "");
    const Section models = root.section("models");
    PINCER_TRY(config.egress, agent::ModelEgressPolicy::from_config(models.section("egress").object()));
    if (primary.empty()) return {};
    const auto slash = primary.find('/');
    if (slash == 0 || slash == std::string::npos || slash + 1 == primary.size()) {
        return wrong(nested ? "agents.defaults.model.primary" : "agents.defaults.model", "must be <provider>/<model>");
    }
    const std::string name = primary.substr(0, slash);
    const Section providers = models.section("providers");
    if (!providers.has(name))
        return wrong(providers.path_of(name), fmt::format("is missing, but the primary model is \"{}\"", primary));
    const Section provider = providers.section(name);
    config.model.api = provider.text_or("api", "openai-completions");
    agent::ModelConfig& model = config.model.config;
    model.provider = name;
    model.model = primary.substr(slash + 1);
    model.base_url = provider.text_or("baseUrl", "");
    if (model.base_url.empty()) provider.wrong("baseUrl", "is required");
    model.api_key = provider.secret("apiKey");
    if (const json::array* listed = provider.list("models")) {
        for (const auto& item : *listed) {
            const json::object* m = item.if_object();
            if (!m || json::string_or(*m, "id") != model.model) continue;
            model.context_window = json::int_at(*m, "contextWindow").value_or(model.context_window);
            const std::int64_t tokens = json::int_at(*m, "maxTokens").value_or(std::int64_t(model.max_tokens));
            if (tokens < 1 || model.context_window < 1)
                provider.wrong("models", "contextWindow and maxTokens must be above 0");
            model.max_tokens = std::size_t(std::max<std::int64_t>(1, tokens));
        }
    }
    return {};
}

}  // namespace

Result<GatewayConfig> GatewayConfig::from_json(json::object raw) {
    GatewayConfig config;
    std::optional<Error> problem;
    const Section root(raw, "", problem);
    read_gateway(root.section("gateway"), config);
    config.routing = RoutingConfig::read(root);
    PINCER_CHECK(read_channels(root.section("channels"), config));
    PINCER_CHECK(read_approvals(root, config));
    PINCER_CHECK(read_model(root, config));
    config.mcp_servers = root.section("mcp").section("servers").object();
    if (problem) return Failure(*std::move(problem));
    config.raw = std::move(raw);
    return config;
}

bool is_loopback_bind(std::string_view address) {
    return address == "127.0.0.1" || address == "::1" || address == "localhost";
}

Result<> GatewayConfig::check_exposure() const {
    const bool secured =
        auth.mode == AuthMode::token ? !auth.token.empty() : auth.mode == AuthMode::password && !auth.password.empty();
    if (secured || is_loopback_bind(bind_address)) return {};
    return PINCER_FAIL(
        refused,
        "refusing to listen on {} without authentication: set gateway.auth.token (or OPENCLAW_GATEWAY_TOKEN), or "
        "gateway.auth.password, or keep gateway.bind at loopback",
        bind_address);
}

}  // namespace pincer::gateway
