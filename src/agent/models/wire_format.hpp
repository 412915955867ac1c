// One hosted wire format, sans-IO: what to send, and a state machine for what streams back. The edge that carries both
// over HTTP is hosted_model.hpp, the same for all formats.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "agent/model.hpp"
#include "io/http.hpp"

namespace pincer::agent {

// Limits of one answer; past them it is a protocol error, whoever sent it.
inline constexpr std::size_t kMaxAnswerBytes = 8u << 20;
inline constexpr std::size_t kMaxToolCalls = 128;

class StreamReader {
public:
    virtual ~StreamReader() = default;
    // One event of the stream; answers with the piece of text that it adds (often none).
    // Errors: protocol, or what the provider says went wrong (rate_limited, unavailable, ...).
    virtual Result<std::string> take(std::string_view event, std::string_view data) = 0;
    // True once the answer is whole: nothing that follows is read.
    virtual bool done() const = 0;
    // The answer, once the stream has ended. Error: protocol when it ended too early.
    virtual Result<ModelReply> finish() = 0;
};

struct WireCall {
    std::string path;     // after the base URL: "/chat/completions"
    io::Headers headers;  // authorisation and version
    std::string body;
    std::unique_ptr<StreamReader> reader;
};

class WireFormat {
public:
    virtual ~WireFormat() = default;
    virtual WireCall make_call(const ModelConfig& config, const ModelRequest& request) const = 0;
};

// What a provider said went wrong, by the HTTP status that stands for it (429, 529, ...; 0 when it named none).
// `message` is the provider's text: it goes to Error::foreign.
Error provider_error(const ModelConfig& config, int status, std::string_view type, std::string_view message);
// The same from an answer that is no 200: reads {"error":{"type","code","message"}} and Retry-After.
Error error_of_answer(const ModelConfig& config, int status, const io::Headers& headers, std::string_view body);

}  // namespace pincer::agent
