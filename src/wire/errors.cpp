#include "wire/errors.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "base/text.hpp"

namespace pincer::wire {
namespace {

struct Mapping {
    std::string_view code;
    bool retryable = false;
};

// Exhaustive on purpose: a new ErrorCode does not compile until somebody has said what clients see.
Mapping mapping_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::invalid_argument: return {kInvalidRequest};
        case ErrorCode::not_found: return {kInvalidRequest};
        case ErrorCode::already_exists: return {kInvalidRequest};
        case ErrorCode::conflict: return {kInvalidRequest};
        case ErrorCode::unauthenticated: return {kInvalidRequest};
        case ErrorCode::forbidden: return {kForbidden};
        case ErrorCode::refused: return {kForbidden};
        case ErrorCode::approval_needed: return {kForbidden};
        case ErrorCode::timed_out: return {kUnavailable, true};
        case ErrorCode::cancelled: return {kUnavailable};
        case ErrorCode::unavailable: return {kUnavailable, true};
        case ErrorCode::rate_limited: return {kUnavailable, true};
        case ErrorCode::too_large: return {kInvalidRequest};
        case ErrorCode::protocol: return {kUnavailable};
        case ErrorCode::io: return {kUnavailable};
        case ErrorCode::corrupt: return {kUnavailable};
        case ErrorCode::expired: return {kInvalidRequest};
        case ErrorCode::unsupported: return {kInvalidRequest};
        case ErrorCode::outcome_unknown: return {kUnavailable};  // never retryable: settle by reading
        case ErrorCode::internal: return {kUnavailable};
    }
    return {kUnavailable};
}

ErrorCode code_of(const WireError& error) {
    const std::string fine = error.detail("code");
    if (error.code == kForbidden) return ErrorCode::forbidden;
    if (error.code == kNotPaired) return ErrorCode::unauthenticated;
    if (error.code == kApprovalNotFound || error.code == "NOT_FOUND") return ErrorCode::not_found;
    if (error.code == kUnavailable)
        return error.retry_after_ms && fine == "RATE_LIMITED" ? ErrorCode::rate_limited : ErrorCode::unavailable;
    if (fine == "AUTH_RATE_LIMITED") return ErrorCode::rate_limited;
    if (fine.starts_with("AUTH_") || fine.starts_with("DEVICE_AUTH_")) return ErrorCode::unauthenticated;
    if (fine == "PROTOCOL_MISMATCH") return ErrorCode::unsupported;
    if (error.detail("reason") == "APPROVAL_NOT_FOUND") return ErrorCode::not_found;
    if (error.detail("reason") == "APPROVAL_ALREADY_RESOLVED") return ErrorCode::conflict;
    return ErrorCode::invalid_argument;
}

json::object with_code(std::string_view code) { return {{"code", code}}; }

ConnectFailure device_failure(std::string_view code, std::string_view reason, std::string message) {
    return {.error = {.code = std::string(kInvalidRequest),
                      .message = std::move(message),
                      .details = json::object{{"code", code}, {"reason", reason}}}};
}

ConnectFailure auth_failure(std::string_view code, std::string_view reason, std::string_view next_step,
                            std::string message) {
    json::object details{
        {"code", code}, {"authReason", reason}, {"canRetryWithDeviceToken", false}, {"recommendedNextStep", next_step}};
    return {
        .error = {.code = std::string(kInvalidRequest), .message = std::move(message), .details = std::move(details)}};
}

ConnectFailure plain(std::string message) {
    return {.error = {.code = std::string(kInvalidRequest), .message = std::move(message)}};
}

}  // namespace

std::string WireError::detail(std::string_view key) const {
    const json::object* object = details.if_object();
    return object ? json::string_or(*object, key) : std::string();
}

json::object WireError::to_json() const {
    json::object out{{"code", code}, {"message", message}};
    if (!details.is_null()) out["details"] = details;
    if (retryable) out["retryable"] = *retryable;
    if (retry_after_ms) out["retryAfterMs"] = *retry_after_ms;
    return out;
}

WireError to_wire(const Error& error) {
    const Mapping mapping = mapping_of(error.code());
    WireError out{.code = std::string(mapping.code), .message = error.message()};
    if (error.code() == ErrorCode::internal) out.message = "internal error";
    if (out.message.empty()) out.message = std::string(name_of(error.code()));
    if (!error.reason().empty()) out.details = json::object{{"reason", error.reason()}};
    if (mapping.retryable) out.retryable = true;
    if (error.retry_after()) out.retry_after_ms = std::max<std::int64_t>(0, error.retry_after()->count());
    return out;
}

Error from_wire(const WireError& error) {
    std::string reason = error.detail("code");
    if (reason.empty()) reason = error.detail("reason");
    if (reason.empty()) reason = error.code;
    Error out = Error(code_of(error), error.message).with_reason(std::move(reason));
    if (error.retry_after_ms) out = std::move(out).with_retry_after(Millis(*error.retry_after_ms));
    return out;
}

WireError parse_wire_error(const json::value& value) {
    WireError out{.code = std::string(kUnavailable), .message = "the Gateway gave no reason"};
    const json::object* object = value.if_object();
    if (!object) return out;
    out.code = json::string_or(*object, "code", out.code);
    out.message = json::string_or(*object, "message", out.message);
    if (const json::value* details = json::find(*object, "details")) out.details = *details;
    out.retryable = json::bool_at(*object, "retryable");
    if (const auto after = json::int_at(*object, "retryAfterMs"); after && *after >= 0) out.retry_after_ms = *after;
    return out;
}

WireError missing_scope(std::string_view scope) {
    json::object details{
        {"code", "MISSING_SCOPE"}, {"missingScope", scope}, {"requiredScopes", json::array{json::value(scope)}}};
    return {.code = std::string(kForbidden),
            .message = fmt::format("missing scope: {}", scope),
            .details = std::move(details)};
}

