// The cluster at one moment, as far as it was read; and the questions that its rules ask of it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "infra/engine/provider.hpp"
#include "infra/providers/kubernetes/model.hpp"

namespace pincer::infra::kubernetes {

// An object beside the evidence that it was read from.
template <class T>
struct Seen {
    T object;
    std::string evidence;
};

struct Snapshot {
    WallTime now{};  // when it was read
    std::vector<Seen<Workload>> workloads;
    std::vector<Seen<ReplicaSet>> replica_sets;
    std::vector<Seen<ReplicaSet>> controller_revisions;
    std::vector<Seen<Pod>> pods;
    std::vector<Seen<Event>> events;
    std::vector<Seen<Node>> nodes;
    std::vector<std::string> lists;  // evidence of the lists themselves
    bool pods_read = false;          // false: nothing can be said about health
    bool workloads_read = false;

    // ReplicaSets of a Deployment, ControllerRevisions of another workload; newest revision first.
    std::vector<const Seen<ReplicaSet>*> revisions_of(const Workload& workload) const;
    const Seen<ReplicaSet>* current_revision(const Workload& workload) const;
    // The workload that a pod belongs to, through its ReplicaSet; null for bare pods and jobs.
    const Seen<Workload>* owner_of(const Pod& pod) const;
    // When the current revision went live: its birth, or, when an old one was taken up again (a rollback), the moment
    // at which its ReplicaSet was scaled up, or its first pod made.
    WallTime rolled_out_at(const Workload& workload) const;
    std::vector<const Seen<Event>*> events_about(std::string_view kind, const Meta& meta) const;

private:
    std::optional<WallTime> scaled_up(const ReplicaSet& set, const Workload& workload, WallTime since) const;
    std::optional<WallTime> first_pod_of(const ReplicaSet& revision, const Workload& workload, WallTime since) const;
};

// Root causes by the rule table of diagnose.cpp, one per workload and class, worst first.
std::vector<Cause> diagnose(const Snapshot& snapshot);
// Which pod and container of a cause to ask for its last lines.
struct LogSource {
    std::size_t cause = 0;  // index
    std::string namespace_name;
    std::string pod;
    std::string container;
    bool previous = false;  // the run that ended rather than the one that waits or runs
};
std::vector<LogSource> log_sources(const Snapshot& snapshot, const std::vector<Cause>& causes);

// Rollouts (the current one of each workload whatever its age) and warning events since `since`, oldest first.
std::vector<Change> history(const Snapshot& snapshot, WallTime since);
std::vector<InventoryItem> inventory(const Snapshot& snapshot);
// What a healthy verdict says and cites.
void state_what_is_well(const Snapshot& snapshot, Reading& out);

}  // namespace pincer::infra::kubernetes
