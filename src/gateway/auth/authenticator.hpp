// Who is at the other end of a connection and what they may do. Scopes come from our own record (the shared secret, or
// the device's row) and never exceed it, whatever the client declares.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include "approval/approval.hpp"
#include "gateway/config/gateway_config.hpp"
#include "storage/database.hpp"
#include "wire/connect.hpp"
#include "wire/scopes.hpp"

namespace pincer::gateway {

struct Peer {
    std::string ip;
    bool loopback = false;   // of this machine, and not through a proxy that says it speaks for others
    std::string origin;   // "" when the client sent none (not a browser)
    std::string host;     // Host header
};

struct Admitted {
    approval::Principal principal;
    wire::ScopeSet scopes;
    std::string method;          // "token", "password", "device-token", "none"
    std::string device_id;
    Secret device_token;         // issued now
    std::int64_t issued_at_ms = 0;
};

class Authenticator {
public:
    Authenticator(const GatewayConfig& config, storage::Database& db, const Clock& clock, crypto::Random& random);
    Result<> load();

    // Before any WebSocket is accepted: Host must be ours (DNS rebinding), Origin must be our page or allowed.
    bool host_allowed(std::string_view host) const;
    bool origin_allowed(std::string_view origin, std::string_view host) const;

    Task<std::variant<Admitted, wire::ConnectFailure>> admit(wire::ConnectParams params, std::string nonce, Peer peer);

    // Bearer or basic secret of an HTTP request, compared in constant time.
    bool http_secret_matches(std::string_view presented) const;

private:
    struct Device {
        std::string public_key, token_digest, platform, family;
        wire::ScopeSet scopes;
        bool revoked = false;
    };
    bool too_many_failures(const std::string& ip);
    void note_failure(const std::string& ip);
    Task<Result<>> store_device(std::string id, Device device, std::string display);

    const GatewayConfig& config_;
    storage::Database& db_;
    const Clock& clock_;
    crypto::Random& random_;
    std::map<std::string, Device, std::less<>> devices_;
    std::map<std::string, std::deque<SteadyTime>> failures_;   // by address, bounded
};

}  // namespace pincer::gateway
