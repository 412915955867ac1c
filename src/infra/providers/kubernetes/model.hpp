// What we understand of Kubernetes objects: JSON as the API server sends it, read leniently into small structs. A field
// that is missing or of another type reads as absent; nothing here fails, and nothing is looked up.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "infra/engine/findings.hpp"

namespace pincer::infra::kubernetes {

struct Meta {
    std::string namespace_name;
    std::string name;
    std::string uid;
    std::string resource_version;
    std::int64_t generation = 0;
    std::optional<WallTime> created;
    bool deleting = false;
    std::map<std::string, std::string> labels;
    std::map<std::string, std::string> annotations;
    std::string owner_kind;  // the controller among the owners
    std::string owner_name;
    std::string owner_uid;
};

struct Condition {
    std::string type;
    std::string status;  // "True", "False", "Unknown"
    std::string reason;
    std::string message;
    std::optional<WallTime> changed;
    std::optional<WallTime> updated;
};

// One container's containerStatuses entry; state and lastState.
struct Container {
    std::string name;
    std::string image;
    bool init = false;
    bool ready = false;
    std::int64_t restarts = 0;
    std::string waiting_reason;  // "CrashLoopBackOff"; empty when not waiting
    std::string waiting_message;
    std::optional<WallTime> running_since;
    std::string ended_reason;  // state.terminated, "OOMKilled", "Error", "Completed"
    std::int64_t ended_code = 0;
    std::optional<WallTime> ended_at;
    std::string last_reason;  // lastState.terminated
    std::int64_t last_code = 0;
    std::optional<WallTime> last_started;
    std::optional<WallTime> last_finished;
};

struct Pod {
    Meta meta;
    std::string phase;
    std::string reason;  // "Evicted"
    std::string message;
    std::string node;
    std::optional<WallTime> started;
    std::vector<Condition> conditions;
    std::vector<Container> containers;

    const Condition* condition(std::string_view type) const;
    bool ready() const;
    std::string template_hash() const;
    // Made from this ControllerRevision: a StatefulSet's pods carry its name, a DaemonSet's its hash.
    bool is_of_revision(const Meta& revision) const;
};

enum class WorkloadKind { deployment, stateful_set, daemon_set };
std::string_view name_of(WorkloadKind kind);      // "Deployment"
std::string_view resource_of(WorkloadKind kind);  // "deployments"

struct Workload {
    WorkloadKind kind = WorkloadKind::deployment;
    Meta meta;
    std::int64_t observed_generation = 0;
    std::int64_t desired = 0;
    std::int64_t ready = 0;
    std::int64_t updated = 0;
    std::int64_t available = 0;
    std::int64_t total = 0;
    bool paused = false;
    std::vector<Condition> conditions;
    std::vector<std::pair<std::string, std::string>> images;  // container, image
    std::map<std::string, std::string> template_annotations;
    std::map<std::string, std::string> template_labels;
    std::string revision;  // deployment.kubernetes.io/revision

    ObjectRef ref() const;
    const Condition* condition(std::string_view type) const;
    // All asked-for pods are of the newest template and available, and the controller has seen the newest spec.
    bool settled() const;
};

// A revision of a workload: the ReplicaSet of a Deployment, or the ControllerRevision of a StatefulSet or DaemonSet
// (which has no pods of its own: desired and ready stay 0).
struct ReplicaSet {
    Meta meta;
    std::int64_t revision = 0;
    std::int64_t desired = 0;
    std::int64_t ready = 0;
    std::vector<std::pair<std::string, std::string>> images;
    std::map<std::string, std::string> template_annotations;
    std::map<std::string, std::string> template_labels;
    std::string template_hash;
    std::string template_digest;  // see digest_of_template
};

struct Event {
    Meta meta;
    std::string type;  // "Warning", "Normal"
    std::string reason;
    std::string message;  // others' text
    std::string kind;     // of the object that it is about
    std::string namespace_name;
    std::string name;
    std::int64_t count = 1;
    std::optional<WallTime> first;
    std::optional<WallTime> last;
};

struct Node {
    Meta meta;
    bool unschedulable = false;
    std::vector<Condition> conditions;
};

Pod read_pod(const json::object& o);
Workload read_workload(WorkloadKind kind, const json::object& o);
ReplicaSet read_replica_set(const json::object& o);
ReplicaSet read_controller_revision(const json::object& o);
Event read_event(const json::object& o);
Node read_node(const json::object& o);

// The template without what the controller adds to it (pod-template-hash, creationTimestamp): equal for a Deployment
// and the ReplicaSet that was made from it. Empty object when there is none.
json::object plain_template(const json::object& workload);
std::string digest_of_template(const json::object& workload);  // hex SHA-256 of its canonical spelling

// Version, commit, repository and run as the usual annotations and labels tell them (OCI, GitHub, Argo CD, Helm), the
// image tag otherwise.
Release read_release(const std::vector<std::pair<std::string, std::string>>& images,
                     const std::map<std::string, std::string>& annotations,
                     const std::map<std::string, std::string>& labels);

}  // namespace pincer::infra::kubernetes
