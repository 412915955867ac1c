// Any bytes as a Socket Mode frame or a Web API answer: parsed or refused, and a text that comes out is well-formed.
#include <cstdlib>

#include "base/text.hpp"
#include "channels/slack/slack_wire.hpp"

using namespace pincer::channels;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const slack::Self self{"T1", "U7", "B7"};
    if (const auto reply = slack::parse_reply(slack::auth_test(), 200, {}, text); reply) {
        slack::Sightings found;
        slack::look_for("d", *reply, self, found);
    }
    const auto frame = slack::parse_frame(text, self, "default");
    const auto* envelope = frame ? std::get_if<slack::Envelope>(&*frame) : nullptr;
    const auto* message = envelope ? std::get_if<InboundMessage>(&envelope->content) : nullptr;
    if (message && (!pincer::is_valid_utf8(message->text) || !message->route.complete() || message->sender.id.empty()))
        std::abort();
    return 0;
}
