#include "io/testing/scripted_http.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pincer::io::testing {
namespace {

bool is_place(const std::string& where, const Url& url) {
    if (where.find("://") != std::string::npos) return where == url.str();
    if (where.find('?') != std::string::npos) return where == url.target;
    return where == std::string_view(url.target).substr(0, url.target.find('?'));
}

class Stream final : public HttpStream {
public:
    Stream(int status, Headers headers, std::deque<std::string> pieces, std::optional<Error> then)
        : status_(status), headers_(std::move(headers)), pieces_(std::move(pieces)), then_(std::move(then)) {}

    int status() const override { return status_; }
    const Headers& headers() const override { return headers_; }
    Task<Result<std::string>> read_some(Deadline) override {
        if (pieces_.empty()) {
            if (then_) co_return Failure(*then_);
            co_return std::string();
        }
        std::string piece = std::move(pieces_.front());
        pieces_.pop_front();
        co_return piece;
    }

private:
    int status_;
    Headers headers_;
    std::deque<std::string> pieces_;
    std::optional<Error> then_;
};

}  // namespace

ScriptedCall& ScriptedCall::header(std::string name, std::string value) {
    wanted_headers_.emplace_back(std::move(name), std::move(value));
    return *this;
}

ScriptedCall& ScriptedCall::body(std::string text) {
    wanted_body_ = std::move(text);
    return *this;
}

ScriptedCall& ScriptedCall::check(std::function<void(const HttpRequest&)> look) {
    look_ = std::move(look);
    return *this;
}

ScriptedCall& ScriptedCall::reply(int status, std::string text, Headers headers) {
    std::vector<std::string> pieces;
    if (!text.empty()) pieces.push_back(std::move(text));
    return reply_in_pieces(status, std::move(pieces), std::move(headers));
}

ScriptedCall& ScriptedCall::reply_in_pieces(int status, std::vector<std::string> pieces, Headers headers,
                                            std::optional<Error> then) {
    status_ = status;
    headers_ = std::move(headers);
    pieces_.assign(std::make_move_iterator(pieces.begin()), std::make_move_iterator(pieces.end()));
    std::erase(pieces_, "");  // an empty piece would be read as the end
    broken_ = std::move(then);
    return *this;
}

ScriptedCall& ScriptedCall::fail(Error error) {
    failure_ = std::move(error);
    return *this;
}

ScriptedCall& ScriptedCall::stay_silent() {
    silent_ = true;
    return *this;
}

std::string ScriptedCall::differs(const HttpRequest& request) const {
    if (request.method != method_ || !is_place(where_, request.url))
        return fmt::format("expected {} {}", method_, where_);
    for (const auto& [name, value] : wanted_headers_) {
        const auto found = request.headers.get(name);
        if (!found) return fmt::format("expected the header field {}", name);
        if (*found != value) return fmt::format("expected {}: {}, not {}", name, value, *found);
    }
    if (wanted_body_ && request.body != *wanted_body_)
        return fmt::format("expected the body {}, not {}", *wanted_body_, request.body);
    return {};
}

ScriptedHttp::~ScriptedHttp() {
    for (const ScriptedCall& call : expected_) ADD_FAILURE() << "never asked: " << call.method_ << " " << call.where_;
}

ScriptedCall& ScriptedHttp::when(std::string method, std::string where) {
    return expected_.emplace_back(std::move(method), std::move(where));
}

Result<ScriptedCall> ScriptedHttp::take(const HttpRequest& request) {
    std::string why = "no further call was expected";
    for (auto call = expected_.begin(); call != expected_.end(); ++call) {
        std::string difference = call->differs(request);
        if (difference.empty()) {
            ScriptedCall taken = std::move(*call);
            expected_.erase(call);
            return taken;
        }
        if (call == expected_.begin()) why = std::move(difference);
        if (order_ == Order::as_written) break;
    }
    ADD_FAILURE() << "asked for " << request.method << " " << request.url.str() << ": " << why;
    return PINCER_FAIL(internal, "not in the script: {} {} ({})", request.method, request.url.str(), why);
}

Task<Result<ScriptedCall>> ScriptedHttp::serve(HttpRequest request, Deadline deadline) {
    requests_.push_back(request);
    PINCER_CO_TRY(ScriptedCall call, take(request));
    if (call.look_) call.look_(request);
    if (call.silent_) {
        Event never(runtime_);
        const Result<> waited = co_await never.wait(deadline);
        if (waited.error().code() != ErrorCode::timed_out) co_return Failure(waited.error());
        co_return Failure(
            Error(ErrorCode::timed_out, fmt::format("waiting for the answer of {} timed out", request.url.host))
                .with_reason("ANSWER_TIMEOUT"));
    }
    if (call.failure_) co_return Failure(*call.failure_);
    co_return call;
}

Task<Result<HttpResponse>> ScriptedHttp::send(HttpRequest request, Deadline deadline) {
    const std::size_t limit = request.max_response_bytes;
    PINCER_CO_TRY(ScriptedCall call, co_await serve(std::move(request), deadline));
    HttpResponse response;
    response.status = call.status_;
    response.headers = std::move(call.headers_);
    for (const std::string& piece : call.pieces_) response.body += piece;
    if (response.body.size() > limit) co_return PINCER_FAIL(too_large, "the body is over {} bytes", limit);
    if (call.broken_) co_return Failure(*call.broken_);
    co_return response;
}

Task<Result<std::unique_ptr<HttpStream>>> ScriptedHttp::open(HttpRequest request, Deadline headers_by) {
    PINCER_CO_TRY(ScriptedCall call, co_await serve(std::move(request), headers_by));
    co_return std::make_unique<Stream>(call.status_, std::move(call.headers_), std::move(call.pieces_),
                                       std::move(call.broken_));
}

}  // namespace pincer::io::testing
