// One run at a time in a conversation, in the order of arrival. A run that waits for a person steps aside, so that the
// conversation goes on meanwhile, and takes its turn again once there is a decision.
#pragma once

#include <deque>
#include <memory>

#include "io/runtime.hpp"

namespace pincer::gateway {

class SessionSlot {
public:
    explicit SessionSlot(io::Runtime& runtime) : runtime_(runtime) {}

    Task<Result<>> acquire();
    void release();
    bool idle() const { return !taken_ && queue_.empty(); }

    // Somebody has been told that the conversation takes no more questions, and no run of it has ended since.
    bool told_full = false;

private:
    io::Runtime& runtime_;
    bool taken_ = false;
    std::deque<std::shared_ptr<io::Event>> queue_;
};

}  // namespace pincer::gateway
