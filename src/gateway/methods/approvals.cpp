#include "base/text.hpp"
#include "gateway/approvals/card.hpp"
#include "gateway/methods/approval_snapshot.hpp"
#include "gateway/methods/handlers.hpp"

namespace pincer::gateway {
namespace {

json::value or_null(const json::object& o, std::string_view key) {
    const json::value* v = json::find(o, key);
    return v ? *v : json::value(nullptr);
}

Error unknown_id() {
    Error error(ErrorCode::not_found, "unknown or expired approval id");
    return std::move(error).with_reason("APPROVAL_NOT_FOUND");
}

json::object record_payload(const approval::Record& record) {
    json::object o = requested_payload(record);
    o["status"] = approval::name_of(record.status);
    o["decision"] = record.decision ? json::value(approval::name_of(*record.decision)) : json::value(nullptr);
    o["resolvedBy"] = record.decided_by ? json::value(record.decided_by->display) : json::value(nullptr);
    o["resolvedVia"] = record.decided_via.empty() ? json::value(nullptr) : json::value(record.decided_via);
    o["digest"] = record.request.subject_digest;
    o["risk"] = approval::name_of(record.request.risk);
    o["requestedBy"] = record.request.requester.display;
    json::array facts;
    for (const Fact& fact : facts_of(record)) facts.push_back(json::object{{"name", fact.name}, {"text", fact.text}});
    o["facts"] = std::move(facts);
    return o;
}

Answer list_of_kind(MethodCall& call, std::string_view kind) {
    json::array list;
    for (const approval::Record& record : call.core.approvals.desk().pending()) {
        if (record.request.kind == kind) list.push_back(requested_payload(record));
    }
    return {json::write(json::value(std::move(list))), std::nullopt};
}

// Where the decision came from, for the card and the chain.
std::string surface_of(const Caller& caller) {
    if (caller.client_mode == "webchat" || caller.client_mode == "ui") return "web";
    return caller.principal.display == "OpenClaw MCP" ? "mcp" : "cli";
}

Task<Result<approval::Record>> resolve(MethodCall& call, std::string kind) {
    const std::string id = json::string_or(call.params, "id");
    const auto decision = approval::parse_decision(json::string_or(call.params, "decision"));
    if (!decision) co_return PINCER_FAIL(invalid_argument, "invalid decision");
    const auto record = call.core.approvals.desk().find(approval::ApprovalId(id));
    if (!record || (!kind.empty() && record->request.kind != kind)) co_return Failure(unknown_id());
    co_return co_await call.core.approvals.decide(id, *decision, call.caller.principal, surface_of(call.caller));
}

Task<Answer> resolve_kind(MethodCall call, std::string kind) {
    auto decided = co_await resolve(call, std::move(kind));
    if (!decided) co_return Answer::failed(decided.error());
    json::object payload{{"ok", true}};
    co_return Answer::of(payload);
}

// Words as they would have to be typed, so that their borders show.
std::string quoted(std::string_view word) {
    const std::string line = strip_control(word);
    if (!line.empty() &&
        line.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=:,./@%") ==
            std::string::npos)
        return line;
    std::string out = "'";
    for (const char c : line) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

// What is shown is what would run: the argument list when there is one, whatever the caller's own line says.
std::string command_shown(const json::object& params) {
    const json::array* argv = json::array_at(params, "commandArgv");
    if (const json::object* plan = json::object_at(params, "systemRunPlan")) argv = json::array_at(*plan, "argv");
    if (!argv || argv->empty()) return strip_control(json::string_or(params, "command"));
    std::vector<std::string> words;
    for (const json::value& word : *argv) words.push_back(quoted(std::string_view(word.get_string())));
    return join(words, " ");
}

// Variables can change what a command does, so they stand on the card, by name: their values may be secrets.
json::value warning_shown(const json::object& params) {
    std::string text = strip_control(json::string_or(params, "warningText"));
    const json::object* env = json::object_at(params, "env");
    if (env && !env->empty()) {
        std::vector<std::string> names;
        for (const auto& entry : *env) names.push_back(quoted(entry.key()));
        text += fmt::format("{}It sets the variables {}.", text.empty() ? "" : "\n", join(names, ", "));
    }
    return text.empty() ? json::value(nullptr) : json::value(text);
}

json::object decision_payload(const approval::Record& record) {
    json::object o{{"id", record.id.str()},
                   {"createdAtMs", to_millis(record.created_at)},
                   {"expiresAtMs", to_millis(record.expires_at)}};
    o["decision"] = record.decision ? json::value(approval::name_of(*record.decision)) : json::value(nullptr);
    if (record.status == approval::Status::expired) o["terminalReason"] = "timeout";
    return o;
}

// Puts a request of the caller's own before the Desk and waits for its end (twoPhase: says so first).
Task<Answer> request_and_wait(MethodCall call, approval::Request request) {
    request.requester = call.caller.principal;
    request.session_key = json::string_or(call.params, "sessionKey");
    const auto ttl = json::int_at(call.params, "timeoutMs");
    std::optional<Millis> life;
    if (ttl) life = Millis(*ttl);
    auto record = co_await call.core.approvals.open_request(std::move(request), life);
    if (!record) co_return Answer::failed(record.error());
    if (json::bool_at(call.params, "twoPhase").value_or(false)) {
        json::object accepted{{"status", "accepted"},
                              {"id", record->id.str()},
                              {"deliveryRoute", "approval-client"},
                              {"createdAtMs", to_millis(record->created_at)},
                              {"expiresAtMs", to_millis(record->expires_at)}};
        call.first_answer(accepted);
    }
    auto decided = co_await call.core.approvals.wait(record->id.str(), Deadline::never());
    if (!decided) co_return Answer::failed(decided.error());
    co_return Answer::of(decision_payload(*decided));
}

}  // namespace

Answer approval_get(MethodCall& call) {
    const auto record = call.core.approvals.desk().find(approval::ApprovalId(json::string_or(call.params, "id")));
    if (!record) return Answer::failed(unknown_id());
    return Answer::of({{"approval", approval_snapshot(*record)}});
}

// Ours: everything that the record knows, with the facts that a card shows.
Answer approval_describe(MethodCall& call) {
    const auto record = call.core.approvals.desk().find(approval::ApprovalId(json::string_or(call.params, "id")));
    if (!record) return Answer::failed(unknown_id());
    return Answer::of(record_payload(*record));
}

Answer exec_approval_get(MethodCall& call) {
    const auto record = call.core.approvals.desk().find(approval::ApprovalId(json::string_or(call.params, "id")));
    if (!record || record->request.kind != "exec" || record->status != approval::Status::pending)
        return Answer::failed(unknown_id());
    const json::object& shown = record->request.presentation;
    return Answer::of({{"id", record->id.str()},
                       {"commandText", json::string_or(shown, "command")},
                       {"commandPreview", nullptr},
                       {"allowedDecisions", decisions_of(*record)},
                       {"host", or_null(shown, "host")},
                       {"nodeId", nullptr},
                       {"agentId", or_null(shown, "agentId")},
                       {"expiresAtMs", to_millis(record->expires_at)}});
}

Answer exec_approval_list(MethodCall& call) { return list_of_kind(call, "exec"); }
Answer plugin_approval_list(MethodCall& call) { return list_of_kind(call, "plugin"); }

Task<Answer> approval_resolve(MethodCall call) {
    const auto before = call.core.approvals.desk().find(approval::ApprovalId(json::string_or(call.params, "id")));
    std::string kind = json::string_or(call.params, "kind");
    auto decided = co_await resolve(call, std::move(kind));
    if (!decided) co_return Answer::failed(decided.error());
    const bool applied = before && before->status == approval::Status::pending;
    json::object payload{{"applied", applied}, {"approval", approval_snapshot(*decided)}};
    co_return Answer::of(payload);
}
Task<Answer> exec_approval_resolve(MethodCall call) { return resolve_kind(std::move(call), "exec"); }
Task<Answer> plugin_approval_resolve(MethodCall call) { return resolve_kind(std::move(call), "plugin"); }

Task<Answer> approval_wait(MethodCall call) {
    auto decided = co_await call.core.approvals.wait(json::string_or(call.params, "id"), Deadline::never());
    if (!decided) co_return Answer::failed(decided.error());
    co_return Answer::of(decision_payload(*decided));
}

Task<Answer> exec_approval_request(MethodCall call) {
    const json::object& p = call.params;
    approval::Request request;
    request.kind = "exec";
    request.risk = approval::Risk::high;
    request.allowed = {approval::Decision::allow_once, approval::Decision::allow_always, approval::Decision::deny};
    // Everything that decides what would run: none of it may change between what was shown and what is done.
    for (const char* key : {"command", "commandArgv", "systemRunPlan", "cwd", "nodeId", "host", "security", "ask",
                            "resolvedPath", "agentId"})
        request.subject[key] = or_null(p, key);
    if (const json::object* env = json::object_at(p, "env"))
        request.subject["env_digest"] = approval::digest_of(*env);  // values may be secrets
    request.subject_digest = approval::digest_of(request.subject);
    request.presentation = {
        {"command", command_shown(p)},
        {"systemRunBinding", nullptr},
        {"systemRunPlan", nullptr},
        {"cwd", or_null(p, "cwd")},
        {"nodeId", nullptr},
        {"host", json::string_or(p, "host", "gateway")},
        {"security", or_null(p, "security")},
        {"ask", or_null(p, "ask")},
        {"warningText", warning_shown(p)},
        {"scope", nullptr},
        {"allowedDecisions", json::array{"allow-once", "allow-always", "deny"}},
        {"agentId", or_null(p, "agentId")},
        {"resolvedPath", nullptr},
        {"sessionKey", or_null(p, "sessionKey")},
        {"sessionId", nullptr},
        {"runId", nullptr},
        {"toolCallId", nullptr},
        {"turnSourceChannel", nullptr},
        {"turnSourceTo", nullptr},
        {"turnSourceAccountId", nullptr},
        {"turnSourceThreadId", nullptr},
    };
    if (const json::array* argv = json::array_at(p, "commandArgv")) request.presentation["commandArgv"] = *argv;
    return request_and_wait(std::move(call), std::move(request));
}

Task<Answer> plugin_approval_request(MethodCall call) {
    const json::object& p = call.params;
    approval::Request request;
    request.kind = "plugin";
    const std::string severity = json::string_or(p, "severity", "warning");
    request.risk = severity == "critical" ? approval::Risk::high
                   : severity == "info"   ? approval::Risk::low
                                          : approval::Risk::medium;
    request.allowed = {approval::Decision::allow_once, approval::Decision::allow_always, approval::Decision::deny};
    request.subject = {{"plugin", or_null(p, "pluginId")},
                       {"tool", or_null(p, "toolName")},
                       {"title", or_null(p, "title")},
                       {"description", or_null(p, "description")}};
    request.subject_digest = approval::digest_of(request.subject);
    request.presentation = {
        {"pluginId", or_null(p, "pluginId")},
        {"title", strip_control(json::string_or(p, "title"))},
        {"description", strip_control(json::string_or(p, "description"))},
        {"scope", nullptr},
        {"detail", nullptr},
        {"severity", severity},
        {"toolName", or_null(p, "toolName")},
        {"toolCallId", or_null(p, "toolCallId")},
        {"agentId", or_null(p, "agentId")},
        {"sessionKey", or_null(p, "sessionKey")},
        {"runId", nullptr},
        {"turnSourceChannel", nullptr},
        {"turnSourceTo", nullptr},
        {"turnSourceAccountId", nullptr},
        {"turnSourceThreadId", nullptr},
    };
    return request_and_wait(std::move(call), std::move(request));
}

}  // namespace pincer::gateway
