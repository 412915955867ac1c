#include "io/detail/http_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "base/text.hpp"

namespace pincer::io::detail {

namespace {

Failure bad_target(std::string_view why) { return PINCER_FAIL(protocol, "the request target {}", why); }

bool is_authority_char(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || std::string_view("-._~:[]").find(c) != std::string_view::npos;
}

// IMF-fixdate, made anew once a second.
std::string_view date_now() {
    static thread_local std::time_t last = 0;
    static thread_local char text[64];
    const std::time_t now = std::time(nullptr);
    if (now != last) {
        last = now;
        std::tm parts{};
        ::gmtime_r(&now, &parts);
        static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[parts.tm_wday], parts.tm_mday,
                      kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
    }
    return text;
}

bool is_ours(std::string_view name) {
    return iequals(name, "content-length") || iequals(name, "connection") || iequals(name, "transfer-encoding");
}

void append_fields(std::string& out, const Headers& headers, std::string_view left_out) {
    static constexpr std::string_view kBreaks("\r\n\0", 3);
    for (const auto& [name, value] : headers) {
        if (is_ours(name) || iequals(name, left_out) || !is_token(name)) continue;
        if (value.find_first_of(kBreaks) != std::string::npos) continue;
        out.append(name).append(": ").append(value).append("\r\n");
    }
}

void append_framing(std::string& out, Framing framing, std::size_t length) {
    if (framing == Framing::length)
        out.append("Content-Length: ").append(fmt::format_int(length).c_str()).append("\r\n");
    if (framing == Framing::chunked) out.append("Transfer-Encoding: chunked\r\n");
}

}  // namespace

bool is_token(std::string_view text) {
    static constexpr std::string_view kSigns = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || kSigns.find(c) != std::string_view::npos;
    });
}

Result<RequestTarget> split_target(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!target.starts_with(scheme)) continue;
        const std::size_t slash = target.find_first_of("/?", scheme.size());
        target = slash == std::string_view::npos ? "/" : target.substr(slash);
    }
    if (!target.starts_with('/')) return bad_target("does not start with '/'");
    const std::size_t question = target.find('?');
    RequestTarget out;
    if (question != std::string_view::npos) out.query = target.substr(question + 1);
    auto path = percent_decode(target.substr(0, question));
    if (!path) return bad_target("holds a broken percent escape");
    out.path = std::move(*path);
    if (out.path.find('\0') != std::string::npos) return bad_target("holds a NUL");
    if (out.path.find('\\') != std::string::npos) return bad_target("holds a backslash");
    if (!is_valid_utf8(out.path)) return bad_target("is not UTF-8");
    for (std::size_t at = 0; at != std::string::npos; at = out.path.find('/', at + 1)) {
        const std::string_view rest = std::string_view(out.path).substr(at + 1);
        const std::string_view segment = rest.substr(0, rest.find('/'));
        if (segment == "." || segment == "..") return bad_target("holds a '.' or '..' segment");
    }
    return out;
}

Result<> check_host(const MessageHead& head) {
    const auto hosts = head.headers.get_all("host");
    if (hosts.empty() && head.is_http10) return {};
    if (hosts.size() != 1)
        return PINCER_FAIL(protocol, "a request has exactly one Host field, this one has {}", hosts.size());
    if (hosts[0].empty() || !std::ranges::all_of(hosts[0], is_authority_char)) {
        return PINCER_FAIL(protocol, "the Host field is not a host and a port");
    }
    // RFC 9112 §3.2.2: in the absolute form it is the target that names the host. Whoever checks the field must not be
    // told another.
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!head.target.starts_with(scheme)) continue;
        const std::string_view rest = std::string_view(head.target).substr(scheme.size());
        if (!iequals(rest.substr(0, rest.find_first_of("/?#")), hosts[0]))
            return PINCER_FAIL(protocol, "the target names another host than the Host field");
    }
    return {};
}

std::string_view reason_phrase(int status) {
    switch (status) {
        case 100: return "Continue";
        case 101: return "Switching Protocols";
        case 200: return "OK";
        case 201: return "Created";
        case 202: return "Accepted";
        case 204: return "No Content";
        case 206: return "Partial Content";
        case 301: return "Moved Permanently";
        case 302: return "Found";
        case 303: return "See Other";
        case 304: return "Not Modified";
        case 307: return "Temporary Redirect";
        case 308: return "Permanent Redirect";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 406: return "Not Acceptable";
        case 408: return "Request Timeout";
        case 409: return "Conflict";
        case 410: return "Gone";
        case 413: return "Content Too Large";
        case 415: return "Unsupported Media Type";
        case 417: return "Expectation Failed";
        case 421: return "Misdirected Request";
        case 422: return "Unprocessable Content";
        case 426: return "Upgrade Required";
        case 429: return "Too Many Requests";
        case 431: return "Request Header Fields Too Large";
        case 500: return "Internal Server Error";
        case 501: return "Not Implemented";
        case 502: return "Bad Gateway";
        case 503: return "Service Unavailable";
        case 504: return "Gateway Timeout";
        default: return "Unknown";
    }
}

std::string write_response_head(int status, const Headers& headers, Framing framing, std::size_t length,
                                bool keep_alive) {
    std::string out;
    out.reserve(192 + headers.size() * 48);
    if (status == 200) {
        out = "HTTP/1.1 200 OK\r\nDate: ";
    } else {
        out.append("HTTP/1.1 ")
            .append(fmt::format_int(status).c_str())
            .append(" ")
            .append(reason_phrase(status))
            .append("\r\nDate: ");
    }
    out.append(date_now()).append("\r\n");
    append_fields(out, headers, "date");
    append_framing(out, framing, length);
    if (!keep_alive) out.append("Connection: close\r\n");
    return out.append("\r\n");
}

std::string write_request_head(std::string_view method, const Url& url, const Headers& headers,
                               std::string_view user_agent, Framing framing, std::size_t length) {
    std::string out;
    out.reserve(256 + url.target.size() + headers.size() * 64);
    out.append(method)
        .append(" ")
        .append(url.target)
        .append(" HTTP/1.1\r\nHost: ")
        .append(url.authority())
        .append("\r\n");
    append_fields(out, headers, "host");
    if (!headers.has("user-agent") && !user_agent.empty()) out.append("User-Agent: ").append(user_agent).append("\r\n");
    if (!headers.has("accept")) out.append("Accept: */*\r\n");
    append_framing(out, framing, length);
    return out.append("\r\n");
}

}  // namespace pincer::io::detail
