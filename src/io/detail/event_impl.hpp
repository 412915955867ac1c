// The state behind an Event; io's own parts that have no Runtime at hand use it directly.
#pragma once

#include <vector>

#include "io/detail/runtime_impl.hpp"

namespace pincer::io {

class Event::Impl {
public:
    explicit Impl(detail::Executor executor) : executor_(std::move(executor)) {}

    void set();
    void reset() { set_ = false; }
    bool is_set() const { return set_; }
    // Wakes every waiter with `cancelled`, now and in future.
    void abandon();

    // The state lives as long as somebody waits on it. Errors: timed_out, cancelled.
    static Task<Result<>> wait(std::shared_ptr<Impl> self, Deadline deadline);

private:
    class Waiter;
    void wake_all();

    detail::Executor executor_;
    std::vector<Waiter*> waiters_;
    bool set_ = false;
    bool abandoned_ = false;
};

}  // namespace pincer::io
