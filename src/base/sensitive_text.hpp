// Finds what must not leave, by hand-written scanners: linear, no backtracking, no recursion, safe on any bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace pincer {

// A stretch of the text, counted from the place where the scanner looked.
struct SensitiveSpan {
    std::size_t skip = 0;    // these bytes stay ("password=")
    std::size_t length = 0;  // these go
    std::string_view kind;   // for people
    std::string_view tag;    // for the placeholder: "<tag-1>"
};

struct TextScan {
    std::string_view text;
    std::size_t at = 0;              // where to look
    std::size_t secret_word_at = 0;  // end of the nearest secret word before `at`; 0: none yet
    std::string_view rest() const { return text.substr(at); }
    char before() const { return at ? text[at - 1] : ' '; }
};

// Tokens of known shapes, private keys, Authorization values, passwords in URLs and under secret-looking names, random
// strings near secret words.
std::optional<SensitiveSpan> find_secret(const TextScan& scan);
// E-mail addresses and private IP addresses.
std::optional<SensitiveSpan> find_personal(const TextScan& scan);

// Length of the secret word ("token", "key", ...) that the text begins with, 0 when it begins with none.
std::size_t secret_word(std::string_view rest);

// "DB_PASSWORD", "apiKey", "client-secret": a name whose value is a secret.
bool is_secret_name(std::string_view name);

// The text with every secret in it replaced by "[redacted: <kind>]". Does not see one that is spread over several
// texts.
std::string mask_secrets(std::string_view text);

}  // namespace pincer
