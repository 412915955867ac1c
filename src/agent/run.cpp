#include "agent/run.hpp"

#include <algorithm>
#include <charconv>

#include "agent/tool_calls.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace pincer::agent {
namespace {

// Arguments with the placeholders of the egress policy put back: tools run here and know the real names.
void restore_strings(json::value& value, const Placeholders& placeholders) {
    if (auto* text = value.if_string()) value = restore(std::string_view(text->data(), text->size()), placeholders);
    if (auto* array = value.if_array()) {
        for (json::value& element : *array) restore_strings(element, placeholders);
    }
    if (auto* object = value.if_object()) {
        for (auto& member : *object) restore_strings(member.value(), placeholders);
    }
}

class Run {
public:
    Run(RunRequest request, RunDeps deps, Journal& journal)
        : request_(std::move(request)),
          deps_(deps),
          journal_(journal),
          watch_(deps.clock, request_.budget.total),
          calls_(deps, journal, request_.context, request_.budget, watch_),
          model_(&deps.model) {}

    Task<Result<RunOutcome>> go() {
        auto ended = co_await loop();
        if (ended) co_return finish(RunEnd::finished, std::nullopt);
        Error error = std::move(ended).error();
        if (error.code() == ErrorCode::cancelled) co_return finish(RunEnd::aborted, std::nullopt);
        if (failed_) co_return finish(RunEnd::failed, std::move(error));
        co_return Failure(std::move(error));
    }

private:
    RunOutcome finish(RunEnd end, std::optional<Error> error) {
        // An aborted run keeps what was on its way.
        if (end == RunEnd::aborted && !partial_.empty()) said_ = partial_;
        return RunOutcome{.end = end, .text = std::move(said_), .error = std::move(error), .usage = usage_};
    }

    // A failure of the run itself, in contrast to one of the journal.
    Failure fail(Error error) {
        failed_ = true;
        return Failure(std::move(error));
    }

    Task<Result<>> loop() {
        std::vector<ToolCall> open = unfinished_calls();
        if (!open.empty()) PINCER_CO_CHECK(co_await calls_.take_up(std::move(open), request_.messages));
        while (!answered()) {
            if (asked_ >= request_.budget.model_calls) {
                co_return fail(Error(ErrorCode::refused,
                                     fmt::format("stopped after {} calls of the model without an answer", asked_))
                                   .with_reason("BUDGET_MODEL_CALLS"));
            }
            if (watch_.left() == Millis(0)) {
                co_return fail(
                    Error(ErrorCode::timed_out, fmt::format("stopped: the run has used its {} of working time",
                                                            format_duration(request_.budget.total)))
                        .with_reason("BUDGET_TIME"));
            }
            PINCER_CO_CHECK(co_await calls_.still_wanted());
            PINCER_CO_TRY(ModelReply reply, co_await ask());
            PINCER_CO_CHECK(co_await take(std::move(reply)));
        }
        co_return Result<>();
    }

    // The conversation ends with a plain text of the assistant.
    bool answered() {
        if (request_.messages.empty()) return true;
        const Message& last = request_.messages.back();
        if (last.role != Role::assistant || !last.tool_calls.empty()) return false;
        said_ = last.text;
        return true;
    }

    // Calls of the newest assistant turn that have no result yet: a former life of this run ended there.
    std::vector<ToolCall> unfinished_calls() {
        auto& messages = request_.messages;
        std::size_t turn = messages.size();
        while (turn > 0 && messages[turn - 1].role == Role::tool) --turn;
        if (turn == 0 || messages[turn - 1].role != Role::assistant) return {};
        std::vector<ToolCall> open;
        for (const ToolCall& call : messages[turn - 1].tool_calls) {
            const auto has_result = [&](const Message& m) { return m.tool_call_id == call.id; };
            if (std::none_of(messages.begin() + std::ptrdiff_t(turn), messages.end(), has_result)) open.push_back(call);
        }
        return open;
    }

    // Asks the model; the built-in responder when that cannot answer, from then on for the whole run.
    Task<Result<ModelReply>> ask() {
        auto reply = co_await ask_model();
        if (reply || unrecorded_ || reply.error().code() == ErrorCode::cancelled) co_return reply;
        if (model_ == &deps_.fallback) co_return fail(std::move(reply).error());
        const Error& error = reply.error();
        log::failure(log::Level::warn, "agent.model_failed", error);
        notice_ =
            fmt::format("({}. The built-in responder answers instead, from the tools alone.)\n\n", error.message());
        json::object detail;
        detail["fallback"] = deps_.fallback.id();
        detail["error"] = name_of(error.code());
        journal_.phase("model", std::move(detail));
        model_ = &deps_.fallback;
        co_return co_await ask_again();
    }

