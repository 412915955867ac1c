#include "io/runtime.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>

#include <malloc.h>

#include <csignal>
#include <cstdlib>

#include "base/log.hpp"
#include "io/detail/resolver.hpp"
#include "io/detail/runtime_impl.hpp"

namespace pincer::io {

namespace detail {

Failure cancelled_failure() { return PINCER_FAIL(cancelled, "cancelled"); }

Failure timed_out_failure(std::string_view what, Millis allowed, std::string_view reason) {
    Error error(ErrorCode::timed_out, fmt::format("{} timed out after {}", what, format_duration(allowed)));
    return Failure(std::move(error).with_reason(std::string(reason)));
}

Error error_from(const ErrorCodeAsio& ec, std::string_view doing, ErrorCode otherwise) {
    if (ec == asio::error::operation_aborted) return Error(ErrorCode::cancelled, "cancelled");
    const bool gone = ec == asio::error::eof || ec == asio::error::connection_reset || ec == asio::error::broken_pipe ||
                      ec == asio::error::connection_aborted || ec == asio::error::not_connected ||
                      ec == asio::error::bad_descriptor;
    if (gone) return Error(ErrorCode::unavailable, fmt::format("{}: the other side closed the connection", doing));
    return Error(otherwise, fmt::format("{}: {}", doing, ec.message()));
}

std::string describe(std::exception_ptr exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "an exception of unknown type";
    }
}

void die_of(std::exception_ptr exception, std::string_view where) {
    const std::string why = describe(exception);
    std::fprintf(stderr, "bug: an exception escaped %.*s: %s\n", int(where.size()), where.data(), why.c_str());
    std::abort();
}

bool is_abort(std::exception_ptr exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const boost::system::system_error& e) {
        return e.code() == asio::error::operation_aborted;
    } catch (...) {
        return false;
    }
}

Task<> without_throwing(Task<> task) {
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await std::move(task);
}

// One run_until: shared by the waiting coroutine, the operation's end and the timer, whichever comes last.
struct Race {
    explicit Race(const Executor& executor) : timer(executor) {}
    asio::cancellation_signal signal;
    Timer timer;
    bool ended = false;
    bool deadline_passed = false;
};

struct StartRace {
    std::shared_ptr<Race> race;
    SteadyTime at;

    template <class Handler>
    void operator()(Handler handler, Task<> op) {
        auto slot = asio::get_associated_cancellation_slot(handler);
        if (slot.is_connected()) {
            slot.assign([race = race](asio::cancellation_type type) { race->signal.emit(type); });
        }
        const Executor executor = race->timer.get_executor();
        race->timer.expires_at(at);
        race->timer.async_wait([race = race](ErrorCodeAsio) {
            if (race->ended) return;
            race->deadline_passed = true;
            race->signal.emit(asio::cancellation_type::terminal);
        });
        auto when_done = [race = race, handler = std::move(handler)](std::exception_ptr e) mutable {
            race->ended = true;
            race->timer.cancel();
            if (e && is_abort(e)) e = nullptr;  // cancelled before its first step
            std::move(handler)(e);
        };
        auto slotted = asio::bind_cancellation_slot(race->signal.slot(), std::move(when_done));
        asio::co_spawn(executor, without_throwing(std::move(op)), std::move(slotted));
    }
};

Task<Ending> run_until(Task<> op, Deadline deadline) {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (is_cancelled(state)) co_return Ending::cancelled;
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    auto race = std::make_shared<Race>(context_of(executor).get_executor());
    StartRace start{race, deadline.at()};
    const auto& token = asio::use_awaitable;
    Task<> raced = asio::async_initiate<const asio::use_awaitable_t<>&, void(std::exception_ptr)>(std::move(start),
                                                                                                  token, std::move(op));
    co_await std::move(raced);
    co_return race->deadline_passed ? Ending::deadline_passed : Ending::done;
}

}  // namespace detail

using detail::ErrorCodeAsio;
using detail::Executor;
using detail::kAwait;
using detail::Timer;

Runtime::Impl::Impl() = default;

Runtime::Impl::~Impl() {
    if (resolver) resolver->shut_down();
}

namespace {
constexpr int kKeptHeapBytes = 2 << 20;
}

Runtime::Runtime() : impl_(std::make_unique<Impl>()) {
    std::signal(SIGPIPE, SIG_IGN);  // a peer that went away is an error code of the write
    // The next message wants the memory of the last one: it is given back to the kernel only beyond this.
    ::mallopt(M_TRIM_THRESHOLD, kKeptHeapBytes);
    ::mallopt(M_MMAP_THRESHOLD, kKeptHeapBytes / 2);
}

Runtime::~Runtime() = default;

int Runtime::run(Task<int> main) { return run_until_done(std::move(main)); }

void Runtime::post(std::function<void()> work) { asio::post(impl_->context, std::move(work)); }

void Runtime::run_to_end(Task<> task) {
    bool done = false;
    asio::co_spawn(impl_->context, detail::without_throwing(std::move(task)), [&done](std::exception_ptr e) {
        if (e) detail::die_of(e, "the main task");
        done = true;
    });
    impl_->context.restart();
    while (!done) impl_->context.run_one();
    impl_->context.poll();  // lets what was cancelled at the end say so
}

Task<Result<>> sleep_until(Deadline when) {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (detail::is_cancelled(state)) co_return detail::cancelled_failure();
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    Timer timer(detail::context_of(executor).get_executor());
    timer.expires_at(when.at());
    auto [ec] = co_await timer.async_wait(kAwait);
    if (ec) co_return detail::cancelled_failure();
    co_return Result<>();
}

Task<Result<>> sleep_for(Millis duration) { return sleep_until(Deadline::after(duration)); }

Task<> yield() {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
}

static Task<Result<int>> wait_for_one_of(std::vector<int> signals) {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (detail::is_cancelled(state)) co_return detail::cancelled_failure();
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    asio::basic_signal_set<Executor> set(detail::context_of(executor).get_executor());
    for (const int signal : signals) {
        ErrorCodeAsio ec;
        set.add(signal, ec);
        if (ec) co_return PINCER_FAIL(invalid_argument, "waiting for signal {}: {}", signal, ec.message());
    }
    auto [ec, signal] = co_await set.async_wait(kAwait);
    if (ec) co_return detail::cancelled_failure();
    co_return signal;
}

// Not itself a coroutine: the list's storage ends with the caller's expression.
Task<Result<int>> wait_for_signal(std::initializer_list<int> signals) {
    return wait_for_one_of(std::vector<int>(signals));
}

}  // namespace pincer::io
