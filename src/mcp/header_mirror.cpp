#include "mcp/detail/header_mirror.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/text.hpp"

namespace pincer::mcp {
namespace {

constexpr std::string_view kSentinelStart = "=?base64?";
constexpr std::string_view kSentinelEnd = "?=";
constexpr std::size_t kMaxDepth = 32;

bool is_sentinel(std::string_view text) {
    return text.size() >= kSentinelStart.size() + kSentinelEnd.size() && text.starts_with(kSentinelStart) &&
           text.ends_with(kSentinelEnd);
}

bool is_header_text(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\t'; });
}

bool is_token(std::string_view name) {
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || kMarks.find(c) != std::string_view::npos;
    });
}

// The body field that Mcp-Name repeats; "" for methods without one.
std::string_view named_field(std::string_view method) {
    if (method == "tools/call" || method == "prompts/get") return "name";
    if (method == "resources/read") return "uri";
    return "";
}

const json::value* at_path(const json::object& arguments, const std::vector<std::string>& path) {
    const json::object* o = &arguments;
    const json::value* v = nullptr;
    for (const std::string& key : path) {
        if (!o || !(v = json::find(*o, key))) return nullptr;
        o = v->if_object();
    }
    return v && !v->is_null() ? v : nullptr;
}

// Strings as they are, integers in decimal, true and false; nothing for what cannot be mirrored.
std::optional<std::string> as_text(const json::value& v) {
    if (const auto* text = v.if_string()) return std::string(*text);
    if (const auto* flag = v.if_bool()) return *flag ? "true" : "false";
    if (v.is_number()) return json::write_canonical(v);
    return std::nullopt;
}

bool same(const json::value& body, const std::string& header) {
    const auto text = as_text(body);
    if (!text || *text == header) return text.has_value();
    if (!body.is_number() || header.empty()) return false;
    char* end = nullptr;
    const double number = std::strtod(header.c_str(), &end);
    return *end == '\0' && number == body.to_number<double>();  // 42.0 is 42
}

Result<> collect(const json::object& schema, std::vector<std::string>& path, std::vector<MirroredParam>& out) {
    const json::object* properties = json::object_at(schema, "properties");
    if (!properties) return {};
    if (path.size() >= kMaxDepth) return PINCER_FAIL(invalid_argument, "nested deeper than {}", kMaxDepth);
    for (const auto& field : *properties) {
        const json::object* property = field.value().if_object();
        if (!property) continue;
        path.emplace_back(field.key());
        if (const json::value* name = json::find(*property, "x-mcp-header")) {
            const bool token = name->is_string() && is_token(std::string_view(name->get_string()));
            if (!token) return PINCER_FAIL(invalid_argument, "x-mcp-header of {} is not a header name", path.back());
            const std::string type = json::string_or(*property, "type");
            if (type != "string" && type != "integer" && type != "boolean") {
                return PINCER_FAIL(invalid_argument,
                                   "x-mcp-header stands at {}, which is no string, integer or boolean", path.back());
            }
            for (const auto& known : out) {
                if (iequals(known.name, std::string_view(name->get_string())))
                    return PINCER_FAIL(invalid_argument, "x-mcp-header {} is used twice", known.name);
            }
            out.push_back({std::string(name->get_string()), path});
        }
        PINCER_CHECK(collect(*property, path, out));
        path.pop_back();
    }
    return {};
}

// Whether "x-mcp-header" stands anywhere at all; then it must stand where collect() found it.
std::size_t count_annotations(const json::value& v, std::size_t depth) {
    if (depth > 2 * kMaxDepth) return 0;
    std::size_t count = 0;
    if (const json::object* o = v.if_object()) {
        for (const auto& field : *o)
            count += (field.key() == "x-mcp-header" ? 1 : 0) + count_annotations(field.value(), depth + 1);
    } else if (const json::array* a = v.if_array()) {
        for (const json::value& item : *a) count += count_annotations(item, depth + 1);
    }
    return count;
}

}  // namespace

std::string encode_header_value(std::string_view text) {
    const bool plain = is_header_text(text) && trim(text) == text && !is_sentinel(text);
    return plain ? std::string(text) : fmt::format("{}{}{}", kSentinelStart, to_base64(text), kSentinelEnd);
}

Result<std::string> decode_header_value(std::string_view value) {
    if (!is_header_text(value)) return PINCER_FAIL(invalid_argument, "invalid characters");
    if (!is_sentinel(value)) return std::string(value);
    value.remove_prefix(kSentinelStart.size());
    value.remove_suffix(kSentinelEnd.size());
    PINCER_TRY(std::string text, from_base64(value));
    if (to_base64(text) != value) return PINCER_FAIL(invalid_argument, "not in canonical base64");  // padding included
    if (!is_valid_utf8(text)) return PINCER_FAIL(invalid_argument, "not UTF-8");
    return text;
}

Result<std::vector<MirroredParam>> mirrored_params(const json::object& input_schema) {
    std::vector<MirroredParam> out;
    std::vector<std::string> path;
    PINCER_CHECK(collect(input_schema, path, out));
    if (count_annotations(input_schema, 0) != out.size()) {
        return PINCER_FAIL(invalid_argument, "x-mcp-header stands where no property of the arguments is");
    }
    return out;
}

void add_mirror_headers(io::Headers& headers, std::string_view method, const json::object& params,
                        std::span<const MirroredParam> mirrored) {
    headers.set("Mcp-Method", std::string(method));
    const std::string_view field = named_field(method);
    if (!field.empty()) headers.set("Mcp-Name", encode_header_value(json::string_or(params, field)));
    const json::object* arguments = json::object_at(params, "arguments");
    for (const MirroredParam& param : mirrored) {
        const json::value* v = arguments ? at_path(*arguments, param.path) : nullptr;
        if (const auto text = v ? as_text(*v) : std::nullopt)
            headers.set("Mcp-Param-" + param.name, encode_header_value(*text));
    }
}

std::optional<std::string> mirror_mismatch(const io::Headers& headers, const jsonrpc::Request& request,
                                           std::span<const MirroredParam> mirrored) {
    const auto method = headers.get("Mcp-Method");
    if (!method) return "Header mismatch: Mcp-Method is missing";
    if (*method != request.method) return "Header mismatch: Mcp-Method does not match the body";
    const std::string_view field = named_field(request.method);
    if (!field.empty()) {
        const auto raw = headers.get("Mcp-Name");
        if (!raw) return "Header mismatch: Mcp-Name is missing";
        const auto name = decode_header_value(*raw);
        if (!name) return "Header mismatch: Mcp-Name: " + name.error().message();
        if (*name != json::string_or(request.params, field)) return "Header mismatch: Mcp-Name does not match the body";
    }
    const json::object* arguments = json::object_at(request.params, "arguments");
    for (const MirroredParam& param : mirrored) {
        const json::value* v = arguments ? at_path(*arguments, param.path) : nullptr;
        const auto raw = headers.get("Mcp-Param-" + param.name);
        if (!v && !raw) continue;
        if (!v || !raw)
            return fmt::format("Header mismatch: Mcp-Param-{} is {}", param.name, v ? "missing" : "not in the body");
        const auto value = decode_header_value(*raw);
        if (!value) return fmt::format("Header mismatch: Mcp-Param-{}: {}", param.name, value.error().message());
        if (!same(*v, *value)) return fmt::format("Header mismatch: Mcp-Param-{} does not match the body", param.name);
    }
    return std::nullopt;
}

}  // namespace pincer::mcp
