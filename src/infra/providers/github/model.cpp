#include "infra/providers/github/model.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "infra/engine/quoting.hpp"

namespace pincer::infra::github {
namespace {

WallTime time_at(const json::object& o, std::string_view key) {
    const auto parsed = parse_rfc3339(json::string_or(o, key));
    return parsed ? *parsed : WallTime();
}

std::string id_at(const json::object& o, std::string_view key) {
    const auto number = json::int_at(o, key);
    return number ? std::to_string(*number) : std::string();
}

std::string login_at(const json::object& o, std::string_view key) {
    const auto* person = json::object_at(o, key);
    return person ? json::string_or(*person, "login") : std::string();
}

std::string first_line(std::string text) {
    text.resize(std::min(text.find('\n'), text.size()));
    return text;
}

Outcome outcome_of(std::string_view conclusion) {
    if (conclusion == "success" || conclusion == "neutral" || conclusion == "skipped") return Outcome::succeeded;
    if (conclusion == "cancelled") return Outcome::cancelled;
    return conclusion.empty() ? Outcome::in_progress : Outcome::failed;
}

std::string_view word_for(Outcome outcome) {
    switch (outcome) {
        case Outcome::succeeded: return "succeeded";
        case Outcome::failed: return "failed";
        case Outcome::cancelled: return "was cancelled";
        default: return "is running";
    }
}

// ".../actions/runs/176/job/9": the run that a deployment status points at.
std::string run_in(std::string_view url) {
    constexpr std::string_view kMark = "/actions/runs/";
    const auto at = url.find(kMark);
    if (at == std::string_view::npos) return {};
    const std::string_view rest = url.substr(at + kMark.size());
    return std::string(rest.substr(0, rest.find_first_not_of("0123456789")));
}

}  // namespace

bool Run::failed() const {
    return conclusion == "failure" || conclusion == "timed_out" || conclusion == "startup_failure" ||
           conclusion == "action_required";
}

std::string Run::label() const { return fmt::format("{} #{}", quote_line(workflow, kNameBytes), number); }

Run read_run(const json::object& o) {
    Run run;
    run.id = id_at(o, "id");
    run.workflow_id = id_at(o, "workflow_id");
    run.workflow = json::string_or(o, "name");
    run.title = json::string_or(o, "display_title");
    run.number = json::int_at(o, "run_number").value_or(0);
    run.attempt = json::int_at(o, "run_attempt").value_or(1);
    run.branch = json::string_or(o, "head_branch");
    run.sha = json::string_or(o, "head_sha");
    run.event = json::string_or(o, "event");
    run.status = json::string_or(o, "status");
    run.conclusion = json::string_or(o, "conclusion");
    run.actor = login_at(o, "triggering_actor");
    if (run.actor.empty()) run.actor = login_at(o, "actor");
    run.url = json::string_or(o, "html_url");
    run.created = time_at(o, "created_at");
    run.started = time_at(o, "run_started_at");
    run.updated = time_at(o, "updated_at");
    return run;
}

Job read_job(const json::object& o) {
    Job job{id_at(o, "id"), json::string_or(o, "name"), json::string_or(o, "conclusion"), {}};
    if (const auto* steps = json::array_at(o, "steps")) {
        for (const auto& step : *steps) {
            if (!step.is_object() || json::string_or(step.get_object(), "conclusion") != "failure") continue;
            job.failed_step = json::string_or(step.get_object(), "name");
            break;
        }
    }
    return job;
}

Change change_of(const Run& run, const std::string& repository) {
    Change change;
    change.kind = ChangeKind::workflow_run;
    change.at = run.completed() ? run.updated : run.started;
    change.object = run.ref(repository);
    change.outcome = run.completed() ? outcome_of(run.conclusion) : Outcome::in_progress;
    change.summary = fmt::format("workflow {} {}", run.label(), word_for(change.outcome));
    if (run.attempt > 1) change.summary += fmt::format(" (attempt {})", run.attempt);
    change.title = run.title;
    change.actor = run.actor;
    change.url = run.url;
    change.release.commit = run.sha;
    change.release.run_id = run.id;
    change.release.repository = repository;
    return change;
}

Change change_of_deployment(const json::object& deployment, const json::array& statuses,
                            const std::string& repository) {
    Change change;
    change.kind = ChangeKind::deployment;
    change.at = time_at(deployment, "created_at");
    change.object = {"github", "Deployment", repository, id_at(deployment, "id")};
    change.actor = login_at(deployment, "creator");
    change.release.commit = json::string_or(deployment, "sha");
    change.release.repository = repository;
    if (const auto* payload = json::object_at(deployment, "payload"))
        change.release.image = json::string_or(*payload, "image");
    const std::string ref = json::string_or(deployment, "ref");
    if (ref.starts_with('v')) change.release.version = ref;
    std::string state = "created";
    if (!statuses.empty() && statuses.front().is_object()) {
        const json::object& newest = statuses.front().get_object();
        state = json::string_or(newest, "state");
        change.at = std::max(change.at, time_at(newest, "created_at"));
        change.title = json::string_or(newest, "description");
        change.release.run_id = run_in(json::string_or(newest, "log_url", json::string_or(newest, "target_url")));
    }
    change.outcome = state == "success"                       ? Outcome::succeeded
                     : state == "failure" || state == "error" ? Outcome::failed
                     : state == "inactive"                    ? Outcome::none
                                                              : Outcome::in_progress;
    change.summary =
        fmt::format("deployment to {}: {}", quote_line(json::string_or(deployment, "environment"), kNameBytes),
                    quote_line(state, 32));
    return change;
}

Change change_of_commit(const json::object& commit, const std::string& repository) {
    Change change;
    const auto* inner = json::object_at(commit, "commit");
    const auto* committer = inner ? json::object_at(*inner, "committer") : nullptr;
    const std::string sha = json::string_or(commit, "sha");
    change.kind = ChangeKind::commit;
    change.at = committer ? time_at(*committer, "date") : WallTime();
    change.object = {"github", "Commit", repository, sha.substr(0, 7)};
    change.title = inner ? first_line(json::string_or(*inner, "message")) : "";
    change.actor = login_at(commit, "author");
    change.url = json::string_or(commit, "html_url");
    change.release.commit = sha;
    change.release.repository = repository;
    change.summary = "commit " + quote_line(sha.substr(0, 7), 16);
    return change;
}

std::optional<Change> change_of_pull(const json::object& pull, const std::string& repository) {
    const WallTime merged = time_at(pull, "merged_at");
    if (merged == WallTime()) return std::nullopt;
    Change change;
    change.kind = ChangeKind::pull_request;
    change.at = merged;
    change.object = {"github", "PullRequest", repository, id_at(pull, "number")};
    change.title = json::string_or(pull, "title");
    change.actor = login_at(pull, "user");
    change.url = json::string_or(pull, "html_url");
    change.release.commit = json::string_or(pull, "merge_commit_sha");
    change.release.repository = repository;
    change.outcome = Outcome::succeeded;
    change.summary = fmt::format("pull request #{} was merged", change.object.name);
    return change;
}

std::vector<Run> failing(const std::vector<Run>& runs, std::string_view branch) {
    std::vector<Run> newest_first(runs);
    std::ranges::sort(newest_first, [](const Run& a, const Run& b) {
        return std::pair(a.created, a.number) > std::pair(b.created, b.number);
    });
    std::vector<Run> out;
    std::set<std::string> judged;
    for (const Run& run : newest_first) {
        if (run.branch != branch || run.event == "pull_request") continue;
        // Cancelled and skipped runs say nothing of the code; the one before them does.
        if (run.completed() && !run.failed() && run.conclusion != "success") continue;
        if (!judged.insert(run.workflow_id).second) continue;
        if (run.failed()) out.push_back(run);
    }
    return out;
}

std::vector<std::string> failure_lines(std::string_view log, std::size_t most) {
    std::vector<std::string> lines;
    std::size_t end = 0;
    for (std::string_view line : split(log, '\n')) {
        if (line.starts_with("\xef\xbb\xbf")) line.remove_prefix(3);
        if (line.size() > 20 && line[4] == '-' && line[10] == 'T' && line.find(' ') != std::string_view::npos) {
            line.remove_prefix(line.find(' ') + 1);  // "2026-11-21T22:05:09.1234567Z "
        }
        if (line.starts_with("##[group]") || line.starts_with("##[endgroup]") || trim(line).empty()) continue;
        lines.emplace_back(line);
        if (line.starts_with("##[error]")) end = lines.size();
    }
    if (end > 0) lines.resize(end);
    if (lines.size() > most) lines.erase(lines.begin(), lines.end() - std::ptrdiff_t(most));
    return lines;
}

}  // namespace pincer::infra::github
