// Who is at the other end of a connection and what they may do. Scopes come from our own record (the shared secret, or
// the device's row) and never exceed it, whatever the client declares.
#pragma once

#include <deque>
#include <functional>
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
    bool loopback = false;  // of this machine, and not through a proxy that says it speaks for others
    std::string origin;     // "" when the client sent none (not a browser)
    std::string host;       // Host header
};

struct Admitted {
    approval::Principal principal;
    wire::ScopeSet scopes;
    std::string method;  // "token", "password", "device-token", "none"
    std::string device_id;
    Secret device_token;  // issued now
    std::int64_t issued_at_ms = 0;
};

// A device with a token of its own, as our record has it.
struct PairedDevice {
    std::string id, display, platform;
    wire::ScopeSet scopes;
    std::int64_t paired_at_ms = 0;
    std::optional<std::int64_t> revoked_at_ms;
};

class Authenticator {
public:
    Authenticator(const GatewayConfig& config, storage::Database& db, const Clock& clock, crypto::Random& random);
    Result<> load();

    // Before any WebSocket is accepted: Host must be ours (DNS rebinding), Origin must be our page or allowed.
    bool host_allowed(std::string_view host) const;
    bool origin_allowed(std::string_view origin, std::string_view host) const;

    Task<std::variant<Admitted, wire::ConnectFailure>> admit(wire::ConnectParams params, std::string nonce, Peer peer);

    Result<std::vector<PairedDevice>> devices() const;  // oldest first
    std::optional<PairedDevice> device(std::string_view id) const;
    // On disk when they answer; its token counts for nothing from then on, and `on_ended` has been told. Errors: io.
    Task<Result<>> revoke_device(std::string id);
    Task<Result<>> remove_device(std::string id);  // forgotten altogether
    // Called with the id of a device whose access has ended: whoever holds its connections closes them.
    void on_ended(std::function<void(const std::string& device_id)> listener) { on_ended_ = std::move(listener); }

    // Bearer or basic secret of an HTTP request, compared in constant time.
    bool http_secret_matches(std::string_view presented) const;

private:
    struct Device {
        std::string public_key, token_digest, platform, family;
        wire::ScopeSet scopes;
        bool revoked = false;
    };
    bool too_many_failures(const std::string& who);
    void note_failure(const std::string& who);
    Task<Result<>> end_device(std::string id, std::function<Result<>(storage::Connection&)> work);
    Task<Result<>> store_device(std::string id, Device device, std::string display);

    const GatewayConfig& config_;
    storage::Database& db_;
    const Clock& clock_;
    crypto::Random& random_;
    std::map<std::string, Device, std::less<>> devices_;
    std::map<std::string, std::deque<SteadyTime>> failures_;  // by who_asks(), bounded
    std::function<void(const std::string&)> on_ended_;
};

}  // namespace pincer::gateway
