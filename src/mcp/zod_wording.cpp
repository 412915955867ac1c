#include "mcp/zod_wording.hpp"

namespace pincer::mcp {
namespace {

std::string option_list(const json::array& values) {
    if (values.size() == 1) return "Invalid input: expected " + json::write(values.front());
    std::string out;
    for (const json::value& value : values) out += (out.empty() ? "" : "|") + json::write(value);
    return "Invalid option: expected one of " + out;
}

// JavaScript has one kind of number; its library says "int" only where a fraction was the mistake.
std::string type_sentence(const schema::Violation& v) {
    const bool fraction = v.expected_type == "integer" && v.actual_type == "number";
    const std::string expected = fraction ? "int" : v.expected_type == "integer" ? "number" : v.expected_type;
    const std::string actual = v.actual_type == "integer" ? "number" : v.actual_type;
    return fmt::format("Invalid input: expected {}, received {}", expected.empty() ? "nonoptional" : expected, actual);
}

std::string size_sentence(const char* word, const char* what, const char* sign, const schema::Violation& v,
                          const char* unit) {
    const char* verb = *unit ? "to have" : "to be";
    return fmt::format("{}: expected {} {} {}{}{}", word, what, verb, sign, json::write(v.demanded), unit);
}

std::string sentence(const schema::Violation& v) {
    const std::string& k = v.keyword;
    if (k == "required") return v.expected_values.empty() ? type_sentence(v) : option_list(v.expected_values);
    if (k == "type") return type_sentence(v);
    if (k == "enum") return option_list(v.demanded.get_array());
    if (k == "const") return "Invalid input: expected " + json::write(v.demanded);
    if (k == "minimum") return size_sentence("Too small", "number", ">=", v, "");
    if (k == "exclusiveMinimum") return size_sentence("Too small", "number", ">", v, "");
    if (k == "maximum") return size_sentence("Too big", "number", "<=", v, "");
    if (k == "exclusiveMaximum") return size_sentence("Too big", "number", "<", v, "");
    if (k == "minLength") return size_sentence("Too small", "string", ">=", v, " characters");
    if (k == "maxLength") return size_sentence("Too big", "string", "<=", v, " characters");
    if (k == "minItems") return size_sentence("Too small", "array", ">=", v, " items");
    if (k == "maxItems") return size_sentence("Too big", "array", "<=", v, " items");
    if (k == "multipleOf") return "Invalid number: must be a multiple of " + json::write(v.demanded);
    if (k == "pattern")
        return fmt::format("Invalid string: must match pattern /{}/", std::string_view(v.demanded.get_string()));
    if (k == "additionalProperties") return "Unrecognized key: " + json::write(v.demanded);
    return "Invalid input";
}

}  // namespace

std::string zod_argument_wording(std::string_view tool, std::span<const schema::Violation> violations) {
    std::string out = fmt::format("MCP error -32602: Input validation error: Invalid arguments for tool {}: ", tool);
    bool first = true;
    for (const auto& v : violations) {
        if (!std::exchange(first, false)) out += '\n';
        out += sentence(v);
        if (!v.path.empty()) out += " at " + v.dotted();
    }
    return out;
}

}  // namespace pincer::mcp
