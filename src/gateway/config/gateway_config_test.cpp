#include "gateway/config/gateway_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pincer::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

json::object object(std::string_view text) {
    auto parsed = json::parse_object(text);
    EXPECT_TRUE(parsed) << text;
    return parsed.value_or(json::object{});
}

TEST(Config, nothing_configured_is_a_loopback_gateway_with_a_token) {
    const auto config = GatewayConfig::from_json({});
    ASSERT_TRUE(config);
    EXPECT_EQ(config->bind_address, "127.0.0.1");
    EXPECT_EQ(config->port, 18789);
    EXPECT_EQ(config->auth.mode, AuthMode::token);
    EXPECT_TRUE(config->channels.empty());
    EXPECT_TRUE(config->model.api.empty());
    EXPECT_TRUE(config->check_exposure());
}

TEST(Config, a_full_file_is_read) {
    const auto config = GatewayConfig::from_json(object(R"({
        "gateway": {"port": 4711, "bind": "custom", "customBindHost": "10.0.0.5", "auth": {"mode": "password", "password": "pw"},
                    "controlUi": {"allowedOrigins": ["https://ops.example.com"]}},
        "session": {"dmScope": "per-peer", "identityLinks": {"ann": ["slack:T1.U2", "telegram:99"]}},
        "channels": {"slack": {"accounts": {"work": {"botToken": "xoxb-1", "appToken": "xapp-1"}, "off": {"enabled": false}}, "dmPolicy": "disabled"},
                     "telegram": {"enabled": false}},
        "approvals": {"approvers": ["slack:T1.U2", 99], "selfApproval": "owner", "timeout": "10m",
                      "plugin": {"mode": "both", "targets": [{"channel": "slack", "to": "C9"}]}},
        "commands": {"ownerAllowFrom": ["telegram:99"]},
        "agents": {"defaults": {"model": {"primary": "acme/m-1"}, "systemPrompt": "Be brief."}},
        "models": {"providers": {"acme": {"baseUrl": "https://models.example.com", "apiKey": "k", "api": "anthropic-messages", "models": [{"id": "m-1", "contextWindow": 9000, "maxTokens": 77}]}}},
        "mcp": {"servers": {"clanker": {"command": "clanker"}}}, "unknown": {"left": "alone"}})"));
    ASSERT_TRUE(config) << config.error().message();
    EXPECT_EQ(config->port, 4711);
    EXPECT_EQ(config->bind_address, "10.0.0.5");
    EXPECT_EQ(config->auth.password.reveal(), "pw");
    EXPECT_EQ(config->routing.dm_scope, DmScope::per_peer);
    EXPECT_EQ(config->routing.human_of("telegram:99"), "ann");
    ASSERT_EQ(config->channels.size(), 1u);
    EXPECT_EQ(config->channels[0].account.account_id, "work");
    EXPECT_EQ(config->channels[0].access.dm, channels::DmPolicy::disabled) << "inherited from beside the list";
    ASSERT_TRUE(config->channels[0].account.secret("botToken"));
    EXPECT_FALSE(config->channels[0].account.values.contains("botToken")) << "no secret among the values";
    EXPECT_EQ(config->approvals.approvers, (std::vector<std::string>{"slack:T1.U2", "99"}));
    EXPECT_EQ(config->approvals.policy.default_ttl, Millis(600'000));
    ASSERT_EQ(config->approvals.targets.size(), 1u);
    EXPECT_EQ(config->approvals.targets[0], (channels::Route{"slack", "default", "C9", ""}));
    EXPECT_EQ(config->model.config.max_tokens, 77u);
    EXPECT_EQ(config->model.api, "anthropic-messages");
    EXPECT_TRUE(config->mcp_servers.contains("clanker"));
    EXPECT_TRUE(config->check_exposure());
}

TEST(Config, each_wrong_key_stops_the_start_with_its_path) {
    const std::pair<const char*, const char*> rows[] = {
        {R"({"gateway": 5})", "gateway: "},
        {R"({"gateway": {"port": 0}})", "gateway.port: "},
        {R"({"gateway": {"port": 65536}})", "gateway.port: "},
        {R"({"gateway": {"port": "18789"}})", "gateway.port: "},
        {R"({"gateway": {"bind": "everywhere"}})", "gateway.bind: "},
        {R"({"gateway": {"bind": true}})", "gateway.bind: "},
        {R"({"gateway": {"bind": "custom"}})", "gateway.customBindHost: "},
        {R"({"gateway": {"auth": "secret"}})", "gateway.auth: "},
        {R"({"gateway": {"auth": {"mode": "kerberos"}}})", "gateway.auth.mode: "},
        {R"({"gateway": {"auth": {"token": 12345}}})", "gateway.auth.token: "},
        {R"({"gateway": {"auth": {"token": {"source": "env"}}}})", "gateway.auth.token: "},
        {R"({"gateway": {"auth": {"password": []}}})", "gateway.auth.password: "},
        {R"({"gateway": {"controlUi": {"allowedOrigins": "https://x"}}})", "gateway.controlUi.allowedOrigins: "},
        {R"({"session": []})", "session: "},
        {R"({"session": {"dmScope": "everybody"}})", "session.dmScope: "},
        {R"({"session": {"identityLinks": {"ann": "slack:1"}}})", "session.identityLinks.ann: "},
        {R"({"session": {"identityLinks": {"ann": [{}]}}})", "session.identityLinks.ann: "},
        {R"({"channels": []})", "channels: "},
        {R"({"channels": {"slack": true}})", "channels.slack"},
        {R"({"channels": {"slack": {"enabled": "yes"}}})", "channels.slack.enabled: "},
        {R"({"channels": {"slack": {"appToken": "xapp-1"}}})", "channels.slack.botToken: is required"},
        {R"({"channels": {"slack": {"botToken": 5, "appToken": "xapp-1"}}})", "channels.slack.botToken: "},
        {R"({"channels": {"slack": {"accounts": {"a": 7}}}})", "channels.slack.accounts.a"},
        {R"({"channels": {"slack": {"accounts": {"a": {"botToken": "x"}}}}})", "channels.slack.accounts.a.appToken: "},
        {R"({"channels": {"slack": {"botToken": "x", "appToken": "y", "dmPolicy": "open"}}})",
         "channels.slack.dmPolicy: "},
        {R"({"channels": {"slack": {"botToken": "x", "appToken": "y", "requireMention": "no"}}})",
         "channels.slack.requireMention: "},
        {R"({"approvals": 1})", "approvals: "},
        {R"({"approvals": {"plugin": {"mode": "mail"}}})", "approvals.plugin.mode: "},
        {R"({"approvals": {"plugin": {"mode": "targets", "targets": [{"to": "C1"}]}}})", "approvals.plugin.targets: "},
        {R"({"approvals": {"plugin": {"mode": "targets", "targets": {}}}})", "approvals.plugin.targets: "},
        {R"({"approvals": {"approvers": "slack:1"}})", "approvals.approvers: "},
        {R"({"approvals": {"selfApproval": "always"}})", "approvals.selfApproval: "},
        {R"({"approvals": {"timeout": "soon"}})", "approvals.timeout: "},
        {R"({"approvals": {"timeout": "0s"}})", "approvals.timeout: "},
        {R"({"approvals": {"timeout": 60}})", "approvals.timeout: "},
        {R"({"approvals": {"timeout": "30d"}})", "approvals.timeout: "},
        {R"({"commands": {"ownerAllowFrom": "me"}})", "commands.ownerAllowFrom: "},
        {R"({"agents": {"defaults": {"model": "m-1"}}})", "agents.defaults.model: "},
        {R"({"agents": {"defaults": {"model": {"primary": "/m"}}}})", "agents.defaults.model.primary: "},
        {R"({"agents": {"defaults": {"model": {"primary": "acme/m"}}}})", "models.providers.acme: "},
        {R"({"agents": {"defaults": {"model": "acme/m"}}, "models": {"providers": {"acme": {}}}})",
         "models.providers.acme.baseUrl: "},
        {R"({"agents": {"defaults": {"model": "acme/m"}}, "models": {"providers": {"acme": {"baseUrl": "https://x", "apiKey": 1}}}})",
         "models.providers.acme.apiKey: "},
        {R"({"agents": {"defaults": {"model": "acme/m"}}, "models": {"providers": {"acme": {"baseUrl": "https://x", "models": [{"id": "m", "maxTokens": -1}]}}}})",
         "models.providers.acme.models: "},
        {R"({"mcp": {"servers": []}})", "mcp.servers: "},
    };
    for (const auto& [text, path] : rows) {
        const auto config = GatewayConfig::from_json(object(text));
        ASSERT_FALSE(config) << text;
        EXPECT_EQ(config.error().code(), ErrorCode::invalid_argument) << text;
        EXPECT_THAT(config.error().message(), StartsWith(path)) << text;
    }
}

TEST(Config, exposure_without_a_secret_is_refused) {
    struct Row {
        const char* gateway;
        bool allowed;
    };
    const Row rows[] = {
        {R"({"bind": "lan"})", false},
        {R"({"bind": "lan", "auth": {"token": ""}})", false},
        {R"({"bind": "lan", "auth": {"token": "t"}})", true},
        {R"({"bind": "lan", "auth": {"mode": "password"}})", false},
        {R"({"bind": "lan", "auth": {"mode": "password", "token": "t"}})", false},
        {R"({"bind": "lan", "auth": {"mode": "password", "password": "p"}})", true},
        {R"({"bind": "lan", "auth": {"mode": "none", "token": "t"}})", false},
        {R"({"bind": "custom", "customBindHost": "192.168.1.4"})", false},
        {R"({"bind": "custom", "customBindHost": "127.0.0.1", "auth": {"mode": "none"}})", true},
        {R"({"auth": {"mode": "none"}})", true},
    };
    for (const Row& row : rows) {
        const auto config = GatewayConfig::from_json(object(fmt::format(R"({{"gateway": {}}})", row.gateway)));
        ASSERT_TRUE(config) << row.gateway;
        const auto exposure = config->check_exposure();
        EXPECT_EQ(exposure.has_value(), row.allowed) << row.gateway;
        if (!exposure) EXPECT_EQ(exposure.error().code(), ErrorCode::refused);
    }
}

TEST(Config, no_secret_of_any_kind_is_shown) {
    const json::object shown = redacted_config(object(R"({
        "gateway": {"port": 1, "auth": {"token": "CANARY-1", "password": "CANARY-2"}},
        "channels": {"slack": {"botToken": "CANARY-3", "appToken": "CANARY-4", "signingSecret": "CANARY-5", "name": "work"},
                     "telegram": {"botToken": {"source": "x", "id": "CANARY-6"}, "accounts": {"a": {"botToken": "CANARY-7"}}}},
        "models": {"providers": {"acme": {"apiKey": "CANARY-8", "baseUrl": "https://user:CANARY-9@models.example.com/v1", "headers": {"X-Org": "CANARY-10"},
                                          "models": [{"id": "m", "maxTokens": 100}]}}},
        "tokens": ["CANARY-11", {"value": "CANARY-12"}], "password": 31337, "privateKey": "CANARY-13",
        "mcp": {"servers": {"a": {"command": "x", "args": ["--token", "CANARY-14", "--api-key=CANARY-15"], "env": {"HOME": "CANARY-16", "N": 31337}},
                            "b": {"url": "https://h.example.com/mcp?token=CANARY-17", "headers": {"Authorization": "Bearer CANARY-18"}}}}})"));
    const std::string text = json::write(shown);
    EXPECT_THAT(text, Not(HasSubstr("CANARY")));
    EXPECT_THAT(text, Not(HasSubstr("31337")));
    EXPECT_THAT(text, HasSubstr(kRedacted));
    EXPECT_THAT(text, HasSubstr(R"("port":1)"));
    EXPECT_THAT(text, HasSubstr(R"("maxTokens":100)"));
    EXPECT_THAT(text, HasSubstr("models.example.com"));
}

}  // namespace
}  // namespace pincer::gateway
