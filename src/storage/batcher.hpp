// A thread that takes everything that waits, does it together and answers in order: group commit, for whatever is
// made durable by one fsync. `Database` and `audit::Chain` stand on it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "io/runtime.hpp"

namespace pincer::storage {

class Batcher {
public:
    // What is to be done; derive and add fields. The batch function sets `result`, the waiting coroutine reads it.
    struct Job {
        virtual ~Job() = default;
        Result<> result;

    private:
        friend class Batcher;
        bool done = false;  // the thread's own
    };
    using Batch = std::span<const std::shared_ptr<Job>>;

    // `run_batch` is called on the thread with at most `most_at_once` jobs, in the order of submit(), and must not
    // throw.
    Batcher(io::Runtime& runtime, std::size_t most_at_once, std::function<void(Batch)> run_batch);
    ~Batcher();  // does what is queued, then ends the thread
    Batcher(const Batcher&) = delete;
    Batcher& operator=(const Batcher&) = delete;

    // Completes when the job's batch has been run; the job's result is set then. Not cancellable: work that may already
    // be on its way to the disk cannot be taken back, and a caller that goes on too early could only guess.
    // Result: rate_limited (reason STORE_BUSY) when kMostWaiting jobs wait.
    Task<> submit(std::shared_ptr<Job> job);

    static constexpr std::size_t kMostWaiting = 10'000;

private:
    bool enqueue(const std::shared_ptr<Job>& job);
    void run_until_done(const Job& job);

    const std::size_t most_at_once_;
    const std::function<void(Batch)> run_batch_;
    std::mutex mutex_;
    std::vector<std::shared_ptr<Job>> waiting_;  // guarded by mutex_
    io::BlockingPool thread_;                    // one; last, so that it ends before what it uses
};

}  // namespace pincer::storage
