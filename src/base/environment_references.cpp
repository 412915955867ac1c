#include "base/environment_references.hpp"

namespace pincer {
namespace {

bool is_first(char c) { return (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_further(char c) { return is_first(c) || (c >= '0' && c <= '9'); }

// The name in "${NAME}" at the beginning of `text`; empty: there is none.
std::string_view reference_at(std::string_view text) {
    if (!text.starts_with("${") || text.size() < 4 || !is_first(text[2])) return {};
    std::size_t end = 3;
    while (end < text.size() && is_further(text[end])) ++end;
    return end < text.size() && text[end] == '}' ? text.substr(2, end - 2) : std::string_view();
}

Result<std::string> expand(std::string_view text, const EnvironmentLookup& environment) {
    std::string out;
    while (!text.empty()) {
        const bool escaped = text.starts_with("$${");
        const std::string_view name = reference_at(escaped ? text.substr(1) : text);
        if (name.empty()) {
            out += text.front();
            text.remove_prefix(1);
            continue;
        }
        const std::size_t length = name.size() + 3;
        if (escaped) {
            out += text.substr(1, length);
            text.remove_prefix(1 + length);
            continue;
        }
        const auto value = environment(name);
        if (!value || value->empty())
            return PINCER_FAIL(invalid_argument, "the environment variable {} is not set", name);
        out += *value;
        text.remove_prefix(length);
        if (out.size() > kMaxExpandedBytes)
            return PINCER_FAIL(too_large, "it is over {} bytes with {} put in", kMaxExpandedBytes, name);
    }
    return out;
}

Result<> expand_below(json::value& value, const EnvironmentLookup& environment, const std::string& path) {
    const auto deeper = [&](std::string_view part) {
        return path.empty() ? std::string(part) : fmt::format("{}.{}", path, part);
    };
    if (auto* object = value.if_object()) {
        for (auto& member : *object) PINCER_CHECK(expand_below(member.value(), environment, deeper(member.key())));
    } else if (auto* array = value.if_array()) {
        for (std::size_t i = 0; i < array->size(); ++i)
            PINCER_CHECK(expand_below((*array)[i], environment, deeper(std::to_string(i))));
    } else if (value.is_string() && std::string_view(value.get_string()).contains("${")) {
        auto expanded = expand(std::string_view(value.get_string()), environment);
        if (!expanded && path.empty()) return Failure(std::move(expanded).error());
        if (!expanded) return Failure(std::move(expanded).error().context(path));
        value = *std::move(expanded);
    }
    return {};
}

}  // namespace

Result<> expand_references(json::value& value, const EnvironmentLookup& environment) {
    return expand_below(value, environment, "");
}

}  // namespace pincer
