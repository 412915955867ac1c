// JSON is Boost.JSON behind these few words. Parsing never throws and has limits; reading a field never throws either.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace pincer::json {

using boost::json::array;
using boost::json::object;
using boost::json::value;

struct Limits {
    std::size_t bytes = 32u << 20;  // refused before anything is parsed
    std::size_t depth = 64;
};

// Strict RFC 8259 (UTF-8, no comments, no trailing commas). Errors: too_large, invalid_argument (with the offset).
Result<value> parse(std::string_view text, Limits limits = {});
// The same in one piece of memory, which goes when the last part of the value goes: three times as fast for what is
// read and dropped, wrong for what is taken apart and kept.
Result<value> parse_in_arena(std::string_view text, Limits limits = {});
// Assignment copies between an arena and the heap; this takes the value over with its arena.
void take_over(value& into, value&& from);
Result<object> parse_object(std::string_view text, Limits limits = {});

// No white space; numbers in the shortest form that reads back; bytes that are not UTF-8 go out as they are.
std::string write(const value& v);
std::string write(const object& o);
// The same at the end of text that is put together by hand.
void append(std::string& out, const value& v);
void append(std::string& out, const object& o);
void append(std::string& out, const array& a);
void append_string(std::string& out, std::string_view text);
// Two spaces, as JSON.stringify(v, null, 2) writes it.
std::string write_pretty(const value& v);
void append_pretty(std::string& out, const object& o);
// One spelling for one value: keys sorted by their UTF-8 bytes, no white space, integers in plain decimal, doubles in
// the shortest form that reads back. Digests are taken over this. (Close to RFC 8785; keys there sort by UTF-16.)
std::string write_canonical(const value& v);

// Field access that answers "absent or of another type" with nothing. Views live as long as the object does.
const value* find(const object& o, std::string_view key);
std::optional<std::string_view> string_at(const object& o, std::string_view key);
std::optional<std::int64_t> int_at(const object& o, std::string_view key);  // also a double without fraction
std::optional<double> number_at(const object& o, std::string_view key);
std::optional<bool> bool_at(const object& o, std::string_view key);
const object* object_at(const object& o, std::string_view key);
const array* array_at(const object& o, std::string_view key);
// A walk down objects: find_path(pod, {"status", "phase"}).
const value* find_path(const value& v, std::initializer_list<std::string_view> keys);
std::string string_or(const object& o, std::string_view key, std::string_view otherwise = "");
std::string string_at_path(const value& v, std::initializer_list<std::string_view> keys,
                           std::string_view otherwise = "");

// The same, for input that must have it. Errors: invalid_argument naming the key.
Result<std::string> require_string(const object& o, std::string_view key);
Result<std::int64_t> require_int(const object& o, std::string_view key);

}  // namespace pincer::json
