// How a failure looks on the Gateway's wire: {code, message, details?, retryable?, retryAfterMs?}, and what becomes of
// the connection when it happens during the handshake.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace pincer::wire {

// The codes that the published protocol knows. Everything finer stands in details.code or details.reason.
inline constexpr std::string_view kInvalidRequest = "INVALID_REQUEST";
inline constexpr std::string_view kUnavailable = "UNAVAILABLE";
inline constexpr std::string_view kNotPaired = "NOT_PAIRED";
inline constexpr std::string_view kForbidden = "FORBIDDEN";
inline constexpr std::string_view kApprovalNotFound = "APPROVAL_NOT_FOUND";

struct WireError {
    std::string code;
    std::string message;
    json::value details = nullptr;  // null: left out
    std::optional<bool> retryable = std::nullopt;
    std::optional<std::int64_t> retry_after_ms = std::nullopt;

    std::string detail(std::string_view key) const;  // a string of `details`, or empty
    json::object to_json() const;
};

// What a method handler failed with, for its caller. The reason token becomes details.reason; the foreign text and the
// place never leave the process, and an internal error says no more than that it is one.
WireError to_wire(const Error& error);
// The other direction, for clients: the code is chosen so that `unavailable` means "may work later". The reason is
// details.code, or details.reason, or the wire code.
Error from_wire(const WireError& error);
// Lenient: what a Gateway sent as "error".
WireError parse_wire_error(const json::value& value);

WireError missing_scope(std::string_view scope);
WireError unknown_method(std::string_view method);

// A handshake that failed: the answer (if the peer gets one) and the close that follows it.
struct ConnectFailure {
    WireError error;
    std::uint16_t close_code = 1008;
    bool answered = true;              // false: no response frame, only the close
    std::string close_reason() const;  // the message cut to the 123 bytes that a close frame holds
};

namespace connect_failure {
ConnectFailure not_json();       // close 1000 without a word
ConnectFailure not_a_request();  // "invalid request frame", no response
ConnectFailure first_must_be_connect();
ConnectFailure invalid_params(std::string message);  // the whole "invalid connect params: ..." sentence
ConnectFailure protocol_mismatch(std::int64_t client_min, std::int64_t client_max);  // close 1002
ConnectFailure origin_not_allowed();
ConnectFailure token_missing();
ConnectFailure token_mismatch();
ConnectFailure password_missing();
ConnectFailure password_mismatch();
ConnectFailure device_token_mismatch();
ConnectFailure rate_limited(std::int64_t retry_after_ms);
ConnectFailure device_identity_required();
ConnectFailure device_id_mismatch();
ConnectFailure device_public_key_invalid();
ConnectFailure device_nonce_mismatch();
ConnectFailure device_signature_stale();
ConnectFailure device_signature_invalid();
enum class PairingReason { not_paired, role_upgrade, scope_upgrade, metadata_upgrade };
ConnectFailure pairing_required(PairingReason reason, std::string_view request_id);
ConnectFailure starting_up(std::int64_t retry_after_ms);  // UNAVAILABLE, startup-sidecars
ConnectFailure role_not_supported(std::string_view role);
}  // namespace connect_failure

}  // namespace pincer::wire
