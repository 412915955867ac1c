#include "io/detail/event_impl.hpp"

namespace pincer::io {

// One waiting coroutine: a timer that stands at the deadline and is cancelled to wake it early. It lives in the
// coroutine's frame and takes itself off the list, however the frame ends.
class Event::Impl::Waiter {
public:
    Waiter(Impl& event, Deadline deadline) : timer(event.executor_), event_(event) {
        timer.expires_at(deadline.at());
        event_.waiters_.push_back(this);
    }
    ~Waiter() { std::erase(event_.waiters_, this); }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    detail::Timer timer;
    bool woken = false;

private:
    Impl& event_;
};

void Event::Impl::wake_all() {
    for (Waiter* waiter : waiters_) {
        waiter->woken = true;
        waiter->timer.cancel();
    }
}

void Event::Impl::set() {
    set_ = true;
    wake_all();
}

void Event::Impl::abandon() {
    abandoned_ = true;
    wake_all();
}

Task<Result<>> Event::Impl::wait(std::shared_ptr<Impl> self, Deadline deadline) {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (detail::is_cancelled(state) || self->abandoned_) co_return detail::cancelled_failure();
    if (self->set_) co_return Result<>();
    const Millis allowed = deadline.left();
    Waiter waiter(*self, deadline);
    auto [ec] = co_await waiter.timer.async_wait(detail::kAwait);
    if (self->abandoned_) co_return detail::cancelled_failure();
    if (waiter.woken) co_return Result<>();
    if (ec) co_return detail::cancelled_failure();
    co_return detail::timed_out_failure("waiting", allowed);
}

Event::Event(Runtime& runtime) : impl_(std::make_shared<Impl>(runtime.impl().context.get_executor())) {}
Event::~Event() { impl_->abandon(); }
void Event::set() { impl_->set(); }
void Event::reset() { impl_->reset(); }
bool Event::is_set() const { return impl_->is_set(); }
Task<Result<>> Event::wait(Deadline deadline) { return Impl::wait(impl_, deadline); }

}  // namespace pincer::io
