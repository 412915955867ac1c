#include "gateway/channels_host/channel_host.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace pincer::gateway {
namespace {

constexpr Millis kFirstPause{1'000};
constexpr Millis kLongestPause{5 * 60'000};

std::string_view name_of(channels::LinkState state) {
    switch (state) {
        case channels::LinkState::stopped: return "stopped";
        case channels::LinkState::connecting: return "connecting";
        case channels::LinkState::connected: return "connected";
        case channels::LinkState::failing: return "failing";
    }
    return "stopped";
}

}  // namespace

struct ChannelHost::Hosted {
    const channels::ChannelType* type = nullptr;
    std::string account;
    std::unique_ptr<channels::Channel> channel;
    std::string last_error;
};

ChannelHost::ChannelHost(io::Runtime& runtime, const Clock& clock, Pauses& pauses)
    : clock_(clock), pauses_(pauses), tasks_(runtime) {}
ChannelHost::~ChannelHost() = default;

void ChannelHost::build(const std::vector<ChannelConfig>& configs, channels::Services services) {
    for (const ChannelConfig& config : configs) {
        auto hosted = std::make_unique<Hosted>();
        hosted->type = config.type;
        hosted->account = config.account.account_id;
        auto made = config.type->make(config.account, services);
        if (made) {
            hosted->channel = *std::move(made);
        } else {
            hosted->last_error = made.error().message();
            log::failure(log::Level::error, "channel.refused", made.error());
        }
        hosted_.push_back(std::move(hosted));
    }
}

void ChannelHost::start(channels::Inbox& inbox) {
    for (auto& hosted : hosted_) {
        if (hosted->channel) tasks_.spawn(keep_running(*hosted, inbox));
    }
}

// A channel reconnects by itself; run() ends only when it cannot work at all. It is tried again, ever more slowly,
// since a revoked token may be put right on the other side.
Task<> ChannelHost::keep_running(Hosted& hosted, channels::Inbox& inbox) {
    Millis pause = kFirstPause;
    for (;;) {
        const SteadyTime began = clock_.steady();
        auto ended = co_await hosted.channel->run(inbox);
        if (!ended && ended.error().code() == ErrorCode::cancelled) co_return;
        hosted.last_error = ended ? "ended" : ended.error().message();
        log::warn("channel.ended",
                  {{"channel", hosted.type->id}, {"account", hosted.account}, {"error", hosted.last_error}});
        if (clock_.steady() - began > kLongestPause) pause = kFirstPause;
        auto slept = co_await pauses_.pause(pause);
        if (!slept) co_return;
        pause = std::min(pause * 2, kLongestPause);
    }
}

Task<> ChannelHost::stop() { co_await tasks_.stop(); }

channels::Channel* ChannelHost::find(const std::string& channel, const std::string& account) {
    for (auto& hosted : hosted_) {
        if (hosted->type->id == channel && (hosted->account == account || account.empty()))
            return hosted->channel.get();
    }
    return nullptr;
}

json::object ChannelHost::status() const {
    json::array order;
    json::object labels, summaries, accounts;
    for (const auto& hosted : hosted_) {
        const std::string id(hosted->type->id);
        const channels::Health health = hosted->channel ? hosted->channel->health() : channels::Health{};
        const bool connected = health.state == channels::LinkState::connected;
        json::object account{{"accountId", hosted->account},
                             {"enabled", true},
                             {"configured", hosted->channel != nullptr},
                             {"running", hosted->channel != nullptr},
                             {"connected", connected},
                             {"state", name_of(health.state)}};
        const std::string error = connected ? "" : hosted->last_error.empty() ? health.detail : hosted->last_error;
        account["lastError"] = error.empty() ? json::value(nullptr) : json::value(error);
        if (health.last_event) account["lastEventAt"] = to_millis(*health.last_event);
        if (health.connected_since) account["lastConnectedAt"] = to_millis(*health.connected_since);
        if (!labels.contains(id)) {
            order.push_back(json::value(id));
            labels[id] = hosted->type->label;
            summaries[id] = json::object{{"configured", true}};
            accounts[id] = json::array();
        }
        accounts[id].get_array().push_back(std::move(account));
    }
    return {{"ts", to_millis(clock_.wall())},         {"channelOrder", std::move(order)},
            {"channelLabels", std::move(labels)},     {"channels", std::move(summaries)},
            {"channelAccounts", std::move(accounts)}, {"channelDefaultAccountId", json::object()}};
}

}  // namespace pincer::gateway
