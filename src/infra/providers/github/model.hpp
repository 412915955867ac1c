// What we understand of GitHub's answers: workflow runs, jobs, deployments, commits, pull requests; and what they mean
// as changes and causes. Pure; a field that is missing reads as absent.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "infra/engine/provider.hpp"

namespace pincer::infra::github {

struct Run {
    std::string id;
    std::string workflow_id;
    std::string workflow;  // name
    std::string title;     // others' text
    std::int64_t number = 0;
    std::int64_t attempt = 1;
    std::string branch;
    std::string sha;
    std::string event;
    std::string status;      // queued, in_progress, completed ...
    std::string conclusion;  // success, failure, cancelled, timed_out, startup_failure ...
    std::string actor;
    std::string url;
    WallTime created{};
    WallTime started{};
    WallTime updated{};

    bool completed() const { return status == "completed"; }
    bool failed() const;
    ObjectRef ref(const std::string& repository) const { return {"github", "WorkflowRun", repository, id}; }
    std::string label() const;  // "Deploy #128"
};

struct Job {
    std::string id;
    std::string name;
    std::string conclusion;
    std::string failed_step;  // the first step that failed
};

Run read_run(const json::object& o);
Job read_job(const json::object& o);

Change change_of(const Run& run, const std::string& repository);
// `statuses`: newest first, as the API gives them.
Change change_of_deployment(const json::object& deployment, const json::array& statuses, const std::string& repository);
Change change_of_commit(const json::object& commit, const std::string& repository);
// Nothing when it was not merged.
std::optional<Change> change_of_pull(const json::object& pull, const std::string& repository);

// The newest completed run of each workflow on `branch`, when it failed and nothing newer of that workflow is under
// way.
std::vector<Run> failing(const std::vector<Run>& runs, std::string_view branch);
// The last lines up to the last error of a job's log, without the time stamps.
std::vector<std::string> failure_lines(std::string_view log, std::size_t most);

}  // namespace pincer::infra::github
