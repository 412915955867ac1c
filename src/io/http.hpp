// What an HTTP message is here, for client and server alike (RFC 9110).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace pincer::io {

// In order of appearance; names compare without case.
class Headers {
public:
    Headers() = default;
    Headers(std::initializer_list<std::pair<std::string, std::string>> fields) : fields_(fields) {}

    std::optional<std::string_view> get(std::string_view name) const;  // the first of that name
    std::vector<std::string_view> get_all(std::string_view name) const;
    bool has(std::string_view name) const { return get(name).has_value(); }
    void set(std::string name, std::string value);  // replaces all of that name
    void add(std::string name, std::string value);
    void remove(std::string_view name);
    auto begin() const { return fields_.begin(); }
    auto end() const { return fields_.end(); }
    std::size_t size() const { return fields_.size(); }

private:
    std::vector<std::pair<std::string, std::string>> fields_;
};

// An absolute URL, split (RFC 3986). Only http, https, ws and wss; user information is refused, since it leaks in logs;
// a fragment is dropped. Characters outside the grammar (spaces, controls, non-ASCII) are refused: encode them first.
struct Url {
    std::string scheme;
    std::string host;        // lower case, IPv6 without brackets
    std::uint16_t port = 0;  // always set
    std::string target;      // path and query, starts with '/'

    bool is_tls() const { return scheme == "https" || scheme == "wss"; }
    std::string origin() const;     // "https://host:port", port left out when it is the scheme's own
    std::string authority() const;  // the Host header: as origin(), without the scheme
    std::string str() const { return origin() + target; }
};
Result<Url> parse_url(std::string_view text);
// `reference` against `base` (RFC 3986 §5): for Location and Link headers.
Result<Url> resolve_url(const Url& base, std::string_view reference);

std::string percent_encode(std::string_view text);  // everything but unreserved characters
Result<std::string> percent_decode(std::string_view text);
// "?a=1&b=x%20y" or "" when empty.
std::string make_query(const std::vector<std::pair<std::string, std::string>>& parameters);
// '+' is a space; a broken escape stays as it is written.
std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query);

}  // namespace pincer::io
