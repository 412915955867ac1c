#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "agent/models/wire_format.hpp"
#include "base/text.hpp"

namespace pincer::agent {
namespace {

constexpr std::size_t kMaxForeign = 2000;

// Errors inside a stream carry a name where an answer carries a status.
constexpr std::array<std::pair<std::string_view, int>, 14> kStatusOfType{{
    {"api_error", 500},
    {"authentication_error", 401},
    {"billing_error", 402},
    {"insufficient_quota", 429},
    {"invalid_api_key", 401},
    {"invalid_request_error", 400},
    {"not_found_error", 404},
    {"overloaded_error", 529},
    {"permission_error", 403},
    {"rate_limit_error", 429},
    {"rate_limit_exceeded", 429},
    {"request_too_large", 413},
    {"server_error", 500},
    {"timeout_error", 504},
}};

int status_of_type(std::string_view type) {
    const auto at = std::ranges::find(kStatusOfType, type, &std::pair<std::string_view, int>::first);
    return at == kStatusOfType.end() ? 0 : at->second;
}

bool says_context_is_full(std::string_view type, std::string_view message) {
    const std::string text = to_lower(message);
    return type == "context_length_exceeded" || text.contains("prompt is too long") ||
           text.contains("maximum context length") || text.contains("context window");
}

std::optional<Millis> parse_seconds(std::string_view text, double unit_ms) {
    double number = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (ec != std::errc() || end != text.data() + text.size() || !(number >= 0) || number * unit_ms > 86'400'000)
        return std::nullopt;
    return Millis(std::int64_t(number * unit_ms));
}

// RFC 9110 IMF-fixdate. Retry-After may be one; it is read against the answer's own Date, so no clock is needed.
std::optional<std::time_t> parse_http_date(std::string_view text) {
    std::tm parts{};
    const std::string zero_ended(text);
    const char* end = strptime(zero_ended.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (!end || *end != '\0') return std::nullopt;
    return timegm(&parts);
}

std::optional<Millis> retry_after_of(const io::Headers& headers) {
    if (const auto ms = headers.get("retry-after-ms")) return parse_seconds(trim(*ms), 1);
    const auto text = headers.get("retry-after");
    if (!text) return std::nullopt;
    if (const auto seconds = parse_seconds(trim(*text), 1000)) return seconds;
    const auto then = parse_http_date(trim(*text));
    const auto now = parse_http_date(trim(headers.get("date").value_or("")));
    if (!then || !now || *then - *now > 86'400) return std::nullopt;
    return Millis(std::max<std::time_t>(0, *then - *now) * 1000);
}

Error by_status(const ModelConfig& config, int status, std::string_view type, std::string_view message) {
    const std::string who = config.provider + "/" + config.model;
    const std::string key = "models.providers." + config.provider;
    const auto make = [](ErrorCode code, std::string text) { return Error(code, std::move(text)); };
    if (says_context_is_full(type, message)) {
        return make(ErrorCode::too_large, fmt::format("the conversation is longer than {} can read", who))
            .with_reason("CONTEXT_TOO_LONG");
    }
    switch (status) {
        case 401: return make(ErrorCode::unauthenticated, fmt::format("{} refused the key: check {}.apiKey", who, key));
        case 402:
            return make(ErrorCode::unavailable, fmt::format("{} says that the account has no credit left", who))
                .with_reason("NO_CREDIT");
        case 403:
            return make(ErrorCode::unauthenticated, fmt::format("the key of {} may not use {}: check {}.apiKey",
                                                                config.provider, config.model, key));
        case 404:
            return make(ErrorCode::not_found,
                        fmt::format("{} does not know the model {}, or {}.baseUrl is not its address", config.provider,
                                    config.model, key));
        case 408:
        case 504:
            return make(ErrorCode::timed_out,
                        fmt::format("{} gave up on its own answer (a timeout at their side)", who));
        case 413: return make(ErrorCode::too_large, fmt::format("the request is larger than {} accepts", who));
        case 429: return make(ErrorCode::rate_limited, fmt::format("{} asks us to slow down", who));
        case 529: return make(ErrorCode::unavailable, fmt::format("{} is overloaded", who)).with_reason("OVERLOADED");
        default: break;
    }
    if (status >= 500)
        return make(ErrorCode::unavailable, fmt::format("{} failed at its side (status {})", who, status));
    if (status >= 400)
        return make(ErrorCode::invalid_argument,
                    fmt::format("{} does not accept the request (status {})", who, status));
    if (status >= 300)
        return make(ErrorCode::protocol,
                    fmt::format("{} answered with a redirect (status {}), which is not followed: check {}.baseUrl", who,
                                status, key));
    return make(ErrorCode::unavailable, fmt::format("{} reported an error in the middle of its answer", who));
}

}  // namespace

Error provider_error(const ModelConfig& config, int status, std::string_view type, std::string_view message) {
    if (status == 0) status = status_of_type(type);
    Error error = by_status(config, status, type, message);
    if (type == "insufficient_quota") error = std::move(error).with_reason("NO_CREDIT");
    return std::move(error).with_foreign(truncate_utf8(sanitize_utf8(message), kMaxForeign));
}

Error error_of_answer(const ModelConfig& config, int status, const io::Headers& headers, std::string_view body) {
    std::string type, message(body);
    if (const auto parsed = json::parse_object(body)) {
        if (const json::object* error = json::object_at(*parsed, "error")) {
            type = json::string_or(*error, "code", json::string_or(*error, "type"));
            message = json::string_or(*error, "message");
        }
    }
    Error error = provider_error(config, status, type, message);
    if (const auto delay = retry_after_of(headers)) error = std::move(error).with_retry_after(*delay);
    return error;
}

}  // namespace pincer::agent