WireError unknown_method(std::string_view method) {
    return {.code = std::string(kInvalidRequest),
            .message = fmt::format("unknown method: {}", truncate_utf8(strip_control(method), 128))};
}

std::string ConnectFailure::close_reason() const { return truncate_utf8(error.message, 123); }

namespace connect_failure {

ConnectFailure not_json() {
    return {.error = {.code = std::string(kInvalidRequest), .message = ""}, .close_code = 1000, .answered = false};
}

ConnectFailure not_a_request() {
    ConnectFailure failure = plain("invalid request frame");
    failure.answered = false;
    return failure;
}

ConnectFailure first_must_be_connect() { return plain("invalid handshake: first request must be connect"); }

ConnectFailure invalid_params(std::string message) { return plain(std::move(message)); }

ConnectFailure protocol_mismatch(std::int64_t client_min, std::int64_t client_max) {
    ConnectFailure failure = plain("protocol mismatch");
    json::object details = with_code("PROTOCOL_MISMATCH");
    details["clientMinProtocol"] = client_min;
    details["clientMaxProtocol"] = client_max;
    details["expectedProtocol"] = 4;
    details["minimumProbeProtocol"] = 3;
    failure.error.details = std::move(details);
    failure.close_code = 1002;
    return failure;
}

ConnectFailure origin_not_allowed() {
    return device_failure("CONTROL_UI_ORIGIN_NOT_ALLOWED", "origin not allowed",
                          "origin not allowed (open the Control UI from the gateway host or allow it in "
                          "gateway.controlUi.allowedOrigins)");
}

ConnectFailure token_missing() {
    return auth_failure("AUTH_TOKEN_MISSING", "token_missing", "update_auth_configuration",
                        "unauthorized: gateway token missing (provide gateway auth token)");
}
ConnectFailure token_mismatch() {
    return auth_failure("AUTH_TOKEN_MISMATCH", "token_mismatch", "update_auth_credentials",
                        "unauthorized: gateway token mismatch (provide gateway auth token)");
}
ConnectFailure password_missing() {
    return auth_failure("AUTH_PASSWORD_MISSING", "password_missing", "update_auth_configuration",
                        "unauthorized: gateway password missing (provide gateway auth password)");
}
ConnectFailure password_mismatch() {
    return auth_failure("AUTH_PASSWORD_MISMATCH", "password_mismatch", "update_auth_credentials",
                        "unauthorized: gateway password mismatch (provide gateway auth password)");
}
ConnectFailure device_token_mismatch() {
    return auth_failure("AUTH_DEVICE_TOKEN_MISMATCH", "device_token_mismatch", "update_auth_credentials",
                        "unauthorized: device token mismatch (rotate or reissue the device token)");
}
ConnectFailure rate_limited(std::int64_t retry_after_ms) {
    ConnectFailure failure = auth_failure("AUTH_RATE_LIMITED", "rate_limited", "wait_then_retry",
                                          "unauthorized: too many failed authentication attempts (retry later)");
    failure.error.retryable = true;
    failure.error.retry_after_ms = retry_after_ms;
    return failure;
}

ConnectFailure device_identity_required() {
    ConnectFailure failure = plain("device identity required");
    failure.error.code = kNotPaired;
    failure.error.details = with_code("DEVICE_IDENTITY_REQUIRED");
    return failure;
}
ConnectFailure device_id_mismatch() {
    return device_failure("DEVICE_AUTH_DEVICE_ID_MISMATCH", "device-id-mismatch", "device identity mismatch");
}
ConnectFailure device_public_key_invalid() {
    return device_failure("DEVICE_AUTH_PUBLIC_KEY_INVALID", "device-public-key", "device public key invalid");
}
ConnectFailure device_nonce_mismatch() {
    return device_failure("DEVICE_AUTH_NONCE_MISMATCH", "device-nonce-mismatch", "device nonce mismatch");
}
ConnectFailure device_signature_stale() {
    return device_failure("DEVICE_AUTH_SIGNATURE_EXPIRED", "device-signature-stale", "device signature expired");
}
ConnectFailure device_signature_invalid() {
    return device_failure("DEVICE_AUTH_SIGNATURE_INVALID", "device-signature", "device signature invalid");
}

ConnectFailure pairing_required(PairingReason reason, std::string_view request_id) {
    std::string_view word = "not-paired";
    switch (reason) {
        case PairingReason::not_paired: word = "not-paired"; break;
        case PairingReason::role_upgrade: word = "role-upgrade"; break;
        case PairingReason::scope_upgrade: word = "scope-upgrade"; break;
        case PairingReason::metadata_upgrade: word = "metadata-upgrade"; break;
    }
    json::object details = with_code("PAIRING_REQUIRED");
    details["reason"] = word;
    if (!request_id.empty()) details["requestId"] = request_id;
    ConnectFailure failure = plain("pairing required");
    failure.error.code = kNotPaired;
    failure.error.details = std::move(details);
    return failure;
}

ConnectFailure starting_up(std::int64_t retry_after_ms) {
    ConnectFailure failure = plain("gateway starting; retry shortly");
    failure.error.code = kUnavailable;
    failure.error.details = json::object{{"reason", "startup-sidecars"}};
    failure.error.retryable = true;
    failure.error.retry_after_ms = retry_after_ms;
    failure.close_code = 1013;
    return failure;
}

ConnectFailure role_not_supported(std::string_view role) {
    return plain(fmt::format("role not supported here: {}", truncate_utf8(strip_control(role), 64)));
}

}  // namespace connect_failure
}  // namespace pincer::wire
