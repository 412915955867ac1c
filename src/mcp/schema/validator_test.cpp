#include "mcp/schema/validator.hpp"

#include <gtest/gtest.h>

#include "mcp/schema/detail/pattern.hpp"

namespace pincer::mcp::schema {
namespace {

Validator compiled(std::string_view schema) {
    auto validator = Validator::compile(*json::parse(schema));
    EXPECT_TRUE(validator) << schema << ": " << (validator ? "" : validator.error().message());
    return *validator;
}

// "keyword@pointer" of each violation, separated by spaces.
std::string complaints(const Validator& validator, std::string_view value) {
    std::string out;
    for (const Violation& v : validator.check(*json::parse(value)))
        out += (out.empty() ? "" : " ") + v.keyword + "@" + v.pointer();
    return out;
}

struct Case {
    const char* schema;
    const char* value;
    const char* complaints;
};

class Keywords : public testing::TestWithParam<Case> {};

TEST_P(Keywords, accept_and_refuse) {
    const auto& [schema, value, expected] = GetParam();
    const Validator validator = compiled(schema);
    EXPECT_EQ(complaints(validator, value), expected) << schema << " " << value;
    EXPECT_EQ(validator.accepts(*json::parse(value)), std::string_view(expected).empty()) << schema << " " << value;
}

INSTANTIATE_TEST_SUITE_P(
    Scalars, Keywords,
    testing::Values(
        Case{"true", "1", ""}, Case{"false", "1", "false@"}, Case{"{}", "null", ""},
        Case{R"({"type":"integer"})", "1.0", ""}, Case{R"({"type":"integer"})", "1.5", "type@"},
        Case{R"({"type":"number"})", "1", ""}, Case{R"({"type":["string","null"]})", "null", ""},
        Case{R"({"type":"string"})", "true", "type@"}, Case{R"({"enum":["a",1]})", "1.0", ""},
        Case{R"({"enum":["a",1]})", "\"b\"", "enum@"}, Case{R"({"const":{"a":[1,2.0]}})", R"({"a":[1.0,2]})", ""},
        Case{R"({"const":false})", "0", "const@"}, Case{R"({"minimum":1,"maximum":3})", "1", ""},
        Case{R"({"minimum":1,"maximum":3})", "0.5", "minimum@"}, Case{R"({"minimum":1,"maximum":3})", "4", "maximum@"},
        Case{R"({"exclusiveMinimum":1})", "1", "exclusiveMinimum@"},
        Case{R"({"exclusiveMaximum":1})", "1.0", "exclusiveMaximum@"},
        Case{R"({"maximum":9007199254740992})", "9007199254740993", "maximum@"},
        Case{R"({"maximum":9223372036854775807})", "18446744073709551615", "maximum@"},
        Case{R"({"multipleOf":0.0001})", "0.0075", ""}, Case{R"({"multipleOf":3})", "7", "multipleOf@"},
        Case{R"({"multipleOf":0.123456789})", "1e308", "multipleOf@"},
        Case{R"({"minLength":2})", "\"\\u00e9\"", "minLength@"}, Case{R"({"maxLength":2})", "\"\\ud83d\\ude00x\"", ""},
        Case{R"({"pattern":"^[a-km-z]{5}$"})", "\"abcde\"", ""},
        Case{R"({"pattern":"^[a-km-z]{5}$"})", "\"abclde\"", "pattern@"}, Case{R"({"pattern":"b"})", "\"abc\"", ""},
        Case{R"({"pattern":"b"})", "7", ""}));

INSTANTIATE_TEST_SUITE_P(
    Containers, Keywords,
    testing::Values(
        Case{R"({"items":{"type":"integer"},"minItems":1,"maxItems":2})", "[1,\"a\",3]", "maxItems@ type@/1"},
        Case{R"({"prefixItems":[{"type":"string"}],"items":false})", "[\"a\",1]", "false@/1"},
        Case{R"({"items":[{"type":"string"}],"additionalItems":{"type":"null"}})", "[\"a\",1]", "type@/1"},
        Case{R"({"contains":{"const":1},"minContains":2})", "[1,2]", "contains@"},
        Case{R"({"contains":{"const":1},"maxContains":1})", "[1,1]", "maxContains@"},
        Case{R"({"uniqueItems":true})", "[1,1.0]", "uniqueItems@"},
        Case{R"({"uniqueItems":true})", "[1,true,\"1\",[1]]", ""},
        Case{R"({"required":["a"],"properties":{"a":{"type":"string"},"b":{"minimum":1}}})", R"({"b":0})",
             "required@/a minimum@/b"},
        Case{R"({"required":["x"]})", "{}", "required@/x"}, Case{R"({"required":["x"]})", "[]", ""},
        Case{R"({"properties":{"a":{}},"additionalProperties":false})", R"({"a":1,"b":2})", "additionalProperties@"},
        Case{R"({"patternProperties":{"^n_":{"type":"integer"}},"additionalProperties":{"type":"string"}})",
             R"({"n_a":"x","b":1})", "type@/n_a type@/b"},
        Case{R"({"propertyNames":{"maxLength":1}})", R"({"ab":1})", "maxLength@/ab"},
        Case{R"({"minProperties":1,"maxProperties":1})", "{}", "minProperties@"},
        Case{R"({"dependentRequired":{"a":["b"]}})", R"({"a":1})", "required@/b"},
        Case{R"({"dependencies":{"a":{"required":["c"]}}})", R"({"a":1})", "required@/c"},
        Case{R"({"properties":{"a/b~c":{"type":"null"}}})", R"({"a/b~c":1})", "type@/a~1b~0c"}));

INSTANTIATE_TEST_SUITE_P(
    Choices, Keywords,
    testing::Values(Case{R"({"allOf":[{"minimum":1},{"maximum":0}]})", "0.5", "minimum@ maximum@"},
                    Case{R"({"anyOf":[{"type":"string"},{"minimum":3}]})", "1", "anyOf@"},
                    Case{R"({"anyOf":[{"type":"string"},{"minimum":3}]})", "3", ""},
                    Case{R"({"oneOf":[{"minimum":1},{"minimum":2}]})", "3", "oneOf@"},
                    Case{R"({"oneOf":[{"minimum":1},{"minimum":2}]})", "1", ""},
                    Case{R"({"not":{"type":"null"}})", "null", "not@"},
                    Case{R"({"if":{"minimum":1},"then":{"maximum":2},"else":{"const":0}})", "3", "maximum@"},
                    Case{R"({"if":{"minimum":1},"then":{"maximum":2},"else":{"const":0}})", "-1", "const@"}));

INSTANTIATE_TEST_SUITE_P(
    References, Keywords,
    testing::Values(
        Case{
            R"({"$defs":{"n":{"type":"object","properties":{"next":{"$ref":"#/$defs/n"},"v":{"type":"integer"}}}},"$ref":"#/$defs/n"})",
            R"({"next":{"next":{"v":"x"}}})", "type@/next/next/v"},
        Case{R"({"properties":{"a":{"$ref":"#"}},"additionalProperties":false})", R"({"a":{"b":1}})",
             "additionalProperties@/a"},
        Case{
            R"({"$schema":"http://json-schema.org/draft-07/schema#","properties":{"a":{"$ref":"#/definitions/x","maximum":1}},"definitions":{"x":{"type":"integer"}}})",
            R"({"a":5})", ""},
        Case{R"({"properties":{"a":{"$ref":"#/$defs/x","maximum":1}},"$defs":{"x":{"type":"integer"}}})", R"({"a":5})",
             "maximum@/a"},
        Case{R"({"$defs":{"p":{"$anchor":"here","type":"string"}},"items":{"$ref":"#here"}})", "[1]", "type@/0"},
        Case{R"({"$defs":{"a/b":{"type":"string"}},"$ref":"#/$defs/a%7E1b"})", "1", "type@"},
        Case{R"({"allOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}})", "1",
             "work@"}));

TEST(Compile, refuses_what_it_cannot_keep_to) {
    for (const char* schema :
         {"1", R"({"type":"strin"})", R"({"type":[]})", R"({"$ref":"http://x/y"})", R"({"$ref":"#/nope"})",
          R"({"minimum":"1"})", R"({"minLength":-1})", R"({"multipleOf":0})", R"x({"pattern":"(?=a)"})x",
          R"x({"pattern":"("})x", R"({"unevaluatedProperties":false})", R"({"properties":[]})", R"({"required":[1]})",
          R"({"items":3})", R"({"anyOf":{}})", R"({"enum":1})", R"({"$ref":"#/%4"})"}) {
        EXPECT_FALSE(Validator::compile(*json::parse(schema))) << schema;
    }
    const auto error = Validator::compile(*json::parse(R"({"properties":{"a":{"items":{"type":"x"}}}})"));
    EXPECT_EQ(error.error().message(), R"(schema at "/properties/a/items/type": "x" is not a JSON type)");
}

TEST(Compile, has_bounds) {
    json::value deep = json::object{};
    for (int i = 0; i < 200; ++i) deep = json::object{{"not", deep}};
    EXPECT_EQ(Validator::compile(deep).error().code(), ErrorCode::too_large);
    json::array many;
    for (int i = 0; i < 10'001; ++i) many.push_back(json::object{});
    EXPECT_EQ(Validator::compile(json::object{{"anyOf", many}}).error().code(), ErrorCode::too_large);
}

TEST(Check, stops_when_it_becomes_too_much_work) {
    // Each level doubles the work; 40 levels would take for ever.
    json::object defs;
    for (int i = 0; i < 30; ++i) {
        const json::object next{{"$ref", "#/$defs/d" + std::to_string(i + 1)}};
        defs["d" + std::to_string(i)] = json::object{{"allOf", json::array{next, next}}};
    }
    defs["d30"] = json::object{};
    const auto validator = Validator::compile(json::object{{"$defs", defs}, {"$ref", "#/$defs/d0"}}, {.depth = 128});
    ASSERT_TRUE(validator);
    const auto violations = validator->check(1);
    ASSERT_EQ(violations.size(), 1u);
    EXPECT_EQ(violations[0].keyword, "work");
    EXPECT_FALSE(validator->accepts(1));
}

TEST(Check, collects_no_more_than_asked_for) {
    const auto validator = Validator::compile(*json::parse(R"({"items":{"type":"string"}})"), {.violations = 3});
    EXPECT_EQ(validator->check(*json::parse("[1,2,3,4,5]")).size(), 3u);
}

TEST(Violations, say_what_was_expected) {
    const auto validator =
        compiled(R"({"properties":{"kind":{"type":"string","enum":["a","b"]}},"required":["kind"]})");
    const auto violations = validator.check(json::object{});
    ASSERT_EQ(violations.size(), 1u);
    EXPECT_EQ(violations[0].expected_type, "string");
    EXPECT_EQ(violations[0].actual_type, "undefined");
    EXPECT_EQ(json::write(violations[0].expected_values), R"(["a","b"])");
    EXPECT_EQ((Violation{"x", {std::string("f"), std::size_t(2), std::string("n")}, nullptr, "", ""}).dotted(),
              "f[2].n");
}

TEST(Patterns, are_translated_from_ecma) {
    EXPECT_EQ(to_re2_dialect(R"(\u00e9\ud83d\ude00)"), R"(\x{e9}\x{1f600})");
    EXPECT_EQ(to_re2_dialect(R"([[]\cA)"), R"([\[]\x01)");
    for (const auto& [pattern, text, found] : std::initializer_list<std::tuple<const char*, const char*, bool>>{
             {R"(^\S+\s\S+$)", "a\xc2\xa0z", true},
             {R"(^\d+$)", "12\n", false},
             {R"(\/x)", "/x", true},
             {R"(^[\s]$)", "\xef\xbb\xbf", true},
             {R"(^\p{L}+$)", "\xc3\xa9", true},
             {"^.$", "\xf0\x9f\x98\x80", true},
             {"(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", false}}) {
        const auto compiled_pattern = Pattern::compile(pattern);
        ASSERT_TRUE(compiled_pattern) << pattern;
        EXPECT_EQ(compiled_pattern->found_in(text), found) << pattern;
    }
}

}  // namespace
}  // namespace pincer::mcp::schema
