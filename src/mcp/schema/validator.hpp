// JSON Schema, draft-07 and 2020-12, for tool arguments: compiled once, run often, bounded in depth, work and output.
// Keywords: type enum const, minimum maximum exclusiveMinimum exclusiveMaximum multipleOf, minLength maxLength pattern,
// items prefixItems additionalItems contains minContains maxContains minItems maxItems uniqueItems, properties
// patternProperties additionalProperties required propertyNames minProperties maxProperties dependentRequired
// dependentSchemas dependencies, anyOf oneOf allOf not, if then else, $ref within the document ($defs, definitions).
// Unknown keywords and `format` are annotations. unevaluated*, $dynamicRef and references out of the document do not
// compile: a schema that is only half understood would let through what it forbids.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.hpp"

namespace pincer::mcp::schema {

// What a value did not keep to. Enough for any wording: the keyword, what it demanded, what was there and where.
struct Violation {
    std::string keyword;                                       // "minimum", "required", "additionalProperties" ...
    std::vector<std::variant<std::string, std::size_t>> path;  // from the root of the value: names and indexes
    json::value demanded;                                      // the keyword's value; the missing or extra name
    std::string expected_type;         // what kind the sub-schema speaks of: "number", "string", ...
    std::string actual_type;           // JSON type of what was there; "undefined" when missing
    json::array expected_values = {};  // "required": the enum of what is missing, if it has one

    std::string pointer() const;  // RFC 6901
    std::string dotted() const;   // "filters[2].name"
};

struct SchemaLimits {
    std::size_t depth = 64;       // of schema nesting, followed references included
    std::size_t work = 200'000;   // sub-schemas applied to one value before it is refused
    std::size_t violations = 32;  // collected
};

// Immutable and cheap to copy: copies share what was compiled.
class Validator {
public:
    // A schema that is true, false or an object. Errors: invalid_argument with the place ("at /properties/n/type:
    // ..."); too_large for schemas of more than 10,000 nodes.
    static Result<Validator> compile(const json::value& schema, SchemaLimits limits = {});

    // Empty when the value fits. A value that takes too much work violates "work".
    std::vector<Violation> check(const json::value& value) const;
    bool accepts(const json::value& value) const;  // the same without the reasons, and faster

    class Impl;

private:
    explicit Validator(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
    std::shared_ptr<const Impl> impl_;  // shared by copies; the compiled form never changes
};

}  // namespace pincer::mcp::schema
