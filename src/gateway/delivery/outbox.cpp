#include "gateway/delivery/outbox.hpp"

#include <deque>

#include "base/log.hpp"

namespace pincer::gateway {
namespace {

std::string lane_of(const Delivery& d) {
    const channels::Route& r = d.out.route;
    return r.channel + "\n" + r.account_id + "\n" + r.to + "\n" + r.thread_id;
}

bool worth_retrying(ErrorCode code) {
    return code == ErrorCode::unavailable || code == ErrorCode::timed_out || code == ErrorCode::rate_limited || code == ErrorCode::io;
}

}  // namespace

struct Outbox::Lane {
    std::deque<Delivery> queue;
    bool draining = false;
};

Outbox::Outbox(io::Runtime& runtime, Store& store, crypto::Random& random, ChannelLookup lookup)
    : store_(store), random_(random), lookup_(std::move(lookup)), tasks_(runtime) {}

Outbox::~Outbox() = default;

Result<> Outbox::start() {
    PINCER_TRY(std::vector<Delivery> open, store_.open_deliveries());
    for (Delivery& delivery : open) take(std::move(delivery));
    return {};
}

Task<Result<Delivery>> Outbox::post(Delivery delivery) {
    PINCER_CO_TRY(Delivery stored, co_await store_.enqueue(std::move(delivery)));
    take(stored);
    co_return stored;
}

void Outbox::take(Delivery delivery) {
    const std::string key = lane_of(delivery);
    auto& lane = lanes_[key];
    if (!lane) lane = std::make_unique<Lane>();
    lane->queue.push_back(std::move(delivery));
    if (!std::exchange(lane->draining, true)) tasks_.spawn(drain(key));
}

std::size_t Outbox::waiting() const {
    std::size_t count = 0;
    for (const auto& [key, lane] : lanes_) count += lane->queue.size();
    return count;
}

Task<> Outbox::drain(std::string lane_key) {
    Lane& lane = *lanes_.at(lane_key);
    while (!lane.queue.empty()) {
        auto done = co_await deliver(lane.queue.front());
        if (!done) {
            // Cancelled, or our own disk failed: what is left stays on disk for the next start.
            log::failure(log::Level::error, "delivery.stopped", done.error());
            break;
        }
        if (settled_) settled_(lane.queue.front());
        lane.queue.pop_front();
    }
    lanes_.erase(lane_key);
}

// Ok: sent, or failed for good, and on disk either way. Error: only when we cannot go on.
Task<Result<>> Outbox::deliver(Delivery& delivery) {
    Millis backoff = kFirstBackoff;
    for (;;) {
        channels::Channel* channel = lookup_(delivery.out.route.channel, delivery.out.route.account_id);
        if (!channel) {
            const std::string why = fmt::format("channel {} (account {}) is not configured", delivery.out.route.channel, delivery.out.route.account_id);
            co_return co_await finish(delivery, DeliveryState::failed, why);
        }
        if (delivery.state == DeliveryState::sending) {
            PINCER_CO_TRY(auto arrived, co_await settle(delivery, *channel));
            if (arrived) {
                delivery.refs = arrived->message_refs;
                co_return co_await finish(delivery, DeliveryState::sent, "");
            }
        }
        ++delivery.attempts;
        delivery.state = DeliveryState::sending;   // written before the request leaves: a crash from here on is settled
        PINCER_CO_CHECK(co_await store_.set_delivery(delivery.out.delivery_id, DeliveryState::sending, delivery.attempts, {}, ""));
        auto sent = co_await channel->send(delivery.out, Deadline::after(kSendTimeout));
        if (sent) {
            delivery.refs = sent->message_refs;
            co_return co_await finish(delivery, DeliveryState::sent, "");
        }
        const Error& error = sent.error();
        if (error.code() == ErrorCode::cancelled) co_return Failure(std::move(sent).error());
        log::failure(log::Level::warn, "delivery.attempt", error);
        const bool unknown = error.code() == ErrorCode::outcome_unknown;
        if (!unknown && (!worth_retrying(error.code()) || delivery.attempts >= kMaxSendAttempts)) {
            co_return co_await finish(delivery, DeliveryState::failed, error.message());
        }
        if (!unknown) delivery.state = DeliveryState::queued;   // the platform said no: nothing of it arrived
        const Millis jitter(std::int64_t(random_.below(std::uint64_t(backoff.count()) / 4 + 1)));
        const Millis pause = error.retry_after().value_or(backoff + jitter);
        backoff = std::min(backoff * 2, kLongestBackoff);
        PINCER_CO_CHECK(co_await io::sleep_for(pause));
    }
}

// Did the attempt that was cut off arrive? A platform that cannot tell gets it once more: better said twice than lost,
// and the second one says that it may be a repetition.
Task<Result<std::optional<channels::Delivered>>> Outbox::settle(Delivery& delivery, channels::Channel& channel) {
    std::optional<channels::Delivered> none;
    if (channel.capabilities().settles_deliveries) {
        Millis backoff = kFirstBackoff;
        for (int attempt = 0; attempt < kMaxSendAttempts; ++attempt) {
            auto found = co_await channel.find_delivery(delivery.out, Deadline::after(kSendTimeout));
            if (found) co_return *std::move(found);
            if (found.error().code() == ErrorCode::cancelled) co_return Failure(std::move(found).error());
            if (!worth_retrying(found.error().code())) break;
            const Millis pause = found.error().retry_after().value_or(backoff);
            backoff = std::min(backoff * 2, kLongestBackoff);
            PINCER_CO_CHECK(co_await io::sleep_for(pause));
        }
    }
    if (delivery.out.edit_of.empty()) {   // an edit done twice is an edit
        delivery.out.markdown = "_(repeated after an interruption, in case the first one did not arrive)_\n\n" + delivery.out.markdown;
    }
    delivery.state = DeliveryState::queued;
    co_return none;
}

Task<Result<>> Outbox::finish(Delivery& delivery, DeliveryState state, std::string error) {
    delivery.state = state;
    delivery.error = error;
    if (state == DeliveryState::failed) {
        log::warn("delivery.failed", {{"channel", delivery.out.route.channel}, {"to", delivery.out.route.to}, {"error", error}});
    }
    co_return co_await store_.set_delivery(delivery.out.delivery_id, state, delivery.attempts, delivery.refs, error);
}

Task<> Outbox::stop() { co_await tasks_.stop(); }

}  // namespace pincer::gateway
