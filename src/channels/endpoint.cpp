#include "channels/endpoint.hpp"

#include <charconv>

#include "base/text.hpp"

namespace pincer::channels {
namespace {

std::string without(std::string text, const Secret& secret) {
    if (secret.empty()) return text;
    for (auto at = text.find(secret.reveal()); at != std::string::npos; at = text.find(secret.reveal())) {
        text.replace(at, secret.reveal().size(), "***");
    }
    return text;
}

// No connection, so nothing left (see io::HttpClient::send).
bool never_left(const Error& error) {
    switch (error.code()) {
        case ErrorCode::unavailable: return error.reason() != "NO_ANSWER";
        case ErrorCode::refused:
        case ErrorCode::invalid_argument:
        case ErrorCode::cancelled: return true;
        case ErrorCode::timed_out: return error.reason() == "CONNECT_TIMEOUT";
        default: return false;
    }
}

}  // namespace

bool is_loopback(const io::Url& url) {
    if (url.host == "localhost") return true;
    const auto kind = io::classify_address(url.host);
    return kind && *kind == io::AddressKind::loopback;
}

Result<io::Url> parse_api_root(std::string_view text, std::string_view key) {
    auto url = io::parse_url(text);
    if (!url) return PINCER_FAIL(invalid_argument, "{}: {}", key, url.error().message());
    if (url->scheme != "https" && !(url->scheme == "http" && is_loopback(*url))) {
        return PINCER_FAIL(invalid_argument, "{} must be an https address (http only on loopback)", key);
    }
    if (url->target.contains('?')) return PINCER_FAIL(invalid_argument, "{} must not have a query", key);
    while (url->target.ends_with('/')) url->target.pop_back();
    return *std::move(url);
}

io::HttpRequest json_post(const io::Url& root, std::string_view path, const json::object& body) {
    io::HttpRequest request{.method = "POST", .url = root};
    request.url.target += path;
    request.headers.set("Content-Type", "application/json; charset=utf-8");
    request.body = json::write(body);
    return request;
}

Error transport_error(Error error, Effect effect, const Secret& secret) {
    const auto code = effect == Effect::delivers && !never_left(error) ? ErrorCode::outcome_unknown : error.code();
    Error out(code, without(error.message(), secret), error.where());
    out = std::move(out).with_reason(error.reason()).with_foreign(without(error.foreign(), secret));
    if (error.retry_after()) out = std::move(out).with_retry_after(*error.retry_after());
    return out;
}

std::optional<Millis> retry_after(const io::Headers& headers) {
    const auto text = headers.get("Retry-After");
    if (!text) return std::nullopt;
    long seconds = 0;
    const auto digits = trim(*text);
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    if (failed != std::errc() || seconds < 0) return std::nullopt;
    return std::min<Millis>(std::chrono::seconds(std::min(seconds, 86'400L)), kMaxRetryAfter);
}

}  // namespace pincer::channels