    Task<Result<ModelReply>> ask_again() {
        auto reply = co_await ask_model();
        if (!reply && !unrecorded_ && reply.error().code() != ErrorCode::cancelled)
            co_return fail(std::move(reply).error());
        co_return reply;
    }

    Task<Result<ModelReply>> ask_model() {
        ++asked_;
        ModelRequest request;
        request.system = request_.system;
        request.messages = request_.messages;
        request.tools = deps_.tools.tools();
        request.absent_servers = deps_.tools.absent_servers();
        if (!request.absent_servers.empty()) {
            request.system += fmt::format(
                "\n\nThese tool servers are configured but cannot be reached now: {}. Say so when the answer would "
                "have needed them.",
                join(request.absent_servers, ", "));
        }
        Outbound outbound = apply_egress(std::move(request), *model_, deps_.egress);
        if (!model_->is_local()) {
            auto recorded = co_await journal_.model_egress(std::move(outbound.report));
            unrecorded_ = !recorded;  // no failure of the model: nobody else is asked in its place
            PINCER_CO_CHECK(std::move(recorded));
            PINCER_CO_CHECK(co_await calls_.still_wanted());
        }
        json::object detail;
        detail["model"] = model_->id();
        detail["state"] = "started";
        journal_.phase("model", std::move(detail));

        partial_.clear();
        StreamRestorer restorer(outbound.placeholders);
        DeltaSink sink = [this, &restorer](std::string_view piece) { say(restorer.feed(piece)); };
        const Deadline deadline = Deadline(std::min(watch_.deadline().at(), request_.context.deadline.at()));
        auto reply = co_await model_->respond(std::move(outbound.request), std::move(sink), deadline);
        if (!reply) co_return reply;
        say(restorer.finish());
        reply->message.text = restore(reply->message.text, outbound.placeholders);
        for (ToolCall& call : reply->message.tool_calls) {
            json::value arguments = std::move(call.arguments);
            restore_strings(arguments, outbound.placeholders);
            call.arguments = std::move(arguments.get_object());
        }
        if (trim(reply->message.text).empty() && reply->message.tool_calls.empty() && reply->stop == StopReason::end) {
            co_return PINCER_FAIL(protocol, "{} gave an empty answer", model_->id());
        }
        co_return reply;
    }

    void say(std::string piece) {
        if (piece.empty()) return;
        partial_ += piece;
        journal_.delta(piece);
    }

    Task<Result<>> take(ModelReply reply) {
        usage_.input_tokens += reply.usage.input_tokens;
        usage_.output_tokens += reply.usage.output_tokens;
        Message message = std::move(reply.message);
        message.role = Role::assistant;
        message.timestamp_ms = to_millis(deps_.clock.wall());
        message.text = sanitize_utf8(message.text);
        if (reply.stop == StopReason::refused) message.tool_calls.clear();
        if (reply.stop == StopReason::refused && trim(message.text).empty())
            message.text = "The model declined to answer.";
        if (reply.stop == StopReason::length && message.tool_calls.empty())
            message.text += "\n\n(Cut off: the answer reached the model's output limit.)";
        if (message.tool_calls.empty()) message.text = std::exchange(notice_, {}) + message.text;
        name_calls(message);
        std::vector<ToolCall> calls = message.tool_calls;
        auto recorded = co_await journal_.append(message);
        PINCER_CO_CHECK(recorded);
        if (!message.text.empty()) said_ = message.text;
        partial_.clear();
        request_.messages.push_back(std::move(message));
        if (!calls.empty()) PINCER_CO_CHECK(co_await calls_.run(std::move(calls), request_.messages));
        co_return Result<>();
    }

    // Ids are ours: models repeat theirs, and an id that was approved once must never come back for another call.
    void name_calls(Message& message) {
        const std::string prefix = request_.run_id + "-";
        int highest = 0;
        for (const Message& earlier : request_.messages) {
            for (const ToolCall& call : earlier.tool_calls) {
                if (!call.id.starts_with(prefix)) continue;
                int number = 0;
                std::from_chars(call.id.data() + prefix.size(), call.id.data() + call.id.size(), number);
                highest = std::max(highest, number);
            }
        }
        for (ToolCall& call : message.tool_calls) call.id = prefix + std::to_string(++highest);
    }

    RunRequest request_;
    RunDeps deps_;
    Journal& journal_;
    WorkWatch watch_;
    ToolCalls calls_;
    Model* model_;
    int asked_ = 0;
    bool failed_ = false;
    bool unrecorded_ = false;  // the journal did not take what was about to leave
    std::string said_;         // the last text of the assistant
    std::string partial_;      // what streams in just now
    std::string notice_;       // why the built-in responder answers; goes in front of the answer
    Usage usage_;
};

}  // namespace

Task<Result<RunOutcome>> run_agent(RunRequest request, RunDeps deps, Journal& journal) {
    Run run(std::move(request), deps, journal);
    co_return co_await run.go();
}

}  // namespace pincer::agent
