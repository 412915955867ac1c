#include "wire/connect.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>

#include "base/text.hpp"
#include "crypto/hash.hpp"
#include "wire/frame.hpp"
#include "wire/methods.hpp"

namespace pincer::wire {
namespace {

constexpr std::array<std::string_view, 17> kClientIds = {"webchat-ui",
                                                         "openclaw-control-ui",
                                                         "openclaw-browser-copilot",
                                                         "openclaw-tui",
                                                         "webchat",
                                                         "cli",
                                                         "gateway-client",
                                                         "openclaw-macos",
                                                         "openclaw-linux",
                                                         "openclaw-ios",
                                                         "openclaw-watchos",
                                                         "openclaw-android",
                                                         "node-host",
                                                         "openclaw-worker",
                                                         "test",
                                                         "fingerprint",
                                                         "openclaw-probe"};
constexpr std::array<std::string_view, 8> kClientModes = {"webchat", "cli",    "ui",    "backend",
                                                          "node",    "worker", "probe", "test"};

constexpr Schema kWord = string(1);
constexpr Schema kFlag = boolean();
constexpr Field kClientFields[] = {
    {"id", untyped_one_of(kClientIds), Need::required},
    {"displayName", string(1)},
    {"version", string(1), Need::required},
    {"buildId", string(1, 96)},
    {"platform", string(1), Need::required},
    {"deviceFamily", string(1)},
    {"modelIdentifier", string(1)},
    {"timeZone", string(1, 64)},
    {"mode", untyped_one_of(kClientModes), Need::required},
    {"instanceId", string(1)},
};
constexpr Field kDeviceFields[] = {
    {"id", string(1), Need::required},        {"publicKey", string(1), Need::required},
    {"signature", string(1), Need::required}, {"signedAt", integer(), Need::required},
    {"nonce", string(1), Need::required},
};
constexpr Field kAuthFields[] = {
    {"token", string()},    {"bootstrapToken", string()},       {"deviceToken", string()},
    {"password", string()}, {"approvalRuntimeToken", string()}, {"agentRuntimeIdentityToken", string()},
};
constexpr Field kConnectFields[] = {
    {"minProtocol", integer(1), Need::required},
    {"maxProtocol", integer(1), Need::required},
    {"client", object(kClientFields), Need::required},
    {"caps", array(kWord)},
    {"commands", array(kWord)},
    {"computerUse", any()},
    {"workerRuns", object({}).and_more()},
    {"permissions", map_of(kFlag)},
    {"pathEnv", string()},
    {"role", string(1)},
    {"scopes", array(kWord)},
    {"device", object(kDeviceFields)},
    {"auth", object(kAuthFields)},
    {"locale", string()},
    {"userAgent", string()},
};
constexpr Schema kConnect = object(kConnectFields);

std::vector<std::string> strings_at(const json::object& object, std::string_view key) {
    std::vector<std::string> out;
    if (const json::array* array = json::array_at(object, key)) {
        for (const json::value& item : *array) {
            if (item.is_string()) out.emplace_back(item.get_string());
        }
    }
    return out;
}

json::array to_array(const std::vector<std::string>& items) {
    json::array out;
    out.reserve(items.size());
    for (const std::string& item : items) out.emplace_back(item);
    return out;
}

json::array names(std::span<const std::string_view> items) {
    json::array out;
    out.reserve(items.size());
    for (std::string_view item : items) out.emplace_back(item);
    return out;
}

Secret secret_at(const json::object& object, std::string_view key) { return Secret(json::string_or(object, key)); }

void put(json::object& object, std::string_view key, const std::string& text) {
    if (!text.empty()) object[key] = text;
}

json::object client_json(const ClientInfo& client) {
    json::object out{{"id", client.id}};
    put(out, "displayName", client.display_name);
    out["version"] = client.version;
    out["platform"] = client.platform;
    put(out, "deviceFamily", client.device_family);
    put(out, "modelIdentifier", client.model_identifier);
    out["mode"] = client.mode;
    put(out, "instanceId", client.instance_id);
    return out;
}

json::object auth_json(const ConnectAuth& auth) {
    json::object out;
    put(out, "token", auth.token.reveal());
    put(out, "bootstrapToken", auth.bootstrap_token.reveal());
    put(out, "deviceToken", auth.device_token.reveal());
    put(out, "password", auth.password.reveal());
    return out;
}

}  // namespace

std::span<const std::string_view> client_ids() { return kClientIds; }
std::span<const std::string_view> client_modes() { return kClientModes; }

const Secret& ConnectAuth::signed_token() const {
    if (!token.empty()) return token;
    if (!device_token.empty()) return device_token;
    return bootstrap_token;
}

Result<ConnectParams> parse_connect(const json::value& params) {
    PINCER_CHECK(check(kConnect, params, "connect params"));
    const json::object& object = params.get_object();
    const json::object& client = *json::object_at(object, "client");
    ConnectParams out;
    constexpr std::int64_t kBeyond =
        std::numeric_limits<std::int64_t>::max();  // what has no place in 64 bits is that large
    out.min_protocol = json::int_at(object, "minProtocol").value_or(kBeyond);
    out.max_protocol = json::int_at(object, "maxProtocol").value_or(kBeyond);
    out.client = {.id = json::string_or(client, "id"),
                  .mode = json::string_or(client, "mode"),
                  .version = json::string_or(client, "version"),
                  .platform = json::string_or(client, "platform"),
                  .display_name = json::string_or(client, "displayName"),
                  .device_family = json::string_or(client, "deviceFamily"),
                  .instance_id = json::string_or(client, "instanceId"),
                  .model_identifier = json::string_or(client, "modelIdentifier")};
    out.caps = strings_at(object, "caps");
    out.role = json::string_or(object, "role", "operator");
    out.scopes = strings_at(object, "scopes");
    out.locale = json::string_or(object, "locale");
    out.user_agent = json::string_or(object, "userAgent");
    if (const json::object* auth = json::object_at(object, "auth")) {
        out.auth = {.token = secret_at(*auth, "token"),
                    .password = secret_at(*auth, "password"),
                    .device_token = secret_at(*auth, "deviceToken"),
                    .bootstrap_token = secret_at(*auth, "bootstrapToken")};
    }
    if (const json::object* device = json::object_at(object, "device")) {
        out.device = DeviceProof{.id = json::string_or(*device, "id"),
                                 .public_key = json::string_or(*device, "publicKey"),
                                 .signature = json::string_or(*device, "signature"),
                                 .signed_at_ms = json::int_at(*device, "signedAt").value_or(0),
                                 .nonce = json::string_or(*device, "nonce")};
    }
    return out;
}

json::object to_json(const ConnectParams& params) {
    json::object out{{"minProtocol", params.min_protocol},
                     {"maxProtocol", params.max_protocol},
                     {"client", client_json(params.client)}};
    out["caps"] = to_array(params.caps);
    if (!params.auth.empty()) out["auth"] = auth_json(params.auth);
    out["role"] = params.role;
    out["scopes"] = to_array(params.scopes);
    if (params.device) {
        const DeviceProof& device = *params.device;
        out["device"] = json::object{{"id", device.id},
                                     {"publicKey", device.public_key},
                                     {"signature", device.signature},
                                     {"signedAt", device.signed_at_ms},
                                     {"nonce", device.nonce}};
    }
    put(out, "locale", params.locale);
    put(out, "userAgent", params.user_agent);
    return out;
}

std::optional<ConnectFailure> check_protocol(const ConnectParams& params) {
    const bool older_will_do = params.client.mode == "node" || params.client.mode == "probe";
    const auto fits = [&](std::int64_t version) {
        return params.min_protocol <= version && version <= params.max_protocol;
    };
    if (fits(kProtocolVersion) || (older_will_do && fits(kMinProbeProtocol))) return std::nullopt;
    return connect_failure::protocol_mismatch(params.min_protocol, params.max_protocol);
}

std::string device_id(const crypto::Ed25519PublicKey& key) { return crypto::sha256_hex(key.raw()); }

namespace {

std::string signed_fields(std::string_view version, const ConnectParams& params, const DeviceProof& device) {
    return fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}", version, device.id, params.client.id, params.client.mode,
                       params.role, join(params.scopes, ","), device.signed_at_ms, params.auth.signed_token().reveal(),
                       device.nonce);
}

}  // namespace

