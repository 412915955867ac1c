// Planning: reads the object and writes down what would be done, what must still hold then, and how it is taken back.
#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "infra/engine/quoting.hpp"
#include "infra/providers/kubernetes/operations.hpp"
#include "infra/providers/kubernetes/paths.hpp"

namespace pincer::infra::kubernetes {
namespace {

constexpr OperationType kOperations[] = {
    {"kubernetes.rollout_undo", "take a Deployment back to an earlier revision", Risk::medium},
    {"kubernetes.rollout_restart", "replace all pods of a workload, one after another", Risk::medium},
    {"kubernetes.scale", "set the number of pods of a Deployment or StatefulSet", Risk::medium},
    {"kubernetes.set_image", "run another image in a workload", Risk::high},
};

constexpr std::int64_t kMostReplicas = 1000;

std::string short_digest(std::string_view digest) { return std::string(digest.substr(0, 12)); }

std::string describe(const ReplicaSet& set) {
    const Release release = read_release(set.images, set.template_annotations, set.template_labels);
    const std::string& name = release.version.empty() ? release.image : release.version;
    return fmt::format("revision {} ({})", set.revision, quote_line(name, 80));
}

std::string images_text(const std::vector<std::pair<std::string, std::string>>& images) {
    std::vector<std::string> names;
    for (const auto& [container, image] : images) names.push_back(image);
    return join(names, ", ");
}

void expect_unchanged(const Workload& w, const json::object& object, Step& step) {
    const std::string digest = digest_of_template(object);
    step.preconditions = {
        {"uid", w.meta.uid, "it is still the same object (uid " + w.meta.uid.substr(0, 8) + ")"},
        {"generation", std::to_string(w.meta.generation),
         fmt::format("its spec is unchanged (generation {})", w.meta.generation)},
        {"template", digest, "its pod template is unchanged (" + short_digest(digest) + ")"},
        {"resource_version", w.meta.resource_version,
         "nobody writes to it in the same moment (planned at resourceVersion " + w.meta.resource_version +
             "; the write carries the one read just before)"},
    };
}

// An operation on two or more replicas goes on serving meanwhile; on a single one it may not.
std::string replaced_pods(const Workload& w) {
    return fmt::format("{} pod{} of {} {} replaced, step by step under its update strategy; {} of {} are ready now",
                       w.desired, w.desired == 1 ? "" : "s", w.ref().str(), w.desired == 1 ? "is" : "are", w.ready,
                       w.desired);
}

Result<Step> plan_restart(Step step, const Workload& w) {
    step.risk = Risk::medium;
    step.summary = fmt::format("Restart {}", w.ref().str());
    step.blast_radius = replaced_pods(w);
    step.effect = "all pods are new and ready, with the same image and configuration";
    step.verify = "the rollout is observed to its end: updated = ready = desired";
    step.undo = {false, "a restart leaves nothing to take back; the pods that were replaced are gone", {}, {}};
    return step;
}

Result<Step> plan_scale(Step step, const Workload& w, std::optional<std::int64_t> replicas) {
    if (w.kind == WorkloadKind::daemon_set)
        return PINCER_FAIL(invalid_argument, "a DaemonSet runs one pod on each node; it cannot be scaled");
    if (!replicas)
        return PINCER_FAIL(invalid_argument, "say to how many pods, for example: scale {} to 3", w.meta.name);
    if (*replicas < 0 || *replicas > kMostReplicas) {
        return PINCER_FAIL(invalid_argument, "{} pods is not between 0 and {}", *replicas, kMostReplicas);
    }
    if (*replicas == w.desired) return PINCER_FAIL(conflict, "{} already asks for {} pods", w.ref().str(), w.desired);
    step.parameters = {{"replicas", *replicas}};
    step.preconditions.push_back(
        {"replicas", std::to_string(w.desired), fmt::format("it still asks for {} pods", w.desired)});
    step.risk = *replicas == 0 ? Risk::high : Risk::medium;
    step.summary = fmt::format("Scale {} from {} to {} pods", w.ref().str(), w.desired, *replicas);
    step.blast_radius = *replicas == 0 ? fmt::format("{} stops serving: all {} pods end", w.ref().str(), w.desired)
                        : *replicas < w.desired
                            ? fmt::format("{} of {} pods end", w.desired - *replicas, w.desired)
                            : fmt::format("{} pods are added; nothing that runs is touched", *replicas - w.desired);
    step.effect = fmt::format("{} pods are ready", *replicas);
    step.verify = "ready = desired";
    step.undo = {true, fmt::format("scale back to {} pods", w.desired), "kubernetes.scale", {{"replicas", w.desired}}};
    step.notes.emplace_back("a HorizontalPodAutoscaler on this workload would set the number again");
    return step;
}

// "image" for the only container, "container=image" where there are several.
Result<Step> plan_image(Step step, const Workload& w, const std::string& wish) {
    const auto equals = wish.find('=');
    std::string container = equals == std::string::npos ? "" : wish.substr(0, equals);
    const std::string image = equals == std::string::npos ? wish : wish.substr(equals + 1);
    const bool plain =
        !image.empty() && image.size() <= 512 && std::ranges::all_of(image, [](char c) { return c > ' ' && c < 127; });
    if (!plain)
        return PINCER_FAIL(invalid_argument, "name the image, for example: set image of {} to registry/name:tag",
                           w.meta.name);
    std::vector<std::string> names;
    for (const auto& [name, old] : w.images) names.push_back(name);
    if (container.empty() && names.size() == 1) container = names.front();
    if (container.empty()) {
        return PINCER_FAIL(invalid_argument, "{} has several containers ({}); write container=image", w.ref().str(),
                           join(names, ", "));
    }
    const auto at = std::ranges::find(w.images, container, &std::pair<std::string, std::string>::first);
    if (at == w.images.end()) {
        return PINCER_FAIL(not_found, "{} has no container {}; it has: {}", w.ref().str(), quote_line(container, 63),
                           join(names, ", "));
    }
    if (at->second == image) return PINCER_FAIL(conflict, "{} already runs {}", w.ref().str(), image);
    step.parameters = {{"container", container}, {"image", image}};
    step.risk = Risk::high;
    step.summary = fmt::format("Set the image of {} ({}) to {}", w.ref().str(), container, image);
    step.blast_radius = replaced_pods(w);
    step.effect = fmt::format("all pods run {} and are ready", image);
    step.verify = "the rollout is observed to its end: updated = ready = desired";
    step.undo = {true,
                 "set the image back to " + at->second,
                 "kubernetes.set_image",
                 {{"container", container}, {"image", at->second}}};
    step.notes.emplace_back("whether the image exists and starts is not known before it is tried");
    return step;
}

}  // namespace

std::span<const OperationType> Operations::operations() const { return kOperations; }

Task<Result<Step>> Operations::plan(Wish wish, Reading& out, Deadline deadline) {
    if (!wish.object) co_return PINCER_FAIL(invalid_argument, "say which workload");
    const auto kind = parse_kind(wish.object->kind);
    if (!kind) co_return PINCER_FAIL(invalid_argument, "{} is not a workload", wish.object->str());
    const std::string path = path_of(*kind, wish.object->scope, wish.object->name);
    PINCER_CO_TRY(const Fetched fetched, co_await client_.get(path, deadline));
    const Workload w = read_workload(*kind, fetched.object);

    Step step;
    step.operation = wish.operation;
    step.account = client_.account();
    step.target = w.ref();
    step.target_uid = w.meta.uid;
    expect_unchanged(w, fetched.object, step);
    std::string facts = fmt::format("generation {}, {} of {} pods ready", w.meta.generation, w.ready, w.desired);
    EvidenceBook::Item item{"k8s",         "kubernetes",    fetched.source, services_.clock.wall(),
                            w.ref().str(), std::move(facts)};
    step.evidence.push_back(out.evidence.add(std::move(item), json::value(fetched.object)));
    if (wish.operation == "kubernetes.rollout_restart") co_return plan_restart(std::move(step), w);
    if (wish.operation == "kubernetes.scale") co_return plan_scale(std::move(step), w, wish.number);
    if (wish.operation == "kubernetes.set_image") co_return plan_image(std::move(step), w, wish.text);
    if (wish.operation != "kubernetes.rollout_undo")
        co_return PINCER_FAIL(unsupported, "{} is not an operation of Kubernetes", wish.operation);
    if (*kind != WorkloadKind::deployment)
        co_return PINCER_FAIL(unsupported, "only Deployments can be rolled back so far; this is a {}", name_of(*kind));
    co_return co_await plan_undo(std::move(step), fetched.object, wish.number, out, deadline);
}

Task<Result<std::vector<json::object>>> Operations::revisions(const json::object& deployment, Reading* out,
                                                              Deadline deadline) {
    const auto* meta = json::object_at(deployment, "metadata");
    const std::string uid = json::string_or(*meta, "uid");
    const std::string space = json::string_or(*meta, "namespace");
    std::string path = fmt::format("/apis/apps/v1/namespaces/{}/replicasets", io::percent_encode(space));
    std::vector<std::pair<std::string, std::string>> query;
    if (std::string selector = selector_of(deployment); !selector.empty())
        query.emplace_back("labelSelector", std::move(selector));
    PINCER_CO_TRY(Listed listed, co_await client_.list(std::move(path), std::move(query), deadline));
    std::vector<json::object> owned;
    for (auto& item : listed.items) {
        if (read_replica_set(item).meta.owner_uid == uid) owned.push_back(std::move(item));
    }
    std::ranges::sort(owned, std::ranges::greater(),
                      [](const json::object& set) { return read_replica_set(set).revision; });
    if (out) {
        EvidenceBook::Item item{"k8s",         "kubernetes",
                                listed.source, services_.clock.wall(),
                                "replicasets", fmt::format("{} revisions", owned.size())};
        out->evidence.add(std::move(item), std::string_view(listed.bytes));
    }
    co_return owned;
}

Task<Result<Step>> Operations::plan_undo(Step step, const json::object& object, std::optional<std::int64_t> revision,
                                         Reading& out, Deadline deadline) {
    const Workload w = read_workload(WorkloadKind::deployment, object);
    if (w.paused)
        co_return PINCER_FAIL(conflict, "{} is paused; a paused Deployment cannot be rolled back", w.ref().str());
    PINCER_CO_TRY(const std::vector<json::object> sets, co_await revisions(object, &out, deadline));
    const std::string now = digest_of_template(object);
    std::vector<ReplicaSet> earlier;
    std::optional<ReplicaSet> current;
    for (const auto& set : sets) {
        ReplicaSet read = read_replica_set(set);
        if (read.template_digest == now || std::to_string(read.revision) == w.revision)
            current = std::move(read);
        else
            earlier.push_back(std::move(read));
    }
    if (earlier.empty()) co_return PINCER_FAIL(conflict, "{} has no earlier revision to go back to", w.ref().str());
    // What still serves is known to be well; otherwise the one before is taken on trust, and the plan says so.
    auto chosen = std::ranges::find_if(earlier, [](const ReplicaSet& set) { return set.ready > 0; });
    if (revision) chosen = std::ranges::find(earlier, *revision, &ReplicaSet::revision);
    if (revision && chosen == earlier.end()) {
        std::vector<std::string> known;
        for (const auto& set : earlier) known.push_back(describe(set));
        co_return PINCER_FAIL(not_found, "{} has no earlier revision {}; it has: {}", w.ref().str(), *revision,
                              join(known, ", "));
    }
    const bool proven = chosen != earlier.end() && chosen->ready > 0;
    if (chosen == earlier.end()) chosen = earlier.begin();

    step.parameters = {{"to_revision", std::to_string(chosen->revision)},
                       {"template", chosen->template_digest},
                       {"images", images_text(chosen->images)}};
    step.preconditions.push_back({"revision", std::to_string(chosen->revision) + " " + chosen->template_digest,
                                  fmt::format("revision {} is still there, unchanged ({})", chosen->revision,
                                              short_digest(chosen->template_digest))});
    step.risk = Risk::medium;
    step.summary = fmt::format("Roll back {} to {}", w.ref().str(), describe(*chosen));
    step.blast_radius = replaced_pods(w);
    step.effect =
        fmt::format("{} pods of {} are ready, none of revision {} is left", w.desired, describe(*chosen), w.revision);
    step.verify =
        "the rollout is observed to its end: updated = ready = desired, and the health verdict is taken again";
    step.notes.push_back(
        proven
            ? fmt::format("{} still serves {} ready pods, so it is known to work", describe(*chosen), chosen->ready)
            : fmt::format("{} runs no pods now: that it works is assumed because it came before", describe(*chosen)));
    step.notes.emplace_back(
        "what the new version did to data outside the cluster (migrations, queues) is not taken back");
    if (current) {
        step.undo = {true,
                     "roll forward to " + describe(*current),
                     "kubernetes.rollout_undo",
                     {{"to_revision", std::to_string(current->revision)},
                      {"template", current->template_digest},
                      {"images", images_text(current->images)}}};
    } else {
        step.undo = {false, "the ReplicaSet of what runs now is not there to go back to", {}, {}};
    }
    co_return step;
}

}  // namespace pincer::infra::kubernetes
