// Parameters of everything but sessions and chat, as the published protocol 2026.9.1 has them. Included by methods.cpp
// alone; tests/conformance/test_wire_schema.py holds them against the protocol package's own validators.
#pragma once

#include <array>

#include "wire/schema.hpp"

namespace pincer::wire::params {

constexpr Schema kText = string();
constexpr std::array<std::string_view, 1> kHtmlWord = {"HTML"};
constexpr Field kSendFields[] = {
    {"to", string(1), Need::required},
    {"message", string()},
    {"mediaUrl", string()},
    {"mediaUrls", array(kText)},
    {"buffer", string()},
    {"filename", string()},
    {"contentType", string()},
    {"asVoice", boolean()},
    {"gifPlayback", boolean()},
    {"channel", string()},
    {"accountId", string()},
    {"agentId", string()},
    {"replyToId", string()},
    {"threadId", string()},
    {"forceDocument", boolean()},
    {"silent", boolean()},
    {"parseMode", constant(kHtmlWord)},
    {"sessionKey", string()},
    {"idempotencyKey", string(1), Need::required},
};
constexpr Schema kSend = object(kSendFields);

constexpr Field kChannelsStatusFields[] = {
    {"probe", boolean()},
    {"timeoutMs", integer()},
    {"channel", string(1)},
};
constexpr Schema kChannelsStatus = object(kChannelsStatusFields);

constexpr std::array<std::string_view, 4> kModelViews = {"default", "configured", "provider-config", "all"};
constexpr Field kModelsListFields[] = {
    {"agentId", string(1)},          {"includeProviderCapabilities", boolean()},
    {"preparedOnly", boolean()},     {"refresh", boolean()},
    {"view", union_of(kModelViews)},
};
constexpr Schema kModelsList = object(kModelsListFields);

constexpr std::array<std::string_view, 2> kWakeModes = {"now", "next-heartbeat"};
constexpr Field kWakeFields[] = {
    {"mode", union_of(kWakeModes), Need::required},
    {"text", string(1), Need::required},
    {"sessionKey", string(1)},
    {"agentId", string(1)},
};
constexpr Schema kWake = object(kWakeFields).and_more();

constexpr Field kChannelsPairingListFields[] = {
    {"channel", string(1)},
    {"accountId", string(1)},
};
constexpr Schema kChannelsPairingList = object(kChannelsPairingListFields);

// Published: by requestId. Ours besides: by the code that the person was told, as `openclaw pairing approve` types it.
constexpr Field kChannelsPairingApproveFields[] = {
    {"channel", string(1), Need::required},
    {"accountId", string(1)},
    {"requestId", string(1)},
    {"code", string(1, 64)},
    {"notify", boolean()},
    {"bootstrapCommandOwner", boolean()},
};
constexpr Schema kChannelsPairingApprove = object(kChannelsPairingApproveFields);

constexpr Field kDevicePairDecideFields[] = {
    {"requestId", string(1), Need::required},
};
constexpr Schema kDevicePairDecide = object(kDevicePairDecideFields);

constexpr Field kDevicePairRemoveFields[] = {
    {"deviceId", string(1), Need::required},
};
constexpr Schema kDevicePairRemove = object(kDevicePairRemoveFields);

constexpr Field kDeviceTokenRevokeFields[] = {
    {"deviceId", string(1), Need::required},
    {"role", string(1), Need::required},
};
constexpr Schema kDeviceTokenRevoke = object(kDeviceTokenRevokeFields);

constexpr Field kLogsTailFields[] = {
    {"cursor", integer()},
    {"limit", integer(1, 5000)},
    {"maxBytes", integer(1, 1000000)},
};
constexpr Schema kLogsTail = object(kLogsTailFields);

constexpr Field kSystemRunPlanFields[] = {
    {"argv", array(kText), Need::required},          {"cwd", string().or_null(), Need::required},
    {"commandText", string(), Need::required},       {"commandPreview", string().or_null()},
    {"agentId", string().or_null(), Need::required}, {"sessionKey", string().or_null(), Need::required},
    {"policySnapshot", object({}).and_more()},       {"mutableFileOperand", object({}).and_more().or_null()},
};
constexpr std::array<std::string_view, 1> kAllowAlwaysWord = {"allow-always"};
constexpr Schema kUnavailableDecision = one_of(kAllowAlwaysWord);
constexpr Schema kOpenObject = object({}).and_more();
constexpr Schema kThreadIdKinds[] = {string(), number()};
constexpr Schema kDeviceName = string(1);
constexpr Field kExecApprovalRequestFields[] = {
    {"id", string(1)},
    {"command", string(1)},
    {"commandArgv", array(kText)},
    {"systemRunPlan", object(kSystemRunPlanFields)},
    {"env", map_of(kText)},
    {"cwd", string().or_null()},
    {"nodeId", string(1).or_null()},
    {"host", string().or_null()},
    {"security", string().or_null()},
    {"ask", string().or_null()},
    {"warningText", string().or_null()},
    {"scope", any()},
    {"unavailableDecisions", array(kUnavailableDecision, 1, 1)},
    {"commandSpans", array(kOpenObject)},
    {"agentId", string().or_null()},
    {"resolvedPath", string().or_null()},
    {"sessionKey", string().or_null()},
    {"sessionId", string().or_null()},
    {"runId", string().or_null()},
    {"toolCallId", string().or_null()},
    {"turnSourceChannel", string().or_null()},
    {"turnSourceTo", string().or_null()},
    {"turnSourceAccountId", string().or_null()},
    {"turnSourceThreadId", any_of(kThreadIdKinds).or_null()},
    {"approvalReviewerDeviceIds", array(kDeviceName)},
    {"requireDeliveryRoute", boolean()},
    {"suppressDelivery", boolean()},
    {"deliverToApprovalClientsOnly", boolean()},
    {"timeoutMs", integer(1)},
    {"twoPhase", boolean()},
};
constexpr Schema kExecApprovalRequest = object(kExecApprovalRequestFields);

constexpr Field kReviewerFields[] = {
    {"channel", string(1), Need::required},
    {"accountId", string(1), Need::required},
    {"senderId", string(1), Need::required},
};
constexpr Field kExecApprovalResolveFields[] = {
    {"id", string(1), Need::required},
    {"decision", string(1), Need::required},
    {"reviewer", object(kReviewerFields)},
    {"grantExpiresInDays", integer(1, 3650)},
};
constexpr Schema kExecApprovalResolve = object(kExecApprovalResolveFields);

constexpr Field kApprovalIdFields[] = {
    {"id", string(1), Need::required},
};
constexpr Schema kApprovalId = object(kApprovalIdFields);

constexpr Field kApprovalsFileFields[] = {
    {"version", number(), Need::required},
    {"socket", object({}).and_more()},
    {"defaults", object({}).and_more()},
    {"agents", map_of(kOpenObject)},
};
constexpr Field kExecApprovalsSetFields[] = {
    {"file", object(kApprovalsFileFields), Need::required},
    {"baseHash", string(1)},
};
constexpr Schema kExecApprovalsSet = object(kExecApprovalsSetFields);

constexpr std::array<std::string_view, 3> kSeverities = {"info", "warning", "critical"};
constexpr Field kMcpToolFields[] = {
    {"server", string(1), Need::required},
    {"tool", string(1), Need::required},
};
constexpr std::array<std::string_view, 3> kDecisions = {"allow-once", "allow-always", "deny"};
constexpr Schema kDecision = one_of(kDecisions);
constexpr Field kPluginApprovalRequestFields[] = {
    {"pluginId", string(1).either_null()},
    {"title", string(1, 80), Need::required},
    {"description", string(1, 512), Need::required},
    {"detail", string(1, 16384).either_null()},
    {"severity", one_of(kSeverities).either_null()},
    {"scope", any()},
    {"toolName", string().either_null()},
    {"toolCallId", string().either_null()},
    {"mcpTool", object(kMcpToolFields)},
    {"allowedDecisions", array(kDecision, 1, 3).either_null()},
    {"agentId", string().either_null()},
    {"sessionKey", string().either_null()},
    {"approvalReviewerDeviceIds", array(kDeviceName).either_null()},
    {"turnSourceChannel", string().either_null()},
    {"turnSourceTo", string().either_null()},
    {"turnSourceAccountId", string().either_null()},
    {"turnSourceThreadId", any_of(kThreadIdKinds).or_null()},
    {"timeoutMs", integer(1, 600000)},
    {"twoPhase", boolean()},
};
constexpr Schema kPluginApprovalRequest = object(kPluginApprovalRequestFields);

constexpr Field kPluginApprovalResolveFields[] = {
    {"id", string(1), Need::required},
    {"decision", string(1), Need::required},
    {"reviewer", object(kReviewerFields)},
};
constexpr Schema kPluginApprovalResolve = object(kPluginApprovalResolveFields);

constexpr std::array<std::string_view, 3> kApprovalKinds = {"exec", "plugin", "system-agent"};
constexpr Field kApprovalResolveFields[] = {
    {"id", string(1), Need::required},
    {"kind", union_of(kApprovalKinds), Need::required},
    {"decision", union_of(kDecisions), Need::required},
    {"reviewer", object(kReviewerFields)},
    {"grantExpiresInDays", integer(1, 3650)},
};
constexpr Schema kApprovalResolve = object(kApprovalResolveFields);

constexpr Field kApprovalHistoryFields[] = {
    {"cursor", string(1, 512)},
    {"limit", integer(1, 100)},
    {"kind", union_of(kApprovalKinds)},
};
constexpr Schema kApprovalHistory = object(kApprovalHistoryFields);

// Ours: what the Gateway's durable event log holds after an event, for clients that were away.
constexpr Field kEventsReplayFields[] = {
    {"afterEventId", integer(), Need::required},
    {"limit", integer(1, 1000)},
};
constexpr Schema kEventsReplay = object(kEventsReplayFields);
constexpr Schema kNothing = object({});

}  // namespace pincer::wire::params
