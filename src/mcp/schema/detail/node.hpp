// A compiled schema: nodes that name each other by index, so that loops of references are just loops of numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "mcp/schema/detail/pattern.hpp"
#include "mcp/schema/validator.hpp"

namespace pincer::mcp::schema {

using NodeIndex = std::uint32_t;
using Types = std::uint8_t;  // a set of Type
enum Type : Types { kNull = 1, kBoolean = 2, kInteger = 4, kNumber = 8, kString = 16, kArray = 32, kObject = 64 };

struct NumberRules {
    std::optional<json::value> minimum, maximum, exclusive_minimum, exclusive_maximum, multiple_of;
};

struct StringRules {
    std::optional<std::size_t> min_length, max_length;  // in code points
    std::optional<Pattern> pattern;
};

struct ArrayRules {
    std::vector<NodeIndex> prefix;
    std::optional<NodeIndex> rest;  // items beyond the prefix
    std::optional<NodeIndex> contains;
    std::size_t min_contains = 1;
    std::optional<std::size_t> max_contains, min_items, max_items;
    bool unique = false;
};

struct ObjectRules {
    struct Property {
        std::string name;
        NodeIndex node;
        bool required = false;
    };
    std::vector<Property> properties;  // in the order of the schema: errors come in that order
    std::unordered_map<std::string, std::size_t> by_name;
    std::vector<std::pair<Pattern, NodeIndex>> patterns;
    std::optional<NodeIndex> additional;
    std::vector<std::string> required;  // those that no property names
    std::optional<NodeIndex> names;
    std::optional<std::size_t> min_properties, max_properties;
    std::vector<std::pair<std::string, std::vector<std::string>>> dependent_required;
    std::vector<std::pair<std::string, NodeIndex>> dependent_schemas;
};

struct Choices {
    std::vector<NodeIndex> all, any, one;
    std::optional<NodeIndex> no, condition, then, otherwise;
};

struct Node {
    std::optional<bool> always;  // a boolean schema
    Types types = 0;             // 0: any
    std::optional<json::value> constant;
    std::optional<json::array> values;  // enum
    std::optional<NodeIndex> ref;
    std::optional<NumberRules> number;
    std::optional<StringRules> string;
    std::optional<ArrayRules> array;
    std::optional<ObjectRules> object;
    std::optional<Choices> choices;
};

class Validator::Impl {
public:
    std::vector<Node> nodes;  // nodes[0] is the root
    SchemaLimits limits;
};

std::string_view name_of(Type type);
std::string_view first_type_name(Types types);  // "" for any

// Equality of JSON Schema: 1 and 1.0 are the same number. Both deep.
bool equal(const json::value& a, const json::value& b);
// <0, 0, >0; both are numbers. Exact for integers of 64 bits.
int compare_numbers(const json::value& a, const json::value& b);
bool is_multiple(const json::value& v, const json::value& of);

}  // namespace pincer::mcp::schema
