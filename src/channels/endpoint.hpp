// Where a platform's API lives, and what a request that failed on the way means there. Shared by the channels that
// speak HTTP.
#pragma once

#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/secret.hpp"
#include "io/http_client.hpp"

namespace pincer::channels {

// The root of an API from configuration, without a trailing slash in its target. https, or http on loopback (tests and
// local proxies). Errors: invalid_argument naming `key`.
Result<io::Url> parse_api_root(std::string_view text, std::string_view key);
bool is_loopback(const io::Url& url);

// POST <root><path> with a JSON body.
io::HttpRequest json_post(const io::Url& root, std::string_view path, const json::object& body);

enum class Effect { none, delivers };  // delivers: doing it twice would show a message twice

// A transport error as the contract of Channel::send() wants it: what delivers and may have left is outcome_unknown,
// unless the error says that no connection came about. `secret` never appears in the result, even when it stands in
// the URL.
Error transport_error(Error error, Effect effect, const Secret& secret);

// The Retry-After header in seconds (RFC 9110 §10.2.3; the date form is not used by chat platforms). At most an hour.
std::optional<Millis> retry_after(const io::Headers& headers);
inline constexpr Millis kDefaultRetryAfter{1'000};
inline constexpr Millis kMaxRetryAfter{3'600'000};

}  // namespace pincer::channels
