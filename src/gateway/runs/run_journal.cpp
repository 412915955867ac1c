#include "gateway/runs/run_journal.hpp"

#include <algorithm>
#include <iterator>

#include "base/log.hpp"
#include "base/text.hpp"
#include "crypto/hash.hpp"

namespace pincer::gateway {
namespace {

// The record in the chain of the tool's own process that a result came from: {"audit": "clanker:7:..."}, or on the
// plan.
std::optional<audit::RecordRef> record_behind(const json::object& structured) {
    const json::object* plan = json::object_at(structured, "plan");
    auto named = audit::RecordRef::parse(json::string_or(plan ? *plan : structured, "audit"));
    if (!named) return std::nullopt;
    return *std::move(named);
}

}  // namespace

Task<Result<>> RunManager::Journal::record(std::string kind, json::object body,
                                           std::optional<audit::RecordRef> follows) {
    audit::Entry entry{.kind = std::move(kind),
                       .actor = active_->run.principal,
                       .body = std::move(body),
                       .follows = std::move(follows)};
    entry.body["run"] = active_->run.id;
    PINCER_CO_CHECK(co_await manager_.deps_.chain.append(std::move(entry)));
    co_return Result<>{};
}

Task<Result<>> RunManager::Journal::append(agent::Message message) {
    tell_delta();
    active_->text.clear();  // what was streamed of it is written now
    const bool last_words = message.role == agent::Role::assistant && message.tool_calls.empty();
    if (last_words) {
        PINCER_CO_CHECK(co_await manager_.write_answer(active_, std::move(message), RunState::finished));
        co_return Result<>{};
    }
    if (message.role == agent::Role::tool) {
        json::object body{{"tool", message.tool_name}, {"call", message.tool_call_id}, {"is_error", message.is_error}};
        body["result_digest"] = crypto::sha256_hex(json::write_canonical(agent::to_json(message)));
        std::optional<audit::RecordRef> behind = record_behind(message.structured);
        PINCER_CO_CHECK(co_await record("tool.answered", std::move(body), std::move(behind)));
    }
    PINCER_CO_CHECK(
        co_await manager_.deps_.store.append(active_->run.session_key, active_->run.id, std::move(message), false));
    co_return Result<>{};
}

// The plan that a call names by its digest, as the planning tool of the same conversation and the same server gave it:
// its card stands under "plan", what was hashed under "subject", who may apply it under "engine". A call that names
// none has none; one that names a plan which nobody here has seen cannot be shown to anybody, and is refused.
Result<json::object> RunManager::Journal::plan_named_by(const agent::ToolCall& call) const {
    const auto digest = json::string_at(call.arguments, "plan_digest");
    if (!digest) return json::object{};
    const std::string server = call.name.substr(0, call.name.find("__") + 2);
    PINCER_TRY(std::vector<Entry> entries,
               manager_.deps_.store.tail(active_->run.session_key, kPlanSearchEntries, false));
    PINCER_TRY(std::vector<Entry> own, manager_.deps_.store.entries_of(active_->run));
    entries.insert(entries.end(), std::make_move_iterator(own.begin()), std::make_move_iterator(own.end()));
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
        const agent::Message& message = entry->message;
        const json::object* card = json::object_at(message.structured, "plan");
        const json::object* subject = json::object_at(message.structured, "subject");
        if (message.role != agent::Role::tool || !message.tool_name.starts_with(server) || !card || !subject) continue;
        if (json::string_at(*card, "digest") != digest) continue;
        return json::object{{"digest", *digest},
                            {"document", *subject},
                            {"engine", json::string_or(message.structured, "engine")},
                            {"made", json::string_or(*card, "audit")}};
    }
    return PINCER_FAIL(
        refused, "no plan with the digest {} was made in this conversation, so there is nothing that could be approved",
        truncate_utf8(*digest, 80));
}

// The turn is given to others while this run waits: for a person, or for a server.
void RunManager::Journal::step_aside() {
    if (std::exchange(active_->holds_slot, false)) active_->slot->release();
}

