#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include <list>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "io/detail/event_impl.hpp"

namespace pincer::io {

class TaskGroup::Impl : public std::enable_shared_from_this<Impl> {
public:
    explicit Impl(detail::Executor executor) : executor_(std::move(executor)) {}

    void spawn(Task<> task);
    void cancel();
    Task<> stop();
    std::size_t size() const { return running_.size(); }

private:
    using Signal = std::shared_ptr<asio::cancellation_signal>;

    void forget(std::list<Signal>::iterator position);

    detail::Executor executor_;
    std::list<Signal> running_;             // one for each task
    std::vector<detail::Timer*> stoppers_;  // who waits in stop()
};

void TaskGroup::Impl::spawn(Task<> task) {
    if (!stoppers_.empty()) return;  // the task is dropped unstarted: its group is going away
    const auto position = running_.insert(running_.end(), std::make_shared<asio::cancellation_signal>());
    auto when_done = [self = shared_from_this(), position](std::exception_ptr e) {
        if (e && !detail::is_abort(e)) detail::die_of(e, "a spawned task");
        self->forget(position);
    };
    auto slotted = asio::bind_cancellation_slot((*position)->slot(), std::move(when_done));
    asio::co_spawn(executor_, detail::without_throwing(std::move(task)), std::move(slotted));
}

void TaskGroup::Impl::forget(std::list<Signal>::iterator position) {
    running_.erase(position);
    if (!running_.empty()) return;
    for (detail::Timer* stopper : stoppers_) stopper->cancel();
}

void TaskGroup::Impl::cancel() {
    const std::vector<Signal> signals(running_.begin(), running_.end());  // a task may end while it is told to
    for (const Signal& signal : signals) signal->emit(asio::cancellation_type::terminal);
}

Task<> TaskGroup::Impl::stop() {
    const auto self = shared_from_this();
    detail::Timer stopper(executor_);
    stoppers_.push_back(&stopper);
    cancel();
    // Waits on even when the caller is cancelled itself: what the tasks refer to must outlive them.
    while (!running_.empty()) {
        stopper.expires_at(SteadyTime::max());
        (void)co_await stopper.async_wait(detail::kAwait);
    }
    std::erase(stoppers_, &stopper);
}

static Task<> report_failure(Task<Result<>> task, std::string name) {
    const Result<> result = co_await std::move(task);
    if (!result) log::failure(log::Level::error, name, result.error());
}

TaskGroup::TaskGroup(Runtime& runtime) : impl_(std::make_shared<Impl>(runtime.impl().context.get_executor())) {}
TaskGroup::~TaskGroup() { PINCER_ASSERT(impl_->size() == 0, "a TaskGroup is stopped before it is destroyed"); }
void TaskGroup::spawn(Task<> task) { impl_->spawn(std::move(task)); }
void TaskGroup::spawn(Task<Result<>> task, std::string_view name) {
    impl_->spawn(report_failure(std::move(task), std::string(name)));
}
void TaskGroup::cancel() { impl_->cancel(); }
Task<> TaskGroup::stop() { return impl_->stop(); }
std::size_t TaskGroup::size() const { return impl_->size(); }

}  // namespace pincer::io
