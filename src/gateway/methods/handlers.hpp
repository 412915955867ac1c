// The functions behind the names, grouped by the file that has them.
#pragma once

#include "gateway/methods/method.hpp"

namespace pincer::gateway {

// sessions.cpp
Answer sessions_list(MethodCall& call);
Answer sessions_describe(MethodCall& call);
Answer sessions_resolve(MethodCall& call);
Answer sessions_get(MethodCall& call);
Answer sessions_subscribe(MethodCall& call);
Answer sessions_messages_subscribe(MethodCall& call);
Answer sessions_messages_unsubscribe(MethodCall& call);
Answer sessions_unsubscribe(MethodCall& call);
Task<Answer> sessions_delete(MethodCall call);
Answer events_replay(MethodCall& call);

// chat.cpp
Task<Answer> chat_send(MethodCall call);
Task<Answer> sessions_send(MethodCall call);
Answer chat_history(MethodCall& call);
Answer chat_abort(MethodCall& call);
Task<Answer> chat_inject(MethodCall call);
Answer chat_message_get(MethodCall& call);
Task<Answer> send_message(MethodCall call);

// devices.cpp
Answer device_pair_list(MethodCall& call);
Task<Answer> device_pair_remove(MethodCall call);
Task<Answer> device_token_revoke(MethodCall call);

// approvals.cpp
Answer approval_get(MethodCall& call);
Answer approval_describe(MethodCall& call);
Answer exec_approval_get(MethodCall& call);
Task<Answer> approval_resolve(MethodCall call);
Task<Answer> approval_wait(MethodCall call);
Answer exec_approval_list(MethodCall& call);
Task<Answer> exec_approval_request(MethodCall call);
Task<Answer> exec_approval_resolve(MethodCall call);
Answer plugin_approval_list(MethodCall& call);
Task<Answer> plugin_approval_request(MethodCall call);
Task<Answer> plugin_approval_resolve(MethodCall call);

// status.cpp
Answer agents_list(MethodCall& call);
Answer channels_status(MethodCall& call);
Answer config_get(MethodCall& call);
Answer health(MethodCall& call);
Answer identity_get(MethodCall& call);
Answer last_heartbeat(MethodCall& call);
Answer models_list(MethodCall& call);
Answer pairing_list(MethodCall& call);
Task<Answer> pairing_approve(MethodCall call);
Answer status(MethodCall& call);
Answer system_presence(MethodCall& call);
json::object health_snapshot(const Core& core);
json::array presence_snapshot(const Core& core);

}  // namespace pincer::gateway
