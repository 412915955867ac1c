// Finds what must not leave, by hand-written scanners: linear, no backtracking, no recursion, safe on any bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace pincer::agent {

// A stretch of the text, counted from the place where the scanner looked.
struct Finding {
    std::size_t skip = 0;     // these bytes stay ("password=")
    std::size_t length = 0;   // these go
    std::string_view kind;    // for people
    std::string_view tag;     // for the placeholder: "<tag-1>"
};

struct Scan {
    std::string_view text;
    std::size_t at = 0;               // where to look
    std::size_t secret_word_at = 0;   // end of the nearest secret word before `at`; 0: none yet
    std::string_view rest() const { return text.substr(at); }
    char before() const { return at ? text[at - 1] : ' '; }
};

// Tokens of known shapes, private keys, Authorization values, passwords in URLs and under secret-looking names, random
// strings near secret words.
std::optional<Finding> find_secret(const Scan& scan);
// E-mail addresses and private IP addresses.
std::optional<Finding> find_personal(const Scan& scan);

// Length of the secret word ("token", "key", ...) that the text begins with, 0 when it begins with none.
std::size_t secret_word(std::string_view rest);

// "DB_PASSWORD", "apiKey", "client-secret": a name whose value is a secret.
bool is_secret_name(std::string_view name);

}  // namespace pincer::agent
