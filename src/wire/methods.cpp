#include "wire/methods.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "wire/detail/params_operations.hpp"
#include "wire/detail/params_sessions.hpp"

namespace pincer::wire {
namespace {

using namespace params;

// Scopes are the published ones. Where the protocol says "dynamic" ours is the one in the comment's place.
constexpr Method kMethods[] = {
    {"agents.list", Scope::read, &kNothing},
    {"approval.describe", Scope::approvals, &kApprovalId},  // ours
    {"approval.get", Scope::approvals, &kApprovalId},
    {"approval.resolve", Scope::approvals, &kApprovalResolve},
    {"channels.pairing.approve", Scope::pairing, &kChannelsPairingApprove},
    {"channels.pairing.list", Scope::pairing, &kChannelsPairingList},
    {"channels.status", Scope::read, &kChannelsStatus},
    {"chat.abort", Scope::write, &kChatAbort},
    {"chat.history", Scope::read, &kChatHistory},
    {"chat.inject", Scope::admin, &kChatInject},
    {"chat.message.get", Scope::read, &kChatMessageGet},
    {"chat.send", Scope::write, &kChatSend},
    {"config.get", Scope::read, &kNothing},
    {"device.pair.list", Scope::pairing, &kNothing},
    {"device.pair.remove", Scope::pairing, &kDevicePairRemove},
    {"device.token.revoke", Scope::pairing, &kDeviceTokenRevoke},
    {"events.replay", Scope::read, &kEventsReplay},
    {"exec.approval.get", Scope::approvals, &kApprovalId},
    {"exec.approval.list", Scope::approvals, nullptr},
    {"exec.approval.request", Scope::approvals, &kExecApprovalRequest},
    {"exec.approval.resolve", Scope::approvals, &kExecApprovalResolve},
    {"exec.approval.waitDecision", Scope::approvals, nullptr},
    {"gateway.identity.get", Scope::read, nullptr},
    {"health", Scope::read, nullptr},
    {"last-heartbeat", Scope::read, nullptr},
    {"models.list", Scope::read, &kModelsList},
    {"plugin.approval.list", Scope::approvals, nullptr},
    {"plugin.approval.request", Scope::approvals, &kPluginApprovalRequest},
    {"plugin.approval.resolve", Scope::approvals, &kPluginApprovalResolve},
    {"plugin.approval.waitDecision", Scope::approvals, nullptr},
    {"send", Scope::write, &kSend},
    {"sessions.abort", Scope::write, &kSessionsAbort},
    {"sessions.delete", Scope::admin, &kSessionsDelete},  // published: dynamic
    {"sessions.describe", Scope::read, &kSessionsDescribe},
    {"sessions.get", Scope::read, &kSessionsGet, false},
    {"sessions.list", Scope::read, &kSessionsList},
    {"sessions.messages.subscribe", Scope::read, &kSessionsMessagesSubscribe},
    {"sessions.messages.unsubscribe", Scope::read, &kSessionsMessagesUnsubscribe},
    {"sessions.resolve", Scope::read, &kSessionsResolve},
    {"sessions.send", Scope::write, &kSessionsSend},
    {"sessions.subscribe", Scope::read, nullptr},
    {"sessions.unsubscribe", Scope::read, nullptr},
    {"status", Scope::read, nullptr},
    {"system-presence", Scope::read, nullptr},
};
static_assert(std::is_sorted(std::begin(kMethods), std::end(kMethods),
                             [](const Method& a, const Method& b) { return a.name < b.name; }));

// What the Gateway does send.
constexpr std::array<std::string_view, 11> kEvents = {"connect.challenge",
                                                      "agent",
                                                      "chat",
                                                      "session.message",
                                                      "sessions.changed",
                                                      "tick",
                                                      "shutdown",
                                                      "exec.approval.requested",
                                                      "exec.approval.resolved",
                                                      "plugin.approval.requested",
                                                      "plugin.approval.resolved"};

constexpr std::array<std::string_view, 1> kCapabilities = {"events-replay-v1"};
constexpr Schema kAnyObject = object({}).and_more();

}  // namespace

std::span<const Method> methods() { return kMethods; }

const Method* find_method(std::string_view name) {
    const auto* at = std::lower_bound(std::begin(kMethods), std::end(kMethods), name,
                                      [](const Method& m, std::string_view n) { return m.name < n; });
    return at != std::end(kMethods) && at->name == name ? at : nullptr;
}

std::span<const std::string_view> events() { return kEvents; }
std::span<const std::string_view> capabilities() { return kCapabilities; }

std::optional<WireError> refuse_call(std::string_view method, ScopeSet scopes) {
    const Method* known = find_method(method);
    const Scope needed = known ? known->scope : Scope::admin;
    if (!scopes.allows(needed)) return missing_scope(name_of(needed));
    if (!known) return unknown_method(method);
    return std::nullopt;
}

Result<> validate_params(const Method& method, const json::value& params) {
    const auto faults = find_faults(method.params ? *method.params : kAnyObject, params);
    if (faults.empty()) return {};
    return PINCER_FAIL(invalid_argument, "invalid {} params: {}", method.name, join(faults, "; "));
}

}  // namespace pincer::wire
