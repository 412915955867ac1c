#include "storage/batcher.hpp"

#include <algorithm>
#include <iterator>

namespace pincer::storage {

Batcher::Batcher(io::Runtime& runtime, std::size_t most_at_once, std::function<void(Batch)> run_batch)
    : most_at_once_(most_at_once), run_batch_(std::move(run_batch)), thread_(runtime, 1) {}

Batcher::~Batcher() = default;

// Every job sends the thread its own errand, "see that this one is done". The first errand does all that waits by then;
// the others find theirs done and only carry the answer back, in the order in which they were sent.
Task<> Batcher::submit(std::shared_ptr<Job> job) {
    if (!enqueue(job)) {
        Error busy(ErrorCode::rate_limited, fmt::format("{} writes wait for the disk already", kMostWaiting));
        job->result = Failure(std::move(busy).with_reason("STORE_BUSY"));
        co_return;
    }
    std::function<void()> errand = [this, job] { run_until_done(*job); };
    co_await thread_.run(std::move(errand));
}

bool Batcher::enqueue(const std::shared_ptr<Job>& job) {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= kMostWaiting) return false;
    waiting_.push_back(job);
    return true;
}

void Batcher::run_until_done(const Job& job) {
    while (!job.done) {
        std::vector<std::shared_ptr<Job>> batch;
        {
            const std::lock_guard lock(mutex_);
            const auto end = waiting_.begin() + std::ptrdiff_t(std::min(waiting_.size(), most_at_once_));
            batch.assign(std::move_iterator(waiting_.begin()), std::move_iterator(end));
            waiting_.erase(waiting_.begin(), end);
        }
        run_batch_(batch);
        for (const auto& one : batch) one->done = true;
    }
}

}  // namespace pincer::storage
