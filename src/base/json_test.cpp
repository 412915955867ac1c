#include "base/json.hpp"

#include <boost/json/serialize.hpp>
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
    EXPECT_EQ(write_pretty(*v),
              "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    {\n      \"d\": \"x\"\n    }\n  ]\n}");
}

// Every byte, at every place of the eight that are looked at together.
TEST(Json, strings_are_escaped_as_boost_does_it) {
    for (int byte = 0; byte < 256; ++byte) {
        for (const std::size_t at : {std::size_t{0}, std::size_t{1}, std::size_t{6}, std::size_t{7}, std::size_t{8},
                                     std::size_t{255}, std::size_t{256}, std::size_t{299}}) {
            std::string text(300, 'x');
            text[at] = char(byte);
            EXPECT_EQ(write(value(text)), boost::json::serialize(value(text))) << byte << " at " << at;
        }
    }
}

TEST(Json, numbers_take_the_shortest_form_that_reads_back) {
    const array numbers{1.5,
                        -0.25,
                        3.0,
                        1e3,
                        1e21,
                        1e-7,
                        std::numeric_limits<double>::infinity(),
                        std::numeric_limits<std::int64_t>::min(),
                        std::numeric_limits<std::uint64_t>::max()};
    EXPECT_EQ(write(value(numbers)), "[1.5,-0.25,3,1000,1e+21,1e-07,null,-9223372036854775808,18446744073709551615]");
}

TEST(Json, what_was_parsed_in_an_arena_outlives_the_text_and_its_siblings) {
    value kept;
    {
        std::string text =
            R"({"keep":[1,{"a":"a string that is too long to be kept inside of the value"}],"drop":"x"})";
        auto parsed = parse_in_arena(text);
        ASSERT_TRUE(parsed);
        take_over(kept, std::move(parsed->get_object()["keep"]));
        EXPECT_EQ(*kept.storage(), *parsed->storage());
        text.assign(text.size(), '?');
    }
    EXPECT_EQ(write(kept), R"([1,{"a":"a string that is too long to be kept inside of the value"}])");
    EXPECT_FALSE(parse_in_arena("{", {}));
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
