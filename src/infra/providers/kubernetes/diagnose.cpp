// From symptoms to causes. The rules are a table: each looks at one container of one pod (or one pod, workload, node)
// and says what is the matter, or nothing. Of several that match a pod, the first row counts: the more telling stands
// above.
#include <algorithm>

#include "infra/engine/quoting.hpp"
#include "infra/providers/kubernetes/snapshot.hpp"

namespace pincer::infra::kubernetes {
namespace {

struct Symptom {
    std::string text;  // "container checkout is in CrashLoopBackOff, exit code 1, 6 restarts"
    std::string container;
    bool wants_log = false;
    bool previous_log = false;
};

struct Patient {
    const Snapshot& snapshot;
    const Pod& pod;
};

using ContainerTest = std::optional<Symptom> (*)(const Patient&, const Container&);
struct ContainerRule {
    std::string_view klass;
    Severity severity;
    ContainerTest test;
};

constexpr Millis kRecently{10 * 60 * 1000};  // a back-off is at most five minutes long
constexpr Millis kPatience{2 * 60 * 1000};   // how long a pod may take to start before that counts as a fault

bool one_of(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::ranges::find(words, word) != words.end();
}

bool recent(const Snapshot& snapshot, std::optional<WallTime> at) { return at && snapshot.now - *at < kRecently; }

std::string whole(const Container& c) { return (c.init ? "init container " : "container ") + c.name; }

std::optional<Symptom> image_pull(const Patient&, const Container& c) {
    if (!one_of(c.waiting_reason, {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
                                   "RegistryUnavailable", "ImageInspectError"})) {
        return std::nullopt;
    }
    return Symptom{
        fmt::format("the image {} of {} cannot be pulled ({})", quote_line(c.image, 160), whole(c), c.waiting_reason),
        c.name};
}

std::optional<Symptom> config_error(const Patient&, const Container& c) {
    if (!one_of(c.waiting_reason,
                {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError"})) {
        return std::nullopt;
    }
    const std::string why = c.waiting_message.empty() ? "" : ": " + in_quotes(c.waiting_message, 160);
    return Symptom{fmt::format("{} cannot be started ({}){}", whole(c), c.waiting_reason, why), c.name};
}

std::optional<Symptom> out_of_memory(const Patient& p, const Container& c) {
    const bool now = c.ended_reason == "OOMKilled";
    const bool before =
        c.last_reason == "OOMKilled" && (!c.ready || (c.restarts >= 2 && recent(p.snapshot, c.last_finished)));
    if (!now && !before) return std::nullopt;
    return Symptom{
        fmt::format("{} is killed for using more memory than its limit (OOMKilled, {} restarts)", whole(c), c.restarts),
        c.name, true, !now};
}

// Also between two back-offs, when for a moment it runs, or even counts as ready for want of a probe.
std::optional<Symptom> crash_loop(const Patient& p, const Container& c) {
    const bool waits = c.waiting_reason == "CrashLoopBackOff";
    const bool ended = !c.ended_reason.empty() && c.ended_code != 0;
    const bool flaps = c.restarts >= 2 && c.last_code != 0 && recent(p.snapshot, c.last_finished);
    if (!waits && !ended && !flaps) return std::nullopt;
    const std::int64_t code = ended ? c.ended_code : c.last_code;
    const std::string state = waits ? "is in CrashLoopBackOff" : ended ? "has ended" : "keeps ending";
    return Symptom{fmt::format("{} {} (exit code {}, {} restarts)", whole(c), state, code, c.restarts), c.name, true,
                   !ended};
}

std::optional<Symptom> probe_failure(const Patient& p, const Container& c) {
    if (c.ready || !c.running_since || c.init) return std::nullopt;
    for (const auto* seen : p.snapshot.events_about("Pod", p.pod.meta)) {
        if (seen->object.reason == "Unhealthy" && recent(p.snapshot, seen->object.last)) {
            return Symptom{fmt::format("{} runs but is not ready: {}", whole(c), in_quotes(seen->object.message, 160)),
                           c.name, true};
        }
    }
    return std::nullopt;
}

constexpr ContainerRule kContainerRules[] = {
    {"image_pull", Severity::critical, image_pull},       {"config_error", Severity::critical, config_error},
    {"oom", Severity::critical, out_of_memory},           {"crash_loop", Severity::critical, crash_loop},
    {"probe_failure", Severity::critical, probe_failure},
};

using PodTest = std::optional<Symptom> (*)(const Patient&);
struct PodRule {
    std::string_view klass;
    Severity severity;
    PodTest test;
};

std::optional<Symptom> unschedulable(const Patient& p) {
    const Condition* placed = p.pod.condition("PodScheduled");
    if (!placed || placed->status != "False" || placed->reason != "Unschedulable") return std::nullopt;
    return Symptom{"no node can take it: " + in_quotes(placed->message, 200), ""};
}

std::optional<Symptom> volume(const Patient& p) {
    if (p.pod.phase != "Pending" || p.snapshot.now - p.pod.meta.created.value_or(p.snapshot.now) < kPatience)
        return std::nullopt;
    for (const auto* seen : p.snapshot.events_about("Pod", p.pod.meta)) {
        const bool about_volume = one_of(seen->object.reason, {"FailedMount", "FailedAttachVolume", "FailedMapVolume"});
        if (about_volume && recent(p.snapshot, seen->object.last)) {
            return Symptom{fmt::format("a volume cannot be mounted: {}", in_quotes(seen->object.message, 160)), ""};
        }
    }
    return std::nullopt;
}

std::optional<Symptom> not_ready(const Patient& p) {
    const Condition* ready = p.pod.condition("Ready");
    const WallTime since = ready && ready->changed ? *ready->changed : p.pod.meta.created.value_or(p.snapshot.now);
    if (p.pod.phase == "Succeeded" || p.snapshot.now - since < kPatience) return std::nullopt;
    if (p.pod.phase == "Failed") return std::nullopt;  // its controller makes another one; that one counts
    return Symptom{fmt::format("it has not been ready for longer than it should take to start (phase {})", p.pod.phase),
                   "", true};
}

constexpr PodRule kPodRules[] = {
    {"unschedulable", Severity::critical, unschedulable},
    {"volume", Severity::critical, volume},
    {"not_ready", Severity::warning, not_ready},
};

struct Match {
    std::string_view klass;
    Severity severity;
    Symptom symptom;
};

std::optional<Match> examine(const Patient& patient) {
    for (const auto& rule : kContainerRules) {
        for (const auto& container : patient.pod.containers) {
            if (auto symptom = rule.test(patient, container))
                return Match{rule.klass, rule.severity, *std::move(symptom)};
        }
    }
    if (patient.pod.ready()) return std::nullopt;
    for (const auto& rule : kPodRules) {
        if (auto symptom = rule.test(patient)) return Match{rule.klass, rule.severity, *std::move(symptom)};
    }
    return std::nullopt;
}

WallTime began(const Snapshot& snapshot, const Pod& pod) {
    const Condition* ready = pod.condition("Ready");
    WallTime since = ready && ready->status != "True" && ready->changed ? *ready->changed : snapshot.now;
    if (pod.phase == "Pending" && pod.meta.created) since = std::min(since, *pod.meta.created);
    for (const auto* seen : snapshot.events_about("Pod", pod.meta)) {
        if (seen->object.reason == "BackOff" && seen->object.first) since = std::min(since, *seen->object.first);
    }
    for (const auto& container : pod.containers) {
        if (container.last_finished) since = std::min(since, *container.last_finished);
        if (container.ended_at && container.ended_code != 0) since = std::min(since, *container.ended_at);
    }
    return since;
}

// What all sick pods of one owner with one class have in common.
struct Case {
    Match match;
    const Seen<Workload>* owner = nullptr;
    std::vector<const Seen<Pod>*> pods;
    WallTime since{};
};

std::vector<Case> collect(const Snapshot& snapshot) {
    std::vector<Case> cases;
    for (const auto& seen : snapshot.pods) {
        if (seen.object.meta.deleting || seen.object.phase == "Succeeded") continue;
        auto match = examine({snapshot, seen.object});
        if (!match) continue;
        const auto* owner = snapshot.owner_of(seen.object);
        // A job's pod may fail and be tried again; it degrades, it does not take production down.
        if (!owner && seen.object.meta.owner_kind == "Job") match->severity = Severity::warning;
        const auto same = [&](const Case& c) {
            const bool same_owner = owner ? c.owner == owner
                                          : !c.owner &&
                                                c.pods.front()->object.meta.owner_uid == seen.object.meta.owner_uid &&
                                                !seen.object.meta.owner_uid.empty();
            return same_owner && c.match.klass == match->klass;
        };
        auto at = std::ranges::find_if(cases, same);
        const WallTime since = began(snapshot, seen.object);
        if (at == cases.end()) {
            cases.push_back({*std::move(match), owner, {&seen}, since});
        } else {
            at->pods.push_back(&seen);
            at->since = std::min(at->since, since);
        }
    }
    return cases;
}

bool made_from(const Pod& pod, const ReplicaSet& revision) {
    const std::string hash = pod.template_hash();
    return (!hash.empty() && hash == revision.template_hash) || pod.is_of_revision(revision.meta);
}

// Whether other revisions of the same workload are well while this one is not.
bool others_are_well(const Snapshot& snapshot, const Case& found, const ReplicaSet& revision) {
    bool any_well = false;
    for (const auto& seen : snapshot.pods) {
        if (snapshot.owner_of(seen.object) != found.owner || made_from(seen.object, revision)) continue;
        if (!seen.object.meta.deleting && seen.object.ready()) any_well = true;
    }
    const bool all_of_one =
        std::ranges::all_of(found.pods, [&](const auto* pod) { return made_from(pod->object, revision); });
    return any_well && all_of_one;
}

void describe_revision(const Snapshot& snapshot, const Case& found, Cause& cause) {
    for (const auto* seen : snapshot.revisions_of(found.owner->object)) {
        if (!made_from(found.pods.front()->object, seen->object)) continue;
        cause.revision = std::to_string(seen->object.revision);
        cause.release =
            read_release(seen->object.images, seen->object.template_annotations, seen->object.template_labels);
        cause.only_this_revision = others_are_well(snapshot, found, seen->object);
        cause.evidence.push_back(seen->evidence);
    }
    if (cause.release.image.empty()) {
        const Workload& w = found.owner->object;
        cause.release = read_release(w.images, w.template_annotations, w.template_labels);
    }
}

Cause to_cause(const Snapshot& snapshot, const Case& found) {
    Cause cause;
    cause.klass = found.match.klass;
    cause.severity = found.match.severity;
    cause.since = found.since;
    const Pod& first = found.pods.front()->object;
    cause.object = found.owner ? found.owner->object.ref()
                               : ObjectRef{"kubernetes", "Pod", first.meta.namespace_name, first.meta.name};
    if (found.owner) cause.evidence.push_back(found.owner->evidence);
    if (found.owner) describe_revision(snapshot, found, cause);
    for (std::size_t i = 0; i < std::min<std::size_t>(found.pods.size(), 3); ++i)
        cause.evidence.push_back(found.pods[i]->evidence);
    const std::string of = cause.revision.empty() ? "" : " of revision " + cause.revision;
    cause.summary = fmt::format("{} pod{}{}: {}", found.pods.size(), found.pods.size() == 1 ? "" : "s", of,
                                found.match.symptom.text);
    if (found.owner)
        cause.summary +=
            fmt::format("; {} of {} pods are ready", found.owner->object.ready, found.owner->object.desired);
    return cause;
}

// What no pod shows: a rollout without progress, a workload without its pods.
void add_workload_causes(const Snapshot& snapshot, std::vector<Cause>& causes) {
    for (const auto& seen : snapshot.workloads) {
        const Workload& w = seen.object;
        if (std::ranges::any_of(causes, [&](const Cause& c) { return c.object == w.ref(); })) continue;
        const Condition* progressing = w.condition("Progressing");
        const Condition* available = w.condition("Available");
        Cause cause;
        cause.object = w.ref();
        cause.evidence = {seen.evidence};
        cause.revision = w.revision;
        cause.release = read_release(w.images, w.template_annotations, w.template_labels);
        if (progressing && progressing->status == "False") {
            cause.klass = "rollout_stuck";
            cause.severity = Severity::critical;
            cause.since = progressing->changed.value_or(snapshot.now);
            cause.summary = fmt::format("the rollout makes no progress ({}); {} of {} pods are updated, {} ready",
                                        progressing->reason, w.updated, w.desired, w.ready);
        } else if (available && available->status == "False" &&
                   snapshot.now - available->changed.value_or(snapshot.now) >= kPatience) {
            cause.klass = "unavailable";
            cause.severity = Severity::critical;
            cause.since = available->changed.value_or(snapshot.now);
            cause.summary = fmt::format("{} of {} pods are ready, fewer than it needs", w.ready, w.desired);
        } else {
            continue;
        }
        causes.push_back(std::move(cause));
    }
}

void add_node_causes(const Snapshot& snapshot, std::vector<Cause>& causes) {
    for (const auto& seen : snapshot.nodes) {
        for (const auto& condition : seen.object.conditions) {
            const bool down = condition.type == "Ready" && condition.status != "True";
            const bool pressure =
                one_of(condition.type, {"MemoryPressure", "DiskPressure", "PIDPressure"}) && condition.status == "True";
            if (!down && !pressure) continue;
            Cause cause;
            cause.klass = down ? "node_not_ready" : "node_pressure";
            cause.severity = down ? Severity::critical : Severity::warning;
            cause.object = {"kubernetes", "Node", "", seen.object.meta.name};
            cause.since = condition.changed.value_or(snapshot.now);
            cause.summary =
                fmt::format("{} is {} ({})", condition.type, condition.status, quote_line(condition.reason, 80));
            cause.evidence = {seen.evidence};
            causes.push_back(std::move(cause));
        }
    }
}

}  // namespace

std::vector<Cause> diagnose(const Snapshot& snapshot) {
    std::vector<Cause> causes;
    for (const auto& found : collect(snapshot)) causes.push_back(to_cause(snapshot, found));
    add_workload_causes(snapshot, causes);
    add_node_causes(snapshot, causes);
    std::ranges::sort(causes, [](const Cause& a, const Cause& b) {
        if (a.severity != b.severity) return a.severity == Severity::critical;
        return a.since != b.since ? a.since < b.since
                                  : std::pair(a.object.str(), a.klass) < std::pair(b.object.str(), b.klass);
    });
    return causes;
}

std::vector<LogSource> log_sources(const Snapshot& snapshot, const std::vector<Cause>& causes) {
    std::vector<LogSource> out;
    for (const auto& found : collect(snapshot)) {
        if (!found.match.symptom.wants_log) continue;
        const Cause made = to_cause(snapshot, found);
        const auto at = std::ranges::find_if(
            causes, [&](const Cause& c) { return c.klass == made.klass && c.object == made.object; });
        if (at == causes.end()) continue;
        const Pod& pod = found.pods.front()->object;
        std::string container = found.match.symptom.container;
        if (container.empty() && !pod.containers.empty()) container = pod.containers.back().name;
        out.push_back({std::size_t(at - causes.begin()), pod.meta.namespace_name, pod.meta.name, container,
                       found.match.symptom.previous_log});
    }
    return out;
}

}  // namespace pincer::infra::kubernetes
