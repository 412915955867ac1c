// Parameters of sessions.* and chat.*, as the published protocol 2026.9.1 has them. Included by methods.cpp alone;
// tests/conformance/test_wire_schema.py holds them against the protocol package's own validators.
#pragma once

#include <array>

#include "wire/schema.hpp"

namespace pincer::wire::params {

constexpr std::array<std::string_view, 2> kSortKeys = {"updatedAt", "lastInteractionAt"};
constexpr std::array<std::string_view, 2> kBoardFaces = {"chat", "dashboard"};
constexpr std::array<std::string_view, 1> kAllWord = {"all"};
constexpr Schema kArchivedChoices[] = {boolean(), constant(kAllWord)};
constexpr Field kSessionsListFields[] = {
    {"limit", integer(1)},
    {"offset", integer()},
    {"activeMinutes", integer(1)},
    {"requireLastInteraction", boolean()},
    {"sortBy", union_of(kSortKeys)},
    {"includeGlobal", boolean()},
    {"includeUnknown", boolean()},
    {"configuredAgentsOnly", boolean()},
    {"includeDerivedTitles", boolean()},
    {"includeLastMessage", boolean()},
    {"label", string(1, 512)},
    {"boardFace", union_of(kBoardFaces)},
    {"creatorId", string(1)},
    {"ownerId", string(1)},
    {"ownerFirst", boolean()},
    {"involvingMe", boolean()},
    {"involvingProfileId", string(1)},
    {"includePeople", boolean()},
    {"spawnedBy", string(1)},
    {"agentId", string(1)},
    {"search", string()},
    {"archived", any_of(kArchivedChoices)},
};
constexpr Schema kSessionsList = object(kSessionsListFields);

constexpr Field kSessionsDescribeFields[] = {
    {"key", string(1), Need::required},
    {"includeDerivedTitles", boolean()},
    {"includeLastMessage", boolean()},
};
constexpr Schema kSessionsDescribe = object(kSessionsDescribeFields);

constexpr Schema kName = string(1);
constexpr Field kSessionsPreviewFields[] = {
    {"keys", array(kName, 1), Need::required},
    {"limit", integer(1)},
    {"maxChars", integer(20)},
};
constexpr Schema kSessionsPreview = object(kSessionsPreviewFields);

constexpr Field kSessionsResolveFields[] = {
    {"key", string(1)},          {"sessionId", string(1)},     {"label", string(1, 512)},
    {"shortId", string(1)},      {"slugHint", string(1)},      {"agentId", string(1)},
    {"spawnedBy", string(1)},    {"includeGlobal", boolean()}, {"includeUnknown", boolean()},
    {"allowMissing", boolean()},
};
constexpr Schema kSessionsResolve = object(kSessionsResolveFields);

constexpr Field kSessionsMessagesSubscribeFields[] = {
    {"key", string(1), Need::required},
    {"agentId", string(1)},
    {"includeApprovals", boolean()},
};
constexpr Schema kSessionsMessagesSubscribe = object(kSessionsMessagesSubscribeFields);

constexpr Field kSessionsMessagesUnsubscribeFields[] = {
    {"key", string(1), Need::required},
    {"agentId", string(1)},
};
constexpr Schema kSessionsMessagesUnsubscribe = object(kSessionsMessagesUnsubscribeFields);

constexpr Field kSessionsDeleteFields[] = {
    {"key", string(1), Need::required},       {"agentId", string(1)},
    {"deleteTranscript", boolean()},          {"expectedSessionId", string(1)},
    {"expectedLifecycleRevision", string(1)}, {"expectedSessionUpdatedAt", number()},
    {"emitLifecycleHooks", boolean()},        {"archivedOnly", boolean()},
};
constexpr Schema kSessionsDelete = object(kSessionsDeleteFields);

constexpr std::array<std::string_view, 2> kResetReasons = {"new", "reset"};
constexpr Field kSessionsResetFields[] = {
    {"key", string(1), Need::required},
    {"agentId", string(1)},
    {"reason", union_of(kResetReasons)},
};
constexpr Schema kSessionsReset = object(kSessionsResetFields);

constexpr std::array<std::string_view, 4> kPermissionModes = {"read-only", "guarded", "workspace", "full"};
constexpr Schema kFlag = boolean();
constexpr Schema kNames = array(kName);
constexpr Field kToolOverridesFields[] = {
    {"mcpServers", map_of(kFlag)},
    {"mcpToolsDeny", map_of(kNames)},
    {"skills", map_of(kFlag)},
    {"webSearch", boolean()},
};
constexpr std::array<std::string_view, 6> kAttentionMarks = {"hand", "key", "alert", "flag", "lock", "hourglass"};
constexpr std::array<std::string_view, 1> kAutoWord = {"auto"};
constexpr Schema kFastModes[] = {boolean(), constant(kAutoWord)};
constexpr Field kSessionsPatchFields[] = {
    {"key", string(1), Need::required},
    {"agentId", string(1)},
    {"expectedSessionId", string(1)},
    {"expectedLifecycleRevision", string(1)},
    {"expectedPermissionMode", union_of(kPermissionModes).or_null()},
    {"expectedToolOverrides", object(kToolOverridesFields).or_null()},
    {"expectedMarkedUnreadAt", number().or_null()},
    {"label", string(1, 512).or_null()},
    {"icon", string().or_null()},
    {"color", string().or_null()},
    {"category", string(1, 512).or_null()},
    {"boardFace", union_of(kBoardFaces)},
    {"statusNote", string(0, 120).or_null()},
    {"attention", one_of(kAttentionMarks).or_null()},
    {"ttlMinutes", integer(1, 120)},
    {"archived", boolean()},
    {"pinned", boolean()},
    {"unread", boolean()},
    {"contextWindow", string(1).or_null()},
    {"thinkingLevel", string(1).or_null()},
    {"fastMode", any_of(kFastModes).or_null()},
    {"toolOverrides", object(kToolOverridesFields).or_null()},
    {"verboseLevel", string(1).or_null()},
    {"traceLevel", string(1).or_null()},
    {"reasoningLevel", string(1).or_null()},
    {"responseUsage", any()},
    {"elevatedLevel", string(1).or_null()},
    {"execHost", string(1).or_null()},
    {"execSecurity", string(1).or_null()},
    {"execAsk", string(1).or_null()},
    {"execNode", string(1).or_null()},
    {"permissionMode", union_of(kPermissionModes).or_null()},
    {"model", string(1).or_null()},
    {"completionOwnerSessionKey", string(1).or_null()},
    {"inheritedToolPolicyVersion", number().or_null()},
    {"inheritedToolAllow", array(kName).or_null()},
    {"inheritedToolDeny", array(kName).or_null()},
    {"sendPolicy", any()},
    {"groupActivation", any()},
};
constexpr Schema kSessionsPatch = object(kSessionsPatchFields);

constexpr Field kSessionsAbortFields[] = {
    {"key", string(1)},
    {"runId", string(1)},
    {"agentId", string(1)},
    {"clearQueued", boolean()},
};
constexpr Schema kSessionsAbort = object(kSessionsAbortFields);

constexpr Schema kAttachment = object({}).and_more();
constexpr Field kSessionsSendFields[] = {
    {"key", string(1), Need::required},    {"agentId", string(1)},
    {"message", string(), Need::required}, {"thinking", string()},
    {"attachments", array(kAttachment)},   {"timeoutMs", integer()},
    {"idempotencyKey", string(1)},
};
constexpr Schema kSessionsSend = object(kSessionsSendFields);

constexpr std::array<std::string_view, 1> kIntentKind = {"session-goal-start"};
constexpr Field kIntentFields[] = {
    {"kind", constant(kIntentKind), Need::required},
    {"version", number(), Need::required},
    {"issuedAtMs", integer(), Need::required},
};
constexpr std::array<std::string_view, 4> kQueueModes = {"steer", "followup", "collect", "interrupt"};
constexpr Schema kBinding = any();
constexpr std::array<std::string_view, 3> kProvenanceKinds = {"external_user", "inter_session", "internal_system"};
constexpr Field kProvenanceFields[] = {
    {"kind", one_of(kProvenanceKinds), Need::required},
    {"originSessionId", string()},
    {"sourceSessionKey", string()},
    {"sourceChannel", string()},
    {"sourceTool", string()},
};
constexpr Field kChatSendFields[] = {
    {"sessionKey", string(1, 512), Need::required},
    {"agentId", string(1)},
    {"sessionId", string(1)},
    {"message", string(), Need::required},
    {"intent", object(kIntentFields)},
    {"thinking", string()},
    {"fastMode", any_of(kFastModes)},
    {"fastAutoOnSeconds", integer(1)},
    {"queueMode", one_of(kQueueModes)},
    {"deliver", boolean()},
    {"originatingChannel", string()},
    {"originatingTo", string()},
    {"originatingAccountId", string()},
    {"originatingThreadId", string()},
    {"replyToId", string(1)},
    {"attachments", array(kAttachment)},
    {"toolBindings", map_of(kBinding)},
    {"timeoutMs", integer()},
    {"systemInputProvenance", object(kProvenanceFields)},
    {"systemProvenanceReceipt", string()},
    {"suppressCommandInterpretation", boolean()},
    {"expectedLeafEntryId", string(1).or_null()},
    {"expectedSessionRoutingContract", string(1)},
    {"expectedPermissionMode", union_of(kPermissionModes).or_null()},
    {"expectedToolOverrides", object(kToolOverridesFields).or_null()},
    {"idempotencyKey", string(1), Need::required},
};
constexpr Schema kChatSend = object(kChatSendFields);

constexpr Schema kRunName = string(1, 256);
constexpr Field kChatHistoryFields[] = {
    {"sessionKey", string(1), Need::required},
    {"agentId", string(1)},
    {"cursor", string()},
    {"limit", integer(1, 1000)},
    {"offset", integer()},
    {"pendingBefore", integer(1)},
    {"inputRunIds", array(kRunName, 1, 50).distinct()},
    {"messageId", string(1)},
    {"sessionId", string(1)},
    {"maxChars", integer(1, 500000)},
};
constexpr Schema kChatHistory = object(kChatHistoryFields);

constexpr Field kChatAbortFields[] = {
    {"sessionKey", string(1), Need::required},
    {"agentId", string(1)},
    {"runId", string(1)},
    {"preserveSideRuns", boolean()},
};
constexpr Schema kChatAbort = object(kChatAbortFields);

constexpr Field kChatInjectFields[] = {
    {"sessionKey", string(1), Need::required},
    {"agentId", string(1)},
    {"message", string(1), Need::required},
    {"label", string(0, 100)},
};
constexpr Schema kChatInject = object(kChatInjectFields);

constexpr Field kChatMessageGetFields[] = {
    {"sessionKey", string(1), Need::required},
    {"agentId", string(1)},
    {"messageId", string(1), Need::required},
    {"maxChars", integer(1, 2000000)},
};
constexpr Schema kChatMessageGet = object(kChatMessageGetFields);

// Not in the published schema; shapes as the Gateway takes them.
constexpr Field kSessionsGetFields[] = {
    {"key", string(1), Need::required},
    {"agentId", string(1)},
    {"limit", integer(1)},
};
constexpr Schema kSessionsGet = object(kSessionsGetFields);

}  // namespace pincer::wire::params
