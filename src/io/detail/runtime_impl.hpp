// What io's own .cpp files share: the io_context, the concrete Asio types, and how an error_code becomes an Error.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <memory>
#include <string>
#include <string_view>

#include "io/runtime.hpp"

namespace pincer::io {

namespace asio = boost::asio;

namespace detail {

class Resolver;

// Concrete executor types: no type erasure on the path of a message.
using Executor = asio::io_context::executor_type;
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;
using ErrorCodeAsio = boost::system::error_code;

// Every operation of ours is awaited with this: the outcome is a tuple that starts with the error code.
inline constexpr asio::as_tuple_t<asio::use_awaitable_t<>> kAwait{asio::use_awaitable};

// Asio's cancellation is an edge: an operation that starts after it knows nothing. So each operation of io asks first.
//     const auto state = co_await asio::this_coro::cancellation_state;
//     if (is_cancelled(state)) co_return cancelled_failure();
inline bool is_cancelled(const asio::cancellation_state& state) {
    return state.cancelled() != asio::cancellation_type::none;
}
Failure cancelled_failure();

// operation_aborted becomes `cancelled`; the ends of a connection become `unavailable`; the rest is `otherwise`.
Error error_from(const ErrorCodeAsio& ec, std::string_view doing, ErrorCode otherwise = ErrorCode::io);

// The io_context that the running coroutine belongs to.
inline asio::io_context& context_of(const asio::any_io_executor& executor) {
    return static_cast<asio::io_context&>(asio::query(executor, asio::execution::context));
}

// The root of every spawned task. Exceptions are not how we learn of cancellation: with this off, a cancelled operation
// answers with an error and the coroutine goes on to its own end.
Task<> without_throwing(Task<> task);
// Asio's own way of saying that a task was cancelled before its first step.
bool is_abort(std::exception_ptr exception);
[[noreturn]] void die_of(std::exception_ptr exception, std::string_view where);
std::string describe(std::exception_ptr exception);

}  // namespace detail

class Runtime::Impl {
public:
    Impl();
    ~Impl();

    asio::io_context context{1};
    asio::executor_work_guard<detail::Executor> work{context.get_executor()};
    std::shared_ptr<detail::Resolver> resolver;  // made at the first look-up; its threads may outlive us by one look-up
};

}  // namespace pincer::io
