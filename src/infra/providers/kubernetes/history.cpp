// What changed in the cluster: rollouts from ReplicaSets and ControllerRevisions, and what the controllers warned
// about.
#include <algorithm>
#include <set>

#include "infra/engine/quoting.hpp"
#include "infra/providers/kubernetes/snapshot.hpp"

namespace pincer::infra::kubernetes {
namespace {

std::string version_or_image(const Release& release) {
    return quote_line(release.version.empty() ? release.image : release.version, 80);
}

std::string cause_of_change(const std::map<std::string, std::string>& annotations) {
    const auto at = annotations.find("kubernetes.io/change-cause");
    return at == annotations.end() ? std::string() : at->second;
}

Outcome outcome_of(const Workload& workload, bool is_current) {
    if (!is_current) return Outcome::none;
    const Condition* progressing = workload.condition("Progressing");
    if (progressing && progressing->status == "False") return Outcome::failed;
    return workload.settled() ? Outcome::succeeded : Outcome::in_progress;
}

Change rollout(const Snapshot& snapshot, const Seen<Workload>& owner, const Seen<ReplicaSet>& set,
               const Seen<ReplicaSet>* before, WallTime at) {
    const Workload& workload = owner.object;
    const bool is_current = snapshot.current_revision(workload) == &set;
    Change change;
    change.id = set.evidence;
    change.kind = ChangeKind::rollout;
    change.at = at;
    change.object = workload.ref();
    change.revision = std::to_string(set.object.revision);
    change.release = read_release(set.object.images, set.object.template_annotations, set.object.template_labels);
    change.title = cause_of_change(set.object.meta.annotations);
    change.outcome = outcome_of(workload, is_current);
    change.evidence = {set.evidence};
    change.summary = fmt::format("revision {} ({}) went live", change.revision, version_or_image(change.release));
    if (before) {
        const Release old =
            read_release(before->object.images, before->object.template_annotations, before->object.template_labels);
        change.release.previous_image = old.image;
        change.summary = fmt::format("revision {} ({}) replaces revision {} ({})", change.revision,
                                     version_or_image(change.release), before->object.revision, version_or_image(old));
        change.evidence.push_back(before->evidence);
    }
    if (is_current) change.evidence.push_back(owner.evidence);
    return change;
}

void add_rollouts(const Snapshot& snapshot, const Seen<Workload>& owner, WallTime since, std::vector<Change>& out) {
    const auto revisions = snapshot.revisions_of(owner.object);
    const auto* current = snapshot.current_revision(owner.object);
    for (std::size_t i = 0; i < revisions.size(); ++i) {
        const bool is_current = revisions[i] == current;
        const WallTime at =
            is_current ? snapshot.rolled_out_at(owner.object) : revisions[i]->object.meta.created.value_or(WallTime());
        if (!is_current && at < since) continue;
        const auto* before = i + 1 < revisions.size() ? revisions[i + 1] : nullptr;
        out.push_back(rollout(snapshot, owner, *revisions[i], before, at));
    }
}

void add_warnings(const Snapshot& snapshot, WallTime since, std::vector<Change>& out) {
    std::set<std::pair<std::string, std::string>> said;  // one line for all pods of a workload
    for (const auto& seen : snapshot.events) {
        const Event& event = seen.object;
        if (event.type != "Warning" || event.last.value_or(WallTime()) < since) continue;
        ObjectRef object{"kubernetes", event.kind, event.namespace_name, event.name};
        for (const auto& pod : snapshot.pods) {
            if (event.kind != "Pod" || pod.object.meta.name != event.name ||
                pod.object.meta.namespace_name != event.namespace_name)
                continue;
            if (const auto* owner = snapshot.owner_of(pod.object)) object = owner->object.ref();
        }
        if (!said.emplace(object.str(), event.reason).second || said.size() > 50) continue;
        Change change;
        change.id = seen.evidence;
        change.kind = ChangeKind::event;
        change.at = std::max(event.first.value_or(WallTime()), since);
        change.object = object;
        change.summary = fmt::format("warning {} ({} times)", quote_line(event.reason, 60), event.count);
        change.title = event.message;
        change.evidence = {seen.evidence};
        out.push_back(std::move(change));
    }
}

}  // namespace

std::vector<Change> history(const Snapshot& snapshot, WallTime since) {
    std::vector<Change> out;
    for (const auto& seen : snapshot.workloads) add_rollouts(snapshot, seen, since, out);
    add_warnings(snapshot, since, out);
    std::ranges::sort(out, {}, [](const Change& change) { return std::pair(change.at, change.id); });
    return out;
}

}  // namespace pincer::infra::kubernetes
