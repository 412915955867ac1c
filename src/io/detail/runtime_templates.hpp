// Bodies of runtime.hpp's templates: each only carries a value over to the erased function that does the work.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <optional>
#include <string>

#include "base/assert.hpp"

namespace pincer::io {

namespace detail {

enum class Ending { done, deadline_passed, cancelled };
// Runs `op` as a task of its own that is cancelled once the deadline passes or the caller is cancelled; waits for its
// end in either case, so nothing that `op` refers to is left in use.
Task<Ending> run_until(Task<> op, Deadline deadline);
Failure timed_out_failure(std::string_view what, Millis allowed, std::string_view reason = {});
Failure cancelled_failure();

template <class T>
Task<> store_into(Task<T> op, std::optional<T>& out) {
    T value = co_await std::move(op);
    out.emplace(std::move(value));
}

template <class T>
Task<Result<T>> with_deadline_named(Task<Result<T>> op, Deadline deadline, std::string what) {
    const Millis allowed = deadline.left();
    if (deadline.passed()) co_return timed_out_failure(what, Millis(0));
    std::optional<Result<T>> result;
    Task<> stored = store_into(std::move(op), result);
    const Ending ending = co_await run_until(std::move(stored), deadline);
    const bool kept = result && (result->has_value() || result->error().code() == ErrorCode::outcome_unknown);
    if (ending == Ending::deadline_passed && !kept) co_return timed_out_failure(what, allowed);
    if (!result) co_return cancelled_failure();
    co_return std::move(*result);
}

}  // namespace detail

template <class T>
T Runtime::run_until_done(Task<T> task) {
    if constexpr (std::is_void_v<T>) {
        run_to_end(std::move(task));
    } else {
        std::optional<T> value;
        run_to_end(detail::store_into(std::move(task), value));
        PINCER_ASSERT(value.has_value(), "run_to_end returns once the task has stored its value");
        return std::move(*value);
    }
}

template <class T>
Task<Result<T>> with_deadline(Task<Result<T>> op, Deadline deadline, std::string_view what) {
    if (deadline.is_never()) return op;
    return detail::with_deadline_named(std::move(op), deadline, std::string(what));
}

template <class T>
Task<T> BlockingPool::run(std::function<T()> work) {
    if constexpr (std::is_void_v<T>) {
        co_await run_erased(std::move(work));
    } else {
        std::optional<T> value;
        std::function<void()> erased = [&value, &work] { value.emplace(work()); };
        co_await run_erased(std::move(erased));
        co_return std::move(*value);
    }
}

}  // namespace pincer::io
