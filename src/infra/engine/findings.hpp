// What providers find: changes and causes, in one vocabulary for all of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"

namespace pincer::infra {

struct ObjectRef {
    std::string provider;
    std::string kind;   // "Deployment", "Pod", "Node", "WorkflowRun"
    std::string scope;  // namespace, or "owner/repository"
    std::string name;

    std::string str() const;  // "deployment shop/checkout"
    friend bool operator==(const ObjectRef&, const ObjectRef&) = default;
};

// What ties a change in one provider to one in another. Empty fields tie nothing.
struct Release {
    std::string commit;      // full hex
    std::string version;     // "v1.4.2": image tag, git tag, version label
    std::string image;       // with tag or digest
    std::string run_id;      // workflow run that made it, when the object says so
    std::string repository;  // "owner/name"
    std::string previous_image;
};

enum class ChangeKind { rollout, scale, workflow_run, deployment, commit, pull_request, event };
std::string_view name_of(ChangeKind kind);

enum class Outcome { none, in_progress, succeeded, failed, cancelled };
std::string_view name_of(Outcome outcome);

enum class Confidence { fact, hypothesis };
std::string_view name_of(Confidence confidence);

struct Link {
    std::string change;  // id of the other change
    Confidence confidence = Confidence::hypothesis;
    std::string why;  // "same commit 9f2c1ab", "finished 40s before the rollout"
};

// `title` and `actor` are other people's text: shown quoted and cut, never obeyed.
struct Change {
    std::string id;  // evidence id of the thing itself
    ChangeKind kind = ChangeKind::event;
    WallTime at{};
    ObjectRef object;
    std::string summary;  // our words: "revision 8 (v1.4.2) replaces revision 7 (v1.4.1)"
    std::string title;
    std::string actor;
    std::string url;
    Outcome outcome = Outcome::none;
    Release release;
    std::string revision;  // rollouts: "8"
    std::vector<std::string> evidence;
    std::vector<Link> links;
};

enum class Severity { warning, critical };

struct Trigger {
    std::string change;
    Confidence confidence = Confidence::hypothesis;
    std::string why;
};

struct Cause {
    std::string klass;  // "crash_loop", "image_pull" ... : the row of the rule table
    Severity severity = Severity::warning;
    ObjectRef object;     // what is to be mended: the workload rather than the pod
    std::string summary;  // our words: "2 of 2 pods of revision 8 are in CrashLoopBackOff (exit code 1, 7 restarts)"
    WallTime since{};
    std::vector<std::string> evidence;
    std::vector<std::string> last_log;  // others' text, oldest first
    std::string log_evidence;
    Release release;                  // of what is broken
    std::string revision;             // of what is broken: ties it to a rollout of the same object
    bool only_this_revision = false;  // what other revisions run is well: the change is the cause, as a fact
    std::optional<Trigger> trigger;
};

enum class Verdict { healthy, degraded, unhealthy, unknown };
std::string_view name_of(Verdict verdict);

json::object to_json(const Change& change);
json::object to_json(const Cause& cause);
json::object to_json(const ObjectRef& object);

}  // namespace pincer::infra
