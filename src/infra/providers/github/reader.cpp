#include "infra/providers/github/reader.hpp"

#include <algorithm>

#include "infra/engine/quoting.hpp"

namespace pincer::infra::github {
namespace {

constexpr std::size_t kMaxRuns = 100;
constexpr std::size_t kMaxDeployments = 5;
constexpr std::size_t kMaxCommitsLookedUp = 8;
constexpr std::size_t kMaxFailures = 3;
constexpr std::size_t kLogLines = 12;
constexpr std::size_t kLogBytes = 4u << 20;

}  // namespace

Task<Result<>> Reader::read() {
    FanOut lists(services_.runtime);
    lists.add(read_repository());
    lists.add(read_runs());
    lists.add(read_deployments());
    lists.add(read_commits());
    lists.add(read_pulls());
    co_await lists.join(query_.deadline);
    if (fatal_) co_return Failure(*std::move(fatal_));
    if (default_branch_.empty()) co_return PINCER_FAIL(timed_out, "waiting for GitHub timed out");
    co_await second_round();
    co_return Result<>{};
}

Task<> Reader::second_round() {
    // What runs in the cluster now is worth a look whatever its age; by now Kubernetes has usually told.
    if (query_.hints) (void)co_await query_.hints->settled.wait(query_.deadline.at_most(query_.deadline.left() / 2));
    std::set<std::string> wanted;
    FanOut details(services_.runtime);
    for (const auto& item : deployments_) {
        if (!item.is_object()) continue;
        const std::string sha = json::string_or(item.get_object(), "sha");
        if (!sha.empty()) wanted.insert(sha);
        details.add(read_statuses(item.get_object()));
    }
    if (query_.hints) wanted.insert(query_.hints->commits.begin(), query_.hints->commits.end());
    std::size_t looked_up = 0;
    for (const auto& sha : wanted) {
        if (looked_up++ == kMaxCommitsLookedUp) break;
        if (!commits_.contains(sha)) details.add(read_commit(sha));
        details.add(read_pulls_of(sha));
    }
    std::size_t failures = 0;
    for (const Run& run : failing(runs_, default_branch_)) {
        if (!query_.health || failures++ == kMaxFailures) break;
        details.add(read_failure(run));
    }
    co_await details.join(query_.deadline);
    std::ranges::sort(out_.changes, {}, [](const Change& change) { return std::pair(change.at, change.id); });
    if (query_.health && out_.causes.empty() && !runs_.empty()) {
        out_.good = run_evidence_;
        out_.good_summary = fmt::format("the newest run of every workflow on {} has not failed",
                                        quote_line(default_branch_, kNameBytes));
    }
}

std::string Reader::cite(const Answer& answer, std::string object, std::string facts) {
    EvidenceBook::Item item{"gh", "github", answer.source, services_.clock.wall(), std::move(object), std::move(facts)};
    return out_.evidence.add(std::move(item), std::string_view(answer.bytes));
}

std::string Reader::cite(std::string source, std::string object, const json::object& whole) {
    EvidenceBook::Item item{"gh", "github", std::move(source), services_.clock.wall(), std::move(object), ""};
    return out_.evidence.add(std::move(item), json::value(whole));
}

void Reader::add(Change change, std::string evidence) {
    change.id = evidence;
    change.evidence = {std::move(evidence)};
    out_.changes.push_back(std::move(change));
}

void Reader::note(const std::string& what, const Error& error) {
    if (error.code() == ErrorCode::unauthenticated && !fatal_) fatal_ = error;
    out_.gaps.push_back(fmt::format("{}: {}", what, error.message()));
}

Task<> Reader::read_repository() {
    std::string path = "/repos/" + repository_;
    auto answer = co_await client_.get(std::move(path), query_.deadline);
    if (!answer) {
        fatal_ = answer.error();
        co_return;
    }
    default_branch_ =
        answer->value.is_object() ? json::string_or(answer->value.get_object(), "default_branch", "main") : "main";
}

Task<> Reader::read_runs() {
    std::string path = fmt::format("/repos/{}/actions/runs?per_page=100", repository_);
    auto answer = co_await client_.list(std::move(path), "workflow_runs", kMaxRuns, query_.deadline);
    if (!answer) {
        note("workflow runs", answer.error());
        co_return;
    }
    const json::array& items = answer->value.get_array();
    run_evidence_.push_back(cite(*answer, "workflow runs of " + repository_, fmt::format("{} runs", items.size())));
    for (const auto& item : items) {
        if (!item.is_object()) continue;
        Run run = read_run(item.get_object());
        const std::string source = fmt::format("/repos/{}/actions/runs/{}", repository_, run.id);
        out_.inventory.push_back({run.ref(repository_), run.completed() ? run.conclusion : run.status, {}});
        Change change = change_of(run, repository_);
        std::string object = "workflow run " + run.label();
        add(std::move(change), cite(source, std::move(object), item.get_object()));
        runs_.push_back(std::move(run));
    }
}

Task<> Reader::read_deployments() {
    std::string path = fmt::format("/repos/{}/deployments?per_page={}", repository_, kMaxDeployments);
    auto answer = co_await client_.get(std::move(path), query_.deadline);
    if (!answer) {
        note("deployments", answer.error());
        co_return;
    }
    if (answer->value.is_array()) deployments_ = std::move(answer->value.get_array());
}

Task<> Reader::read_statuses(json::object deployment) {
    const auto number = json::int_at(deployment, "id").value_or(0);
    std::string path = fmt::format("/repos/{}/deployments/{}/statuses?per_page=10", repository_, number);
    auto answer = co_await client_.get(std::move(path), query_.deadline);
    json::array statuses;
    if (answer && answer->value.is_array()) statuses = std::move(answer->value.get_array());
    if (!answer) note(fmt::format("the state of deployment {}", number), answer.error());
    json::object whole{{"deployment", deployment}, {"statuses", statuses}};
    std::string source = fmt::format("/repos/{}/deployments/{}", repository_, number);
    add(change_of_deployment(deployment, statuses, repository_),
        cite(std::move(source), fmt::format("deployment {}", number), whole));
}

Task<> Reader::read_commits() {
    std::string path = fmt::format("/repos/{}/commits?per_page=50&since={}", repository_,
                                   io::percent_encode(to_rfc3339(query_.since)));
    auto answer = co_await client_.get(std::move(path), query_.deadline);
    if (!answer) {
        // 409 is an empty repository.
        if (answer.error().code() != ErrorCode::conflict) note("commits", answer.error());
        co_return;
    }
    if (!answer->value.is_array()) co_return;
    for (const auto& item : answer->value.get_array()) {
        if (!item.is_object()) continue;
        const std::string sha = json::string_or(item.get_object(), "sha");
        if (!commits_.insert(sha).second) continue;
        std::string source = fmt::format("/repos/{}/commits/{}", repository_, sha);
        add(change_of_commit(item.get_object(), repository_),
            cite(std::move(source), "commit " + sha.substr(0, 7), item.get_object()));
    }
}

Task<> Reader::read_commit(std::string sha) {
    std::string path = fmt::format("/repos/{}/commits/{}", repository_, io::percent_encode(sha));
    auto answer = co_await client_.get(std::move(path), query_.deadline);
    if (!answer || !answer->value.is_object()) {
        // What runs may come from another repository: then it is simply not here.
        const bool elsewhere = answer || answer.error().code() == ErrorCode::not_found ||
                               answer.error().code() == ErrorCode::invalid_argument;
        if (!elsewhere) note("commit " + sha.substr(0, 7), answer.error());
        co_return;
    }
    if (!commits_.insert(sha).second) co_return;
    std::string evidence = cite(*answer, "commit " + sha.substr(0, 7), "");
    add(change_of_commit(answer->value.get_object(), repository_), std::move(evidence));
}

Task<> Reader::read_pulls() {
    std::string path = fmt::format("/repos/{}/pulls?state=closed&sort=updated&direction=desc&per_page=20", repository_);
    auto answer = co_await client_.get(std::move(path), query_.deadline);
    if (!answer) {
        note("pull requests", answer.error());
        co_return;
    }
    if (!answer->value.is_array()) co_return;
    for (const auto& item : answer->value.get_array()) {
        if (!item.is_object()) continue;
        auto change = change_of_pull(item.get_object(), repository_);
        if (!change || change->at < query_.since || !pulls_.insert(change->object.name).second) continue;
        std::string source = fmt::format("/repos/{}/pulls/{}", repository_, change->object.name);
        std::string object = "pull request #" + change->object.name;
        add(*std::move(change), cite(std::move(source), std::move(object), item.get_object()));
    }
}

Task<> Reader::read_pulls_of(std::string sha) {
    std::string path = fmt::format("/repos/{}/commits/{}/pulls", repository_, io::percent_encode(sha));
    auto answer = co_await client_.get(std::move(path), query_.deadline);
    if (!answer || !answer->value.is_array()) co_return;  // commits without pull requests are usual
    for (const auto& item : answer->value.get_array()) {
        if (!item.is_object()) continue;
        auto change = change_of_pull(item.get_object(), repository_);
        if (!change || !pulls_.insert(change->object.name).second) continue;
        if (change->release.commit.empty()) change->release.commit = sha;
        std::string source = fmt::format("/repos/{}/pulls/{}", repository_, change->object.name);
        std::string object = "pull request #" + change->object.name;
        add(*std::move(change), cite(std::move(source), std::move(object), item.get_object()));
    }
}

Task<> Reader::read_failure(Run run) {
    Cause cause;
    cause.klass = "failed_workflow";
    cause.severity = Severity::warning;  // a red pipeline is not an outage
    cause.object = run.ref(repository_);
    cause.since = run.updated;
    cause.release.commit = run.sha;
    cause.release.run_id = run.id;
    cause.summary =
        fmt::format("the newest run of workflow {} on {} failed", run.label(), quote_line(run.branch, kNameBytes));
    for (const Change& change : out_.changes) {
        if (change.kind == ChangeKind::workflow_run && change.release.run_id == run.id)
            cause.evidence = change.evidence;
    }
    std::string path = fmt::format("/repos/{}/actions/runs/{}/jobs?filter=latest&per_page=100", repository_, run.id);
    auto answer = co_await client_.list(std::move(path), "jobs", 300, query_.deadline);
    if (!answer) note("the jobs of " + run.label(), answer.error());
    std::optional<Job> failed;
    if (answer) {
        cause.evidence.push_back(cite(*answer, "jobs of " + run.label(), ""));
        for (const auto& item : answer->value.get_array()) {
            if (!item.is_object() || failed) continue;
            Job job = read_job(item.get_object());
            if (job.conclusion == "failure" || job.conclusion == "timed_out") failed = std::move(job);
        }
    }
    if (failed) {
        cause.summary += fmt::format(": job {}, step {}", in_quotes(failed->name, kNameBytes),
                                     in_quotes(failed->failed_step, kNameBytes));
        std::string where = fmt::format("/repos/{}/actions/jobs/{}/logs", repository_, failed->id);
        auto log = co_await client_.log(std::move(where), kLogBytes, query_.deadline);
        if (log) {
            cause.last_log = failure_lines(log->bytes, kLogLines);
            cause.log_evidence = cite(*log, "log of job " + failed->id, "");
            cause.evidence.push_back(cause.log_evidence);
        } else if (log.error().code() != ErrorCode::not_found) {
            note("the log of " + run.label(), log.error());
        }
    }
    out_.causes.push_back(std::move(cause));
}

}  // namespace pincer::infra::github
