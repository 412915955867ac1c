// A small declarative schema for what clients send, and a checker that words its findings as the Gateway's own
// protocol package does ("at /limit: must be >= 1"), so that clients which match on the text go on working.
//
//     constexpr Field kListFields[] = {{"limit", integer(1)}, {"search", string()}};
//     constexpr Schema kList = object(kListFields);
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace pincer::wire {

struct Field;

struct Schema {
    enum class Type : std::uint8_t { any, string, integer, number, boolean, object, array };
    enum class Words : std::uint8_t { none, allowed, constant, any_of };  // how a value outside `allowed` is worded
    enum class Null : std::uint8_t { refused, either, any_of };  // whether null will do, and how its absence is worded

    Type type = Type::any;
    Null null = Null::refused;
    bool open = false;    // object: properties that are not listed are let through
    bool unique = false;  // array
    Words words = Words::none;
    std::span<const std::string_view> allowed = {};               // string: nothing else
    std::span<const Schema> alternatives = {};                    // one of these, whatever else is said here
    std::span<const Field> fields = {};                           // object
    const Schema* items = nullptr;                                // array items; values of an object that is a map
    std::int64_t min = std::numeric_limits<std::int64_t>::min();  // of an integer; length of a string or an array
    std::int64_t max = std::numeric_limits<std::int64_t>::max();

    constexpr Schema or_null() const;      // anyOf: [this, null]
    constexpr Schema either_null() const;  // type: [this, "null"]
    constexpr Schema and_more() const;
    constexpr Schema distinct() const;
};

enum class Need : bool { optional, required };

struct Field {
    std::string_view name;
    Schema schema;
    Need need = Need::optional;
};

inline constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

constexpr Schema any() { return {}; }
constexpr Schema boolean() { return {.type = Schema::Type::boolean}; }
constexpr Schema number() { return {.type = Schema::Type::number}; }
constexpr Schema integer(std::int64_t min = 0, std::int64_t max = kNoLimit) {
    return {.type = Schema::Type::integer, .min = min, .max = max};
}
constexpr Schema string(std::int64_t min_length = 0, std::int64_t max_length = kNoLimit) {
    return {.type = Schema::Type::string, .min = min_length, .max = max_length};
}
// The protocol writes closed sets of words in four ways; each has its own sentence.
constexpr Schema one_of(std::span<const std::string_view> words) {
    return {.type = Schema::Type::string, .words = Schema::Words::allowed, .allowed = words};
}
constexpr Schema union_of(std::span<const std::string_view> words) {
    return {.type = Schema::Type::string, .words = Schema::Words::any_of, .allowed = words};
}
constexpr Schema untyped_one_of(std::span<const std::string_view> words) {
    return {.words = Schema::Words::allowed, .allowed = words};
}
constexpr Schema constant(std::span<const std::string_view, 1> word) {
    return {.type = Schema::Type::string, .words = Schema::Words::constant, .allowed = word};
}
constexpr Schema any_of(std::span<const Schema> alternatives) { return {.alternatives = alternatives}; }
constexpr Schema object(std::span<const Field> fields) { return {.type = Schema::Type::object, .fields = fields}; }
constexpr Schema map_of(const Schema& values) { return {.type = Schema::Type::object, .items = &values}; }
constexpr Schema array(const Schema& items, std::int64_t min = 0, std::int64_t max = kNoLimit) {
    return {.type = Schema::Type::array, .items = &items, .min = min, .max = max};
}
constexpr Schema Schema::or_null() const {
    Schema copy = *this;
    copy.null = Null::any_of;
    return copy;
}
constexpr Schema Schema::either_null() const {
    Schema copy = *this;
    copy.null = Null::either;
    return copy;
}
constexpr Schema Schema::distinct() const {
    Schema copy = *this;
    copy.unique = true;
    return copy;
}
constexpr Schema Schema::and_more() const {
    Schema copy = *this;
    copy.open = true;
    return copy;
}

// Every finding in the protocol's own words and order; empty when the value is right. Stops after 8, as theirs does.
std::vector<std::string> find_faults(const Schema& schema, const json::value& value);
// The same as one Result: "invalid <what>: <fault>; <fault>", invalid_argument.
Result<> check(const Schema& schema, const json::value& value, std::string_view what);

}  // namespace pincer::wire
