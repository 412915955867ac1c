#include "base/json.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/stream_parser.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

namespace pincer::json {
namespace {

// Whether one of these eight bytes needs an escape: below 0x20, a quote or a backslash. (The classic test for a byte
// below n, which may also say yes for nothing, and is exact again byte by byte.)
bool may_need_escape(const char* bytes) {
    std::uint64_t word;
    std::memcpy(&word, bytes, 8);
    constexpr std::uint64_t kOnes = ~std::uint64_t(0) / 255;
    const auto has_less = [](std::uint64_t x, std::uint64_t n) { return (x - kOnes * n) & ~x & kOnes * 128; };
    return has_less(word, 0x20) | has_less(word ^ kOnes * '"', 1) | has_less(word ^ kOnes * '\\', 1);
}

bool needs_escape(char c) { return std::uint8_t(c) < 0x20 || c == '"' || c == '\\'; }

char* write_escape(char c, char* to) {
    const auto two = [&](char name) {
        *to++ = '\\';
        *to++ = name;
        return to;
    };
    switch (c) {
        case '"': return two('"');
        case '\\': return two('\\');
        case '\b': return two('b');
        case '\f': return two('f');
        case '\n': return two('n');
        case '\r': return two('r');
        case '\t': return two('t');
        default: break;
    }
    constexpr std::string_view kHex = "0123456789abcdef";
    to = std::copy_n("\\u00", 4, to);
    *to++ = kHex[std::uint8_t(c) >> 4];
    *to++ = kHex[std::uint8_t(c) & 15];
    return to;
}

// Piece by piece through a buffer in which the longest spelling of a piece has room.
void write_string(std::string_view text, std::string& out) {
    constexpr std::size_t kPiece = 256;
    constexpr std::size_t kLongest = 6;  // \u00xx
    std::array<char, kPiece * kLongest> buffer;
    out += '"';
    while (!text.empty()) {
        const char* from = text.data();
        const char* const end = from + std::min(text.size(), kPiece);
        char* to = buffer.data();
        while (from != end) {
            if (end - from >= 8 && !may_need_escape(from)) {
                std::memcpy(to, from, 8);
                from += 8;
                to += 8;
            } else {
                const char c = *from++;
                if (needs_escape(c))
                    to = write_escape(c, to);
                else
                    *to++ = c;
            }
        }
        out.append(buffer.data(), to);
        text.remove_prefix(std::size_t(end - text.data()));
    }
    out += '"';
}

template <class Number>
void write_integer(Number number, std::string& out) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out.append(digits.data(), end);
}

// The shortest form that reads back; whole numbers without a point, null for what JSON lacks, both as JavaScript does
// it.
void write_double(double number, std::string& out) {
    if (!std::isfinite(number)) {
        out += "null";
    } else if (std::nearbyint(number) == number && std::abs(number) < 9007199254740992.0) {
        write_integer(std::int64_t(number), out);
    } else {
        fmt::format_to(std::back_inserter(out), "{}", number);
    }
}

// The tree is as deep as parse() or our own code made it: both are bounded.
void write_to(const value& v, std::string& out);

void write_object(const object& o, std::string& out) {
    char before = '{';
    for (const auto& [key, item] : o) {
        out += std::exchange(before, ',');
        write_string(key, out);
        out += ':';
        write_to(item, out);
    }
    out += o.empty() ? "{}" : "}";
}

void write_array(const array& a, std::string& out) {
    char before = '[';
    for (const value& item : a) {
        out += std::exchange(before, ',');
        write_to(item, out);
    }
    out += a.empty() ? "[]" : "]";
}

void write_to(const value& v, std::string& out) {
    switch (v.kind()) {
        case boost::json::kind::null: out += "null"; return;
        case boost::json::kind::bool_: out += v.get_bool() ? "true" : "false"; return;
        case boost::json::kind::int64: return write_integer(v.get_int64(), out);
        case boost::json::kind::uint64: return write_integer(v.get_uint64(), out);
        case boost::json::kind::double_: return write_double(v.get_double(), out);
        case boost::json::kind::string: return write_string(v.get_string(), out);
        case boost::json::kind::array: return write_array(v.get_array(), out);
        case boost::json::kind::object: return write_object(v.get_object(), out);
    }
}

void write_pretty_to(const value& v, std::size_t indent, std::string& out);

void start_line(std::size_t indent, std::string& out) {
    out += '\n';
    out.append(indent, ' ');
}

void write_pretty_object(const object& o, std::size_t indent, std::string& out) {
    char before = '{';
    for (const auto& [key, item] : o) {
        out += std::exchange(before, ',');
        start_line(indent + 2, out);
        write_string(key, out);
        out += ": ";
        write_pretty_to(item, indent + 2, out);
    }
    start_line(indent, out);
    out += '}';
}

void write_pretty_to(const value& v, std::size_t indent, std::string& out) {
    const auto* o = v.if_object();
    const auto* a = v.if_array();
    if (o && !o->empty()) return write_pretty_object(*o, indent, out);
    if (!a || a->empty()) return write_to(v, out);
    char before = '[';
    for (const value& item : *a) {
        out += std::exchange(before, ',');
        start_line(indent + 2, out);
        write_pretty_to(item, indent + 2, out);
    }
    start_line(indent, out);
    out += ']';
}

void write_canonical_to(const value& v, std::string& out) {
    if (const auto* o = v.if_object()) {
        std::vector<const object::value_type*> fields;
        fields.reserve(o->size());
        for (const auto& field : *o) fields.push_back(&field);
        std::sort(fields.begin(), fields.end(),
                  [](auto* a, auto* b) { return std::string_view(a->key()) < std::string_view(b->key()); });
        out += '{';
        bool first = true;
        for (const auto* field : fields) {
            if (!std::exchange(first, false)) out += ',';
            write_string(field->key(), out);
            out += ':';
            write_canonical_to(field->value(), out);
        }
        out += '}';
    } else if (const auto* a = v.if_array()) {
        out += '[';
        bool first = true;
        for (const auto& item : *a) {
            if (!std::exchange(first, false)) out += ',';
            write_canonical_to(item, out);
        }
        out += ']';
    } else if (const auto* d = v.if_double(); d && !std::isfinite(*d)) {
        out += fmt::format("{}", *d);  // which no parser takes: it must not have the digest of something else
    } else {
        write_to(v, out);  // 1.0 and 1 are one value in JSON and get one spelling there
    }
}

}  // namespace

