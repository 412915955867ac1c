// The handshake: the server's challenge, the client's `connect` with its proof of device, the server's hello-ok.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/secret.hpp"
#include "crypto/ed25519.hpp"
#include "wire/errors.hpp"
#include "wire/schema.hpp"

namespace pincer::wire {

inline constexpr Millis kSignatureSkew{120'000};   // how far signedAt may lie from our clock, either way
inline constexpr Millis kConnectDeadline{15'000};  // from the challenge to a connect that was accepted

struct ClientInfo {
    std::string id = "cli";    // of client_ids()
    std::string mode = "cli";  // of client_modes()
    std::string version;
    std::string platform;  // "linux"
    std::string display_name;
    std::string device_family;
    std::string instance_id;
    std::string model_identifier;
};
std::span<const std::string_view> client_ids();
std::span<const std::string_view> client_modes();

struct DeviceProof {
    std::string id;          // sha256 hex of the raw public key
    std::string public_key;  // base64url of the 32 raw bytes
    std::string signature;   // base64url
    std::int64_t signed_at_ms = 0;
    std::string nonce;  // the challenge's
};

struct ConnectAuth {
    Secret token;
    Secret password;
    Secret device_token;
    Secret bootstrap_token;
    bool empty() const { return token.empty() && password.empty() && device_token.empty() && bootstrap_token.empty(); }
    // The one that the device signature covers: token, else deviceToken, else bootstrapToken, else "".
    const Secret& signed_token() const;
};

struct ConnectParams {
    std::int64_t min_protocol = 4;
    std::int64_t max_protocol = 4;
    ClientInfo client;
    std::vector<std::string> caps;
    std::string role = "operator";
    std::vector<std::string> scopes;  // as asked for; the server's record decides
    ConnectAuth auth;
    std::optional<DeviceProof> device;
    std::string locale;
    std::string user_agent;
};

// Error: invalid_argument whose message is the whole sentence "invalid connect params: ...".
Result<ConnectParams> parse_connect(const json::value& params);
json::object to_json(const ConnectParams& params);
// Nothing when protocol 4 is in the client's range (or 3 for node and probe clients).
std::optional<ConnectFailure> check_protocol(const ConnectParams& params);

std::string device_id(const crypto::Ed25519PublicKey& key);
// What is signed: fields joined by '|'. v3 binds platform and device family too; v2 is still accepted.
std::string signature_payload_v3(const ConnectParams& params, const DeviceProof& device);
std::string signature_payload_v2(const ConnectParams& params, const DeviceProof& device);
// Fills params.device for this challenge.
void sign_device(ConnectParams& params, const crypto::Ed25519KeyPair& key, std::string_view nonce,
                 std::int64_t signed_at_ms);
// The device part of a connect against the nonce that this connection was given; nothing when it proves what it claims.
// Order of checks as captured: key, id, time, nonce, signature. params.device must be set.
std::optional<ConnectFailure> verify_device(const ConnectParams& params, std::string_view nonce, WallTime now);

struct Challenge {
    std::string nonce;
    std::int64_t ts = 0;
    json::object payload() const;
    static Result<Challenge> parse(const json::value& payload);
};

// What the server answers to a connect that it accepts. method and event lists come from methods.hpp.
struct HelloOk {
    std::string server_version;
    std::string boot_id;
    std::string conn_id;
    json::object snapshot;  // presence[], health{}, stateVersion{}, uptimeMs; more keys as published
    std::string role = "operator";
    std::vector<std::string> scopes;
    Secret device_token;  // empty: none is issued
    std::int64_t issued_at_ms = 0;
    std::size_t max_payload = 26'214'400;
    std::size_t max_buffered = 52'428'800;
    std::int64_t tick_interval_ms = 30'000;

    json::object to_json() const;  // reveals the device token: for the wire only
};

// What a client keeps of it; lenient about everything that it does not need.
struct Hello {
    std::int64_t protocol = 0;
    std::string server_version;
    std::string boot_id;
    std::string conn_id;
    std::vector<std::string> methods;
    std::vector<std::string> events;
    std::vector<std::string> scopes;
    Secret device_token;
    std::int64_t tick_interval_ms = 30'000;
    std::size_t max_payload = 26'214'400;

    bool offers(std::string_view method) const;
    static Result<Hello> parse(const json::value& payload);
};

}  // namespace pincer::wire
