#include <array>

#include "channels/channel.hpp"
#include "channels/slack/slack.hpp"
#include "channels/telegram/telegram.hpp"
#include "channels/webchat/webchat.hpp"

namespace pincer::channels {
namespace {

constexpr std::array kChannels = {slack::kType, telegram::kType, webchat::kType};

constexpr bool sorted() {
    for (std::size_t i = 1; i < kChannels.size(); ++i) {
        if (!(kChannels[i - 1].id < kChannels[i].id)) return false;
    }
    return true;
}
static_assert(sorted(), "alphabetical, each once");

}  // namespace

std::span<const ChannelType> all_channels() { return kChannels; }

}  // namespace pincer::channels
