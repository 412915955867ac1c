#include "base/json.hpp"

#include <boost/json/stream_parser.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace pincer::json {
namespace {

void write_string(std::string_view text, std::string& out) { out += boost::json::serialize(boost::json::string_view(text.data(), text.size())); }

void write_pretty_to(const value& v, std::size_t indent, std::string& out) {
    const std::string inner(indent + 2, ' ');
    const std::string outer(indent, ' ');
    if (const auto* o = v.if_object(); o && !o->empty()) {
        out += "{\n";
        bool first = true;
        for (const auto& [key, item] : *o) {
            if (!std::exchange(first, false)) out += ",\n";
            out += inner;
            write_string(key, out);
            out += ": ";
            write_pretty_to(item, indent + 2, out);
        }
        out += "\n" + outer + "}";
    } else if (const auto* a = v.if_array(); a && !a->empty()) {
        out += "[\n";
        bool first = true;
        for (const auto& item : *a) {
            if (!std::exchange(first, false)) out += ",\n";
            out += inner;
            write_pretty_to(item, indent + 2, out);
        }
        out += "\n" + outer + "]";
    } else {
        out += write(v);
    }
}

void write_canonical_to(const value& v, std::string& out) {
    if (const auto* o = v.if_object()) {
        std::vector<const object::value_type*> fields;
        fields.reserve(o->size());
        for (const auto& field : *o) fields.push_back(&field);
        std::sort(fields.begin(), fields.end(), [](auto* a, auto* b) { return std::string_view(a->key()) < std::string_view(b->key()); });
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
    } else if (const auto* d = v.if_double(); d && std::nearbyint(*d) == *d && std::abs(*d) < 9007199254740992.0) {
        out += fmt::format("{}", std::int64_t(*d));  // 1.0 and 1 are one value in JSON, so they get one spelling
    } else if (d) {
        out += fmt::format("{}", *d);
    } else {
        out += write(v);
    }
}

}  // namespace

Result<value> parse(std::string_view text, Limits limits) {
    if (text.size() > limits.bytes) return PINCER_FAIL(too_large, "JSON of {} bytes is over the limit of {}", text.size(), limits.bytes);
    boost::json::parse_options options;
    options.max_depth = limits.depth;
    boost::json::stream_parser parser(boost::json::storage_ptr(), options);
    boost::system::error_code ec;
    const std::size_t consumed = parser.write_some(text.data(), text.size(), ec);
    if (!ec && consumed < text.size()) ec = boost::json::make_error_code(boost::json::error::extra_data);
    if (!ec) parser.finish(ec);
    if (ec) return PINCER_FAIL(invalid_argument, "not valid JSON: {} at offset {}", ec.message(), consumed);
    return parser.release();
}

Result<object> parse_object(std::string_view text, Limits limits) {
    PINCER_TRY(value parsed, parse(text, limits));
    if (!parsed.is_object()) return PINCER_FAIL(invalid_argument, "expected a JSON object");
    return std::move(parsed.get_object());
}

std::string write(const value& v) { return boost::json::serialize(v); }
std::string write(const object& o) { return boost::json::serialize(o); }

std::string write_pretty(const value& v) {
    std::string out;
    write_pretty_to(v, 0, out);
    return out;
}

std::string write_canonical(const value& v) {
    std::string out;
    write_canonical_to(v, out);
    return out;
}

const value* find(const object& o, std::string_view key) { return o.if_contains(boost::json::string_view(key.data(), key.size())); }

std::optional<std::string_view> string_at(const object& o, std::string_view key) {
    const value* v = find(o, key);
    if (!v || !v->is_string()) return std::nullopt;
    return std::string_view(v->get_string().data(), v->get_string().size());
}

std::optional<std::int64_t> int_at(const object& o, std::string_view key) {
    const value* v = find(o, key);
    if (!v) return std::nullopt;
    if (const auto* i = v->if_int64()) return *i;
    if (const auto* u = v->if_uint64(); u && *u <= std::uint64_t(std::numeric_limits<std::int64_t>::max())) return std::int64_t(*u);
    if (const auto* d = v->if_double(); d && std::nearbyint(*d) == *d && std::abs(*d) < 9007199254740992.0) return std::int64_t(*d);
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