std::string signature_payload_v3(const ConnectParams& params, const DeviceProof& device) {
    return signed_fields("v3", params, device) + "|" + to_lower(trim(params.client.platform)) + "|" +
           to_lower(trim(params.client.device_family));
}

std::string signature_payload_v2(const ConnectParams& params, const DeviceProof& device) {
    return signed_fields("v2", params, device);
}

void sign_device(ConnectParams& params, const crypto::Ed25519KeyPair& key, std::string_view nonce,
                 std::int64_t signed_at_ms) {
    DeviceProof device{.id = device_id(key.public_key()),
                       .public_key = key.public_key().base64url(),
                       .signed_at_ms = signed_at_ms,
                       .nonce = std::string(nonce)};
    device.signature = to_base64url(key.sign(signature_payload_v3(params, device)));
    params.device = std::move(device);
}

std::optional<ConnectFailure> verify_device(const ConnectParams& params, std::string_view nonce, WallTime now) {
    const DeviceProof& device = *params.device;
    const auto key = crypto::Ed25519PublicKey::from_base64url(device.public_key);
    if (!key) return connect_failure::device_public_key_invalid();
    if (device.id != device_id(*key)) return connect_failure::device_id_mismatch();
    const std::int64_t earliest = to_millis(now - kSignatureSkew), latest = to_millis(now + kSignatureSkew);
    if (device.signed_at_ms < earliest || device.signed_at_ms > latest)
        return connect_failure::device_signature_stale();
    if (!crypto::constant_time_equal(device.nonce, nonce)) return connect_failure::device_nonce_mismatch();
    const auto signature = from_base64(device.signature);
    if (!signature) return connect_failure::device_signature_invalid();
    if (key->verify(signature_payload_v3(params, device), *signature) ||
        key->verify(signature_payload_v2(params, device), *signature))
        return std::nullopt;
    return connect_failure::device_signature_invalid();
}

