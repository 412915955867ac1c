// Anything at all: no crash, bounded state, and every text that the peer wants to write is JSON on one line.
#include "base/assert.hpp"
#include "jsonrpc/peer.hpp"

using namespace pincer;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    jsonrpc::Peer peer({.limits = {.bytes = 1 << 16, .depth = 32, .batch = 8}, .max_outgoing = 4, .max_incoming = 4});
    const auto check = [](const std::string& text) {
        PINCER_ASSERT(json::parse(text), "what we write can be read");
        PINCER_ASSERT(text.find('\n') == std::string::npos, "one message is one line");
    };
    (void)peer.request("m", {});
    while (!rest.empty()) {
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        std::vector<jsonrpc::Peer::Event> events;
        peer.receive(line, events);
        for (auto& event : events) {
            if (auto* reply = std::get_if<jsonrpc::Peer::Reply>(&event)) check(reply->text);
            auto* request = std::get_if<jsonrpc::Request>(&event);
            if (!request) continue;
            if (request->params.contains("drop")) {
                if (auto dropped = peer.drop(request->id); dropped.text) check(*dropped.text);
            } else if (!request->params.contains("keep")) {
                if (auto text = peer.answer(request->id, request->params)) check(*text);
            }
        }
        PINCER_ASSERT(peer.incoming() <= 4 && peer.outgoing() <= 4, "limits hold");
    }
    return 0;
}
