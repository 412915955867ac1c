#include "io/http_client.hpp"

#include "base/text.hpp"
#include "io/detail/http_parser.hpp"
#include "io/detail/http_pool.hpp"
#include "io/detail/http_text.hpp"

namespace pincer::io {
namespace {

using detail::HttpParser;
using detail::HttpPool;
using detail::Lease;
using detail::MessageHead;
using detail::Reuse;

constexpr std::size_t kReadBytes = 32 << 10;
constexpr std::size_t kMaxHeadBytes = 128 << 10;

bool is_idempotent(std::string_view method) {
    for (const std::string_view safe : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"}) {
        if (method == safe) return true;
    }
    return false;
}

Result<> check_request(const HttpRequest& request) {
    if (!detail::is_token(request.method))
        return PINCER_FAIL(invalid_argument, "not an HTTP method: {}", strip_control(request.method));
    if (request.url.scheme != "http" && request.url.scheme != "https") {
        return PINCER_FAIL(invalid_argument, "not an HTTP scheme: {}", request.url.scheme);
    }
    for (const auto& [name, value] : request.headers) {
        const bool clean =
            detail::is_token(name) && value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
        if (!clean) return PINCER_FAIL(invalid_argument, "the header field {} cannot be sent", strip_control(name));
    }
    return {};
}

std::string write_head(const HttpRequest& request, std::string_view user_agent) {
    const bool wants_length =
        !request.body.empty() || request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
    const auto framing = wants_length ? detail::Framing::length : detail::Framing::none;
    return detail::write_request_head(request.method, request.url, request.headers, user_agent, framing,
                                      request.body.size());
}

// An exchange under way: the connection, and the answer as far as it has come.
struct Answer {
    Lease lease;
    HttpParser parser;
    std::string host;
};

// Reads once and feeds the parser. Errors: timed_out, unavailable (NO_ANSWER, when the connection ended too early),
// too_large, protocol, cancelled.
Task<Result<>> read_more(detail::ClientConnection& connection, HttpParser& parser, const std::string& host,
                         Deadline deadline) {
    const Millis allowed = deadline.left();
    connection.watchdog.arm(connection.stream, deadline.at());
    const Result<std::size_t> n = co_await connection.stream.read(connection.buffer, kReadBytes);
    if (!n && connection.watchdog.fired()) {
        if (parser.head_done())
            co_return detail::timed_out_failure(fmt::format("reading the answer of {}", host), allowed, "READ_TIMEOUT");
        co_return detail::timed_out_failure(fmt::format("waiting for the answer of {}", host), allowed,
                                            "ANSWER_TIMEOUT");
    }
    if (!n && n.error().code() == ErrorCode::cancelled) co_return Failure(n.error());
    if (!n || *n == 0) {
        if (n && parser.ends_with_connection()) co_return parser.feed_end();
        if (!n && n.error().reason() == "TLS_FAILED") co_return Failure(Error(n.error()).context(host));
        std::string message = fmt::format("{} closed the connection before its answer was complete", host);
        if (!n && connection.stream.is_tls()) message += fmt::format(" ({})", n.error().message());
        co_return Failure(Error(ErrorCode::unavailable, std::move(message)).with_reason("NO_ANSWER"));
    }
    PINCER_CO_TRY(const std::size_t taken, parser.feed(connection.buffer.data()));
    connection.buffer.consume(taken);
    co_return Result<>();
}

// A write that outlives its deadline is cut off by the same dog that watches the reads.
Task<Result<>> write_request(detail::ClientConnection& connection, const HttpRequest& request,
                             std::string_view user_agent, Deadline deadline) {
    const Millis allowed = deadline.left();
    const std::string head = write_head(request, user_agent);
    connection.watchdog.arm(connection.stream, deadline.at());
    const Result<> written = co_await connection.stream.write(head, request.body);
    if (!written && connection.watchdog.fired()) {
        co_return detail::timed_out_failure(fmt::format("sending the request to {}", request.url.host), allowed,
                                            "ANSWER_TIMEOUT");
    }
    co_return written;
}

HttpParser parser_for(const HttpRequest& request, std::uint64_t max_body) {
    const auto answer_to = request.method == "HEAD" ? HttpParser::AnswerTo::head : HttpParser::AnswerTo::other;
    return HttpParser::for_responses({kMaxHeadBytes, max_body}, answer_to);
}

// Writes the request and reads up to the end of the answer's head, past the 1xx ones.
Task<Result<>> exchange_heads(Answer& answer, const HttpRequest& request, std::uint64_t max_body,
                              std::string_view user_agent, Deadline deadline) {
    detail::ClientConnection& connection = answer.lease.connection();
    const Result<> written = co_await write_request(connection, request, user_agent, deadline);
    // A peer that closes in the middle of a large body has often said why.
    if (!written && written.error().code() != ErrorCode::unavailable) co_return written;
    for (;;) {
        while (!answer.parser.head_done()) {
            PINCER_CO_CHECK(co_await read_more(connection, answer.parser, answer.host, deadline));
        }
        const int status = answer.parser.head().status;
        if (status == 101) co_return PINCER_FAIL(protocol, "{} changed the protocol without being asked", answer.host);
        if (status / 100 != 1) co_return Result<>();
        answer.parser = parser_for(request, max_body);
        PINCER_CO_TRY(const std::size_t taken, answer.parser.feed(connection.buffer.data()));
        connection.buffer.consume(taken);
    }
}

// Puts the connection back when it is at a clean point.
void settle(Lease& lease, HttpParser& parser) {
    detail::ClientConnection& connection = lease.connection();
    connection.watchdog.disarm();
    if (parser.done() && parser.head().keep_alive && connection.buffer.empty()) lease.give_back();
}

class Stream final : public HttpStream {
public:
    explicit Stream(Answer answer)
        : answer_(std::move(answer)),
          status_(answer_.parser.head().status),
          headers_(std::move(answer_.parser.head().headers)) {}

