// One agent run: ask the model, run its tool calls, until it has nothing more to call. Everything that must survive a
// crash goes through the Journal before it counts, so a run can be taken up again from the messages alone:
// a tool call without a result is gated again (the gate knows it by its id), a call that had begun and may change
// something is settled by reading, never done again.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/egress.hpp"
#include "agent/model.hpp"
#include "base/clock.hpp"

namespace pincer::io {
class Runtime;
}

namespace pincer::agent {

struct Budget {
    int model_calls = 12;
    int tool_calls = 32;
    std::size_t tool_result_bytes = 256u << 10;  // each; longer ones are cut, and the cut is said
    Millis total{10 * 60'000};                   // of working time; waiting for a person does not count
};

struct RunRequest {
    std::string run_id;
    std::string system;
    std::vector<Message> messages;  // the conversation, ending with the question or with an unfinished assistant turn
    CallContext context;
    Budget budget;
};

enum class GateAnswer { go, denied, expired, unreachable };  // unreachable: allowed, and the tool's server stayed away
struct Gate {
    GateAnswer answer = GateAnswer::go;
    std::string grant;        // for CallContext::grant
    std::string explanation;  // denied, expired: by whom, when; unreachable: what; becomes the tool's result
};

enum class CallState { fresh, begun };  // begun: a former life of this run may have done it

class Journal {
public:
    virtual ~Journal() = default;
    // On disk when it answers. Assistant and tool messages, in order.
    virtual Task<Result<>> append(Message message) = 0;
    // Asked for every call of a tool that is not read-only; may wait for a person for as long as the approval lives.
    // The same call id asked again gives the same request, not a second one. Ids are made by the run
    // ("<run id>-<n>"), never by a model, so a model cannot borrow the approval of an earlier call.
    // Also asked for a call whose tool is away: go and denied mean what they always do, and go comes when the tool is
    // at hand, or when the call may have been made already.
    virtual Task<Result<Gate>> gate(ToolCall call, ToolSpec tool) = 0;
    // Has a former life of this run put the call before a person?
    virtual bool was_gated(const std::string& call_id) = 0;
    // Durable mark that the call is about to be made; tells whether the mark was there before.
    virtual Task<Result<CallState>> begin_call(ToolCall call, ToolSpec tool) = 0;
    // What is about to leave for a hosted model: on disk when it answers, and the request is made only then.
    virtual Task<Result<>> model_egress(EgressReport report) = 0;
    virtual void delta(std::string_view text) = 0;
    virtual void phase(std::string_view name,
                       json::object detail) = 0;  // "model", "tool", "approval": for progress events
};

enum class RunEnd { finished, aborted, failed };
struct RunOutcome {
    RunEnd end = RunEnd::finished;
    std::string text;            // the last assistant text: the answer
    std::optional<Error> error;  // failed: reason BUDGET_MODEL_CALLS or BUDGET_TIME when a budget was used up
    Usage usage;
};

struct RunDeps {
    Model& model;
    Model& fallback;  // the built-in responder: takes over when the model is unavailable, and says so
    ToolSource& tools;
    const ModelEgressPolicy& egress;
    const Clock& clock;
    io::Runtime& runtime;  // reads of one turn run side by side
};

// Tool results carry what the run itself knows in `structured`:
//   {"gate": "denied" | "expired" | "unreachable"} the call was not made; {"outcome": "unknown"} it may have been, and
//   nothing can tell.
//
// Cancelling the task aborts the run: what had been said is kept, `aborted` is journalled by the caller.
// An Error (rather than an outcome) means that the journal could not record or the gate could not ask: nothing was done
// that is not on disk, and the run can be taken up again.
Task<Result<RunOutcome>> run_agent(RunRequest request, RunDeps deps, Journal& journal);

}  // namespace pincer::agent
