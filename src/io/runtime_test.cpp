#include "io/runtime.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <thread>
#include <vector>

namespace pincer::io {
namespace {

Task<Result<int>> value_at_once(int value) { co_return value; }

Task<Result<int>> wait_for_ever(Event& event, bool& ended) {
    const Result<> waited = co_await event.wait();
    ended = true;
    if (!waited) co_return Failure(waited.error());
    co_return 1;
}

TEST(Runtime, run_gives_back_the_exit_code_of_main) {
    Runtime runtime;
    const auto main = []() -> Task<int> {
        co_await yield();
        co_return 7;
    };
    EXPECT_EQ(runtime.run(main()), 7);
    EXPECT_EQ(runtime.run(main()), 7);  // and may be used again
}

TEST(Runtime, post_from_another_thread_runs_on_the_io_thread) {
    Runtime runtime;
    Event posted(runtime);
    std::thread::id where;
    std::jthread other([&] {
        runtime.post([&] {
            where = std::this_thread::get_id();
            posted.set();
        });
    });
    EXPECT_TRUE(runtime.run_until_done(posted.wait()));
    EXPECT_EQ(where, std::this_thread::get_id());
}

TEST(WithDeadline, gives_the_value_of_an_operation_that_is_in_time) {
    Runtime runtime;
    const auto result =
        runtime.run_until_done(with_deadline(value_at_once(3), Deadline::after(Millis(5000)), "counting"));
    ASSERT_TRUE(result);
    EXPECT_EQ(*result, 3);
}

TEST(WithDeadline, names_what_timed_out_and_waits_for_the_end_of_the_operation) {
    Runtime runtime;
    Event never(runtime);
    bool ended = false;
    auto task = with_deadline(wait_for_ever(never, ended), Deadline::after(Millis(20)), "reading the answer of db-1");
    const auto result = runtime.run_until_done(std::move(task));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), ErrorCode::timed_out);
    EXPECT_TRUE(result.error().message().starts_with("reading the answer of db-1 timed out after "))
        << result.error().message();
    EXPECT_TRUE(ended);
}

TEST(WithDeadline, a_deadline_that_has_passed_fails_without_starting) {
    Runtime runtime;
    Event never(runtime);
    bool ended = false;
    auto task = with_deadline(wait_for_ever(never, ended), Deadline(SteadyTime{}), "waiting for the past");
    const auto result = runtime.run_until_done(std::move(task));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), ErrorCode::timed_out);
    EXPECT_FALSE(ended);
}

