#include <cstdint>

#include "agent/models/anthropic_messages/anthropic_messages_wire.hpp"
#include "io/sse.hpp"

// A stream as a hostile endpoint may send it; what was read must be writable again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace pincer;
    io::SseParser parser(1u << 20);
    std::vector<io::SseEvent> events;
    if (!parser.feed(std::string_view(reinterpret_cast<const char*>(data), size), events)) return 0;
    agent::anthropic_messages::Reader reader(agent::ModelConfig{}, agent::WireNames({}));
    for (const io::SseEvent& event : events) {
        if (!reader.take(event.type, event.data)) return 0;
    }
    if (auto reply = reader.finish()) {
        agent::ModelRequest request;
        request.messages.push_back(std::move(reply->message));
        (void)agent::anthropic_messages::request_body(agent::ModelConfig{}, request, agent::WireNames({}));
    }
    return 0;
}
