#include "infra/providers/github/client.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "infra/engine/quoting.hpp"

namespace pincer::infra::github {
namespace {

constexpr std::size_t kMaxBytes = 16u << 20;
constexpr std::size_t kMaxCached = 256;
constexpr Millis kRetryAtMost{3'000};

std::int64_t number_in(const io::Headers& headers, std::string_view name, std::int64_t otherwise) {
    const auto text = headers.get(name);
    std::int64_t number = otherwise;
    if (text) std::from_chars(text->data(), text->data() + text->size(), number);
    return number;
}

bool is_limited(const io::HttpResponse& response) {
    if (response.status == 429) return true;
    if (response.status != 403) return false;
    return number_in(response.headers, "x-ratelimit-remaining", 1) == 0 || response.headers.has("Retry-After") ||
           response.body.contains("secondary rate limit");
}

// Retry-After counts seconds from now; x-ratelimit-reset is a moment. GitHub asks for a minute when it says neither.
Millis wait_of(const io::HttpResponse& response, WallTime now) {
    std::int64_t seconds = number_in(response.headers, "Retry-After", -1);
    if (seconds < 0 && number_in(response.headers, "x-ratelimit-remaining", 1) == 0) {
        seconds = number_in(response.headers, "x-ratelimit-reset", 0) - to_millis(now) / 1000;
    }
    return Millis(std::clamp<std::int64_t>(seconds < 0 ? 60 : seconds, 1, 3600) * 1000);
}

}  // namespace

Result<io::Url> parse_api_url(std::string_view text) {
    while (text.ends_with('/')) text.remove_suffix(1);
    auto url = io::parse_url(text);
    if (!url) return PINCER_FAIL(invalid_argument, "GITHUB_API_URL is not an address: {}", url.error().message());
    const auto kind = io::classify_address(url->host);
    const bool loopback = url->host == "localhost" || (kind && *kind == io::AddressKind::loopback);
    if (url->scheme != "https" && !(url->scheme == "http" && loopback)) {
        return PINCER_FAIL(invalid_argument,
                           "GITHUB_API_URL must be https (plain http only on loopback): the token would cross the "
                           "network in the clear");
    }
    if (url->target == "/") url->target.clear();
    return *std::move(url);
}

Result<std::string> parse_repository(std::string_view text) {
    const auto parts = split(text, '/');
    const auto plain = [](std::string_view part) {
        return !part.empty() && part.size() <= 100 && part != "." && part != ".." &&
               std::ranges::all_of(part, [](char c) {
                   return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                          c == '_' || c == '.';
               });
    };
    if (parts.size() != 2 || !plain(parts[0]) || !plain(parts[1])) {
        return PINCER_FAIL(invalid_argument, "--repo must be owner/name, not {}", quote_line(text, 80));
    }
    return std::string(text);
}

std::string next_link(std::string_view header) {
    for (const auto part : split(header, ',')) {
        const auto open = part.find('<');
        const auto close = part.find('>', open == std::string_view::npos ? 0 : open);
        if (open == std::string_view::npos || close == std::string_view::npos) continue;
        if (part.substr(close).contains("rel=\"next\"")) return std::string(part.substr(open + 1, close - open - 1));
    }
    return {};
}

Client::Client(Services services, Settings settings, io::Url api, Secret token)
    : services_(std::move(services)), api_(std::move(api)), token_(std::move(token)) {
    io::HttpClientOptions options;
    options.egress = io::EgressPolicy::named(api_.host);
    options.user_agent = "clanker/" + settings.version;
    http_ = services_.http(std::move(options));
}

Client::~Client() = default;

json::object Client::account() const { return {{"provider", "github"}, {"api", api_.origin() + api_.target}}; }

Result<io::Url> Client::url_of(const std::string& path) const {
    return io::parse_url(api_.origin() + api_.target + path);
}

Task<Result<io::HttpResponse>> Client::send(std::string method, io::Url url, std::size_t max_bytes, Deadline deadline) {
    const WallTime now = services_.clock.wall();
    if (now < blocked_until_) {
        const Millis left = blocked_until_ - now;
        Error limited(ErrorCode::rate_limited,
                      fmt::format("GitHub's rate limit is used up; it is free again in {}", format_duration(left)));
        co_return Failure(std::move(limited).with_retry_after(left));
    }
    io::HttpRequest request;
    request.method = std::move(method);
    request.max_response_bytes = max_bytes;
    request.headers.set("Accept", "application/vnd.github+json");
    request.headers.set("X-GitHub-Api-Version", "2022-11-28");
    const bool ours = url.origin() == api_.origin();
    if (ours && !token_.empty()) request.headers.set("Authorization", "Bearer " + token_.reveal());
    const std::string key = url.str();
    const auto cached = cache_.find(key);
    if (request.method == "GET" && cached != cache_.end()) request.headers.set("If-None-Match", cached->second.etag);
    const bool is_get = request.method == "GET";
    request.url = std::move(url);
    PINCER_CO_TRY(io::HttpResponse response, co_await http_->send(std::move(request), deadline));

    if (is_limited(response)) blocked_until_ = services_.clock.wall() + wait_of(response, services_.clock.wall());
    const auto known = cache_.find(key);
    if (is_get && response.status == 304 && known != cache_.end()) co_return known->second.response;
    if (const auto etag = response.headers.get("ETag"); is_get && response.status == 200 && etag) {
        if (cache_.size() >= kMaxCached) cache_.clear();
        Cached entry{std::string(*etag), response};
        cache_.insert_or_assign(key, std::move(entry));
    }
    co_return response;
}

Task<Result<io::HttpResponse>> Client::read(io::Url url, std::size_t max_bytes, Deadline deadline) {
    PINCER_CO_TRY(io::HttpResponse first, co_await send("GET", url, max_bytes, deadline));
    if (!is_limited(first)) co_return first;
    const Millis wait = blocked_until_ - services_.clock.wall();
    if (wait > kRetryAtMost || wait >= deadline.left()) co_return first;
    PINCER_CO_CHECK(co_await io::sleep_for(wait));
    blocked_until_ = WallTime();
    co_return co_await send("GET", std::move(url), max_bytes, deadline);
}

Error Client::error_of(const io::HttpResponse& response, const std::string& what) {
    std::string foreign;
    if (auto parsed = json::parse_object(response.body, {.bytes = 1u << 20, .depth = 16}))
        foreign = json::string_or(*parsed, "message");
    const auto make = [&](ErrorCode code, std::string text) {
        return Error(code, std::move(text)).with_foreign(foreign);
    };
    if (is_limited(response)) {
        const Millis left = std::max(Millis(0), blocked_until_ - services_.clock.wall());
        return make(ErrorCode::rate_limited,
                    fmt::format("GitHub's rate limit is used up; it is free again in {}", format_duration(left)))
            .with_retry_after(left);
    }
    switch (response.status) {
        case 401: return make(ErrorCode::unauthenticated, "token expired or revoked (401)");
        case 403: return make(ErrorCode::forbidden, fmt::format("the token may not do this (403): {}", what));
        case 404:
            return make(ErrorCode::not_found, fmt::format("not found, or the token may not see it (404): {}", what));
        case 409:
            return make(ErrorCode::conflict, fmt::format("GitHub says that it is too late for that (409): {}", what));
        case 422: return make(ErrorCode::invalid_argument, fmt::format("GitHub does not accept it (422): {}", what));
        default: break;
    }
    return make(response.status >= 500 ? ErrorCode::unavailable : ErrorCode::protocol,
                fmt::format("GitHub answered {}: {}", response.status, what));
}

Task<Result<Answer>> Client::get(std::string path, Deadline deadline) {
    PINCER_CO_TRY(io::Url url, url_of(path));
    PINCER_CO_TRY(io::HttpResponse response, co_await read(std::move(url), kMaxBytes, deadline));
    if (response.status != 200) co_return Failure(error_of(response, path));
    auto parsed = json::parse(response.body);
    if (!parsed) co_return PINCER_FAIL(protocol, "GitHub's answer is not JSON: {}", path);
    Answer out{*std::move(parsed), path, std::move(response.body)};
    co_return out;
}

Task<Result<Answer>> Client::list(std::string path, std::string key, std::size_t max_items, Deadline deadline) {
    PINCER_CO_TRY(io::Url url, url_of(path));
    json::array items;
    std::string bytes;
    while (true) {
        PINCER_CO_TRY(io::HttpResponse response, co_await read(url, kMaxBytes, deadline));
        if (response.status != 200) co_return Failure(error_of(response, path));
        auto parsed = json::parse(response.body);
        if (!parsed) co_return PINCER_FAIL(protocol, "GitHub's answer is not JSON: {}", path);
        const json::array* page = parsed->if_array();
        if (!key.empty() && parsed->is_object()) page = json::array_at(parsed->get_object(), key);
        if (!page) co_return PINCER_FAIL(protocol, "GitHub's answer is not a list: {}", path);
        for (const auto& item : *page) items.push_back(item);
        bytes += response.body;
        const auto header = response.headers.get("Link");
        const std::string next = header ? next_link(*header) : "";
        if (next.empty() || items.size() >= max_items) break;
        PINCER_CO_TRY(io::Url following, io::resolve_url(url, next));
        if (following.origin() != api_.origin()) break;  // the token stays with the origin that it was given for
        url = std::move(following);
    }
    Answer out{std::move(items), path, std::move(bytes)};
    co_return out;
}

Task<Result<Answer>> Client::log(std::string path, std::size_t max_bytes, Deadline deadline) {
    PINCER_CO_TRY(io::Url url, url_of(path));
    PINCER_CO_TRY(io::HttpResponse response, co_await read(url, max_bytes, deadline));
    if (const auto where = response.headers.get("Location");
        where && (response.status == 302 || response.status == 307)) {
        PINCER_CO_TRY(io::Url moved, io::resolve_url(url, *where));
        PINCER_CO_TRY(response, co_await read(std::move(moved), max_bytes, deadline));
    }
    if (response.status != 200) co_return Failure(error_of(response, path));
    Answer out{nullptr, path, std::move(response.body)};
    co_return out;
}

Task<Result<>> Client::post(std::string path, Deadline deadline) {
    PINCER_CO_TRY(io::Url url, url_of(path));
    auto response = co_await send("POST", std::move(url), kMaxBytes, deadline);
    if (!response) {
        const ErrorCode code = response.error().code();
        const bool never_left =
            code == ErrorCode::refused || code == ErrorCode::rate_limited || code == ErrorCode::invalid_argument;
        if (never_left) co_return Failure(std::move(response).error());
        co_return PINCER_FAIL(outcome_unknown, "the request was sent, but no answer came: {}",
                              response.error().message());
    }
    if (response->status >= 500)
        co_return PINCER_FAIL(outcome_unknown, "GitHub failed while it did this ({})", response->status);
    if (response->status / 100 != 2) co_return Failure(error_of(*response, path));
    co_return Result<>{};
}

}  // namespace pincer::infra::github
