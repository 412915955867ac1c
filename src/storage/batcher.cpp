#include "storage/batcher.hpp"

#include <pthread.h>

#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <iterator>

namespace pincer::storage {

namespace asio = boost::asio;

Batcher::Batcher(io::Runtime& runtime, std::string_view name, std::size_t most_at_once, std::function<void(Batch)> run_batch)
    : runtime_(runtime), most_at_once_(most_at_once), run_batch_(std::move(run_batch)), thread_([this] { run(); }) {
    ::pthread_setname_np(thread_.native_handle(), std::string(name.substr(0, 15)).c_str());
}

Batcher::~Batcher() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

// Called by Asio when the coroutine has come to rest; `handler` makes it go on, and may be called on the io thread only.
struct Batcher::Start {
    Batcher* batcher;

    template <class Handler>
    void operator()(Handler handler, std::shared_ptr<Job> job) {
        // std::function wants something that can be copied; there is one owner in truth.
        auto owned = std::make_shared<Handler>(std::move(handler));
        job->resume = [owned] { std::move(*owned)(); };
        if (batcher->enqueue(job)) return;
        Error busy(ErrorCode::rate_limited, fmt::format("{} writes wait for the disk already", kMostWaiting));
        job->result = Failure(std::move(busy).with_reason("STORE_BUSY"));
        batcher->runtime_.post(std::exchange(job->resume, nullptr));
    }
};

Task<> Batcher::submit(std::shared_ptr<Job> job) {
    Start start{this};
    const auto& token = asio::use_awaitable;
    return asio::async_initiate<const asio::use_awaitable_t<>&, void()>(std::move(start), token, std::move(job));
}

bool Batcher::enqueue(std::shared_ptr<Job> job) {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= kMostWaiting) return false;
    waiting_.push_back(std::move(job));
    if (waiting_.size() == 1) wake_.notify_one();
    return true;
}

void Batcher::run() {
    for (;;) {
        std::vector<std::shared_ptr<Job>> batch;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
            if (waiting_.empty()) return;
            const auto end = waiting_.begin() + std::ptrdiff_t(std::min(waiting_.size(), most_at_once_));
            batch.assign(std::move_iterator(waiting_.begin()), std::move_iterator(end));
            waiting_.erase(waiting_.begin(), end);
        }
        run_batch_(batch);
        runtime_.post([batch = std::move(batch)] {
            for (const auto& job : batch) std::exchange(job->resume, nullptr)();
        });
    }
}

}  // namespace pincer::storage
