// Sends what waits in the delivery queue: in order for each conversation, conversations side by side, with retry and
// backoff, honouring a platform's retry_after. What was cut off by a crash is settled by asking the platform where it
// can tell (Channel::find_delivery), and only then sent again.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "channels/channel.hpp"
#include "gateway/store/store.hpp"
#include "io/runtime.hpp"

namespace pincer::gateway {

// The channel that serves an account, or null. Owned by whoever runs the channels.
using ChannelLookup = std::function<channels::Channel*(const std::string& channel, const std::string& account)>;

class Outbox {
public:
    Outbox(io::Runtime& runtime, Store& store, crypto::Random& random, ChannelLookup lookup);
    ~Outbox();

    // Takes up everything that is open on disk. Once, at start.
    Result<> start();
    // On disk when it answers; sent soon after.
    Task<Result<Delivery>> post(Delivery delivery);
    // It is on disk already (Store::append_answer wrote it): send it.
    void take(Delivery delivery);
    // Called on the io thread when one has been sent or has finally failed.
    void on_settled(std::function<void(const Delivery&)> listener) { settled_ = std::move(listener); }
    std::size_t waiting() const;
    Task<> stop();

private:
    struct Lane;   // one conversation's queue
    Task<> drain(std::string lane_key);
    Task<Result<>> deliver(Delivery& delivery);
    Task<Result<std::optional<channels::Delivered>>> settle(Delivery& delivery, channels::Channel& channel);
    Task<Result<>> finish(Delivery& delivery, DeliveryState state, std::string error);

    Store& store_;
    crypto::Random& random_;
    ChannelLookup lookup_;
    std::function<void(const Delivery&)> settled_;
    std::map<std::string, std::unique_ptr<Lane>> lanes_;
    io::TaskGroup tasks_;
};

inline constexpr int kMaxSendAttempts = 8;
inline constexpr Millis kSendTimeout{30'000};
inline constexpr Millis kFirstBackoff{500};
inline constexpr Millis kLongestBackoff{60'000};

}  // namespace pincer::gateway
