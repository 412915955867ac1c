#include "gateway/delivery/outbox.hpp"

#include <algorithm>
#include <deque>

#include "base/log.hpp"

namespace pincer::gateway {
namespace {

constexpr std::string_view kRepeated = "_(repeated after an interruption, in case the first one did not arrive)_\n\n";

std::string lane_of(const Delivery& d) {
    const channels::Route& r = d.out.route;
    return r.channel + "\n" + r.account_id + "\n" + r.to + "\n" + r.thread_id;
}

bool worth_retrying(ErrorCode code) {
    return code == ErrorCode::unavailable || code == ErrorCode::timed_out || code == ErrorCode::rate_limited ||
           code == ErrorCode::io;
}

// A second copy says that it may be one.
void mark_repeated(Delivery& delivery) {
    if (delivery.out.edit_of.empty() && !delivery.out.markdown.starts_with(kRepeated))
        delivery.out.markdown.insert(0, kRepeated);
}

}  // namespace

struct Outbox::Lane {
    std::deque<Delivery> queue;
    bool draining = false;
};

struct Outbox::Attempts {
    Millis backoff = kFirstBackoff;
    int unknown = 0;
    int questions = 0;
    bool earlier_may_have_arrived = false;  // and the disk keeps saying so, whatever becomes of the later ones
};

Outbox::Outbox(io::Runtime& runtime, Store& store, crypto::Random& random, Pauses& pauses, ChannelLookup lookup)
    : store_(store), random_(random), pauses_(pauses), lookup_(std::move(lookup)), tasks_(runtime) {}

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
    if (stopping_) return;  // it is on disk
    if (delivery.created_at == WallTime{}) delivery.created_at = store_.clock().wall();
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

// The only one who takes from this lane's queue, so the references into it stay good while others append.
Task<> Outbox::drain(std::string lane_key) {
    Lane& lane = *lanes_.at(lane_key);
    while (!lane.queue.empty()) {
        auto done = co_await deliver(lane.queue.front());
        if (!done && !stopping_ && done.error().code() != ErrorCode::cancelled) {
            // Our own disk: the order of the conversation is kept, so nothing overtakes this one.
            log::failure(log::Level::error, "delivery.interrupted", done.error());
            done = co_await pauses_.pause(kOwnTroublePause);
            if (done) continue;
        }
        if (!done) break;
        if (settled_) settled_(lane.queue.front());
        lane.queue.pop_front();
    }
    lanes_.erase(lane_key);
}

// Ok: sent, or failed for good, and on disk either way. Error: only when we cannot go on.
Task<Result<>> Outbox::deliver(Delivery& delivery) {
    Attempts attempts;
    // Over already, only our disk did not take it the last time.
    const bool over = delivery.state == DeliveryState::sent || delivery.state == DeliveryState::failed;
    if (over) co_return co_await finish(delivery, delivery.state, delivery.error);
    for (;;) {
        channels::Channel* channel = lookup_(delivery.out.route.channel, delivery.out.route.account_id);
        if (!channel) {
            std::string why = fmt::format("channel {} (account {}) is not configured", delivery.out.route.channel,
                                          delivery.out.route.account_id);
            co_return co_await finish(delivery, DeliveryState::failed, std::move(why));
        }
        PINCER_CO_TRY(const bool done, co_await attempt(delivery, *channel, attempts));
        if (done) co_return Result<>{};
    }
}

// One send, after the one before it has been settled. True when it is over.
Task<Result<bool>> Outbox::attempt(Delivery& delivery, channels::Channel& channel, Attempts& attempts) {
    if (delivery.state == DeliveryState::sending) {
        PINCER_CO_TRY(const bool arrived, co_await settle(delivery, channel, attempts));
        if (arrived) {
            PINCER_CO_CHECK(co_await finish(delivery, DeliveryState::sent, ""));
            co_return true;
        }
    }
    // Written before the request leaves: a crash from here on is settled.
    PINCER_CO_CHECK(
        co_await store_.set_delivery(delivery.out.delivery_id, DeliveryState::sending, delivery.attempts + 1, {}, ""));
    ++delivery.attempts;
    delivery.state = DeliveryState::sending;
    auto sent = co_await channel.send(delivery.out, Deadline::after(kSendTimeout));
    if (!sent) {
        Error error = std::move(sent).error();
        co_return co_await after_failure(delivery, std::move(error), attempts);
    }
    delivery.refs = sent->message_refs;
    PINCER_CO_CHECK(co_await finish(delivery, DeliveryState::sent, ""));
    co_return true;
}

Task<Result<bool>> Outbox::after_failure(Delivery& delivery, Error error, Attempts& attempts) {
    if (error.code() == ErrorCode::cancelled) co_return Failure(std::move(error));
    log::failure(log::Level::warn, "delivery.attempt", error);
    const bool unknown = error.code() == ErrorCode::outcome_unknown;
    const bool repeatable = !delivery.out.edit_of.empty();  // an edit done twice is an edit
    const bool enough =
        unknown ? ++attempts.unknown >= kMostUnknownOutcomes && !repeatable : !worth_retrying(error.code());
    if (enough || too_old(delivery)) {
        PINCER_CO_CHECK(co_await finish(delivery, DeliveryState::failed, error.message()));
        co_return true;
    }
    if (!unknown) {  // the platform said no: nothing of it arrived
        const auto on_disk = attempts.earlier_may_have_arrived ? DeliveryState::sending : DeliveryState::queued;
        PINCER_CO_CHECK(
            co_await store_.set_delivery(delivery.out.delivery_id, on_disk, delivery.attempts, {}, error.message()));
        delivery.state = DeliveryState::queued;
    }
    const Millis pause = next_pause(attempts, error.retry_after());
    PINCER_CO_CHECK(co_await pauses_.pause(pause));
    co_return false;
}

// Did the attempt that was cut off arrive? A platform that cannot tell gets it once more: better said twice than lost,
// and the second one says that it may be a repetition.
Task<Result<bool>> Outbox::settle(Delivery& delivery, channels::Channel& channel, Attempts& attempts) {
    while (channel.capabilities().settles_deliveries && attempts.questions < kMostQuestions) {
        auto found = co_await channel.find_delivery(delivery.out, Deadline::after(kSendTimeout));
        if (found) {
            if (*found) delivery.refs = (*found)->message_refs;
            attempts.unknown = 0;  // it is known now
            co_return found->has_value();
        }
        const Error& error = found.error();
        if (error.code() == ErrorCode::cancelled) co_return Failure(std::move(found).error());
        log::failure(log::Level::warn, "delivery.settle", error);
        if (!worth_retrying(error.code())) break;
        if (error.code() != ErrorCode::unavailable) ++attempts.questions;  // a platform that is away is waited for
        if (too_old(delivery)) break;
        const Millis pause = next_pause(attempts, error.retry_after());
        PINCER_CO_CHECK(co_await pauses_.pause(pause));
    }
    mark_repeated(delivery);
    attempts.earlier_may_have_arrived = true;
    co_return false;
}

Millis Outbox::next_pause(Attempts& attempts, std::optional<Millis> asked_for) {
    const Millis jitter(std::int64_t(random_.below(std::uint64_t(attempts.backoff.count()) / 4 + 1)));
    const Millis own = attempts.backoff + jitter;
    attempts.backoff = std::min(attempts.backoff * 2, kLongestBackoff);
    return asked_for.value_or(own);
}

bool Outbox::too_old(const Delivery& delivery) const {
    return store_.clock().wall() - delivery.created_at > kGiveUpAfter;
}

Task<Result<>> Outbox::finish(Delivery& delivery, DeliveryState state, std::string error) {
    if (state == DeliveryState::failed) {
        log::warn("delivery.failed",
                  {{"channel", delivery.out.route.channel}, {"to", delivery.out.route.to}, {"error", error}});
    }
    delivery.state = state;
    delivery.error = std::move(error);
    co_return co_await store_.set_delivery(delivery.out.delivery_id, state, delivery.attempts, delivery.refs,
                                           delivery.error);
}

Task<> Outbox::stop() {
    stopping_ = true;
    co_await tasks_.stop();
    lanes_.clear();
}

}  // namespace pincer::gateway
