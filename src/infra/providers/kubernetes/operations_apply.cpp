// Applying, and finding out afterwards whether it was applied.
#include <algorithm>

#include "base/text.hpp"
#include "infra/engine/quoting.hpp"
#include "infra/providers/kubernetes/operations.hpp"
#include "infra/providers/kubernetes/paths.hpp"

namespace pincer::infra::kubernetes {
namespace {

constexpr int kAttempts = 4;  // a status update between read and write is not somebody else's change

std::string stamp_of(const json::object& object) {
    return json::string_at_path(json::value(object), {"metadata", "annotations", kStampAnnotation});
}

const Precondition* precondition(const Step& step, std::string_view kind) {
    const auto at = std::ranges::find(step.preconditions, kind, &Precondition::kind);
    return at == step.preconditions.end() ? nullptr : &*at;
}

Failure stale(std::string message) {
    return Failure(Error(ErrorCode::conflict, std::move(message)).with_reason("PRECONDITION_FAILED"));
}

Result<> still_holds(const Step& step, const Workload& w, const json::object& object) {
    if (w.meta.uid != step.target_uid)
        return stale(fmt::format("{} is another object now than the one that was planned for", w.ref().str()));
    const auto* generation = precondition(step, "generation");
    if (!generation || generation->value != std::to_string(w.meta.generation)) {
        return stale(
            fmt::format("{} was changed after the plan was made: it is at generation {}, the plan was made at {}",
                        w.ref().str(), w.meta.generation, generation ? generation->value : "?"));
    }
    const auto* image = precondition(step, "template");
    if (!image || image->value != digest_of_template(object))
        return stale(w.ref().str() + " has another pod template than when the plan was made");
    const auto* replicas = precondition(step, "replicas");
    if (replicas && replicas->value != std::to_string(w.desired)) {
        return stale(
            fmt::format("{} asks for {} pods now, the plan was made at {}", w.ref().str(), w.desired, replicas->value));
    }
    return {};
}

json::object annotations_of(const json::object& object) {
    const auto* meta = json::object_at(object, "metadata");
    const auto* found = meta ? json::object_at(*meta, "annotations") : nullptr;
    return found ? *found : json::object();
}

// As kubectl: the annotations of the revision come back with it, but for what describes the Deployment itself.
json::object annotations_of_undo(const json::object& deployment, const json::object& set) {
    constexpr std::string_view kOwn[] = {"kubectl.kubernetes.io/last-applied-configuration",
                                         "deployment.kubernetes.io/revision",
                                         "deployment.kubernetes.io/revision-history",
                                         "deployment.kubernetes.io/desired-replicas",
                                         "deployment.kubernetes.io/max-replicas",
                                         "deprecated.deployment.rollback.to"};
    json::object merged;
    for (const auto& [key, value] : annotations_of(deployment)) {
        if (std::ranges::find(kOwn, std::string_view(key)) != std::end(kOwn)) merged[key] = value;
    }
    for (const auto& [key, value] : annotations_of(set)) {
        if (std::ranges::find(kOwn, std::string_view(key)) == std::end(kOwn)) merged[key] = value;
    }
    return merged;
}

json::object operation(std::string_view op, std::string path, json::value value) {
    return {{"op", op}, {"path", std::move(path)}, {"value", std::move(value)}};
}

Result<std::size_t> container_index(const json::object& object, std::string_view name) {
    const Workload w = read_workload(WorkloadKind::deployment, object);
    for (std::size_t i = 0; i < w.images.size(); ++i) {
        if (w.images[i].first == name) return i;
    }
    return stale(fmt::format("the container {} is not there any more", quote_line(name, 63)));
}

bool shows_effect(const Step& step, const Workload& w, const json::object& object) {
    if (step.operation == "kubernetes.rollout_undo")
        return digest_of_template(object) == json::string_or(step.parameters, "template");
    if (step.operation == "kubernetes.scale")
        return w.desired == json::int_at(step.parameters, "replicas").value_or(-1);
    if (step.operation == "kubernetes.set_image") {
        const std::pair<std::string, std::string> wanted(json::string_or(step.parameters, "container"),
                                                         json::string_or(step.parameters, "image"));
        return std::ranges::find(w.images, wanted) != w.images.end();
    }
    const auto* before = precondition(step, "template");
    return before && before->value != digest_of_template(object);
}

}  // namespace

// The object as it is now, once it is sure that it is the one that was planned for and nobody changed it since.
Task<Result<json::object>> Operations::read_checked(const Step& step, std::string stamp, Deadline deadline) {
    if (step.account != client_.account()) {
        co_return Failure(
            Error(ErrorCode::refused, "the plan was made for another cluster than the one that is connected now")
                .with_reason("ACCOUNT_MISMATCH"));
    }
    const auto kind = parse_kind(step.target.kind);
    if (!kind) co_return PINCER_FAIL(invalid_argument, "{} is not a workload", step.target.str());
    const std::string path = path_of(*kind, step.target.scope, step.target.name);
    PINCER_CO_TRY(Fetched fetched, co_await client_.get(path, deadline));
    const Workload w = read_workload(*kind, fetched.object);
    if (!stamp.empty() && stamp_of(fetched.object) == stamp) co_return std::move(fetched.object);
    PINCER_CO_CHECK(still_holds(step, w, fetched.object));
    co_return std::move(fetched.object);
}

Task<Result<>> Operations::check(const Step& step, Deadline deadline) {
    PINCER_CO_TRY(const json::object object, co_await read_checked(step, "", deadline));
    if (step.operation != "kubernetes.rollout_undo") co_return Result<>{};
    auto patch = co_await patch_of(step, object, "", deadline);
    if (!patch) co_return Failure(std::move(patch).error());
    co_return Result<>{};
}

Task<Result<json::array>> Operations::patch_of(const Step& step, const json::object& object, std::string stamp,
                                               Deadline deadline) {
    const std::string version = json::string_at_path(json::value(object), {"metadata", "resourceVersion"});
    json::array patch{operation("replace", "/metadata/resourceVersion", json::value(version))};
    json::object annotations = annotations_of(object);
    if (step.operation == "kubernetes.rollout_undo") {
        const std::string wanted = json::string_or(step.parameters, "template");
        PINCER_CO_TRY(const std::vector<json::object> sets, co_await revisions(object, nullptr, deadline));
        const auto at =
            std::ranges::find_if(sets, [&](const json::object& set) { return digest_of_template(set) == wanted; });
        if (at == sets.end()) co_return stale("the revision to go back to is not there any more, or was changed");
        patch.push_back(operation("replace", "/spec/template", plain_template(*at)));
        annotations = annotations_of_undo(object, *at);
    } else if (step.operation == "kubernetes.rollout_restart") {
        json::object marks;
        const json::value whole(object);
        if (const auto* found = json::find_path(whole, {"spec", "template", "metadata", "annotations"});
            found && found->is_object())
            marks = found->get_object();
        marks["kubectl.kubernetes.io/restartedAt"] = to_rfc3339(services_.clock.wall());
        patch.push_back(operation("add", "/spec/template/metadata/annotations", std::move(marks)));
    } else if (step.operation == "kubernetes.scale") {
        patch.push_back(operation("replace", "/spec/replicas", json::int_at(step.parameters, "replicas").value_or(0)));
    } else if (step.operation == "kubernetes.set_image") {
        PINCER_CO_TRY(const std::size_t index, container_index(object, json::string_or(step.parameters, "container")));
        std::string where = fmt::format("/spec/template/spec/containers/{}/image", index);
        patch.push_back(operation("replace", std::move(where), json::value(json::string_or(step.parameters, "image"))));
    } else {
        co_return PINCER_FAIL(unsupported, "{} is not an operation of Kubernetes", step.operation);
    }
    annotations[kStampAnnotation] = stamp;
    patch.push_back(operation("add", "/metadata/annotations", std::move(annotations)));
    co_return patch;
}

Task<Result<StepReport>> Operations::apply(const Step& step, std::string stamp, Deadline deadline) {
    const auto kind = parse_kind(step.target.kind);
    if (!kind) co_return PINCER_FAIL(invalid_argument, "{} is not a workload", step.target.str());
    const std::string path = path_of(*kind, step.target.scope, step.target.name);
    for (int attempt = 1;; ++attempt) {
        PINCER_CO_TRY(const json::object object, co_await read_checked(step, stamp, deadline));
        if (stamp_of(object) == stamp) {
            StepReport already{StepState::done, "the object already carries the mark of this plan"};
            co_return already;
        }
        PINCER_CO_TRY(json::array patch, co_await patch_of(step, object, stamp, deadline));
        auto changed = co_await client_.json_patch(path, std::move(patch), deadline);
        // A conflict is a definite no; only the status may have moved, so what the plan rests on is checked again.
        if (!changed && changed.error().code() == ErrorCode::conflict && attempt < kAttempts) continue;
        if (!changed) co_return Failure(std::move(changed).error());
        const Workload after = read_workload(*kind, *changed);
        StepReport report{StepState::done,
                          fmt::format("{} accepted at generation {}, resourceVersion {}", step.target.str(),
                                      after.meta.generation, after.meta.resource_version)};
        co_return report;
    }
}

Task<Result<StepReport>> Operations::settle(const Step& step, std::string stamp, Deadline deadline) {
    if (step.account != client_.account()) {
        co_return Failure(
            Error(ErrorCode::refused, "the plan was applied to another cluster than the one that is connected now")
                .with_reason("ACCOUNT_MISMATCH"));
    }
    const auto kind = parse_kind(step.target.kind);
    if (!kind) co_return PINCER_FAIL(invalid_argument, "{} is not a workload", step.target.str());
    const std::string path = path_of(*kind, step.target.scope, step.target.name);
    auto fetched = co_await client_.get(path, deadline);
    if (!fetched && fetched.error().code() == ErrorCode::not_found) {
        StepReport gone{StepState::unknown,
                        step.target.str() + " is not there any more, so it cannot be seen whether the change was made"};
        co_return gone;
    }
    if (!fetched) co_return Failure(std::move(fetched).error());
    const Workload w = read_workload(*kind, fetched->object);
    StepReport report;
    if (stamp_of(fetched->object) == stamp) {
        report = {StepState::done,
                  fmt::format("{} carries the mark of this plan (generation {})", w.ref().str(), w.meta.generation)};
    } else if (still_holds(step, w, fetched->object)) {
        report = {StepState::not_applied,
                  fmt::format("{} is as it was before (generation {})", w.ref().str(), w.meta.generation)};
    } else {
        const std::string_view like =
            shows_effect(step, w, fetched->object) ? "looks as the plan wants it" : "was changed by somebody";
        report = {StepState::unknown, fmt::format("{} {}, but carries no mark of this plan (generation {})",
                                                  w.ref().str(), like, w.meta.generation)};
    }
    co_return report;
}

Task<Result<Recovery>> Operations::recovered(const Step& step, Deadline deadline) {
    const auto kind = parse_kind(step.target.kind);
    if (!kind) co_return PINCER_FAIL(invalid_argument, "{} is not a workload", step.target.str());
    const std::string path = path_of(*kind, step.target.scope, step.target.name);
    PINCER_CO_TRY(const Fetched fetched, co_await client_.get(path, deadline));
    const Workload w = read_workload(*kind, fetched.object);
    // Somebody else's later change makes our expectation void.
    if (!shows_effect(step, w, fetched.object)) co_return Recovery::unknown;
    co_return w.settled() ? Recovery::recovered : Recovery::not_yet;
}

}  // namespace pincer::infra::kubernetes