TEST(WithDeadline, a_cancelled_parent_gives_cancelled) {
    Runtime runtime;
    Event never(runtime);
    bool ended = false;
    ErrorCode code = ErrorCode::internal;
    const auto parent = [&]() -> Task<> {
        const auto result = co_await with_deadline(wait_for_ever(never, ended), Deadline::after(Millis(60'000)), "x");
        code = result.error().code();
    };
    const auto main = [&]() -> Task<> {
        TaskGroup group(runtime);
        group.spawn(parent());
        co_await yield();
        co_await group.stop();
    };
    runtime.run_until_done(main());
    EXPECT_TRUE(ended);
    EXPECT_EQ(code, ErrorCode::cancelled);
}

TEST(WithDeadline, may_be_nested_and_the_inner_one_speaks_first) {
    Runtime runtime;
    Event never(runtime);
    bool ended = false;
    auto inner = with_deadline(wait_for_ever(never, ended), Deadline::after(Millis(10)), "inner");
    auto outer = with_deadline(std::move(inner), Deadline::after(Millis(60'000)), "outer");
    const auto result = runtime.run_until_done(std::move(outer));
    EXPECT_TRUE(result.error().message().starts_with("inner timed out after ")) << result.error().message();
}

TEST(TaskGroup, stop_cancels_every_task_and_waits_for_its_end) {
    Runtime runtime;
    int ended = 0;
    const auto sleeper = [&]() -> Task<> {
        const Result<> slept = co_await sleep_for(Millis(3'600'000));
        EXPECT_EQ(slept.error().code(), ErrorCode::cancelled);
        co_await yield();
        ++ended;
    };
    const auto main = [&]() -> Task<> {
        TaskGroup group(runtime);
        for (int i = 0; i < 100; ++i) group.spawn(sleeper());
        EXPECT_EQ(group.size(), 100u);
        co_await group.stop();
        EXPECT_EQ(group.size(), 0u);
    };
    runtime.run_until_done(main());
    EXPECT_EQ(ended, 100);
}

TEST(TaskGroup, cancellation_reaches_an_operation_that_starts_after_it) {
    Runtime runtime;
    std::vector<ErrorCode> codes;
    const auto stubborn = [&]() -> Task<> {
        for (int i = 0; i < 3; ++i) {
            const Result<> slept = co_await sleep_for(Millis(3'600'000));
            codes.push_back(slept.error().code());
        }
    };
    const auto main = [&]() -> Task<> {
        TaskGroup group(runtime);
        group.spawn(stubborn());
        co_await group.stop();
    };
    runtime.run_until_done(main());
    EXPECT_EQ(codes, std::vector<ErrorCode>(3, ErrorCode::cancelled));
}

TEST(TaskGroup, may_be_used_again_after_stop) {
    Runtime runtime;
    int ran = 0;
    const auto task = [&]() -> Task<Result<>> {
        ++ran;
        co_return Result<>();
    };
    const auto main = [&]() -> Task<> {
        TaskGroup group(runtime);
        group.spawn(task(), "first");
        co_await group.stop();
        group.spawn(task(), "second");
        co_await group.stop();
    };
    runtime.run_until_done(main());
    EXPECT_EQ(ran, 2);
}

TEST(TaskGroupDeathTest, an_exception_in_a_task_ends_the_program_with_its_message) {
    const auto throwing = []() -> Task<> {
        co_await yield();
        throw std::runtime_error("the ledger is upside down");
    };
    const auto crash = [&] {
        Runtime runtime;
        TaskGroup group(runtime);
        group.spawn(throwing());
        (void)runtime.run_until_done(sleep_for(Millis(60'000)));
    };
    EXPECT_DEATH(crash(), "the ledger is upside down");
}

TEST(Event, wakes_every_waiter_and_stays_set) {
    Runtime runtime;
    Event event(runtime);
    int woken = 0;
    const auto waiter = [&]() -> Task<> {
        if (co_await event.wait()) ++woken;
    };
    const auto main = [&]() -> Task<> {
        TaskGroup group(runtime);
        group.spawn(waiter());
        group.spawn(waiter());
        co_await yield();
        event.set();
        event.reset();  // who waited is woken all the same
        co_await yield();
        co_await yield();
        EXPECT_EQ(woken, 2);
        event.set();
        EXPECT_TRUE(co_await event.wait());
        co_await group.stop();
    };
    runtime.run_until_done(main());
}

TEST(Event, wait_ends_at_its_deadline) {
    Runtime runtime;
    Event event(runtime);
    const Result<> waited = runtime.run_until_done(event.wait(Deadline::after(Millis(5))));
    EXPECT_EQ(waited.error().code(), ErrorCode::timed_out);
}

TEST(Event, an_event_that_goes_away_wakes_its_waiters_with_cancelled) {
    Runtime runtime;
    auto event = std::make_unique<Event>(runtime);
    ErrorCode code = ErrorCode::internal;
    const auto waiter = [&]() -> Task<> {
        const Result<> waited = co_await event->wait();
        code = waited.error().code();
    };
    const auto main = [&]() -> Task<> {
        TaskGroup group(runtime);
        group.spawn(waiter());
        co_await yield();
        event.reset();
        co_await yield();
        co_await yield();
        EXPECT_EQ(group.size(), 0u);
        co_await group.stop();
    };
    runtime.run_until_done(main());
    EXPECT_EQ(code, ErrorCode::cancelled);
}

TEST(BlockingPool, work_runs_on_another_thread_and_its_value_comes_back) {
    Runtime runtime;
    BlockingPool pool(runtime, 2);
    std::function<std::thread::id()> work = [] { return std::this_thread::get_id(); };
    const auto where = runtime.run_until_done(pool.run(std::move(work)));
    EXPECT_NE(where, std::this_thread::get_id());
}

TEST(BlockingPool, many_pieces_of_work_all_come_back) {
    Runtime runtime;
    BlockingPool pool(runtime, 3);
    std::atomic<int> ran{0};
    int came_back = 0;
    const auto one = [&]() -> Task<> {
        std::function<void()> work = [&ran] { ++ran; };
        co_await pool.run(std::move(work));
        ++came_back;
    };
    const auto main = [&]() -> Task<> {
        TaskGroup group(runtime);
        for (int i = 0; i < 200; ++i) group.spawn(one());
        co_await group.stop();  // the pool's work is not cancellable, so all of it ends
    };
    runtime.run_until_done(main());
    EXPECT_EQ(ran, came_back);
}

TEST(Signals, the_first_of_the_named_signals_is_given_back) {
    Runtime runtime;
    const auto sender = []() -> Task<> {
        co_await yield();
        ::raise(SIGHUP);
    };
    const auto main = [&]() -> Task<int> {
        TaskGroup group(runtime);
        auto waiting = wait_for_signal({SIGHUP, SIGTERM});
        group.spawn(sender());
        const Result<int> signal = co_await std::move(waiting);
        co_await group.stop();
        co_return signal.value_or(0);
    };
    EXPECT_EQ(runtime.run(main()), SIGHUP);
}

}  // namespace
}  // namespace pincer::io