    int status() const override { return status_; }
    const Headers& headers() const override { return headers_; }

    Task<Result<std::string>> read_some(Deadline deadline) override {
        while (answer_.parser.body().empty() && !answer_.parser.done()) {
            detail::ClientConnection& connection = answer_.lease.connection();
            PINCER_CO_CHECK(co_await read_more(connection, answer_.parser, answer_.host, deadline));
            connection.watchdog.disarm();
        }
        if (answer_.parser.done() && !std::exchange(settled_, true)) settle(answer_.lease, answer_.parser);
        co_return std::exchange(answer_.parser.body(), std::string());
    }

private:
    Answer answer_;
    int status_;
    Headers headers_;
    bool settled_ = false;
};

// What could not connect did not leave; but the second attempt comes after one that did.
Failure lease_failure(Error error, Reuse reuse) {
    if (reuse == Reuse::allowed) return Failure(std::move(error));
    if (error.code() == ErrorCode::timed_out) return Failure(std::move(error).with_reason("ANSWER_TIMEOUT"));
    if (error.code() == ErrorCode::unavailable) return Failure(std::move(error).with_reason("NO_ANSWER"));
    return Failure(std::move(error));
}

class Client final : public HttpClient {
public:
    Client(Runtime& runtime, HttpClientOptions options)
        : pool_(std::make_shared<HttpPool>(runtime, std::move(options))) {}
    ~Client() override { pool_->close(); }

    Task<Result<HttpResponse>> send(HttpRequest request, Deadline deadline) override {
        const std::uint64_t limit = request.max_response_bytes;
        PINCER_CO_TRY(Answer answer, co_await start(std::move(request), limit, deadline));
        detail::ClientConnection& connection = answer.lease.connection();
        while (!answer.parser.done()) {
            PINCER_CO_CHECK(co_await read_more(connection, answer.parser, answer.host, deadline));
        }
        HttpResponse response;
        response.status = answer.parser.head().status;
        response.headers = std::move(answer.parser.head().headers);
        response.body = std::move(answer.parser.body());
        settle(answer.lease, answer.parser);
        co_return response;
    }

    Task<Result<std::unique_ptr<HttpStream>>> open(HttpRequest request, Deadline headers_by) override {
        constexpr auto kNoLimit = std::numeric_limits<std::uint64_t>::max();
        PINCER_CO_TRY(Answer answer, co_await start(std::move(request), kNoLimit, headers_by));
        answer.lease.connection().watchdog.disarm();
        co_return std::make_unique<Stream>(std::move(answer));
    }

private:
    Task<Result<Answer>> start(HttpRequest request, std::uint64_t max_body, Deadline deadline);

    std::shared_ptr<HttpPool> pool_;  // shared with streams that outlive the client
};

Task<Result<Answer>> Client::start(HttpRequest request, std::uint64_t max_body, Deadline deadline) {
    PINCER_CO_CHECK(check_request(request));
    if (deadline.passed()) {
        co_return detail::timed_out_failure(fmt::format("connecting to {}", request.url.host), Millis(0),
                                            "CONNECT_TIMEOUT");
    }
    const auto pool = pool_;
    Reuse reuse = Reuse::allowed;
    for (;;) {
        Result<Lease> lease = co_await pool->lease(request.url, reuse, deadline);
        if (!lease) co_return lease_failure(std::move(lease).error(), reuse);
        const bool used_before = lease->was_used_before();
        Answer answer{std::move(*lease), parser_for(request, max_body), request.url.host};
        const Result<> exchanged =
            co_await exchange_heads(answer, request, max_body, pool->options().user_agent, deadline);
        if (exchanged) co_return answer;
        // The peer may close a kept connection at any time, also as we write on it.
        const bool again = used_before && exchanged.error().reason() == "NO_ANSWER" && !answer.parser.started() &&
                           is_idempotent(request.method);
        if (!again) co_return Failure(exchanged.error());
        reuse = Reuse::never;
    }
}

}  // namespace

std::unique_ptr<HttpClient> make_http_client(Runtime& runtime, HttpClientOptions options) {
    return std::make_unique<Client>(runtime, std::move(options));
}

}  // namespace pincer::io
