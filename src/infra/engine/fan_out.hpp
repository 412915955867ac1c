// Runs tasks side by side and waits for all of them, but not beyond a deadline: what has not ended by then is
// cancelled. join() must be awaited before it is dropped.
#pragma once

#include "io/runtime.hpp"

namespace pincer::infra {

class FanOut {
public:
    explicit FanOut(io::Runtime& runtime) : group_(runtime), all_done_(runtime) {}

    void add(Task<> task) {
        ++left_;
        group_.spawn(counted(std::move(task)));
    }

    // Afterwards nothing that was added runs any more, whether it had finished or not.
    Task<> join(Deadline deadline) {
        if (left_ > 0) (void)co_await all_done_.wait(deadline);
        co_await group_.stop();
    }

private:
    Task<> counted(Task<> task) {
        co_await std::move(task);
        if (--left_ == 0) all_done_.set();
    }

    io::TaskGroup group_;
    io::Event all_done_;
    std::size_t left_ = 0;
};

}  // namespace pincer::infra