Task<Result<agent::Gate>> RunManager::Journal::gate(agent::ToolCall call, agent::ToolSpec tool) {
    RunDeps& deps = manager_.deps_;
    GatedCall gated{active_->run, std::move(call), std::move(tool), {}};
    PINCER_CO_TRY(gated.plan, plan_named_by(gated.call));
    std::function<void()> waiting = [this] {
        phase("approval", {{"state", "waiting"}});
        step_aside();
    };
    PINCER_CO_CHECK(co_await deps.store.set_run_state(active_->run.id, RunState::waiting, ""));
    PINCER_CO_TRY(approval::Record record, co_await deps.approvals.ask(gated, std::move(waiting)));
    Result<> reached;
    if (record.status == approval::Status::allowed) reached = co_await reach(gated.call.name);
    if (!reached && reached.error().code() == ErrorCode::cancelled) co_return Failure(std::move(reached).error());
    if (!active_->holds_slot) {
        PINCER_CO_CHECK(co_await active_->slot->acquire());
        active_->holds_slot = true;
    }
    PINCER_CO_CHECK(co_await deps.store.set_run_state(active_->run.id, RunState::running, ""));
    PINCER_CO_TRY(const bool begun, has_begun(gated.call.id));
    // What had begun is settled by the run, which says that the outcome is unknown when nothing can tell.
    if (!reached && !begun)
        co_return agent::Gate{
            .answer = agent::GateAnswer::unreachable, .grant = {}, .explanation = reached.error().message()};
    // Only now, when the turn is ours again: a grant is good for minutes, and the turn may take longer to come.
    co_return co_await deps.approvals.answer(std::move(record), std::move(gated));
}

// An approval outlives the server that it is for. One that is away gets as long to come back as a grant would last.
Task<Result<>> RunManager::Journal::reach(std::string tool) {
    step_aside();
    const Deadline deadline = Deadline::after(kGrantLife);
    co_return co_await manager_.deps_.tools.reach(std::move(tool), deadline);
}

bool RunManager::Journal::was_gated(const std::string& call_id) {
    return manager_.deps_.store.approval_of_call(active_->run.id, call_id).has_value();
}

Result<bool> RunManager::Journal::has_begun(const std::string& call_id) const {
    PINCER_TRY(const std::vector<BegunCall> begun, manager_.deps_.store.unsettled_calls(active_->run));
    return std::any_of(begun.begin(), begun.end(), [&](const BegunCall& call) { return call.id == call_id; });
}

Task<Result<agent::CallState>> RunManager::Journal::begin_call(agent::ToolCall call, agent::ToolSpec tool) {
    json::object body{{"tool", call.name},
                      {"call", call.id},
                      {"arguments_digest", crypto::sha256_hex(json::write_canonical(call.arguments))}};
    body["read_only"] = tool.read_only;
    PINCER_CO_CHECK(co_await record("tool.called", std::move(body), std::nullopt));
    PINCER_CO_TRY(const bool fresh, co_await manager_.deps_.store.mark_call_begun(active_->run.id, call.id, call.name));
    co_return fresh ? agent::CallState::fresh : agent::CallState::begun;
}

// Written before the request is: what left can be proved, whatever became of the answer.
Task<Result<>> RunManager::Journal::model_egress(agent::EgressReport report) {
    json::object body{
        {"model", report.model}, {"request_digest", report.request_digest}, {"bytes", std::int64_t(report.bytes)}};
    json::array redactions, withheld;
    for (const auto& r : report.redactions)
        redactions.push_back(json::object{{"kind", r.kind}, {"count", std::int64_t(r.count)}});
    for (const auto& tool : report.withheld_tools) withheld.push_back(json::value(tool));
    body["redactions"] = std::move(redactions);
    body["withheld"] = std::move(withheld);
    co_return co_await record("model.egress", std::move(body), std::nullopt);
}

void RunManager::Journal::delta(std::string_view text) {
    active_->text += text;
    active_->untold += text;
    if (manager_.deps_.clock.steady() - active_->told_at >= kDeltaPause) tell_delta();
}

// Each event carries all of the text so far, so one for every token would be a flood.
void RunManager::Journal::tell_delta() {
    if (active_->untold.empty()) return;
    const std::string delta = std::exchange(active_->untold, {});
    const WallTime now = manager_.deps_.clock.wall();
    active_->told_at = manager_.deps_.clock.steady();
    json::object data{{"text", active_->text}, {"delta", delta}};
    manager_.publish("agent", active_->run.session_key,
                     agent_event(active_->next_event(), "assistant", std::move(data), now));
    manager_.publish("chat", active_->run.session_key, chat_delta(active_->next_event(), delta, active_->text, now));
}

void RunManager::Journal::phase(std::string_view name, json::object detail) {
    if (name == "model") {
        active_->text.clear();
        active_->untold.clear();
    }
    detail["phase"] = name;
    const std::string_view stream = name == "tool" ? "tool" : "lifecycle";
    manager_.publish("agent", active_->run.session_key,
                     agent_event(active_->next_event(), stream, std::move(detail), manager_.deps_.clock.wall()));
}

}  // namespace pincer::gateway
