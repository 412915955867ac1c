#include "channels/channel.hpp"

namespace pincer::channels {

Task<Result<std::optional<Delivered>>> Channel::find_delivery(Outgoing, Deadline) {
    co_return PINCER_FAIL(unsupported, "{} cannot say whether a message arrived", id());
}

const Secret* AccountConfig::secret(std::string_view key) const {
    for (const auto& [name, value] : secrets) {
        if (name == key && !value.empty()) return &value;
    }
    return nullptr;
}

}  // namespace pincer::channels
