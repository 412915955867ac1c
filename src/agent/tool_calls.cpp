#include "agent/tool_calls.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "io/runtime.hpp"

namespace pincer::agent {
namespace {

constexpr Millis kReaderWithin{120'000};  // so long is waited for the server whose tool tells how a call ended

ToolResult not_done(std::string text) {
    return ToolResult{.is_error = true, .text = std::move(text), .structured = {}};
}

ToolResult not_done(std::string text, std::string_view key, std::string_view value) {
    ToolResult result = not_done(std::move(text));
    result.structured[key] = value;
    return result;
}

// Our own errors in words that no reader can take for a finding about the infrastructure.
ToolResult our_error(const ToolCall& call, const Error& error) {
    std::string_view what = "the call could not be made: this says nothing about your infrastructure";
    switch (error.code()) {
        case ErrorCode::timed_out: what = "this is a timeout of the call, not a finding"; break;
        case ErrorCode::unavailable:
        case ErrorCode::io:
        case ErrorCode::protocol: what = "the tool's server did not answer properly: this is no finding"; break;
        case ErrorCode::forbidden:
        case ErrorCode::refused: what = "the call was not allowed, so it was not made"; break;
        default: break;
    }
    return not_done(fmt::format("{} failed: {} ({}; {}).", call.name, error.message(), name_of(error.code()), what));
}

// Did an error of a call that changes something leave it open whether it was done?
bool may_have_happened(ErrorCode code) {
    switch (code) {
        case ErrorCode::timed_out:
        case ErrorCode::unavailable:
        case ErrorCode::io:
        case ErrorCode::protocol:
        case ErrorCode::too_large:  // the answer was, after the call
        case ErrorCode::outcome_unknown:
        case ErrorCode::internal: return true;
        default: return false;
    }
}

// The schema in full is the server's to check; a missing argument is caught here, where the model is told at once.
std::string missing_argument(const ToolCall& call, const ToolSpec& tool) {
    const json::array* required = json::array_at(tool.input_schema, "required");
    if (!required) return {};
    for (const json::value& v : *required) {
        const auto* name = v.if_string();
        if (name && !call.arguments.contains(*name)) return std::string(*name);
    }
    return {};
}

void cut(ToolResult& result, std::size_t limit) {
    const std::size_t whole = result.text.size();
    if (whole > limit) {
        result.text = truncate_utf8(result.text, limit);
        result.text += fmt::format("\n[cut: the first {} of {} bytes]", limit, whole);
    }
    if (result.structured.empty()) return;
    if (const std::size_t bytes = json::write(result.structured).size(); bytes > limit) {
        result.structured = {};
        result.text += fmt::format("\n[left out: {} bytes of structured content]", bytes);
    }
}

}  // namespace

const ToolSpec* ToolCalls::spec_of(std::string_view name) const {
    const auto at = std::ranges::find(specs_, name, &ToolSpec::name);
    return at == specs_.end() ? nullptr : &*at;
}

CallContext ToolCalls::context() const {
    CallContext context = context_;
    context.grant.clear();  // permission is for one call; reads have none
    context.deadline = Deadline(std::min(context_.deadline.at(), watch_.deadline().at()));
    return context;
}

void ToolCalls::announce(const ToolCall& call, std::string_view state) {
    json::object detail;
    detail["id"] = call.id;
    detail["name"] = call.name;
    detail["state"] = state;
    journal_.phase(state == "waiting" ? "approval" : "tool", std::move(detail));
}

std::optional<ToolResult> ToolCalls::objection(const ToolCall& call) const {
    const ToolSpec* tool = spec_of(call.name);
    if (!tool) {
        std::vector<std::string_view> names;
        for (const ToolSpec& spec : specs_) names.push_back(spec.name);
        const std::string_view near = nearest(call.name, names);
        const std::string hint = near.empty() ? std::string() : fmt::format(" Did you mean {}?", near);
        return not_done(
            fmt::format("There is no tool named \"{}\".{} Nothing was called.", truncate_utf8(call.name, 100), hint));
    }
    if (!call.malformed_arguments.empty()) {
        return not_done(fmt::format("The arguments of {} are not a JSON object (cut off?): \"{}\". Nothing was called.",
                                    call.name, truncate_utf8(call.malformed_arguments, 200)));
    }
    if (const std::string missing = missing_argument(call, *tool); !missing.empty()) {
        return not_done(fmt::format("{} needs the argument \"{}\". Nothing was called.", call.name, missing));
    }
    if (made_ >= budget_.tool_calls) {
        return not_done(
            fmt::format("This run has used its {} tool calls. {} was not called: answer with what you have.",
                        budget_.tool_calls, call.name));
    }
    if (watch_.left() == Millis(0))
        return not_done(fmt::format("The working time of this run is used up. {} was not called.", call.name));
    return std::nullopt;
}

Task<Result<>> ToolCalls::run(std::vector<ToolCall> calls, std::vector<Message>& messages) {
    specs_ = deps_.tools.tools();
    for (std::size_t i = 0; i < calls.size();) {
        std::vector<ToolCall> reads;
        for (; i < calls.size(); ++i) {
            if (is_change(calls[i])) break;
            reads.push_back(calls[i]);
        }
        if (!reads.empty()) {
            PINCER_CO_CHECK(co_await run_reads(std::move(reads), messages));
            continue;
        }
        ToolCall call = calls[i++];
        PINCER_CO_TRY(ToolResult result, co_await run_change(call));
        PINCER_CO_CHECK(co_await record(std::move(call), std::move(result), messages));
    }
    co_return Result<>();
}

Task<Result<>> ToolCalls::take_up(std::vector<ToolCall> calls, std::vector<Message>& messages) {
    for (const ToolCall& call : calls) {
        if (journal_.was_gated(call.id)) gated_.insert(call.id);
    }
    co_return co_await run(std::move(calls), messages);
}

bool ToolCalls::is_change(const ToolCall& call) const {
    if (gated_.contains(call.id)) return true;
    const ToolSpec* tool = spec_of(call.name);
    return tool && !tool->read_only && !objection(call);
}

Task<Result<>> ToolCalls::still_wanted() {
    io::Event pulse(deps_.runtime);
    pulse.set();
    co_return co_await pulse.wait();
}

// Calls that change nothing, among them those that are not made at all.
Task<Result<>> ToolCalls::run_reads(std::vector<ToolCall> calls, std::vector<Message>& messages) {
    std::vector<std::optional<Result<ToolResult>>> results(calls.size());
    io::TaskGroup group(deps_.runtime);
    io::Event one_done(deps_.runtime);
    std::size_t open = 0;
    for (std::size_t i = 0; i < calls.size(); ++i) {
        if (auto no = objection(calls[i])) {
            results[i] = *std::move(no);
            continue;
        }
        ++made_;
        ++open;
        announce(calls[i], "started");
        struct Reader {
            static Task<> read(ToolCalls& self, ToolCall call, std::optional<Result<ToolResult>>& out,
                               std::size_t& left, io::Event& done) {
                co_await self.run_read(std::move(call), out);
                if (--left == 0) done.set();
            }
        };
        group.spawn(Reader::read(*this, calls[i], results[i], open, one_done));
    }
    Result<> waited;
    if (open > 0) waited = co_await one_done.wait();
    co_await group.stop();  // also when cancelled: the tasks refer to what lives here
    PINCER_CO_CHECK(waited);
    for (std::size_t i = 0; i < calls.size(); ++i) {
        ToolResult result = not_done(fmt::format("{} gave no result.", calls[i].name));
        if (results[i] && results[i]->has_value())
            result = **std::move(results[i]);
        else if (results[i])
            result = our_error(calls[i], results[i]->error());
        PINCER_CO_CHECK(co_await record(calls[i], std::move(result), messages));
    }
    co_return Result<>();
}

Task<> ToolCalls::run_read(ToolCall call, std::optional<Result<ToolResult>>& out) {
    CallContext context = this->context();
    auto answer = co_await deps_.tools.call(call, std::move(context));
    // The server died under the question: it is asked once more, for reading twice is reading.
    if (!answer && answer.error().code() == ErrorCode::outcome_unknown) {
        CallContext again = this->context();
        answer = co_await deps_.tools.call(std::move(call), std::move(again));
    }
    out.emplace(std::move(answer));
}

Task<Result<ToolResult>> ToolCalls::run_change(ToolCall call) {
    ToolSpec tool;  // what is known of a tool that is away: it waited for a person, so it may change something
    tool.name = call.name;
    tool.destructive = true;
    if (const ToolSpec* listed = spec_of(call.name)) tool = *listed;
    ++made_;
    announce(call, "waiting");
    watch_.pause();
    auto gated = co_await journal_.gate(call, tool);
    watch_.resume();
    PINCER_CO_TRY(const Gate gate, std::move(gated));
    const std::string by = gate.explanation.empty() ? std::string() : " " + gate.explanation;
    switch (gate.answer) {
        case GateAnswer::denied:
            co_return not_done(fmt::format("Denied.{} {} was not called and nothing was touched.", by, call.name),
                               "gate", "denied");
        case GateAnswer::expired:
            co_return not_done(
                fmt::format("The approval expired.{} {} was not called and nothing was touched.", by, call.name),
                "gate", "expired");
        case GateAnswer::unreachable:
            co_return not_done(fmt::format("{} could not be applied:{}; nothing was changed.", call.name, by), "gate",
                               "unreachable");
        case GateAnswer::go: break;
    }
    specs_ = deps_.tools.tools();  // servers came and went while a person decided
    if (const ToolSpec* listed = spec_of(call.name)) tool = *listed;
    PINCER_CO_CHECK(co_await still_wanted());
    // Write-ahead: a mark that cannot be made durable stops the run, and the call is not made.
    PINCER_CO_TRY(const CallState state, co_await journal_.begin_call(call, tool));
    if (state == CallState::begun)
        co_return co_await settle(std::move(call), tool, "the program that made it was stopped before the answer came");
    CallContext context = this->context();
    context.grant = gate.grant;
    co_return co_await make_change(std::move(call), tool, std::move(context));
}

Task<Result<ToolResult>> ToolCalls::make_change(ToolCall call, ToolSpec tool, CallContext context) {
    announce(call, "started");
    auto result = co_await deps_.tools.call(call, std::move(context));
    if (result) co_return result;
    if (result.error().code() == ErrorCode::cancelled) co_return Failure(std::move(result).error());
    if (!may_have_happened(result.error().code())) co_return our_error(call, result.error());
    std::string why = result.error().message();
    co_return co_await settle(std::move(call), std::move(tool), std::move(why));
}

// The call had begun and its answer is lost: what became of it is read, never done again.
Task<Result<ToolResult>> ToolCalls::settle(ToolCall call, ToolSpec tool, std::string why) {
    const std::string lost = fmt::format("The answer of {} was lost: {}. It was not called again.", call.name, why);
    const auto unknown = [&](std::string_view reason) {
        return not_done(
            fmt::format("{} The outcome is unknown: {}. Look at the system itself before you ask for the change again.",
                        lost, reason),
            "outcome", "unknown");
    };
    const ToolSpec* reader = spec_of(tool.settled_by);
    if (tool.settled_by.empty() || !reader) co_return unknown("no tool at hand can tell how it ended");
    if (!reader->read_only)
        co_return unknown(fmt::format("{} is not read-only, so it may not be used to find out", reader->name));
    ToolCall question = call;
    question.name = reader->name;
    question.id = call.id + "-settle";
    announce(question, "started");
    const Deadline deadline = context().deadline.at_most(kReaderWithin);  // the server may be on its way up again
    auto answer = co_await reach_and_call(question, deadline);
    if (!answer && answer.error().code() == ErrorCode::cancelled) co_return Failure(std::move(answer).error());
    if (!answer) co_return unknown(fmt::format("{} could not tell ({})", question.name, answer.error().message()));
    if (answer->is_error) co_return unknown(fmt::format("{} says: {}", question.name, answer->text));
    answer->text = fmt::format("{} {} tells how it ended:\n\n{}", lost, question.name, answer->text);
    co_return answer;
}

Task<Result<ToolResult>> ToolCalls::reach_and_call(ToolCall call, Deadline deadline) {
    PINCER_CO_CHECK(co_await deps_.tools.reach(call.name, deadline));
    CallContext context = this->context();
    co_return co_await deps_.tools.call(std::move(call), std::move(context));
}

Task<Result<>> ToolCalls::record(ToolCall call, ToolResult result, std::vector<Message>& messages) {
    result.text = sanitize_utf8(result.text);
    cut(result, budget_.tool_result_bytes);
    announce(call, result.is_error ? "failed" : "done");
    Message message;
    message.role = Role::tool;
    message.text = std::move(result.text);
    message.tool_call_id = call.id;
    message.tool_name = call.name;
    message.is_error = result.is_error;
    message.structured = std::move(result.structured);
    message.timestamp_ms = to_millis(deps_.clock.wall());
    auto recorded = co_await journal_.append(message);
    PINCER_CO_CHECK(recorded);
    messages.push_back(std::move(message));
    co_return recorded;
}

}  // namespace pincer::agent