namespace {

Result<value> parse_into(boost::json::storage_ptr storage, std::string_view text, Limits limits) {
    if (text.size() > limits.bytes)
        return PINCER_FAIL(too_large, "JSON of {} bytes is over the limit of {}", text.size(), limits.bytes);
    boost::json::parse_options options;
    options.max_depth = limits.depth;
    boost::json::stream_parser parser(boost::json::storage_ptr(), options);
    parser.reset(std::move(storage));
    boost::system::error_code ec;
    const std::size_t consumed = parser.write_some(text.data(), text.size(), ec);
    if (!ec && consumed < text.size()) ec = boost::json::make_error_code(boost::json::error::extra_data);
    if (!ec) parser.finish(ec);
    if (ec) return PINCER_FAIL(invalid_argument, "not valid JSON: {} at offset {}", ec.message(), consumed);
    return parser.release();
}

}  // namespace

Result<value> parse(std::string_view text, Limits limits) { return parse_into({}, text, limits); }

Result<value> parse_in_arena(std::string_view text, Limits limits) {
    return parse_into(boost::json::make_shared_resource<boost::json::monotonic_resource>(text.size() + 1024), text,
                      limits);
}

void take_over(value& into, value&& from) {
    std::destroy_at(&into);
    std::construct_at(&into, std::move(from));  // does not throw
}

