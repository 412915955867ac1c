// Sends what waits in the delivery queue: in order for each conversation, conversations side by side, with retry and
// backoff, honouring a platform's retry_after. What was cut off by a crash is settled by asking the platform where it
// can tell (Channel::find_delivery), and only then sent again.
//
// States on disk: queued (nothing of it has left) -> sending (it may have) -> sent, or failed for good. A platform that
// is away is waited for, up to kGiveUpAfter; meanwhile its conversation waits in order.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "channels/channel.hpp"
#include "gateway/store/store.hpp"
#include "gateway/timing/pauses.hpp"
#include "io/runtime.hpp"

namespace pincer::gateway {

// The channel that serves an account, or null. Owned by whoever runs the channels.
using ChannelLookup = std::function<channels::Channel*(const std::string& channel, const std::string& account)>;

class Outbox {
public:
    Outbox(io::Runtime& runtime, Store& store, crypto::Random& random, Pauses& pauses, ChannelLookup lookup);
    ~Outbox();

    // Takes up everything that is open on disk. Once, at start, before the first post().
    Result<> start();
    // On disk when it answers; sent soon after. Error: already_exists (this delivery id was posted before).
    Task<Result<Delivery>> post(Delivery delivery);
    // It is on disk already (Store::append_answer wrote it): send it.
    void take(Delivery delivery);
    // Called on the io thread when one has been sent or has finally failed.
    void on_settled(std::function<void(const Delivery&)> listener) { settled_ = std::move(listener); }
    std::size_t waiting() const;
    // From now on nothing is sent; what is open stays on disk for the next start.
    Task<> stop();

private:
    struct Lane;      // one conversation's queue
    struct Attempts;  // what was tried for one delivery in this life
    Task<> drain(std::string lane_key);
    Task<Result<>> deliver(Delivery& delivery);
    Task<Result<bool>> attempt(Delivery& delivery, channels::Channel& channel, Attempts& attempts);
    Task<Result<bool>> after_failure(Delivery& delivery, Error error, Attempts& attempts);
    Task<Result<bool>> settle(Delivery& delivery, channels::Channel& channel, Attempts& attempts);
    Task<Result<>> finish(Delivery& delivery, DeliveryState state, std::string error);
    Millis next_pause(Attempts& attempts, std::optional<Millis> asked_for);
    bool too_old(const Delivery& delivery) const;

    Store& store_;
    crypto::Random& random_;
    Pauses& pauses_;
    ChannelLookup lookup_;
    std::function<void(const Delivery&)> settled_;
    std::map<std::string, std::unique_ptr<Lane>> lanes_;
    bool stopping_ = false;
    io::TaskGroup tasks_;
};

inline constexpr Millis kGiveUpAfter{24LL * 60 * 60 * 1000};  // after this long nobody waits for the message any more
inline constexpr int kMostUnknownOutcomes = 5;  // sends in a row of which nobody can tell, before we stop repeating
inline constexpr int kMostQuestions = 8;        // find_delivery calls, before we stop asking
inline constexpr Millis kSendTimeout{30'000};
inline constexpr Millis kFirstBackoff{500};
inline constexpr Millis kLongestBackoff{60'000};
inline constexpr Millis kOwnTroublePause{1'000};  // our own disk said no

}  // namespace pincer::gateway
