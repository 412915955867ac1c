#include "gateway/runs/run_manager.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"
#include "crypto/hash.hpp"
#include "gateway/runs/run_journal.hpp"
#include "wire/errors.hpp"

namespace pincer::gateway {

RunManager::RunManager(RunDeps deps) : deps_(std::move(deps)), tasks_(deps_.runtime) {}
RunManager::~RunManager() = default;

Result<> RunManager::start() {
    PINCER_TRY(std::vector<Run> open, deps_.store.open_runs());
    for (Run& run : open) launch(std::move(run));
    return {};
}

void RunManager::launch(Run run) {
    if (stopping_ || active_.contains(run.id)) return;
    auto active = std::make_shared<Active>(deps_.runtime, std::move(run));
    const Session* session = deps_.store.find(active->run.session_key);
    active->events = {active->run.id, active->run.session_key, session ? session->agent_id : "main", 0};
    active->slot = slot_of(active->run.session_key);
    active_.emplace(active->run.id, active);
    tasks_.spawn(work(active));
}

// Everything that is open in a conversation holds its slot: the runs, and the places that are kept for more.
std::shared_ptr<SessionSlot> RunManager::slot_of(const std::string& session_key) {
    auto& slot = slots_[session_key];
    if (!slot) slot = std::make_shared<SessionSlot>(deps_.runtime);
    return slot;
}

// The last that holds the slot of a conversation takes it along.
void RunManager::tidy(const std::string& session_key) {
    if (const auto slot = slots_.find(session_key); slot != slots_.end() && slot->second.use_count() == 1)
        slots_.erase(slot);
}

Result<std::unique_ptr<RunManager::Place>> RunManager::reserve(const std::string& session_key) {
    const auto slot = slots_.find(session_key);
    const std::size_t open = slot == slots_.end() ? 0 : std::size_t(slot->second.use_count()) - 1;
    if (open >= kMostOpenRuns) {
        Error busy(ErrorCode::rate_limited, fmt::format("{} questions of this conversation are open already; wait for "
                                                        "an answer, or stop one (chat.abort), and ask again",
                                                        open));
        return Failure(std::move(busy).with_reason("SESSION_BUSY"));
    }
    if (active_.size() + reserved_ >= kMostRunsInAll) {
        Error busy(
            ErrorCode::rate_limited,
            fmt::format("{} questions are open on this Gateway already; ask again later", active_.size() + reserved_));
        return Failure(std::move(busy).with_reason("SESSION_BUSY"));
    }
    return std::make_unique<Place>(*this, session_key, slot_of(session_key));
}

bool RunManager::tell_full(const std::string& session_key) {
    const auto slot = slots_.find(session_key);
    return slot == slots_.end() || !std::exchange(slot->second->told_full, true);
}

bool RunManager::abort(const std::string& run_id) {
    const auto at = active_.find(run_id);
    if (at == active_.end()) return false;
    at->second->aborted = true;
    at->second->task.cancel();
    return true;
}

std::vector<std::string> RunManager::active(std::string_view session_key) const {
    std::vector<std::string> ids;
    for (const auto& [id, active] : active_) {
        if (active->run.session_key == session_key) ids.push_back(id);
    }
    return ids;
}

Task<> RunManager::stop() {
    stopping_ = true;
    for (auto& [id, active] : active_) active->task.cancel();
    co_await tasks_.stop();
}

// The outer task is never cancelled by an abort, only the inner one is: so the end of a run is always written.
Task<> RunManager::work(std::shared_ptr<Active> active) {
    auto finished = std::make_shared<io::Event>(deps_.runtime);
    active->task.spawn(run_inner(active, finished));
    auto waited = co_await finished->wait();
    co_await active->task.stop();
    if (waited && !stopping_) co_await settle(active);
    active_.erase(active->run.id);
    active->slot->told_full = false;
    active->slot.reset();
    tidy(active->run.session_key);
}

Task<> RunManager::run_inner(std::shared_ptr<Active> active, std::shared_ptr<io::Event> finished) {
    auto taken = co_await deps_.tools_ready.wait();
    if (taken) taken = co_await active->slot->acquire();
    if (taken) {
        active->holds_slot = true;
        active->outcome = co_await answer(active);
    } else {
        active->outcome = Failure(std::move(taken).error());
    }
    if (std::exchange(active->holds_slot, false)) active->slot->release();
    finished->set();
}

Task<Result<agent::RunOutcome>> RunManager::answer(std::shared_ptr<Active> active) {
    const Run& run = active->run;
    PINCER_CO_CHECK(co_await deps_.store.set_run_state(run.id, RunState::running, ""));
    publish("chat", run.session_key, chat_status(active->next_event(), "starting_model"));
    publish("agent", run.session_key,
            agent_event(active->next_event(), "lifecycle",
                        {{"phase", "start"}, {"startedAt", to_millis(deps_.clock.wall())}}, deps_.clock.wall()));

    agent::RunRequest request;
    request.run_id = run.id;
    request.system = deps_.system_prompt;
    PINCER_CO_TRY(request.messages, deps_.store.conversation_for(run, kConversationEntries));
    request.context.principal = run.principal;
    request.context.session_key = run.session_key;
    request.context.run_id = run.id;
    agent::RunDeps deps{deps_.model, deps_.fallback, deps_.tools, deps_.egress, deps_.clock, deps_.runtime};
    Journal journal(*this, active);
    co_return co_await agent::run_agent(std::move(request), deps, journal);
}

// Every run that was launched is closed here, unless its end stands on disk already, or the disk does not take it: then
// the next start takes the run up again.
Task<> RunManager::settle(std::shared_ptr<Active> active) {
    const Run& run = active->run;
    if (!active->answered) {
        auto closed = co_await close(active);
        if (!closed) log::failure(log::Level::error, "run.close", closed.error());
    }
    auto withdrawn = co_await deps_.approvals.withdraw(run.id, "the run that asked for it has ended");
    if (!withdrawn) log::failure(log::Level::error, "approval.withdraw", withdrawn.error());
    const bool well = active->answered && active->outcome && active->outcome->end != agent::RunEnd::failed;
    publish("agent", run.session_key,
            agent_event(active->next_event(), "lifecycle",
                        {{"phase", well ? "end" : "error"}, {"endedAt", to_millis(deps_.clock.wall())}},
                        deps_.clock.wall()));
    if (const Session* session = deps_.store.find(run.session_key)) {
        publish("sessions.changed", run.session_key,
                sessions_changed_payload(*session, "agent.input.settled", deps_.clock.wall()));
    }
}

Task<Result<>> RunManager::close(std::shared_ptr<Active> active) {
    if (active->aborted || (active->outcome && active->outcome->end == agent::RunEnd::aborted))
        co_return co_await close_aborted(active);
    Error error(ErrorCode::internal, "the run ended without an answer");
    if (!active->outcome)
        error = active->outcome.error();
    else if (active->outcome->error)
        error = *active->outcome->error;
    co_return co_await close_failed(active, std::move(error));
}

// What had been streamed is kept in the transcript; nobody is sent half an answer. But a change that had begun is told
// to the conversation: whether it happened is not known here.
Task<Result<>> RunManager::close_aborted(std::shared_ptr<Active> active) {
    const Run& run = active->run;
    PINCER_CO_TRY(const std::vector<BegunCall> begun, deps_.store.unsettled_calls(run));
    if (!begun.empty()) {
        std::vector<std::string> tools;
        for (const BegunCall& call : begun) tools.push_back(call.tool);
        agent::Message warning;
        warning.role = agent::Role::assistant;
        warning.text = fmt::format(
            "Stopped. {} had begun already, and its outcome is unknown: look at the system itself before you ask for "
            "the change again.",
            join(tools, ", "));
        PINCER_CO_CHECK(co_await write_answer(active, std::move(warning), RunState::aborted));
    } else if (!active->text.empty() && deps_.store.find(run.session_key)) {
        agent::Message partial;
        partial.role = agent::Role::assistant;
        partial.text = sanitize_utf8(active->text);
        PINCER_CO_TRY(const Entry entry, co_await deps_.store.append_answer(run.session_key, run.id, std::move(partial),
                                                                            std::nullopt, RunState::aborted));
        publish_entry(entry);
    } else {
        PINCER_CO_CHECK(co_await deps_.store.set_run_state(run.id, RunState::aborted, ""));
    }
    publish("chat", run.session_key, chat_aborted(active->next_event()));
    co_return Result<>{};
}

Task<Result<>> RunManager::close_failed(std::shared_ptr<Active> active, Error error) {
    log::failure(log::Level::warn, "run.failed", error);
    const std::string why = wire::to_wire(error).message;  // no inner matters go to a channel
    agent::Message apology;
    apology.role = agent::Role::assistant;
    apology.text = fmt::format("I could not finish this: {}.", why);
    PINCER_CO_CHECK(co_await write_answer(active, std::move(apology), RunState::failed));
    publish("chat", active->run.session_key, chat_error(active->next_event(), why));
    co_return Result<>{};
}

// The last words of a run: transcript, delivery and end of the run in one transaction, and in the chain before that.
Task<Result<Entry>> RunManager::write_answer(std::shared_ptr<Active> active, agent::Message message, RunState end) {
    const Run& run = active->run;
    audit::Entry record{.kind = "answer.given", .actor = "gateway", .body = {}, .follows = std::nullopt};
    record.body = {{"session", run.session_key}, {"run", run.id}, {"text_digest", crypto::sha256_hex(message.text)}};
    PINCER_CO_CHECK(co_await deps_.chain.append(std::move(record)));

    std::optional<Delivery> delivery;
    if (run.answers_in_channel()) {
        delivery.emplace();
        delivery->purpose = "answer";
        delivery->subject = run.id;
        delivery->out.delivery_id = "answer:" + run.id;
        delivery->out.route = run.reply_to;
        delivery->out.markdown = message.text;
    }
    PINCER_CO_TRY(Entry entry,
                  co_await deps_.store.append_answer(run.session_key, run.id, std::move(message), delivery, end));
    active->answered = true;
    if (delivery) deps_.outbox.take(*std::move(delivery));
    publish_entry(entry);
    if (end == RunState::finished) publish("chat", run.session_key, chat_final(active->next_event(), entry));
    co_return entry;
}

void RunManager::publish(const char* name, const std::string& session_key, const json::object& payload) {
    Event event;
    event.name = name;
    event.payload = std::make_shared<const std::string>(json::write(payload));
    event.session_key = session_key;
    deps_.events.publish(event);
}

void RunManager::publish_entry(const Entry& entry) {
    const Session* session = deps_.store.find(entry.session_key);
    if (entry.visible && session)
        publish("session.message", entry.session_key, session_message_payload(entry, *session, entry.event_id));
}

}  // namespace pincer::gateway
