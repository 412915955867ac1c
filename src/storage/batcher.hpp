// A thread that takes everything that waits, does it together and answers in order: group commit, for whatever is
// made durable by one fsync. `Database` and `audit::Chain` stand on it.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <thread>
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
        std::function<void()> resume;
    };
    using Batch = std::span<const std::shared_ptr<Job>>;

    // `run_batch` is called on the thread with at most `most_at_once` jobs, in the order of submit(), and must not throw.
    Batcher(io::Runtime& runtime, std::string_view name, std::size_t most_at_once, std::function<void(Batch)> run_batch);
    ~Batcher();  // does what is queued, then ends the thread
    Batcher(const Batcher&) = delete;
    Batcher& operator=(const Batcher&) = delete;

    // Completes when the job's batch has been run; the job's result is set then. Not cancellable: work that may already
    // be on its way to the disk cannot be taken back, and a caller that goes on too early could only guess.
    // Result: rate_limited (reason STORE_BUSY) when kMostWaiting jobs wait.
    Task<> submit(std::shared_ptr<Job> job);

    static constexpr std::size_t kMostWaiting = 10'000;

private:
    struct Start;
    bool enqueue(std::shared_ptr<Job> job);
    void run();

    io::Runtime& runtime_;
    const std::size_t most_at_once_;
    const std::function<void(Batch)> run_batch_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<std::shared_ptr<Job>> waiting_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace pincer::storage
