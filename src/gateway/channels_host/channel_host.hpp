// Runs the configured channels, restarts one that ends with an error, and knows which serves an account.
#pragma once

#include <memory>
#include <vector>

#include "channels/channel.hpp"
#include "gateway/config/gateway_config.hpp"
#include "gateway/timing/pauses.hpp"

namespace pincer::gateway {

class ChannelHost {
public:
    ChannelHost(io::Runtime& runtime, const Clock& clock, Pauses& pauses);
    ~ChannelHost();

    // Makes every configured channel. A channel that cannot be made is kept in status() with its error.
    void build(const std::vector<ChannelConfig>& configs, channels::Services services);
    void start(channels::Inbox& inbox);
    Task<> stop();

    channels::Channel* find(const std::string& channel, const std::string& account);
    // channels.status, as the original shapes it: channelOrder, channelLabels, channels, channelAccounts.
    json::object status() const;

private:
    struct Hosted;
    Task<> keep_running(Hosted& hosted, channels::Inbox& inbox);

    const Clock& clock_;
    Pauses& pauses_;
    std::vector<std::unique_ptr<Hosted>> hosted_;
    io::TaskGroup tasks_;
};

}  // namespace pincer::gateway
