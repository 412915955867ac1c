// Any bytes at all, as a client's frame and as a Gateway's: read, checked against every table, never a crash.
#include <cstdint>
#include <cstdlib>

#include "wire/connect.hpp"
#include "wire/frame.hpp"
#include "wire/methods.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace pincer::wire;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto request = parse_request(text);
    if (request.frame) {
        const auto connect = parse_connect(request.frame->params);
        if (connect) {
            if (!parse_connect(to_json(*connect))) std::abort();  // what we accept we can write, and accept again
            if (connect->device) (void)verify_device(*connect, "nonce", pincer::WallTime());
        }
        if (const Method* method = find_method(request.frame->method))
            (void)validate_params(*method, request.frame->params);
    }
    if (const auto frame = parse_server_frame(text);
        frame && frame->kind == ServerFrame::Kind::response && frame->response.ok) {
        (void)Hello::parse(frame->response.payload);
    }
    return 0;
}
