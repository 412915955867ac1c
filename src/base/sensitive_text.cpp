#include "base/sensitive_text.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/text.hpp"

namespace pincer {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_alnum(char c) { return is_digit(c) || is_lower(c) || is_upper(c); }
bool is_name_char(char c) { return is_alnum(c) || c == '_' || c == '-' || c == '.'; }
bool is_token_char(char c) { return is_alnum(c) || c == '_' || c == '-'; }
bool is_base64_char(char c) { return is_alnum(c) || c == '+' || c == '/' || c == '_' || c == '-' || c == '='; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_space(char c) { return is_blank(c) || c == '\n' || c == '\r'; }

template <class Predicate>
std::size_t run_of(std::string_view text, Predicate wanted, std::size_t from = 0) {
    std::size_t i = from;
    while (i < text.size() && wanted(text[i])) ++i;
    return i - from;
}

// What a scanner may look at before it has decided that there is something: this keeps the whole scan linear.
constexpr std::size_t kWindow = 512;
std::string_view window(std::string_view text) { return text.substr(0, kWindow); }

char lower(char c) { return is_upper(c) ? char(c + 32) : c; }

// `prefix` is in lower case.
bool istarts_with(std::string_view text, std::string_view prefix) {
    if (text.size() < prefix.size()) return false;
    for (std::size_t i = 0; i < prefix.size(); ++i) {
        if (lower(text[i]) != prefix[i]) return false;
    }
    return true;
}

// --- tokens that say what they are -----------------------------------------------------------------------------------

enum class Alphabet { token, upper, dotted };

struct TokenShape {
    std::string_view prefix;
    std::size_t min_rest;
    Alphabet alphabet;
    std::string_view kind;
    std::string_view tag;
};

constexpr TokenShape kTokens[] = {
    {"AKIA", 16, Alphabet::upper, "aws key id", "aws-key-id"},
    {"ASIA", 16, Alphabet::upper, "aws key id", "aws-key-id"},
    {"AIza", 30, Alphabet::token, "google api key", "google-key"},
    {"GOCSPX-", 20, Alphabet::token, "google client secret", "google-key"},
    {"ya29.", 20, Alphabet::dotted, "google token", "google-token"},
    {"dop_v1_", 20, Alphabet::token, "digitalocean token", "token"},
    {"github_pat_", 20, Alphabet::token, "github token", "github-token"},
    {"gho_", 20, Alphabet::token, "github token", "github-token"},
    {"ghp_", 20, Alphabet::token, "github token", "github-token"},
    {"ghr_", 20, Alphabet::token, "github token", "github-token"},
    {"ghs_", 20, Alphabet::dotted, "github token", "github-token"},
    {"ghu_", 20, Alphabet::token, "github token", "github-token"},
    {"glpat-", 16, Alphabet::dotted, "gitlab token", "gitlab-token"},
    {"hvs.", 20, Alphabet::token, "vault token", "token"},
    {"npm_", 30, Alphabet::token, "npm token", "npm-token"},
    {"pypi-", 30, Alphabet::token, "pypi token", "pypi-token"},
    {"rk_live_", 16, Alphabet::token, "stripe key", "stripe-key"},
    {"sk_live_", 16, Alphabet::token, "stripe key", "stripe-key"},
    {"sk-", 16, Alphabet::token, "model api key", "api-key"},
    {"xapp-", 10, Alphabet::token, "slack token", "slack-token"},
    {"xoxa-", 10, Alphabet::token, "slack token", "slack-token"},
    {"xoxb-", 10, Alphabet::token, "slack token", "slack-token"},
    {"xoxe", 10, Alphabet::dotted, "slack token", "slack-token"},
    {"xoxp-", 10, Alphabet::token, "slack token", "slack-token"},
    {"xoxr-", 10, Alphabet::token, "slack token", "slack-token"},
    {"xoxs-", 10, Alphabet::token, "slack token", "slack-token"},
};

bool in_alphabet(Alphabet alphabet, char c) {
    switch (alphabet) {
        case Alphabet::token: return is_token_char(c);
        case Alphabet::upper: return is_upper(c) || is_digit(c);
        case Alphabet::dotted: return is_token_char(c) || c == '.';
    }
    return false;
}

std::optional<SensitiveSpan> find_token(std::string_view rest) {
    for (const TokenShape& shape : kTokens) {
        if (!rest.starts_with(shape.prefix)) continue;
        const auto belongs = [&](char c) { return in_alphabet(shape.alphabet, c); };
        const std::size_t seen = run_of(window(rest), belongs, shape.prefix.size());
        // A word such as "sk-learn-contrib-package" has no digit; a key of that length always does.
        if (seen < shape.min_rest || !std::ranges::any_of(rest.substr(shape.prefix.size(), seen), is_digit)) continue;
        return SensitiveSpan{0, shape.prefix.size() + run_of(rest, belongs, shape.prefix.size()), shape.kind,
                             shape.tag};
    }
    return std::nullopt;
}

// eyJ....eyJ....signature
std::optional<SensitiveSpan> find_jwt(std::string_view rest) {
    if (!rest.starts_with("eyJ")) return std::nullopt;
    const std::size_t head = run_of(window(rest), is_token_char);
    if (head < 10 || head >= rest.size() || rest[head] != '.') return std::nullopt;
    const std::size_t body = run_of(rest, is_token_char, head + 1);
    if (body < 4) return std::nullopt;
    std::size_t length = head + 1 + body;
    if (length < rest.size() && rest[length] == '.') length += 1 + run_of(rest, is_token_char, length + 1);
    return SensitiveSpan{0, length, "jwt", "jwt"};
}

// 123456789:AAE... as Telegram gives them to bots.
std::optional<SensitiveSpan> find_bot_token(std::string_view rest) {
    const std::size_t digits = run_of(rest.substr(0, 13), is_digit);
    if (digits < 8 || digits > 12 || digits >= rest.size() || rest[digits] != ':') return std::nullopt;
    const std::size_t body = run_of(rest.substr(0, digits + 66), is_token_char, digits + 1);
    if (body < 30 || body > 64) return std::nullopt;
    return SensitiveSpan{0, digits + 1 + body, "telegram token", "telegram-token"};
}

// PEM (RFC 7468), also with its newlines escaped or its end cut off: then everything to the end goes.
std::optional<SensitiveSpan> find_private_key(std::string_view rest) {
    constexpr std::string_view kBegin = "-----BEGIN ";
    if (!rest.starts_with(kBegin)) return std::nullopt;
    const std::string_view label = rest.substr(kBegin.size(), 40);
    const std::size_t label_end = label.find("-----");
    if (label_end == std::string_view::npos || !label.substr(0, label_end).contains("PRIVATE KEY")) return std::nullopt;
    const std::size_t end = rest.find("-----END ", kBegin.size());
    if (end == std::string_view::npos) return SensitiveSpan{0, rest.size(), "private key", "private-key"};
    const std::size_t close = rest.find("-----", end + 9);
    return SensitiveSpan{0, close == std::string_view::npos ? rest.size() : close + 5, "private key", "private-key"};
}

// --- values under names ----------------------------------------------------------------------------------------------

constexpr std::array<std::string_view, 9> kStrongNames = {
    "password", "passwd", "passphrase", "secret", "apikey", "accesskey", "privatekey", "clientsecret", "encryptionkey"};
constexpr std::array<std::string_view, 7> kWeakNames = {"token", "credential", "credentials", "signature",
                                                        "pwd",   "auth",       "cookie"};
// Names that hold a secret word and no secret: what counts, describes or points at one.
constexpr std::array<std::string_view, 18> kHarmlessEndings = {
    "name", "ref",    "type",   "count",    "file",     "path",    "url",  "expiry", "expires",
    "ttl",  "length", "policy", "provider", "endpoint", "version", "mode", "status", "id"};

std::string squashed(std::string_view name) {
    std::string out;
    for (const char c : name) {
        if (is_alnum(c)) out += c;
    }
    return to_lower(out);
}

enum class NameKind { none, weak, strong };

NameKind name_kind(std::string_view name) {
    if (name.size() < 3 || name.size() > 128) return NameKind::none;
    const std::string flat = squashed(name);
    if (flat.ends_with("secretid")) return NameKind::strong;  // Vault's half of an AppRole
    if (std::ranges::any_of(kHarmlessEndings, [&](std::string_view ending) { return flat.ends_with(ending); }))
        return NameKind::none;
    for (const std::string_view word : kStrongNames) {
        if (flat.contains(word)) return NameKind::strong;
    }
    for (const std::string_view word : kWeakNames) {
        if (flat.ends_with(word)) return NameKind::weak;
    }
    return NameKind::none;
}

// Quotes as they appear in JSON, in JSON inside JSON, and in shells.
bool is_quote(char c) { return c == '"' || c == '\'' || c == '`' || c == '\\'; }
bool ends_value(char c) {
    return is_space(c) || is_quote(c) || c == ',' || c == ';' || c == '&' || c == '}' || c == ']' || c == ')' ||
           c == '>' || c == '<' || std::uint8_t(c) < 0x20;
}

bool says_nothing(std::string_view value) {
    constexpr std::array<std::string_view, 10> kWords = {"true",      "false", "null",  "none",     "nil",
                                                         "undefined", "empty", "unset", "required", "optional"};
    const bool reference = value.starts_with("${") || value.starts_with("$(") || value.starts_with("{{") ||
                           (value.starts_with('<') && value.ends_with('>')) ||
                           (value.starts_with('$') &&
                            std::ranges::all_of(value.substr(1), [](char c) { return is_upper(c) || c == '_'; }));
    const bool placeholder = value.empty() || reference ||
                             std::ranges::all_of(value, [](char c) { return c == '*' || c == 'x' || c == '.'; }) ||
                             value.starts_with("__OPENCLAW");
    return placeholder || std::ranges::any_of(kWords, [&](std::string_view word) { return iequals(word, value); });
}

// A value under a name such as "token" is one only when it looks like one: "token: expired" is a message.
bool looks_random(std::string_view value) {
    return value.size() >= 8 && std::ranges::any_of(value, is_digit) &&
           std::ranges::any_of(value, [](char c) { return is_lower(c) || is_upper(c); });
}

// How a value stands: bare, in quotes, or in quotes that are themselves escaped (JSON inside JSON).
struct Quote {
    char mark = 0;
    bool escaped = false;
};

// From just behind a name: `": "`, `=`, ` => `, `\":\"`. Gives the number of bytes up to the value; nothing when there
// is none.
std::optional<std::size_t> separator(std::string_view rest, Quote& quote) {
    std::size_t i = run_of(rest, is_quote);
    i += run_of(rest, is_blank, i);
    if (i >= rest.size() || (rest[i] != ':' && rest[i] != '=')) return std::nullopt;
    if (rest.substr(i).starts_with("://")) return std::nullopt;  // "secret://" names a scheme
    ++i;
    if (i < rest.size() && (rest[i] == '>' || rest[i] == '=')) ++i;
    i += run_of(rest, is_blank, i);
    const std::size_t quotes = std::min<std::size_t>(run_of(rest, is_quote, i), 8);
    std::size_t used = 0;
    while (used < quotes && !quote.mark) {
        if (rest[i + used] == '\\')
            quote.escaped = true;
        else
            quote.mark = rest[i + used];
        ++used;
    }
    return i + used;
}

std::size_t value_length(std::string_view value, Quote quote) {
    if (!quote.mark) return run_of(value, [](char c) { return !ends_value(c); });
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (value[i] == '\n') return i;
        if (value[i] == quote.mark) return i;
        if (value[i] != '\\') continue;
        if (quote.escaped && i + 1 < value.size() && value[i + 1] == quote.mark) return i;
        ++i;  // an escaped character, a quote maybe
    }
    return value.size();
}

// `- name: DB_PASSWORD` and then `value: hunter2`, as Kubernetes writes an environment.
std::optional<std::size_t> value_of_named_entry(std::string_view rest, Quote& quote) {
    std::size_t i = run_of(rest, [](char c) { return is_space(c) || is_quote(c) || c == ',' || c == 'n'; });
    if (i == 0 || !istarts_with(rest.substr(i), "value")) return std::nullopt;
    i += 5;
    const auto skip = separator(rest.substr(i), quote);
    if (!skip) return std::nullopt;
    return i + *skip;
}

// "the password is hunter2": as people write it to a chat.
std::optional<std::size_t> spoken_value(std::string_view rest) {
    for (const std::string_view words : {" is ", " was ", " = ", " is: "}) {
        if (rest.starts_with(words)) return words.size();
    }
    return std::nullopt;
}

std::optional<SensitiveSpan> value_finding(std::string_view rest, std::size_t skip, Quote quote, NameKind kind) {
    const std::string_view tail = rest.substr(std::min(skip, rest.size()));
    const std::string_view seen = window(tail).substr(0, value_length(window(tail), quote));
    if (says_nothing(trim(seen))) return std::nullopt;
    if (kind == NameKind::weak && !looks_random(seen)) return std::nullopt;
    return SensitiveSpan{skip, value_length(tail, quote), "named secret", "secret"};
}

std::optional<SensitiveSpan> find_named_value(std::string_view rest) {
    const std::size_t name_length = run_of(rest.substr(0, 256), is_name_char);
    const std::string_view name = rest.substr(0, name_length);
    const NameKind kind = name_kind(name);
    if (kind == NameKind::none) return std::nullopt;
    const std::string_view after = rest.substr(name_length);
    Quote quote;
    if (const auto skip = separator(after, quote)) return value_finding(rest, name_length + *skip, quote, kind);
    if (const auto skip = value_of_named_entry(after, quote))
        return value_finding(rest, name_length + *skip, quote, kind);
    if (const auto skip = spoken_value(after)) {
        const std::size_t from = name_length + *skip;
        const std::string_view seen = window(rest.substr(from));
        if (std::ranges::any_of(seen.substr(0, value_length(seen, Quote{})), is_digit))
            return value_finding(rest, from, Quote{}, kind);
    }
    return std::nullopt;
}

// `Authorization: Bearer x`, `"authorization":"Basic x"`, and the scheme alone: `Bearer x`.
std::optional<SensitiveSpan> find_authorization(std::string_view rest) {
    std::size_t i = 0;
    Quote quote;
    if (istarts_with(rest, "authorization") || istarts_with(rest, "proxy-authorization")) {
        const std::size_t name = run_of(rest.substr(0, 64), is_name_char);
        const auto skip = separator(rest.substr(name), quote);
        if (!skip) return std::nullopt;
        i = name + *skip;
        const auto belongs = [](char c) { return !is_quote(c) && c != '\n' && c != '\r' && c != ','; };
        const std::string_view tail = rest.substr(std::min(i, rest.size()));
        if (says_nothing(trim(window(tail).substr(0, run_of(window(tail), belongs))))) return std::nullopt;
        return SensitiveSpan{i, run_of(tail, belongs), "authorization", "authorization"};
    }
    for (const std::string_view scheme : {"bearer", "basic"}) {
        if (!istarts_with(rest, scheme)) continue;
        i = scheme.size() + run_of(rest, is_blank, scheme.size());
        if (i == scheme.size()) return std::nullopt;
        const std::size_t length = run_of(rest, [](char c) { return is_base64_char(c) || c == '.' || c == '~'; }, i);
        const std::string_view value = rest.substr(i, length);
        const bool plain_word = std::ranges::all_of(value, [](char c) { return is_lower(c) || c == '-' || c == '.'; });
        if (length < 8 || plain_word) return std::nullopt;
        return SensitiveSpan{i, length, "authorization", "authorization"};
    }
    return std::nullopt;
}

// postgres://user:password@host, https://token@host
std::optional<SensitiveSpan> find_url_password(std::string_view rest) {
    if (!rest.starts_with("://")) return std::nullopt;
    const std::string_view tail = rest.substr(3, 1024);
    const std::size_t length = run_of(tail, [](char c) {
        return !is_space(c) && c != '"' && c != '\'' && c != '<' && c != '>' && std::uint8_t(c) >= 0x20;
    });
    const std::string_view authority = tail.substr(0, length);
    const std::size_t path = authority.find_first_of("/?#");
    std::size_t at = authority.substr(0, path).rfind('@');
    if (at == std::string_view::npos) at = authority.find('@');  // a password may hold a '/' that nobody escaped
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view user_info = authority.substr(0, at);
    const std::size_t colon = user_info.find(':');
    if (colon == std::string_view::npos) {
        return at >= 20 && looks_random(user_info) ? std::optional(SensitiveSpan{3, at, "url password", "url-password"})
                                                   : std::nullopt;
    }
    // "http://host:8080/path@v2" has a port where a password would stand.
    const std::string_view password = user_info.substr(colon + 1);
    if (password.empty() || says_nothing(password) ||
        (path != std::string_view::npos && path < at && is_digit(password.front()) && password.contains('/')))
        return std::nullopt;
    return SensitiveSpan{3 + colon + 1, password.size(), "url password", "url-password"};
}

// Mixed characters without a break, at least 32 of them, within 80 bytes behind a secret word. Hex digests (no upper
// case) and paths (slashes without digits) are not it.
std::optional<SensitiveSpan> find_random(const TextScan& scan) {
    constexpr std::size_t kNear = 80;
    if (scan.secret_word_at == 0 || scan.at - scan.secret_word_at > kNear) return std::nullopt;
    const std::string_view rest = scan.rest();
    const std::string_view run = window(rest).substr(0, run_of(window(rest), is_base64_char));
    if (run.size() < 32) return std::nullopt;
    const bool mixed =
        std::ranges::any_of(run, is_lower) && std::ranges::any_of(run, is_upper) && std::ranges::any_of(run, is_digit);
    if (!mixed) return std::nullopt;
    return SensitiveSpan{0, run_of(rest, is_base64_char), "random string", "secret"};
}

// --- personal --------------------------------------------------------------------------------------------------------

std::optional<SensitiveSpan> find_email(std::string_view rest) {
    const std::size_t local = run_of(rest.substr(0, 66), [](char c) {
        return is_alnum(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-';
    });
    if (local == 0 || local > 64 || local >= rest.size() || rest[local] != '@' || rest.substr(0, local) == "git")
        return std::nullopt;
    std::size_t domain =
        run_of(rest.substr(0, 320), [](char c) { return is_alnum(c) || c == '.' || c == '-'; }, local + 1);
    while (domain > 0 && !is_alnum(rest[local + domain])) --domain;  // the full stop of the sentence
    const std::string_view name = rest.substr(local + 1, domain);
    const std::size_t dot = name.rfind('.');
    if (dot == std::string_view::npos || dot == 0 || name.size() - dot < 3 ||
        !std::ranges::all_of(name.substr(dot + 1), [](char c) { return is_lower(c) || is_upper(c); }))
        return std::nullopt;
    return SensitiveSpan{0, local + 1 + domain, "email", "email"};
}

bool is_private_v4(const std::array<int, 4>& octet) {
    return octet[0] == 10 || (octet[0] == 172 && octet[1] >= 16 && octet[1] < 32) ||
           (octet[0] == 192 && octet[1] == 168) || (octet[0] == 100 && octet[1] >= 64 && octet[1] < 128) ||
           (octet[0] == 169 && octet[1] == 254);
}

std::optional<SensitiveSpan> find_ipv4(std::string_view rest) {
    std::array<int, 4> octet{};
    std::size_t i = 0;
    for (std::size_t part = 0; part < 4; ++part) {
        if (part > 0 && (i >= rest.size() || rest[i++] != '.')) return std::nullopt;
        const std::size_t digits = run_of(rest, is_digit, i);
        if (digits < 1 || digits > 3) return std::nullopt;
        for (std::size_t k = 0; k < digits; ++k) octet[part] = octet[part] * 10 + (rest[i + k] - '0');
        if (octet[part] > 255) return std::nullopt;
        i += digits;
    }
    const bool goes_on =
        i < rest.size() && (is_alnum(rest[i]) || (rest[i] == '.' && i + 1 < rest.size() && is_digit(rest[i + 1])));
    if (goes_on || !is_private_v4(octet)) return std::nullopt;
    return SensitiveSpan{0, i, "ip address", "ip"};
}

// fc00::/7 and fe80::/10 in the forms that tools print.
std::optional<SensitiveSpan> find_ipv6(std::string_view rest) {
    if (rest.size() < 6 || !(rest[0] == 'f' || rest[0] == 'F')) return std::nullopt;
    const std::string head = to_lower(rest.substr(0, 4));
    const bool is_private = head.starts_with("fc") || head.starts_with("fd") || head.starts_with("fe8") ||
                            head.starts_with("fe9") || head.starts_with("fea") || head.starts_with("feb");
    if (!is_private || rest[4] != ':') return std::nullopt;
    std::size_t length = run_of(rest.substr(0, 46), [](char c) {
        return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':';
    });
    while (length > 0 && rest[length - 1] == ':' && !rest.substr(0, length).ends_with("::")) --length;
    if (std::ranges::count(rest.substr(0, length), ':') < 2) return std::nullopt;
    return SensitiveSpan{0, length, "ip address", "ip"};
}

// In the middle of a word; the n of an escaped newline is not part of the word behind it.
bool in_word(const TextScan& scan) {
    const char before = scan.before();
    if (!is_alnum(before) && before != '_') return false;
    const bool escape =
        (before == 'n' || before == 't' || before == 'r') && scan.at >= 2 && scan.text[scan.at - 2] == '\\';
    return !escape;
}

}  // namespace

std::size_t secret_word(std::string_view rest) {
    constexpr std::array<std::string_view, 9> kWords = {"token",  "secret", "password", "passwd", "credential",
                                                        "apikey", "key",    "bearer",   "auth"};
    const auto word = std::ranges::find_if(kWords, [&](std::string_view known) { return istarts_with(rest, known); });
    return word == kWords.end() ? 0 : word->size();
}

bool is_secret_name(std::string_view name) { return name_kind(name) != NameKind::none; }

std::optional<SensitiveSpan> find_secret(const TextScan& scan) {
    const std::string_view rest = scan.rest();
    if (rest.front() == '-') return find_private_key(rest);
    if (rest.front() == ':') return find_url_password(rest);
    if (!is_alnum(rest.front()) && rest.front() != '_') return std::nullopt;
    if (in_word(scan)) return std::nullopt;
    if (auto found = find_token(rest)) return found;
    if (auto found = find_jwt(rest)) return found;
    if (auto found = find_bot_token(rest)) return found;
    if (auto found = find_authorization(rest)) return found;
    if (auto found = find_named_value(rest)) return found;
    return find_random(scan);
}

std::optional<SensitiveSpan> find_personal(const TextScan& scan) {
    const std::string_view rest = scan.rest();
    if (!is_alnum(rest.front()) || in_word(scan)) return std::nullopt;
    if (scan.before() == '.' && scan.at >= 2 && is_digit(scan.text[scan.at - 2]) && is_digit(rest.front()))
        return std::nullopt;  // inside 1.10.0.0.1
    if (auto found = find_email(rest)) return found;
    if (auto found = find_ipv4(rest)) return found;
    return find_ipv6(rest);
}

std::string mask_secrets(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    TextScan scan{.text = text};
    while (scan.at < text.size()) {
        const std::string_view rest = scan.rest();
        if (const auto found = find_secret(scan); found && found->length > 0) {
            out += rest.substr(0, found->skip);
            out += fmt::format("[redacted: {}]", found->kind);
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

}  // namespace pincer
