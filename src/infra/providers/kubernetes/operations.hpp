// The four operations on workloads: plan (read only), check, apply, settle. One JSON Patch each, with the
// resourceVersion that was just read, so that a change in between answers 409; and a mark on the object
// (kStampAnnotation) by which an apply that was cut off is recognised later.
#pragma once

#include "infra/providers/kubernetes/client.hpp"
#include "infra/providers/kubernetes/model.hpp"

namespace pincer::infra::kubernetes {

inline constexpr std::string_view kStampAnnotation = "clanker.pincer/plan";

class Operations final : public Planner, public Applier {
public:
    Operations(Services services, Client& client) : services_(std::move(services)), client_(client) {}

    std::span<const OperationType> operations() const override;
    Task<Result<Step>> plan(Wish wish, Reading& out, Deadline deadline) override;

    Task<Result<>> check(const Step& step, Deadline deadline) override;
    Task<Result<StepReport>> apply(const Step& step, std::string stamp, Deadline deadline) override;
    Task<Result<StepReport>> settle(const Step& step, std::string stamp, Deadline deadline) override;
    Task<Result<Recovery>> recovered(const Step& step, Deadline deadline) override;

private:
    Task<Result<json::object>> read_checked(const Step& step, std::string stamp, Deadline deadline);
    Task<Result<std::vector<json::object>>> revisions(const json::object& deployment, Reading* out, Deadline deadline);
    Task<Result<Step>> plan_undo(Step step, const json::object& object, std::optional<std::int64_t> revision,
                                 Reading& out, Deadline deadline);
    Task<Result<json::array>> patch_of(const Step& step, const json::object& object, std::string stamp,
                                       Deadline deadline);

    Services services_;
    Client& client_;
};

}  // namespace pincer::infra::kubernetes
