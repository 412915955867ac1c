#include "infra/providers/kubernetes/reader.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace pincer::infra::kubernetes {

Task<Result<Snapshot>> SnapshotReader::read() {
    snapshot_.now = services_.clock.wall();
    FanOut all(services_.runtime);
    all.add(read_all({"/api/v1", "pods"}, &SnapshotReader::take_pod));
    all.add(read_all({"/apis/apps/v1", "deployments"}, &SnapshotReader::take_deployment));
    all.add(read_all({"/apis/apps/v1", "replicasets"}, &SnapshotReader::take_replica_set));
    all.add(read_all({"/apis/apps/v1", "statefulsets"}, &SnapshotReader::take_stateful_set));
    all.add(read_all({"/apis/apps/v1", "daemonsets"}, &SnapshotReader::take_daemon_set));
    all.add(read_all({"/apis/apps/v1", "controllerrevisions"}, &SnapshotReader::take_controller_revision));
    all.add(read_all({"/api/v1", "events"}, &SnapshotReader::take_event));
    if (scope_.empty()) all.add(read_all({"/api/v1", "nodes", true, false}, &SnapshotReader::take_node));
    co_await all.join(deadline_);
    // In an order of their own, not in that of the answers.
    std::ranges::sort(snapshot_.workloads, {}, [](const auto& seen) { return seen.object.ref().str(); });
    snapshot_.pods_read = read_.contains("pods");
    snapshot_.workloads_read = read_.contains("deployments") && read_.contains("replicasets");
    if (!narrowed_.empty()) {
        std::vector<std::string> names(narrowed_.begin(), narrowed_.end());
        out_.gaps.push_back(
            fmt::format("forbidden: {} outside namespace {}", join(names, ", "), client_.access().namespace_name));
    }
    if (!forbidden_everywhere_.empty()) {
        std::vector<std::string> names(forbidden_everywhere_.begin(), forbidden_everywhere_.end());
        const std::string where = scope_.empty() ? client_.access().namespace_name : scope_;
        out_.gaps.push_back(fmt::format("forbidden: {} in {}", join(names, ", "), where));
    }
    if (read_.empty() && first_error_) co_return Failure(*std::move(first_error_));
    if (read_.empty()) co_return PINCER_FAIL(timed_out, "reading the cluster timed out");
    co_return std::move(snapshot_);
}

Task<Result<Listed>> SnapshotReader::list(Resource resource) {
    const std::string root(resource.root);
    const std::string name(resource.name);
    std::vector<std::pair<std::string, std::string>> query;
    if (resource.cluster_scoped || scope_.empty()) {
        std::string everywhere = root + "/" + name;
        auto all = co_await client_.list(std::move(everywhere), query, deadline_);
        if (all || all.error().code() != ErrorCode::forbidden || resource.cluster_scoped) co_return all;
    }
    // Who may not list across namespaces can usually list in the namespace that their context names.
    const std::string space = scope_.empty() ? client_.access().namespace_name : scope_;
    std::string narrow = fmt::format("{}/namespaces/{}/{}", root, io::percent_encode(space), name);
    auto found = co_await client_.list(std::move(narrow), query, deadline_);
    if (found && scope_.empty()) narrowed_.insert(name);
    co_return found;
}

Task<> SnapshotReader::read_all(Resource resource, Take take) {
    auto listed = co_await list(resource);
    if (!listed) {
        note_missing(resource, listed.error());
        co_return;
    }
    read_.insert(std::string(resource.name));
    std::string facts = fmt::format("{} {}", listed->items.size(), resource.name);
    EvidenceBook::Item item{
        "k8s", "kubernetes", listed->source, services_.clock.wall(), std::string(resource.name), std::move(facts)};
    const std::string id = out_.evidence.add(std::move(item), std::string_view(listed->bytes));
    if (resource.name == "pods" || resource.name == "deployments" || resource.name == "nodes")
        snapshot_.lists.push_back(id);
    if (listed->truncated)
        out_.gaps.push_back(fmt::format("only the first {} {} were read", listed->items.size(), resource.name));
    for (const auto& object : listed->items) (this->*take)(object, evidence_of(object, resource));
}

std::string SnapshotReader::evidence_of(const json::object& object, const Resource& resource) {
    const auto* meta = json::object_at(object, "metadata");
    const std::string name = meta ? json::string_or(*meta, "name") : "";
    const std::string space = meta ? json::string_or(*meta, "namespace") : "";
    std::string source = space.empty()
                             ? fmt::format("{}/{}/{}", resource.root, resource.name, name)
                             : fmt::format("{}/namespaces/{}/{}/{}", resource.root, space, resource.name, name);
    std::string version = meta ? json::string_or(*meta, "resourceVersion") : "";
    EvidenceBook::Item item{"k8s",
                            "kubernetes",
                            std::move(source),
                            services_.clock.wall(),
                            fmt::format("{} {}{}{}", resource.name.substr(0, resource.name.size() - 1), space,
                                        space.empty() ? "" : "/", name),
                            version.empty() ? "" : "resourceVersion " + version};
    return out_.evidence.add(std::move(item), json::value(object));
}

void SnapshotReader::take_deployment(const json::object& item, const std::string& evidence) {
    snapshot_.workloads.push_back({read_workload(WorkloadKind::deployment, item), evidence});
}
void SnapshotReader::take_stateful_set(const json::object& item, const std::string& evidence) {
    snapshot_.workloads.push_back({read_workload(WorkloadKind::stateful_set, item), evidence});
}
void SnapshotReader::take_daemon_set(const json::object& item, const std::string& evidence) {
    snapshot_.workloads.push_back({read_workload(WorkloadKind::daemon_set, item), evidence});
}
void SnapshotReader::take_replica_set(const json::object& item, const std::string& evidence) {
    snapshot_.replica_sets.push_back({read_replica_set(item), evidence});
}
void SnapshotReader::take_controller_revision(const json::object& item, const std::string& evidence) {
    snapshot_.controller_revisions.push_back({read_controller_revision(item), evidence});
}
void SnapshotReader::take_pod(const json::object& item, const std::string& evidence) {
    snapshot_.pods.push_back({read_pod(item), evidence});
}
void SnapshotReader::take_event(const json::object& item, const std::string& evidence) {
    snapshot_.events.push_back({read_event(item), evidence});
}
void SnapshotReader::take_node(const json::object& item, const std::string& evidence) {
    snapshot_.nodes.push_back({read_node(item), evidence});
}

void SnapshotReader::note_missing(const Resource& resource, const Error& error) {
    if (error.code() == ErrorCode::forbidden && resource.essential) {
        forbidden_everywhere_.insert(std::string(resource.name));
    } else if (error.code() != ErrorCode::forbidden) {
        out_.gaps.push_back(error.message());
    } else {
        out_.gaps.push_back(fmt::format("forbidden: {}", resource.name));
    }
    if (!first_error_) first_error_ = error;
}

}  // namespace pincer::infra::kubernetes