Result<object> parse_object(std::string_view text, Limits limits) {
    PINCER_TRY(value parsed, parse(text, limits));
    if (!parsed.is_object()) return PINCER_FAIL(invalid_argument, "expected a JSON object");
    return std::move(parsed.get_object());
}

std::string write(const value& v) {
    std::string out;
    write_to(v, out);
    return out;
}

std::string write(const object& o) {
    std::string out;
    write_object(o, out);
    return out;
}

void append(std::string& out, const value& v) { write_to(v, out); }
void append(std::string& out, const object& o) { write_object(o, out); }
void append(std::string& out, const array& a) { write_array(a, out); }
void append_string(std::string& out, std::string_view text) { write_string(text, out); }

std::string write_pretty(const value& v) {
    std::string out;
    write_pretty_to(v, 0, out);
    return out;
}

void append_pretty(std::string& out, const object& o) {
    if (o.empty())
        out += "{}";
    else
        write_pretty_object(o, 0, out);
}

std::string write_canonical(const value& v) {
    std::string out;
    write_canonical_to(v, out);
    return out;
}

const value* find(const object& o, std::string_view key) {
    return o.if_contains(boost::json::string_view(key.data(), key.size()));
}

std::optional<std::string_view> string_at(const object& o, std::string_view key) {
    const value* v = find(o, key);
    if (!v || !v->is_string()) return std::nullopt;
    return std::string_view(v->get_string().data(), v->get_string().size());
}

std::optional<std::int64_t> int_at(const object& o, std::string_view key) {
    const value* v = find(o, key);
    if (!v) return std::nullopt;
    if (const auto* i = v->if_int64()) return *i;
    if (const auto* u = v->if_uint64(); u && *u <= std::uint64_t(std::numeric_limits<std::int64_t>::max()))
        return std::int64_t(*u);
    if (const auto* d = v->if_double(); d && std::nearbyint(*d) == *d && std::abs(*d) < 9007199254740992.0)
        return std::int64_t(*d);
    return std::nullopt;
}

std::optional<double> number_at(const object& o, std::string_view key) {
    const value* v = find(o, key);
    if (!v) return std::nullopt;
    if (const auto* d = v->if_double()) return *d;
    if (const auto* i = v->if_int64()) return double(*i);
    if (const auto* u = v->if_uint64()) return double(*u);
    return std::nullopt;
}

std::optional<bool> bool_at(const object& o, std::string_view key) {
    const value* v = find(o, key);
    if (!v || !v->is_bool()) return std::nullopt;
    return v->get_bool();
}

const object* object_at(const object& o, std::string_view key) {
    const value* v = find(o, key);
    return v ? v->if_object() : nullptr;
}

const array* array_at(const object& o, std::string_view key) {
    const value* v = find(o, key);
    return v ? v->if_array() : nullptr;
}

const value* find_path(const value& v, std::initializer_list<std::string_view> keys) {
    const value* at = &v;
    for (std::string_view key : keys) {
        const object* o = at->if_object();
        if (!o || !(at = find(*o, key))) return nullptr;
    }
    return at;
}

std::string string_or(const object& o, std::string_view key, std::string_view otherwise) {
    return std::string(string_at(o, key).value_or(otherwise));
}

std::string string_at_path(const value& v, std::initializer_list<std::string_view> keys, std::string_view otherwise) {
    const value* at = find_path(v, keys);
    return at && at->is_string() ? std::string(at->get_string()) : std::string(otherwise);
}

Result<std::string> require_string(const object& o, std::string_view key) {
    if (auto text = string_at(o, key)) return std::string(*text);
    return PINCER_FAIL(invalid_argument, "\"{}\" must be a string", key);
}

Result<std::int64_t> require_int(const object& o, std::string_view key) {
    if (auto number = int_at(o, key)) return *number;
    return PINCER_FAIL(invalid_argument, "\"{}\" must be a whole number", key);
}

}  // namespace pincer::json
