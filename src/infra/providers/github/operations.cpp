#include "infra/providers/github/operations.hpp"

#include <algorithm>

#include "infra/engine/quoting.hpp"

namespace pincer::infra::github {
namespace {

constexpr OperationType kOperations[] = {
    {"github.rerun_run", "run all jobs of a workflow run again", Risk::medium},
    {"github.rerun_failed_jobs", "run the failed jobs of a workflow run again", Risk::medium},
    {"github.cancel_run", "cancel a workflow run that is under way", Risk::medium},
};

std::string path_of(const ObjectRef& object) {
    return fmt::format("/repos/{}/actions/runs/{}", object.scope, object.name);
}

std::string_view verb_of(std::string_view operation) {
    if (operation == "github.rerun_run") return "rerun";
    if (operation == "github.rerun_failed_jobs") return "rerun-failed-jobs";
    return operation == "github.cancel_run" ? "cancel" : "";
}

std::string value_of(const Step& step, std::string_view kind) {
    const auto at = std::ranges::find(step.preconditions, kind, &Precondition::kind);
    return at == step.preconditions.end() ? std::string() : at->value;
}

bool is_cancel(const Step& step) { return step.operation == "github.cancel_run"; }

Failure stale(std::string message) {
    return Failure(Error(ErrorCode::conflict, std::move(message)).with_reason("PRECONDITION_FAILED"));
}

}  // namespace

std::span<const OperationType> Operations::operations() const { return kOperations; }

Task<Result<Step>> Operations::plan(Wish wish, Reading& out, Deadline deadline) {
    if (verb_of(wish.operation).empty())
        co_return PINCER_FAIL(unsupported, "{} is not an operation of GitHub", wish.operation);
    if (!wish.object || wish.object->kind != "WorkflowRun")
        co_return PINCER_FAIL(invalid_argument, "say which workflow run");
    const std::string path = path_of(*wish.object);
    PINCER_CO_TRY(const Answer answer, co_await client_.get(path, deadline));
    if (!answer.value.is_object()) co_return PINCER_FAIL(protocol, "GitHub's answer is not a run");
    const Run run = read_run(answer.value.get_object());

    Step step;
    step.operation = wish.operation;
    step.account = client_.account();
    step.target = *wish.object;
    step.target_uid = run.id;
    step.parameters = {{"run_id", run.id}};
    EvidenceBook::Item item{"gh",      "github", answer.source, services_.clock.wall(), "workflow run " + run.label(),
                            run.status};
    step.evidence.push_back(out.evidence.add(std::move(item), std::string_view(answer.bytes)));
    step.preconditions = {
        {"run_attempt", std::to_string(run.attempt), fmt::format("it is still attempt {}", run.attempt)}};
    if (is_cancel(step)) {
        if (run.completed())
            co_return PINCER_FAIL(conflict, "{} is not running any more ({})", run.label(), run.conclusion);
        step.preconditions.push_back({"run_status", "running", "it is still under way"});
        step.summary = fmt::format("Cancel workflow run {}", run.label());
        step.effect = "the run ends as cancelled";
        step.verify = "its status is read until it is completed";
        step.undo = {true, "run it again", "github.rerun_run", {{"run_id", run.id}}};
        step.notes.emplace_back("what its jobs did before they were cancelled is not taken back");
    } else {
        if (!run.completed()) co_return PINCER_FAIL(conflict, "{} is still running", run.label());
        const bool only_failed = wish.operation == "github.rerun_failed_jobs";
        if (only_failed && !run.failed())
            co_return PINCER_FAIL(conflict, "{} has no failed jobs ({})", run.label(), run.conclusion);
        step.preconditions.push_back({"run_status", "completed", "it is still completed"});
        step.summary = fmt::format("Run {} workflow run {} again", only_failed ? "the failed jobs of" : "all jobs of",
                                   run.label());
        step.effect = "a new attempt runs and succeeds";
        step.verify = "the new attempt is read until it is completed";
        step.undo = {true,
                     "cancel the new attempt while it runs; what it has deployed by then stays",
                     "github.cancel_run",
                     {{"run_id", run.id}}};
        step.notes.emplace_back(fmt::format("it runs the code of commit {} again, deploy steps included",
                                            quote_line(run.sha.substr(0, 7), 16)));
    }
    step.risk = Risk::medium;
    step.blast_radius = fmt::format("workflow {} of {} on branch {}", quote_line(run.workflow, kNameBytes),
                                    wish.object->scope, quote_line(run.branch, kNameBytes));
    co_return step;
}

Task<Result<Run>> Operations::read_target(const Step& step, Deadline deadline) {
    if (step.account != client_.account()) {
        co_return Failure(
            Error(ErrorCode::refused, "the plan was made for another GitHub than the one that is connected now")
                .with_reason("ACCOUNT_MISMATCH"));
    }
    const std::string path = path_of(step.target);
    PINCER_CO_TRY(const Answer answer, co_await client_.get(path, deadline));
    if (!answer.value.is_object()) co_return PINCER_FAIL(protocol, "GitHub's answer is not a run");
    co_return read_run(answer.value.get_object());
}

Task<Result<>> Operations::check(const Step& step, Deadline deadline) {
    PINCER_CO_TRY(const Run run, co_await read_target(step, deadline));
    if (std::to_string(run.attempt) != value_of(step, "run_attempt")) {
        co_return stale(
            fmt::format("{} was run again after the plan was made: it is at attempt {}", run.label(), run.attempt));
    }
    if (run.completed() != (value_of(step, "run_status") == "completed")) {
        co_return stale(fmt::format("{} is {} now", run.label(), run.completed() ? "completed" : "running"));
    }
    co_return Result<>{};
}

Task<Result<StepReport>> Operations::apply(const Step& step, std::string, Deadline deadline) {
    PINCER_CO_CHECK(co_await check(step, deadline));
    std::string path = fmt::format("{}/{}", path_of(step.target), verb_of(step.operation));
    PINCER_CO_CHECK(co_await client_.post(std::move(path), deadline));
    StepReport report{StepState::done, fmt::format("GitHub accepted it: {}", step.summary)};
    co_return report;
}

Task<Result<StepReport>> Operations::settle(const Step& step, std::string, Deadline deadline) {
    PINCER_CO_TRY(const Run run, co_await read_target(step, deadline));
    const bool same_attempt = std::to_string(run.attempt) == value_of(step, "run_attempt");
    StepReport report;
    if (is_cancel(step)) {
        const bool cancelled = run.completed() && run.conclusion == "cancelled";
        report = cancelled         ? StepReport{StepState::done, run.label() + " is cancelled"}
                 : run.completed() ? StepReport{StepState::not_applied,
                                                fmt::format("{} ended by itself ({})", run.label(), run.conclusion)}
                                   : StepReport{StepState::not_applied, run.label() + " is still running"};
    } else {
        report =
            same_attempt
                ? StepReport{StepState::not_applied, fmt::format("{} is still at attempt {}", run.label(), run.attempt)}
                : StepReport{StepState::done, fmt::format("{} is at attempt {}", run.label(), run.attempt)};
    }
    co_return report;
}

Task<Result<Recovery>> Operations::recovered(const Step& step, Deadline deadline) {
    PINCER_CO_TRY(const Run run, co_await read_target(step, deadline));
    if (is_cancel(step)) co_return run.completed() ? Recovery::recovered : Recovery::not_yet;
    const bool succeeded =
        run.completed() && run.conclusion == "success" && std::to_string(run.attempt) != value_of(step, "run_attempt");
    co_return succeeded ? Recovery::recovered : Recovery::not_yet;
}

}  // namespace pincer::infra::github
