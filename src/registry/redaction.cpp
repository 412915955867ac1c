// What of a definition may be shown. Errs on the side of hiding: an environment value or a header is secret whatever
// its name, an argument when its option or its looks say so.
#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "registry/definition.hpp"

namespace pincer::registry {
namespace {

constexpr std::array<std::string_view, 14> kTellingWords = {"token",   "secret",    "password", "passwd", "apikey",
                                                            "api-key", "api_key",   "key",      "auth",   "credential",
                                                            "bearer",  "signature", "session",  "cookie"};
constexpr std::array<std::string_view, 12> kTellingPrefixes = {
    "sk-", "sk_", "ghp_", "gho_", "ghs_", "github_pat_", "xoxb-", "xoxp-", "xapp-", "glpat-", "AKIA", "eyJ"};
constexpr std::string_view kStars = "***";

bool is_telling_name(std::string_view name) {
    const std::string lower = to_lower(name);
    return std::any_of(kTellingWords.begin(), kTellingWords.end(),
                       [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

bool looks_secret(std::string_view value) {
    return std::any_of(kTellingPrefixes.begin(), kTellingPrefixes.end(),
                       [&](std::string_view prefix) { return value.starts_with(prefix); });
}

void redact_values(json::object& o, std::string_view key) {
    json::value* field = o.if_contains(key);
    json::object* entries = field ? field->if_object() : nullptr;
    if (!entries) return;
    for (auto& entry : *entries) entry.value() = kRedacted;
}

}  // namespace

std::string redact_url(std::string_view url) {
    std::string out;
    const auto scheme_end = url.find("://");
    std::string_view rest = url;
    if (scheme_end != std::string_view::npos) {
        out = url.substr(0, scheme_end + 3);
        rest = url.substr(scheme_end + 3);
        const auto path = rest.find_first_of("/?#");
        const auto at = rest.substr(0, path).rfind('@');
        if (at != std::string_view::npos) {
            out += rest.substr(0, at).find(':') == std::string_view::npos ? "***@" : "***:***@";
            rest.remove_prefix(at + 1);
        }
    }
    const auto query = rest.find('?');
    out += rest.substr(0, query);
    if (query == std::string_view::npos) return out;
    const std::string_view parameters = rest.substr(query + 1, rest.find('#', query) - query - 1);
    char separator = '?';
    for (std::string_view parameter : split(parameters, '&')) {
        const auto equals = parameter.find('=');
        const std::string_view name = parameter.substr(0, equals);
        const std::string_view value = equals == std::string_view::npos ? "" : parameter.substr(equals + 1);
        out += std::exchange(separator, '&');
        out += name;
        if (equals == std::string_view::npos) continue;
        out += '=';
        out += is_telling_name(name) || looks_secret(value) ? kStars : value;
    }
    return out;
}

std::vector<std::string> redact_arguments(const std::vector<std::string>& args) {
    std::vector<std::string> out;
    bool hide_next = false;
    for (const std::string& arg : args) {
        const auto equals = arg.find('=');
        const bool option = arg.starts_with('-');
        if (std::exchange(hide_next, false) && !option)
            out.emplace_back(kStars);
        else if (equals != std::string::npos &&
                 (is_telling_name(std::string_view(arg).substr(0, equals)) || looks_secret(arg.substr(equals + 1)))) {
            out.push_back(arg.substr(0, equals + 1) + std::string(kStars));
        } else if (looks_secret(arg)) {
            out.emplace_back(kStars);
        } else if (arg.find("://") != std::string::npos) {
            out.push_back(redact_url(arg));
        } else {
            // "--token-file path" names a place and not a secret.
            hide_next = option && equals == std::string::npos && is_telling_name(arg) && !arg.ends_with("-file") &&
                        !arg.ends_with("-path");
            out.push_back(arg);
        }
    }
    return out;
}

json::object definition_to_json_redacted(const json::object& definition) {
    json::object out = definition;
    redact_values(out, "env");
    redact_values(out, "headers");
    redact_values(out, "oauth");
    for (auto& field : out) {
        const std::string_view key(field.key());
        if (key == "url" && field.value().is_string()) {
            field.value() = redact_url(std::string_view(field.value().get_string()));
        } else if (key == "args" && field.value().is_array()) {
            std::vector<std::string> args;
            for (const json::value& arg : field.value().get_array())
                args.push_back(arg.is_string() ? std::string(arg.get_string()) : json::write(arg));
            json::array redacted;
            for (std::string& arg : redact_arguments(args)) redacted.emplace_back(std::move(arg));
            field.value() = std::move(redacted);
        } else if (field.value().is_string() && key != "auth" &&
                   (is_telling_name(key) || looks_secret(std::string_view(field.value().get_string())))) {
            field.value() = kRedacted;  // a key that we do not even know
        }
    }
    return out;
}

}  // namespace pincer::registry
