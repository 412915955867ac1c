#include "agent/redaction/redactor.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "crypto/hash.hpp"

namespace pincer::agent {
namespace {

// Literal patterns of the operator, the longest that fits.
std::string_view pattern_at(std::string_view rest, const std::vector<std::string>& patterns) {
    std::string_view best;
    for (const std::string& pattern : patterns) {
        if (pattern.size() > best.size() && rest.starts_with(pattern)) best = pattern;
    }
    return best;
}

}  // namespace

std::string Redactor::text(std::string_view text, ToolResultEgress level) {
    std::string out;
    out.reserve(text.size());
    TextScan scan{.text = text};
    while (scan.at < text.size()) {
        const std::string_view rest = scan.rest();
        if (const std::string_view pattern = pattern_at(rest, policy_.extra_patterns); !pattern.empty()) {
            out += placeholder(pattern, "configured", "withheld", true);
            scan.at += pattern.size();
            continue;
        }
        std::optional<SensitiveSpan> found = find_secret(scan);
        const bool is_secret = found.has_value();
        if (!found && level != ToolResultEgress::full) found = find_personal(scan);
        if (found && found->length > 0) {
            // What stands in front of the value ("password=") stays; a secret word in it counts for what follows.
            out += rest.substr(0, found->skip);
            out += placeholder(rest.substr(found->skip, found->length), found->kind, found->tag, is_secret);
            scan.at += found->skip + found->length;
            scan.secret_word_at = scan.at;
            continue;
        }
        if (const std::size_t length = secret_word(rest)) scan.secret_word_at = scan.at + length;
        out += rest.front();
        ++scan.at;
    }
    return out;
}

std::string Redactor::placeholder(std::string_view value, std::string_view kind, std::string_view tag, bool is_secret) {
    ++counts_[std::string(kind)];
    // The digest stands for the value, so that no copy of a secret stays behind in this object.
    std::string& known = known_[crypto::sha256_hex(value)];
    if (known.empty()) {
        const auto next = next_.try_emplace(std::string(tag), 0).first;
        known = fmt::format("<{}-{}>", tag, ++next->second);
        if (!is_secret) placeholders_.emplace_back(known, value);
    }
    return known;
}

void Redactor::mask(json::value& value, std::string_view kind) {
    if (auto* text = value.if_string(); text && !text->empty())
        value = placeholder(std::string_view(text->data(), text->size()), kind, "secret", true);
    if (auto* object = value.if_object()) {
        for (auto& member : *object) mask(member.value(), kind);
    }
    if (auto* array = value.if_array()) {
        for (json::value& element : *array) mask(element, kind);
    }
}

void Redactor::json(json::value& value, ToolResultEgress level) {
    if (auto* string = value.if_string()) {
        value = text(std::string_view(string->data(), string->size()), level);
    } else if (auto* array = value.if_array()) {
        for (json::value& element : *array) json(element, level);
    } else if (auto* object = value.if_object()) {
        json(*object, level);
    }
}

void Redactor::json(json::object& object, ToolResultEgress level) {
    const bool kubernetes_secret = json::string_at(object, "kind") == "Secret";
    const auto name = json::string_at(object, "name");
    const bool secret_entry = name && is_secret_name(*name);
    for (auto& member : object) {
        const std::string_view key(member.key().data(), member.key().size());
        const bool is_data = kubernetes_secret && (key == "data" || key == "stringData");
        const bool is_named = (is_secret_name(key) && member.value().is_string()) || (secret_entry && key == "value");
        if (is_data || is_named) {
            mask(member.value(), "named secret");
        } else {
            json(member.value(), level);
        }
    }
}

std::vector<Redaction> Redactor::counts() const {
    std::vector<Redaction> out;
    for (const auto& [kind, count] : counts_) out.push_back(Redaction{kind, count});
    return out;
}

}  // namespace pincer::agent
