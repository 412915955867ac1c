#include "gateway/runs/session_slot.hpp"

#include <algorithm>

namespace pincer::gateway {

Task<Result<>> SessionSlot::acquire() {
    if (!taken_) {
        taken_ = true;
        co_return Result<>{};
    }
    auto turn = std::make_shared<io::Event>(runtime_);
    queue_.push_back(turn);
    auto waited = co_await turn->wait();
    if (waited) co_return Result<>{};  // release() handed the slot over: it is still taken, by us now
    if (turn->is_set()) {
        release();  // handed over just as we were cancelled
    } else {
        std::erase(queue_, turn);
    }
    co_return waited;
}

void SessionSlot::release() {
    if (queue_.empty()) {
        taken_ = false;
        return;
    }
    const auto next = queue_.front();
    queue_.pop_front();
    next->set();
}

}  // namespace pincer::gateway
