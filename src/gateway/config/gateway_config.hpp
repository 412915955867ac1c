// The parts of openclaw.json that the Gateway acts on, checked. OpenClaw's own keys; a key that we do not know is left
// alone (the file may be shared with the original), a key that we know with a wrong value stops the start with its
// name.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/egress.hpp"
#include "agent/model.hpp"
#include "approval/approval.hpp"
#include "base/json.hpp"
#include "base/secret.hpp"
#include "channels/access.hpp"
#include "gateway/routing/routing.hpp"

namespace pincer::gateway {

inline constexpr std::uint16_t kDefaultPort = 18789;

enum class AuthMode { token, password, none };

struct AuthConfig {
    AuthMode mode = AuthMode::token;
    Secret token;
    Secret password;
};

struct ChannelConfig {
    const channels::ChannelType* type = nullptr;
    channels::AccountConfig account;
    channels::AccessPolicy access;
};

// Where approval cards go: into the conversation that asked, to fixed places, or both (approvals.plugin.mode,
// .targets).
struct ApprovalConfig {
    approval::Policy policy;
    bool in_session = true;
    std::vector<channels::Route> targets;
    std::vector<std::string> approvers;  // principal ids of channel senders who may decide: "slack:T1.U2"
};

struct ModelSelection {
    std::string api;  // "" when no model is configured: the built-in responder answers
    agent::ModelConfig config;
};

struct GatewayConfig {
    std::string bind_address = "127.0.0.1";
    std::uint16_t port = kDefaultPort;
    AuthConfig auth;
    std::vector<std::string> allowed_origins;  // besides our own page
    RoutingConfig routing;
    std::vector<ChannelConfig> channels;
    ApprovalConfig approvals;
    ModelSelection model;
    agent::ModelEgressPolicy egress;
    json::object mcp_servers;   // mcp.servers, for the registry
    std::string system_prompt;  // agents.defaults.systemPrompt
    json::object raw;           // the whole file, for config.get (redacted there)

    // Errors: invalid_argument, the message starting with the key's path ("gateway.port: ...").
    static Result<GatewayConfig> from_json(json::object raw);
    // Refuses what would leave the Gateway open: a bind beyond loopback without a token or password.
    Result<> check_exposure() const;
};

// The raw configuration with every secret replaced by kRedacted: whatever stands under a name that says secret (token,
// password, key, ...), headers and env, secret parts of URLs, and what the registry hides of its servers.
json::object redacted_config(const json::object& raw);

bool is_loopback_bind(std::string_view address);

}  // namespace pincer::gateway
