// HTTP/1.1 messages from bytes, sans-IO (RFC 9112): Beast's parser with our limits and our refusals. Stricter than the
// standard where leniency is how requests are smuggled.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "io/http.hpp"

namespace pincer::io::detail {

struct MessageHead {
    std::string method;  // of a request
    std::string target;
    int status = 0;  // of a response
    bool is_http10 = false;
    Headers headers;
    bool keep_alive = false;
    bool upgrade = false;  // "Connection: upgrade" with an Upgrade field
    bool chunked = false;
    std::optional<std::uint64_t> content_length;
};

class HttpParser {
public:
    struct Limits {
        std::size_t head_bytes = 64u << 10;
        std::uint64_t body_bytes = 16u << 20;
    };
    enum class AnswerTo { head, other };  // an answer to HEAD has no body, whatever its fields say

    static HttpParser for_requests(Limits limits);
    static HttpParser for_responses(Limits limits, AnswerTo answer_to);
    HttpParser(HttpParser&&) noexcept;
    HttpParser& operator=(HttpParser&&) noexcept;
    ~HttpParser();

    // How many bytes were taken from the front; the rest is offered again, with more behind it. Takes nothing beyond
    // the end of the message. Errors: protocol; too_large (of the head as long as !head_done(), of the body after).
    Result<std::size_t> feed(std::string_view bytes);
    // The connection has ended. Error: protocol when the message had not.
    Result<> feed_end();

    bool started() const;
    bool head_done() const;
    bool done() const;
    bool ends_with_connection() const;  // the body has no length of its own
    MessageHead& head();
    std::string& body();  // decoded and not yet taken by the caller

    class Impl;

private:
    explicit HttpParser(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace pincer::io::detail
