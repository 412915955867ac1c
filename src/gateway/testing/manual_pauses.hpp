// Time that passes when a test says so, for every wait of the Gateway.
#pragma once

#include <list>
#include <memory>
#include <vector>

#include "gateway/timing/pauses.hpp"

namespace pincer::gateway::testing {

class ManualPauses final : public Pauses {
public:
    explicit ManualPauses(io::Runtime& runtime) : runtime_(runtime) {}

    Task<Result<>> pause(Millis duration) override;
    // Wakes everybody whose time has come, in the order in which it came. The caller moves the Clock.
    void advance(Millis by);
    std::size_t waiting() const { return sleepers_.size(); }
    std::vector<Millis> asked;  // every pause so far

private:
    struct Sleeper {
        Millis due;
        std::uint64_t order;
        std::shared_ptr<io::Event> event;
    };
    io::Runtime& runtime_;
    Millis now_{0};
    std::uint64_t order_ = 0;
    std::list<Sleeper> sleepers_;
};

}  // namespace pincer::gateway::testing
