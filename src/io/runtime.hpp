// The one io thread and the tasks on it. All product state lives on this thread, so nothing in it needs a mutex.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "io/deadline.hpp"
#include "io/task.hpp"

namespace pincer::io {

class Runtime {
public:
    Runtime();
    ~Runtime();
    Runtime(const Runtime&) = delete;
    Runtime& operator=(const Runtime&) = delete;

    // Runs `main` and everything spawned until `main` has finished. Exceptions that escape it terminate (a bug).
    int run(Task<int> main);
    // Tests: runs `task` to its end and gives back its value.
    template <class T>
    T run_until_done(Task<T> task);

    // From any thread: `work` runs on the io thread, soon.
    void post(std::function<void()> work);

    class Impl;  // io's own .cpp files know it; see io/detail/runtime_impl.hpp
    Impl& impl() { return *impl_; }

private:
    void run_to_end(Task<> task);
    std::unique_ptr<Impl> impl_;
};

// Waits. Both end early with `cancelled` when the task is cancelled.
Task<Result<>> sleep_for(Millis duration);
Task<Result<>> sleep_until(Deadline when);
// Lets others run, then goes on.
Task<> yield();

// `op`, or timed_out with the message "<what> timed out after <n>" once the deadline passes; `op` is then cancelled.
template <class T>
Task<Result<T>> with_deadline(Task<Result<T>> op, Deadline deadline, std::string_view what);

// Owns tasks. stop() cancels them all and waits until each has ended; the destructor asserts that none is left.
// A task that ends with an exception is a bug and terminates the program, with its message.
class TaskGroup {
public:
    explicit TaskGroup(Runtime& runtime);
    ~TaskGroup();
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;

    void spawn(Task<> task);
    void spawn(Task<Result<>> task, std::string_view name);  // a failure other than cancelled is logged with the name
    void cancel();
    Task<> stop();
    std::size_t size() const;

    class Impl;

private:
    std::shared_ptr<Impl> impl_;
};

// One coroutine waits, another wakes it (manual-reset). For state changes on the io thread.
class Event {
public:
    explicit Event(Runtime& runtime);
    ~Event();
    void set();
    void reset();
    bool is_set() const;
    Task<Result<>> wait(Deadline deadline = Deadline::never());

    class Impl;

private:
    std::shared_ptr<Impl> impl_;
};

// Threads for what blocks (SQLite commits, password hashing, file trees). The function runs on a pool thread and must
// touch only what it was given; the coroutine goes on, on the io thread, with its result.
class BlockingPool {
public:
    BlockingPool(Runtime& runtime, std::size_t threads);
    ~BlockingPool();  // waits for what is running
    template <class T>
    Task<T> run(std::function<T()> work);

private:
    Task<> run_erased(std::function<void()> work);
    class Impl;
    std::unique_ptr<Impl> impl_;
};

// Completes with the signal number at the first SIGINT, SIGTERM (or SIGHUP).
Task<Result<int>> wait_for_signal(std::initializer_list<int> signals);

}  // namespace pincer::io

#include "io/detail/runtime_templates.hpp"
