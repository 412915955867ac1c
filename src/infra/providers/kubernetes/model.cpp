#include "infra/providers/kubernetes/model.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "crypto/hash.hpp"

namespace pincer::infra::kubernetes {
namespace {

const json::object& object_in(const json::object& o, std::string_view key) {
    static const json::object none;
    const auto* found = json::object_at(o, key);
    return found ? *found : none;
}

const json::array& array_in(const json::object& o, std::string_view key) {
    static const json::array none;
    const auto* found = json::array_at(o, key);
    return found ? *found : none;
}

std::optional<WallTime> time_in(const json::object& o, std::string_view key) {
    const auto text = json::string_at(o, key);
    if (!text) return std::nullopt;
    const auto parsed = parse_rfc3339(*text);
    return parsed ? std::optional(*parsed) : std::nullopt;
}

std::map<std::string, std::string> strings_in(const json::object& o, std::string_view key) {
    std::map<std::string, std::string> out;
    for (const auto& [name, value] : object_in(o, key)) {
        if (value.is_string()) out.emplace(std::string(name), std::string(value.get_string()));
    }
    return out;
}

Meta read_meta(const json::object& o) {
    const json::object& m = object_in(o, "metadata");
    Meta meta;
    meta.namespace_name = json::string_or(m, "namespace");
    meta.name = json::string_or(m, "name");
    meta.uid = json::string_or(m, "uid");
    meta.resource_version = json::string_or(m, "resourceVersion");
    meta.generation = json::int_at(m, "generation").value_or(0);
    meta.created = time_in(m, "creationTimestamp");
    meta.deleting = json::string_at(m, "deletionTimestamp").has_value();
    meta.labels = strings_in(m, "labels");
    meta.annotations = strings_in(m, "annotations");
    for (const auto& entry : array_in(m, "ownerReferences")) {
        if (!entry.is_object() || !json::bool_at(entry.get_object(), "controller").value_or(false)) continue;
        meta.owner_kind = json::string_or(entry.get_object(), "kind");
        meta.owner_name = json::string_or(entry.get_object(), "name");
        meta.owner_uid = json::string_or(entry.get_object(), "uid");
    }
    return meta;
}

std::vector<Condition> read_conditions(const json::object& status) {
    std::vector<Condition> out;
    for (const auto& entry : array_in(status, "conditions")) {
        if (!entry.is_object()) continue;
        const json::object& c = entry.get_object();
        out.push_back({json::string_or(c, "type"), json::string_or(c, "status"), json::string_or(c, "reason"),
                       json::string_or(c, "message"), time_in(c, "lastTransitionTime"), time_in(c, "lastUpdateTime")});
    }
    return out;
}

const Condition* find_condition(const std::vector<Condition>& conditions, std::string_view type) {
    const auto at = std::ranges::find(conditions, type, &Condition::type);
    return at == conditions.end() ? nullptr : &*at;
}

Container read_container(const json::object& o, bool init) {
    Container c;
    c.name = json::string_or(o, "name");
    c.image = json::string_or(o, "image");
    c.init = init;
    c.ready = json::bool_at(o, "ready").value_or(false);
    c.restarts = json::int_at(o, "restartCount").value_or(0);
    const json::object& state = object_in(o, "state");
    if (const auto* waiting = json::object_at(state, "waiting")) {
        c.waiting_reason = json::string_or(*waiting, "reason", "Waiting");
        c.waiting_message = json::string_or(*waiting, "message");
    }
    if (const auto* running = json::object_at(state, "running")) c.running_since = time_in(*running, "startedAt");
    if (const auto* ended = json::object_at(state, "terminated")) {
        c.ended_reason = json::string_or(*ended, "reason", "Error");
        c.ended_code = json::int_at(*ended, "exitCode").value_or(0);
        c.ended_at = time_in(*ended, "finishedAt");
    }
    if (const auto* last = json::object_at(object_in(o, "lastState"), "terminated")) {
        c.last_reason = json::string_or(*last, "reason", "Error");
        c.last_code = json::int_at(*last, "exitCode").value_or(0);
        c.last_started = time_in(*last, "startedAt");
        c.last_finished = time_in(*last, "finishedAt");
    }
    return c;
}

void read_containers(const json::object& status, std::string_view key, bool init, std::vector<Container>& out) {
    for (const auto& entry : array_in(status, key)) {
        if (entry.is_object()) out.push_back(read_container(entry.get_object(), init));
    }
}

const json::object& template_of(const json::object& o) { return object_in(object_in(o, "spec"), "template"); }

std::vector<std::pair<std::string, std::string>> images_of(const json::object& o) {
    std::vector<std::pair<std::string, std::string>> out;
    for (const auto& entry : array_in(object_in(template_of(o), "spec"), "containers")) {
        if (!entry.is_object()) continue;
        out.emplace_back(json::string_or(entry.get_object(), "name"), json::string_or(entry.get_object(), "image"));
    }
    return out;
}

std::int64_t number_of(const std::string& text) {
    std::int64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

std::string value_of(const std::map<std::string, std::string>& map, std::string_view key) {
    const auto at = map.find(std::string(key));
    return at == map.end() ? std::string() : at->second;
}

constexpr std::string_view kRevision = "deployment.kubernetes.io/revision";
constexpr std::string_view kHash = "pod-template-hash";
constexpr std::string_view kRevisionHash = "controller-revision-hash";

}  // namespace

const Condition* Pod::condition(std::string_view type) const { return find_condition(conditions, type); }
const Condition* Workload::condition(std::string_view type) const { return find_condition(conditions, type); }

bool Pod::ready() const {
    const Condition* found = condition("Ready");
    return found && found->status == "True" && !meta.deleting;
}

std::string Pod::template_hash() const { return value_of(meta.labels, kHash); }

bool Pod::is_of_revision(const Meta& revision) const {
    const std::string mark = value_of(meta.labels, kRevisionHash);
    return !mark.empty() && (mark == revision.name || mark == value_of(revision.labels, kRevisionHash));
}

std::string_view name_of(WorkloadKind kind) {
    switch (kind) {
        case WorkloadKind::deployment: return "Deployment";
        case WorkloadKind::stateful_set: return "StatefulSet";
        case WorkloadKind::daemon_set: return "DaemonSet";
    }
    return "";
}

std::string_view resource_of(WorkloadKind kind) {
    switch (kind) {
        case WorkloadKind::deployment: return "deployments";
        case WorkloadKind::stateful_set: return "statefulsets";
        case WorkloadKind::daemon_set: return "daemonsets";
    }
    return "";
}

ObjectRef Workload::ref() const { return {"kubernetes", std::string(name_of(kind)), meta.namespace_name, meta.name}; }

bool Workload::settled() const {
    return observed_generation >= meta.generation && updated >= desired && available >= desired && ready >= desired &&
           total <= std::max(updated, desired);
}

Pod read_pod(const json::object& o) {
    const json::object& status = object_in(o, "status");
    Pod pod;
    pod.meta = read_meta(o);
    pod.phase = json::string_or(status, "phase");
    pod.reason = json::string_or(status, "reason");
    pod.message = json::string_or(status, "message");
    pod.node = json::string_or(object_in(o, "spec"), "nodeName");
    pod.started = time_in(status, "startTime");
    pod.conditions = read_conditions(status);
    read_containers(status, "initContainerStatuses", true, pod.containers);
    read_containers(status, "containerStatuses", false, pod.containers);
    return pod;
}

Workload read_workload(WorkloadKind kind, const json::object& o) {
    const json::object& spec = object_in(o, "spec");
    const json::object& status = object_in(o, "status");
    const auto count = [&](std::string_view key) { return json::int_at(status, key).value_or(0); };
    Workload w;
    w.kind = kind;
    w.meta = read_meta(o);
    w.observed_generation = count("observedGeneration");
    w.paused = json::bool_at(spec, "paused").value_or(false);
    w.conditions = read_conditions(status);
    w.images = images_of(o);
    w.template_annotations = strings_in(object_in(template_of(o), "metadata"), "annotations");
    w.template_labels = strings_in(object_in(template_of(o), "metadata"), "labels");
    w.revision = value_of(w.meta.annotations, kRevision);
    if (kind == WorkloadKind::daemon_set) {
        w.desired = count("desiredNumberScheduled");
        w.ready = count("numberReady");
        w.updated = count("updatedNumberScheduled");
        w.available = count("numberAvailable");
        w.total = count("currentNumberScheduled");
        return w;
    }
    w.desired = json::int_at(spec, "replicas").value_or(1);
    w.ready = count("readyReplicas");
    w.updated = count("updatedReplicas");
    w.available = count("availableReplicas");
    w.total = count("replicas");
    // StatefulSets have had availableReplicas only since 1.22, and with OnDelete updatedReplicas lags on purpose.
    if (kind == WorkloadKind::stateful_set) {
        if (!json::find(status, "availableReplicas")) w.available = w.ready;
        const bool on_delete = json::string_or(object_in(spec, "updateStrategy"), "type") == "OnDelete";
        if (on_delete || !json::find(status, "updatedReplicas")) w.updated = w.total;
    }
    return w;
}

ReplicaSet read_replica_set(const json::object& o) {
    ReplicaSet rs;
    rs.meta = read_meta(o);
    rs.revision = number_of(value_of(rs.meta.annotations, kRevision));
    rs.desired = json::int_at(object_in(o, "spec"), "replicas").value_or(0);
    rs.ready = json::int_at(object_in(o, "status"), "readyReplicas").value_or(0);
    rs.images = images_of(o);
    rs.template_annotations = strings_in(object_in(template_of(o), "metadata"), "annotations");
    rs.template_labels = strings_in(object_in(template_of(o), "metadata"), "labels");
    rs.template_hash = value_of(rs.template_labels, kHash);
    rs.template_digest = digest_of_template(o);
    return rs;
}

ReplicaSet read_controller_revision(const json::object& o) {
    ReplicaSet revision = read_replica_set(object_in(o, "data"));  // the part of the workload that it keeps
    revision.meta = read_meta(o);
    revision.revision = json::int_at(o, "revision").value_or(0);
    return revision;
}

Event read_event(const json::object& o) {
    const json::object& about = object_in(o, "involvedObject");
    Event e;
    e.meta = read_meta(o);
    e.type = json::string_or(o, "type");
    e.reason = json::string_or(o, "reason");
    e.message = json::string_or(o, "message");
    e.kind = json::string_or(about, "kind");
    e.namespace_name = json::string_or(about, "namespace");
    e.name = json::string_or(about, "name");
    e.count = std::max<std::int64_t>(1, json::int_at(o, "count").value_or(1));
    const auto when = time_in(o, "eventTime");  // the newer events API leaves the other two empty
    e.first = time_in(o, "firstTimestamp");
    e.last = time_in(o, "lastTimestamp");
    if (!e.first) e.first = when ? when : e.meta.created;
    if (!e.last) {
        const json::object& series = object_in(o, "series");
        e.last = time_in(series, "lastObservedTime");
        e.count = std::max(e.count, json::int_at(series, "count").value_or(1));
        if (!e.last) e.last = e.first;
    }
    return e;
}

Node read_node(const json::object& o) {
    Node n;
    n.meta = read_meta(o);
    n.unschedulable = json::bool_at(object_in(o, "spec"), "unschedulable").value_or(false);
    n.conditions = read_conditions(object_in(o, "status"));
    return n;
}

json::object plain_template(const json::object& workload) {
    json::object plain = template_of(workload);
    if (auto* meta = plain.if_contains("metadata"); meta && meta->is_object()) {
        meta->get_object().erase("creationTimestamp");
        if (auto* labels = meta->get_object().if_contains("labels"); labels && labels->is_object())
            labels->get_object().erase(kHash);
    }
    return plain;
}

std::string digest_of_template(const json::object& workload) {
    return crypto::sha256_hex(json::write_canonical(plain_template(workload)));
}

namespace {

bool is_commit(std::string_view text) {
    return (text.size() == 40 || text.size() == 64) &&
           std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// "https://github.com/acme/shop.git", "git@github.com:acme/shop" or "acme/shop".
std::string repository_of(std::string_view text) {
    for (const std::string_view prefix :
         {"https://github.com/", "http://github.com/", "git@github.com:", "ssh://git@github.com/"}) {
        if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
    }
    if (text.ends_with(".git")) text.remove_suffix(4);
    const auto parts = split(text, '/');
    const auto plain = [](std::string_view part) {
        return !part.empty() && part.size() <= 100 && part != "." && part != ".." &&
               std::ranges::all_of(part, [](char c) {
                   return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                          c == '_' || c == '.';
               });
    };
    return parts.size() == 2 && plain(parts[0]) && plain(parts[1]) ? std::string(text) : std::string();
}

std::string tag_of(std::string_view image) {
    const auto digest = image.find('@');
    const std::string_view name = image.substr(0, digest);
    const auto colon = name.rfind(':');
    if (colon == std::string_view::npos || name.find('/', colon) != std::string_view::npos) return {};
    return std::string(name.substr(colon + 1));
}

}  // namespace

Release read_release(const std::vector<std::pair<std::string, std::string>>& images,
                     const std::map<std::string, std::string>& annotations,
                     const std::map<std::string, std::string>& labels) {
    Release release;
    if (!images.empty()) release.image = images.front().second;
    release.version = tag_of(release.image);
    if (release.version.empty()) release.version = value_of(labels, "app.kubernetes.io/version");
    for (const auto& [key, value] : annotations) {
        const bool names_commit = key.ends_with("revision") || key.ends_with("commit") || key.ends_with("sha") ||
                                  key.ends_with("git-sha") || key.ends_with("commit-sha") ||
                                  key.ends_with("git-commit");
        if (release.commit.empty() && names_commit && is_commit(value)) release.commit = value;
        const bool names_repository =
            key.ends_with("repository") || key.ends_with("source") || key.ends_with("repo") || key.ends_with("vcs-url");
        if (release.repository.empty() && names_repository) release.repository = repository_of(value);
        const bool names_run = key.ends_with("run-id") || key.ends_with("run_id");
        const bool digits = !value.empty() && value.size() <= 20 &&
                            std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
        if (release.run_id.empty() && names_run && digits) release.run_id = value;
    }
    if (release.commit.empty() && is_commit(release.version)) release.commit = release.version;
    return release;
}

}  // namespace pincer::infra::kubernetes
