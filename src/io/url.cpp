// RFC 3986, the part of it that HTTP needs. Strict on purpose: two parsers that disagree about a URL are a hole.
#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "io/http.hpp"

namespace pincer::io {
namespace {

constexpr std::size_t kMaxUrlBytes = 16 << 10;

std::uint16_t default_port(std::string_view scheme) {
    if (scheme == "http" || scheme == "ws") return 80;
    if (scheme == "https" || scheme == "wss") return 443;
    return 0;
}

Failure bad_url(std::string_view why) { return PINCER_FAIL(invalid_argument, "not a usable URL: {}", why); }

bool is_host_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

// Path and query: printable ASCII without what RFC 3986 leaves out; an escape must be whole.
bool is_clean_target(std::string_view target) {
    static constexpr std::string_view kExcluded = "\"<>\\^`{|}";
    for (std::size_t i = 0; i < target.size(); ++i) {
        const char c = target[i];
        if (c <= ' ' || c >= 0x7f || kExcluded.find(c) != std::string_view::npos) return false;
        if (c != '%') continue;
        if (i + 2 >= target.size() || !std::isxdigit(static_cast<unsigned char>(target[i + 1])) ||
            !std::isxdigit(static_cast<unsigned char>(target[i + 2]))) {
            return false;
        }
    }
    return true;
}

Result<std::uint16_t> parse_port(std::string_view text, std::string_view scheme) {
    if (text.empty()) return default_port(scheme);
    unsigned port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size() || port == 0 || port > 65535 || text.size() > 5) {
        return bad_url("the port is not a number from 1 to 65535");
    }
    return static_cast<std::uint16_t>(port);
}

Result<> parse_authority(std::string_view authority, Url& url) {
    if (authority.find('@') != std::string_view::npos) return bad_url("it carries user information");
    std::string_view host;
    std::string_view port;
    if (authority.starts_with('[')) {
        const std::size_t close = authority.find(']');
        if (close == std::string_view::npos) return bad_url("a bracket is not closed");
        host = authority.substr(1, close - 1);
        port = authority.substr(close + 1);
        if (!port.empty() && port.front() != ':') return bad_url("something follows the bracketed address");
        in6_addr ignored;
        const bool whole = host.find('\0') == std::string_view::npos;  // inet_pton stops there, and others may not
        if (!whole || ::inet_pton(AF_INET6, std::string(host).c_str(), &ignored) != 1)
            return bad_url("the brackets hold no IPv6 address");
    } else {
        const std::size_t colon = authority.find(':');
        host = authority.substr(0, colon);
        port = colon == std::string_view::npos ? std::string_view() : authority.substr(colon);
    }
    url.host = to_lower(host);
    if (url.host.empty()) return bad_url("it names no host");
    if (url.host.size() > 253) return bad_url("the host name is too long");
    if (!authority.starts_with('[') && !std::ranges::all_of(url.host, is_host_char)) {
        return bad_url("the host holds a character that is not allowed there");
    }
    if (port.starts_with(':')) port.remove_prefix(1);
    PINCER_TRY(url.port, parse_port(port, url.scheme));
    return {};
}

// RFC 3986 §5.2.4, for a path that starts with '/'.
std::string remove_dot_segments(std::string_view path) {
    std::vector<std::string_view> kept;
    const std::vector<std::string_view> segments = split(path.substr(1), '/');
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const bool last = i + 1 == segments.size();
        const bool up = segments[i] == "..";
        if (up && !kept.empty()) kept.pop_back();
        if (up || segments[i] == ".") {
            if (last) kept.push_back("");
        } else {
            kept.push_back(segments[i]);
        }
    }
    std::string out;
    for (const std::string_view segment : kept) out.append("/").append(segment);
    return out.empty() ? "/" : out;
}

bool has_scheme(std::string_view reference) {
    const std::size_t colon = reference.find_first_of(":/?#");
    return colon != std::string_view::npos && colon > 0 && reference[colon] == ':';
}

}  // namespace

std::string Url::authority() const {
    const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
    return port == default_port(scheme) ? name : name + ":" + std::to_string(port);
}

std::string Url::origin() const { return scheme + "://" + authority(); }

Result<Url> parse_url(std::string_view text) {
    if (text.size() > kMaxUrlBytes) return bad_url("it is too long");
    const std::size_t colon = text.find("://");
    if (colon == std::string_view::npos) return bad_url("it has no scheme");
    Url url;
    url.scheme = to_lower(text.substr(0, colon));
    if (default_port(url.scheme) == 0) return bad_url("the scheme is none of http, https, ws, wss");
    text.remove_prefix(colon + 3);
    text = text.substr(0, text.find('#'));
    const std::size_t end = std::min(text.find_first_of("/?"), text.size());
    PINCER_CHECK(parse_authority(text.substr(0, end), url));
    const std::string_view target = text.substr(end);
    if (!is_clean_target(target)) return bad_url("a character needs percent-encoding, or an escape is broken");
    if (!target.starts_with('/')) url.target = '/';
    url.target += target;
    return url;
}

Result<Url> resolve_url(const Url& base, std::string_view reference) {
    if (has_scheme(reference)) return parse_url(reference);
    if (reference.starts_with("//")) return parse_url(base.scheme + ":" + std::string(reference));
    reference = reference.substr(0, reference.find('#'));
    if (!is_clean_target(reference)) return bad_url("a character needs percent-encoding, or an escape is broken");
    Url url = base;
    if (reference.empty()) return url;
    const std::string_view base_path = std::string_view(base.target).substr(0, base.target.find('?'));
    const std::size_t question = std::min(reference.find('?'), reference.size());
    const std::string_view path = reference.substr(0, question);
    const std::string_view query = reference.substr(question);
    if (path.empty()) {
        url.target = std::string(base_path).append(query);
        return url;
    }
    const std::string whole = path.starts_with('/')
                                  ? std::string(path)
                                  : std::string(base_path.substr(0, base_path.rfind('/') + 1)).append(path);
    url.target = remove_dot_segments(whole).append(query);
    return url;
}

}  // namespace pincer::io
