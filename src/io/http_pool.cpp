#include "io/detail/http_pool.hpp"

#include <algorithm>

namespace pincer::io::detail {

Lease::~Lease() {
    if (pool_) pool_->free_place(origin_);
}

void Lease::give_back() {
    const auto pool = std::move(pool_);
    pool->keep(origin_, std::move(connection_));
}

HttpPool::HttpPool(Runtime& runtime, HttpClientOptions options)
    : runtime_(runtime), options_(std::move(options)), sweeper_(runtime.impl().context.get_executor()) {}

void HttpPool::close() {
    closed_ = true;
    sweeper_.cancel();
    for (auto& [key, origin] : origins_) {
        origin.places -= origin.idle.size();
        origin.idle.clear();
    }
}

void HttpPool::wake_one(Origin& origin) {
    if (origin.waiting.empty()) return;
    const auto next = std::move(origin.waiting.front());
    origin.waiting.pop_front();
    next->set();
}

void HttpPool::free_place(const std::string& key) {
    Origin& origin = origins_[key];
    --origin.places;
    wake_one(origin);
    if (origin.places == 0 && origin.waiting.empty()) origins_.erase(key);
}

void HttpPool::keep(const std::string& key, std::unique_ptr<ClientConnection> connection) {
    if (closed_) return free_place(key);
    Origin& origin = origins_[key];
    connection->idle_since = std::chrono::steady_clock::now();
    origin.idle.push_back(std::move(connection));
    wake_one(origin);
    arm_sweeper();
}

std::unique_ptr<ClientConnection> HttpPool::take_idle(Origin& origin) {
    while (!origin.idle.empty()) {
        auto connection = std::move(origin.idle.back());
        origin.idle.pop_back();
        const bool expired = std::chrono::steady_clock::now() - connection->idle_since >= options_.idle_timeout;
        if (!expired && !connection->stream.is_stale()) return connection;
        --origin.places;
    }
    return nullptr;
}

Task<Result<>> HttpPool::wait_for_place(std::string key, Deadline deadline) {
    const auto turn = std::make_shared<Event::Impl>(runtime_.impl().context.get_executor());
    origins_[key].waiting.push_back(turn);
    const Result<> waited = co_await Event::Impl::wait(turn, deadline);
    if (waited) co_return Result<>();
    Origin& origin = origins_[key];
    if (turn->is_set()) wake_one(origin);  // it was our turn and we are leaving
    std::erase(origin.waiting, turn);
    co_return waited;
}

Task<Result<Lease>> HttpPool::lease(Url url, Reuse reuse, Deadline deadline) {
    const auto self = shared_from_this();
    const std::string key = url.origin();
    const Millis allowed = deadline.left();
    for (;;) {
        Origin& origin = origins_[key];
        auto idle = take_idle(origin);
        const bool full = origin.places >= options_.connections_per_origin;
        if (idle && reuse == Reuse::allowed) {
            Lease lease(self, key);
            lease.connection_ = std::move(idle);
            lease.used_before_ = true;
            co_return lease;
        }
        if (idle && full) {
            idle.reset();  // closed, to make room for a new one
            --origin.places;
        } else if (idle) {
            origin.idle.push_back(std::move(idle));
        }
        if (origin.places < options_.connections_per_origin) break;
        const Result<> waited = co_await wait_for_place(key, deadline);
        if (!waited && waited.error().code() == ErrorCode::timed_out) {
            co_return timed_out_failure(fmt::format("waiting for a free connection to {}", url.host), allowed,
                                        "CONNECT_TIMEOUT");
        }
        if (!waited) co_return Failure(waited.error());
    }
    ++origins_[key].places;
    Lease lease(self, key);  // gives the place back if the rest fails
    DialOptions how{options_.egress, options_.tls};
    const Deadline by = deadline.at_most(options_.connect_timeout);
    Result<NetStream> stream = co_await dial(runtime_, std::move(url), std::move(how), by);
    if (!stream) co_return Failure(stream.error());
    lease.connection_ = std::make_unique<ClientConnection>(std::move(*stream));
    co_return lease;
}

// Closes what has been idle for too long, so that a quiet program holds no sockets.
void HttpPool::sweep() {
    const SteadyTime oldest = std::chrono::steady_clock::now() - options_.idle_timeout;
    bool any_left = false;
    for (auto at = origins_.begin(); at != origins_.end();) {
        Origin& origin = at->second;
        origin.places -=
            std::erase_if(origin.idle, [&](const auto& connection) { return connection->idle_since <= oldest; });
        any_left = any_left || !origin.idle.empty();
        const bool unused = origin.places == 0 && origin.waiting.empty();
        at = unused ? origins_.erase(at) : std::next(at);
    }
    if (any_left) arm_sweeper();
}

void HttpPool::arm_sweeper() {
    if (std::exchange(sweeping_, true)) return;
    sweeper_.expires_after(options_.idle_timeout);
    sweeper_.async_wait([weak = weak_from_this()](const ErrorCodeAsio& ec) {
        const auto self = weak.lock();
        if (!self) return;
        self->sweeping_ = false;
        if (!ec) self->sweep();
    });
}

}  // namespace pincer::io::detail
