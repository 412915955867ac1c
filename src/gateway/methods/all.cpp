#include <algorithm>

#include "gateway/methods/handlers.hpp"

namespace pincer::gateway {
namespace {

constexpr Method kMethods[] = {
    {"agents.list", agents_list},
    {"approval.describe", approval_describe},
    {"approval.get", approval_get},
    {"approval.resolve", nullptr, approval_resolve},
    {"channels.pairing.approve", nullptr, pairing_approve},
    {"channels.pairing.list", pairing_list},
    {"channels.status", channels_status},
    {"chat.abort", chat_abort},
    {"chat.history", chat_history},
    {"chat.inject", nullptr, chat_inject},
    {"chat.message.get", chat_message_get},
    {"chat.send", nullptr, chat_send},
    {"config.get", config_get},
    {"device.pair.list", device_pair_list},
    {"device.pair.remove", nullptr, device_pair_remove},
    {"device.token.revoke", nullptr, device_token_revoke},
    {"events.replay", events_replay},
    {"exec.approval.get", exec_approval_get},
    {"exec.approval.list", exec_approval_list},
    {"exec.approval.request", nullptr, exec_approval_request},
    {"exec.approval.resolve", nullptr, exec_approval_resolve},
    {"exec.approval.waitDecision", nullptr, approval_wait},
    {"gateway.identity.get", identity_get},
    {"health", health},
    {"last-heartbeat", last_heartbeat},
    {"models.list", models_list},
    {"plugin.approval.list", plugin_approval_list},
    {"plugin.approval.request", nullptr, plugin_approval_request},
    {"plugin.approval.resolve", nullptr, plugin_approval_resolve},
    {"plugin.approval.waitDecision", nullptr, approval_wait},
    {"send", nullptr, send_message},
    {"sessions.abort", chat_abort},
    {"sessions.delete", nullptr, sessions_delete},
    {"sessions.describe", sessions_describe},
    {"sessions.get", sessions_get},
    {"sessions.list", sessions_list},
    {"sessions.messages.subscribe", sessions_messages_subscribe},
    {"sessions.messages.unsubscribe", sessions_messages_unsubscribe},
    {"sessions.resolve", sessions_resolve},
    {"sessions.send", nullptr, sessions_send},
    {"sessions.subscribe", sessions_subscribe},
    {"sessions.unsubscribe", sessions_unsubscribe},
    {"status", status},
    {"system-presence", system_presence},
};
static_assert(std::is_sorted(std::begin(kMethods), std::end(kMethods),
                             [](const Method& a, const Method& b) { return a.name < b.name; }));

}  // namespace

std::span<const Method> all_methods() { return kMethods; }

const Method* find_handler(std::string_view name) {
    const auto* at = std::lower_bound(std::begin(kMethods), std::end(kMethods), name,
                                      [](const Method& m, std::string_view n) { return m.name < n; });
    return at != std::end(kMethods) && at->name == name ? at : nullptr;
}

}  // namespace pincer::gateway
