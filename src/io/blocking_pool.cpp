#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "io/detail/event_impl.hpp"

namespace pincer::io {

class BlockingPool::Impl {
public:
    Impl(detail::Executor home_, std::size_t count) : home(std::move(home_)), threads(count) {}

    detail::Executor home;
    asio::thread_pool threads;
};

namespace {

// Runs `work` on a pool thread and hands its exception, if any, back to the coroutine that waits on the io thread.
struct StartWork {
    asio::thread_pool* threads;
    detail::Executor home;

    template <class Handler>
    void operator()(Handler handler, std::function<void()> work) {
        auto keep_running = asio::make_work_guard(home);
        auto job = [home = home, keep_running = std::move(keep_running), handler = std::move(handler),
                    work = std::move(work)]() mutable {
            std::exception_ptr failure;
            try {
                work();
            } catch (...) {
                failure = std::current_exception();
            }
            auto resume = [handler = std::move(handler), failure]() mutable { std::move(handler)(failure); };
            asio::post(home, std::move(resume));
        };
        asio::post(*threads, std::move(job));
    }
};

}  // namespace

BlockingPool::BlockingPool(Runtime& runtime, std::size_t threads)
    : impl_(std::make_unique<Impl>(runtime.impl().context.get_executor(), threads)) {}

BlockingPool::~BlockingPool() { impl_->threads.join(); }

// Not cancellable: `work` may refer to the waiting frame, which therefore stays until the work has ended.
Task<> BlockingPool::run_erased(std::function<void()> work) {
    StartWork start{&impl_->threads, impl_->home};
    const auto& token = asio::use_awaitable;
    return asio::async_initiate<const asio::use_awaitable_t<>&, void(std::exception_ptr)>(std::move(start), token,
                                                                                          std::move(work));
}

}  // namespace pincer::io
