#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "gateway/config/gateway_config.hpp"
#include "registry/definition.hpp"

namespace pincer::gateway {
namespace {

constexpr std::array<std::string_view, 5> kHarmless = {"publickey", "mainkey", "sessionkey", "maxtokens",
                                                       "contexttokens"};
constexpr std::array<std::string_view, 15> kEndings = {
    "token",         "tokens",     "secret", "secrets", "password",    "passphrase", "key",   "keys",
    "authorization", "credential", "cookie", "cookies", "credentials", "signature",  "bearer"};

bool is_secret_key(std::string_view key) {
    const std::string lower = to_lower(key);
    if (std::find(kHarmless.begin(), kHarmless.end(), lower) != kHarmless.end()) return false;
    return std::any_of(kEndings.begin(), kEndings.end(), [&](std::string_view end) { return lower.ends_with(end); });
}

bool is_url(std::string_view text) { return text.find("://") != std::string_view::npos; }

// `everything`: the value stands under a name that says secret, so nothing of it is shown.
void redact_value(json::value& v, bool everything) {
    if (json::object* o = v.if_object()) {
        for (auto& [key, item] : *o) {
            const bool hides = everything || key == "headers" || key == "env" || is_secret_key(key);
            redact_value(item, hides);
        }
    } else if (json::array* a = v.if_array()) {
        for (auto& item : *a) redact_value(item, everything);
    } else if (everything && !v.is_null() && !v.is_bool()) {
        v = kRedacted;
    } else if (v.is_string() && is_url(v.get_string())) {
        v = registry::redact_url(std::string_view(v.get_string()));
    }
}

}  // namespace

json::object redacted_config(const json::object& raw) {
    json::value copy = raw;
    redact_value(copy, false);
    json::object root = std::move(copy.get_object());
    // MCP servers have secrets in places of their own (arguments, the parts of a URL): the registry knows them.
    json::value* mcp = root.if_contains("mcp");
    json::value* servers = mcp && mcp->is_object() ? mcp->get_object().if_contains("servers") : nullptr;
    if (servers && servers->is_object()) {
        for (auto& [name, definition] : servers->get_object()) {
            if (definition.is_object()) definition = registry::definition_to_json_redacted(definition.get_object());
        }
    }
    return root;
}

}  // namespace pincer::gateway
