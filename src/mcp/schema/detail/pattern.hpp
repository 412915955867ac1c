// A regular expression of JSON Schema (ECMA-262 §22.2, Unicode mode) on RE2, which matches in linear time whatever the
// pattern and the text. What RE2 cannot do (look-around, back references) does not compile.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace re2 {
class RE2;
}

namespace pincer::mcp::schema {

class Pattern {
public:
    // Error: invalid_argument with RE2's reason.
    static Result<Pattern> compile(std::string_view source);

    bool found_in(std::string_view text) const;  // unanchored, as JSON Schema has it
    const std::string& source() const { return source_; }

private:
    Pattern(std::string source, std::shared_ptr<const re2::RE2> regex)
        : source_(std::move(source)), regex_(std::move(regex)) {}
    std::string source_;
    std::shared_ptr<const re2::RE2> regex_;  // immutable; shared by copies
};

// The same expression in RE2's dialect. Exposed for its test.
std::string to_re2_dialect(std::string_view ecma);

}  // namespace pincer::mcp::schema
