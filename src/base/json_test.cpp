#include "base/json.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace pincer::json {
namespace {

TEST(Json, trailing_text_is_an_error_and_names_the_offset) {
    auto parsed = parse("{\"a\":1} x");
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code(), ErrorCode::invalid_argument);
}

TEST(Json, limits_come_before_parsing) {
    EXPECT_EQ(parse("[1,2,3]", {.bytes = 3}).error().code(), ErrorCode::too_large);
    EXPECT_FALSE(parse("[[[[1]]]]", {.depth = 3}));
    EXPECT_TRUE(parse("[[[1]]]", {.depth = 3}));
}

TEST(Json, canonical_spelling_does_not_depend_on_key_order_or_number_form) {
    auto a = parse(R"({"b":1.0,"a":[true,null,"é"],"c":{"z":0.5,"y":-3}})");
    auto b = parse(R"({ "c":{"y":-3,"z":5e-1}, "a":[true,null,"\u00e9"], "b":1 })");
    ASSERT_TRUE(a && b);
    EXPECT_EQ(write_canonical(*a), write_canonical(*b));
    EXPECT_EQ(write_canonical(*a), R"({"a":[true,null,"é"],"b":1,"c":{"y":-3,"z":0.5}})");
}

TEST(Json, pretty_is_what_json_stringify_writes) {
    auto v = parse(R"({"a":[],"b":{},"c":[1,{"d":"x"}]})");
    EXPECT_EQ(write_pretty(*v), "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    {\n      \"d\": \"x\"\n    }\n  ]\n}");
}

TEST(Json, a_field_of_another_type_reads_as_absent) {
    auto o = parse_object(R"({"n":7,"s":"x","f":2.5,"whole":3.0})");
    EXPECT_FALSE(string_at(*o, "n"));
    EXPECT_EQ(int_at(*o, "n"), 7);
    EXPECT_EQ(int_at(*o, "whole"), 3);
    EXPECT_FALSE(int_at(*o, "f"));
    EXPECT_EQ(require_string(*o, "gone").error().message(), "\"gone\" must be a string");
}

TEST(Json, an_unsigned_number_made_in_code_reads_as_an_integer) {
    const object o{{"size", std::size_t{7}}, {"huge", std::numeric_limits<std::uint64_t>::max()}};
    EXPECT_EQ(int_at(o, "size"), 7);
    EXPECT_FALSE(int_at(o, "huge"));
}

}  // namespace
}  // namespace pincer::json
