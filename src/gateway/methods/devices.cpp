// Devices that have a token of their own: who they are, and the end of their access.
#include "gateway/methods/handlers.hpp"

namespace pincer::gateway {
namespace {

json::array names_of(wire::ScopeSet scopes) {
    json::array names;
    for (const std::string& name : scopes.names()) names.push_back(json::value(name));
    return names;
}

// Whoever may pair may end the access of those that can do no more than themselves, and always their own.
std::optional<Error> objection(const Caller& caller, const std::optional<PairedDevice>& device) {
    if (!device)
        return Error(ErrorCode::not_found, "unknown device; device.pair.list names those that there are")
            .with_reason("DEVICE_NOT_FOUND");
    if (device->id == caller.device_id || caller.scopes.covers(device->scopes)) return std::nullopt;
    Error more(ErrorCode::forbidden,
               "that device may do more than you: somebody with its scopes has to end its access");
    return std::move(more).with_reason("DEVICE_OUTRANKS_CALLER");
}

}  // namespace

Answer device_pair_list(MethodCall& call) {
    auto devices = call.core.authenticator.devices();
    if (!devices) return Answer::failed(devices.error());
    json::array paired;
    for (const PairedDevice& device : *devices) {
        json::object token{
            {"role", "operator"}, {"scopes", names_of(device.scopes)}, {"createdAtMs", device.paired_at_ms}};
        if (device.revoked_at_ms) token["revokedAtMs"] = *device.revoked_at_ms;
        json::object row{{"deviceId", device.id},
                         {"displayName", device.display},
                         {"platform", device.platform},
                         {"role", "operator"},
                         {"roles", json::array{"operator"}}};
        row["scopes"] = names_of(device.scopes);
        row["approvedAtMs"] = device.paired_at_ms;
        row["tokens"] = json::array{std::move(token)};
        paired.push_back(std::move(row));
    }
    return Answer::of({{"pending", json::array{}}, {"paired", std::move(paired)}});
}

Task<Answer> device_pair_remove(MethodCall call) {
    const std::string id = json::string_or(call.params, "deviceId");
    if (auto no = objection(call.caller, call.core.authenticator.device(id))) co_return Answer::failed(*no);
    auto gone = co_await call.core.authenticator.remove_device(id);
    if (!gone) co_return Answer::failed(gone.error());
    json::object payload{{"deviceId", id}};
    co_return Answer::of(payload);
}

Task<Answer> device_token_revoke(MethodCall call) {
    const std::string id = json::string_or(call.params, "deviceId");
    if (auto no = objection(call.caller, call.core.authenticator.device(id))) co_return Answer::failed(*no);
    const std::int64_t now = to_millis(call.core.clock.wall());
    auto revoked = co_await call.core.authenticator.revoke_device(id);
    if (!revoked) co_return Answer::failed(revoked.error());
    json::object payload{{"deviceId", id}, {"role", "operator"}, {"revokedAtMs", now}};
    co_return Answer::of(payload);
}

}  // namespace pincer::gateway