json::object Challenge::payload() const {
    return {{"nonce", nonce}, {"ts", ts}, {"capabilities", names(capabilities())}};
}

Result<Challenge> Challenge::parse(const json::value& payload) {
    const json::object* object = payload.if_object();
    if (!object) return PINCER_FAIL(protocol, "the Gateway's challenge has no payload");
    const auto nonce = json::string_at(*object, "nonce");
    if (!nonce || nonce->empty()) return PINCER_FAIL(protocol, "the Gateway's challenge has no nonce");
    return Challenge{std::string(*nonce), json::int_at(*object, "ts").value_or(0)};
}

json::object HelloOk::to_json() const {
    json::array offered;
    for (const Method& method : methods()) {
        if (method.advertised) offered.emplace_back(method.name);
    }
    json::object auth{{"role", role}, {"scopes", to_array(scopes)}};
    if (!device_token.empty()) {
        auth["deviceToken"] = device_token.reveal();
        auth["issuedAtMs"] = issued_at_ms;
    }
    json::object server{{"version", server_version}};
    put(server, "bootId", boot_id);
    server["connId"] = conn_id;
    return {{"type", "hello-ok"},
            {"protocol", kProtocolVersion},
            {"server", std::move(server)},
            {"features", json::object{{"methods", std::move(offered)},
                                      {"events", names(events())},
                                      {"capabilities", names(capabilities())}}},
            {"snapshot", snapshot},
            {"auth", std::move(auth)},
            {"policy", json::object{{"maxPayload", max_payload},
                                    {"maxBufferedBytes", max_buffered},
                                    {"tickIntervalMs", tick_interval_ms}}}};
}

bool Hello::offers(std::string_view method) const {
    return std::find(methods.begin(), methods.end(), method) != methods.end();
}

Result<Hello> Hello::parse(const json::value& payload) {
    const json::object* object = payload.if_object();
    if (!object || json::string_or(*object, "type") != "hello-ok")
        return PINCER_FAIL(protocol, "the Gateway answered connect with something that is not hello-ok");
    Hello hello;
    hello.protocol = json::int_at(*object, "protocol").value_or(0);
    hello.server_version = json::string_at_path(payload, {"server", "version"});
    hello.boot_id = json::string_at_path(payload, {"server", "bootId"});
    hello.conn_id = json::string_at_path(payload, {"server", "connId"});
    if (const json::object* features = json::object_at(*object, "features")) {
        hello.methods = strings_at(*features, "methods");
        hello.events = strings_at(*features, "events");
    }
    if (const json::object* auth = json::object_at(*object, "auth")) {
        hello.scopes = strings_at(*auth, "scopes");
        hello.device_token = secret_at(*auth, "deviceToken");
    }
    if (const json::object* policy = json::object_at(*object, "policy")) {
        hello.tick_interval_ms =
            std::clamp<std::int64_t>(json::int_at(*policy, "tickIntervalMs").value_or(kTickIntervalMs), 1'000, 600'000);
        hello.max_payload = std::size_t(
            std::clamp<std::int64_t>(json::int_at(*policy, "maxPayload").value_or(kMaxPayloadBytes), 1'024, 1 << 30));
    }
    return hello;
}

}  // namespace pincer::wire
