#include "infra/providers/kubernetes/snapshot.hpp"

#include <algorithm>

namespace pincer::infra::kubernetes {

std::vector<const Seen<ReplicaSet>*> Snapshot::revisions_of(const Workload& workload) const {
    std::vector<const Seen<ReplicaSet>*> out;
    for (const auto* list : {&replica_sets, &controller_revisions}) {
        for (const auto& seen : *list) {
            if (seen.object.meta.owner_uid == workload.meta.uid) out.push_back(&seen);
        }
    }
    std::ranges::sort(out, [](const auto* a, const auto* b) { return a->object.revision > b->object.revision; });
    return out;
}

const Seen<ReplicaSet>* Snapshot::current_revision(const Workload& workload) const {
    const auto all = revisions_of(workload);
    for (const auto* seen : all) {
        if (std::to_string(seen->object.revision) == workload.revision) return seen;
    }
    return all.empty() ? nullptr : all.front();
}

const Seen<Workload>* Snapshot::owner_of(const Pod& pod) const {
    std::string uid = pod.meta.owner_uid;
    if (pod.meta.owner_kind == "ReplicaSet") {
        const auto set = std::ranges::find(replica_sets, uid, [](const auto& seen) { return seen.object.meta.uid; });
        if (set == replica_sets.end()) return nullptr;
        uid = set->object.meta.owner_uid;
    }
    const auto owner = std::ranges::find(workloads, uid, [](const auto& seen) { return seen.object.meta.uid; });
    return owner == workloads.end() || uid.empty() ? nullptr : &*owner;
}

WallTime Snapshot::rolled_out_at(const Workload& workload) const {
    const auto* current = current_revision(workload);
    if (!current) return workload.meta.created.value_or(WallTime());
    const WallTime born = current->object.meta.created.value_or(WallTime());
    bool is_youngest = true;
    for (const auto* other : revisions_of(workload)) {
        if (other->object.meta.created.value_or(WallTime()) > born) is_youngest = false;
    }
    if (is_youngest) return born;
    // Taken up again: its first pods were made after every other revision was born.
    WallTime youngest = born;
    for (const auto* other : revisions_of(workload))
        youngest = std::max(youngest, other->object.meta.created.value_or(WallTime()));
    if (workload.kind != WorkloadKind::deployment) {
        // Where no pod of it is left, or none is made yet, this much is known: after the youngest.
        return first_pod_of(current->object, workload, youngest).value_or(youngest);
    }
    if (const auto scaled = scaled_up(current->object, workload, youngest)) return *scaled;
    const Condition* progressing = workload.condition("Progressing");
    return progressing && progressing->updated ? *progressing->updated : born;
}

std::optional<WallTime> Snapshot::scaled_up(const ReplicaSet& set, const Workload& workload, WallTime since) const {
    std::optional<WallTime> scaled;
    const std::string words = "Scaled up replica set " + set.meta.name + " ";
    for (const auto* seen : events_about("Deployment", workload.meta)) {
        const Event& event = seen->object;
        const WallTime at = event.last.value_or(WallTime());
        if (event.reason != "ScalingReplicaSet" || !event.message.starts_with(words) || at < since) continue;
        if (!scaled || at < *scaled) scaled = at;
    }
    return scaled;
}

std::optional<WallTime> Snapshot::first_pod_of(const ReplicaSet& revision, const Workload& workload,
                                               WallTime since) const {
    std::optional<WallTime> first;
    for (const auto& seen : pods) {
        const Pod& pod = seen.object;
        if (pod.meta.owner_uid != workload.meta.uid || !pod.is_of_revision(revision.meta)) continue;
        if (!pod.meta.created || *pod.meta.created < since) continue;
        if (!first || *pod.meta.created < *first) first = pod.meta.created;
    }
    return first;
}

std::vector<const Seen<Event>*> Snapshot::events_about(std::string_view kind, const Meta& meta) const {
    std::vector<const Seen<Event>*> out;
    for (const auto& seen : events) {
        const Event& event = seen.object;
        if (event.kind == kind && event.name == meta.name && event.namespace_name == meta.namespace_name)
            out.push_back(&seen);
    }
    return out;
}

std::vector<InventoryItem> inventory(const Snapshot& snapshot) {
    std::vector<InventoryItem> out;
    for (const auto& seen : snapshot.workloads) {
        const Workload& w = seen.object;
        out.push_back({w.ref(), fmt::format("{} of {} pods ready", w.ready, w.desired), seen.evidence});
    }
    for (const auto& seen : snapshot.nodes) {
        const auto ready = std::ranges::find(seen.object.conditions, "Ready", &Condition::type);
        const bool well = ready != seen.object.conditions.end() && ready->status == "True";
        out.push_back({{"kubernetes", "Node", "", seen.object.meta.name}, well ? "ready" : "not ready", seen.evidence});
    }
    return out;
}

void state_what_is_well(const Snapshot& snapshot, Reading& out) {
    if (!snapshot.pods_read || !snapshot.workloads_read) return;
    std::size_t well = 0;
    std::int64_t pods = 0;
    for (const auto& seen : snapshot.workloads) {
        if (seen.object.ready >= seen.object.desired) ++well;
        pods += seen.object.ready;
    }
    out.good = snapshot.lists;
    out.good_summary = fmt::format("{} of {} workloads have all the pods that they ask for ({} pods ready)", well,
                                   snapshot.workloads.size(), pods);
    if (!snapshot.nodes.empty()) out.good_summary += fmt::format(" on {} nodes", snapshot.nodes.size());
}

}  // namespace pincer::infra::kubernetes
