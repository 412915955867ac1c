// Any bytes as Telegram's answer: parsed or refused, and a text that comes out is well-formed.
#include <cstdlib>

#include "base/text.hpp"
#include "channels/telegram/telegram_wire.hpp"

using namespace pincer::channels;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto reply = telegram::parse_reply(telegram::get_updates(1, pincer::Millis(1000)), 200,
                                             {reinterpret_cast<const char*>(data), size});
    if (!reply) return 0;
    const auto updates = telegram::parse_updates(*reply, {.id = 7, .username = "b"}, "default");
    if (!updates) return 0;
    for (const auto& update : *updates) {
        const auto* message = std::get_if<InboundMessage>(&update.content);
        if (message &&
            (!pincer::is_valid_utf8(message->text) || !message->route.complete() || message->sender.id.empty()))
            std::abort();
    }
    return 0;
}
