// Re-running and cancelling workflow runs. GitHub has no conditional write for these: the run is read just before, and
// how an apply that was cut off ended is told by its attempt number and status.
#pragma once

#include "infra/providers/github/client.hpp"
#include "infra/providers/github/model.hpp"

namespace pincer::infra::github {

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
    Task<Result<Run>> read_target(const Step& step, Deadline deadline);

    Services services_;
    Client& client_;
};

}  // namespace pincer::infra::github
