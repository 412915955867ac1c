#include "base/json5.hpp"

#include <gtest/gtest.h>

namespace pincer::json5 {
namespace {

std::string value_of(std::string_view text) {
    const auto value = parse(text);
    return value ? json::write(*value) : value.error().message();
}

TEST(Json5, reads_what_json_reads_and_more) {
    EXPECT_EQ(value_of(R"({"a": [1, -2.5, true, null, "x"]})"), R"({"a":[1,-2.5,true,null,"x"]})");
    EXPECT_EQ(value_of("{a: 'it\\'s', $b_1: [1,2,], /* c */ d: +.5, // e\n}"), R"({"a":"it's","$b_1":[1,2],"d":0.5})");
    EXPECT_EQ(value_of("[0x1F, -0xa, 1e3, 5., 0]"), R"([31,-10,1000,5,0])");
    EXPECT_EQ(value_of("'a\\\nb\\x41\\u00e9\\ud83d\\ude00\\0'"),
              json::write(json::value(std::string_view("abA\xC3\xA9\xF0\x9F\x98\x80\0", 10))));
    EXPECT_EQ(value_of("\xEF\xBB\xBF{ \xC2\xA0\n}"), "{}");
    EXPECT_EQ(value_of("{straße: 1}"), R"({"straße":1})");
}

TEST(Json5, errors_name_line_and_column) {
    EXPECT_EQ(value_of("{\n  a: 1\n  b: 2\n}"), "line 3, column 3: expected ',' or '}'");
    EXPECT_EQ(value_of("{\n  \"ä\": tru\n}"), "line 2, column 8: \"tru\" is not a value (texts stand in quotes)");
    EXPECT_EQ(value_of("{a: 1, 'a': 2}"), "line 1, column 8: \"a\" stands here for the second time");
    EXPECT_EQ(value_of("{a: 'x\n'}"), "line 1, column 7: this text does not end on its line");
    EXPECT_EQ(value_of("{a: /* "), "line 1, column 5: a comment that begins here does not end");
    EXPECT_EQ(value_of(""), "line 1, column 1: there is no value");
    EXPECT_EQ(value_of("{} x"), "line 1, column 4: expected the end of the file");
    EXPECT_EQ(value_of("Infinity"), "line 1, column 1: \"Infinity\" is not a value (texts stand in quotes)");
    EXPECT_EQ(value_of("-NaN"), "line 1, column 1: this is not a number that can be kept");
    EXPECT_EQ(value_of("012"), "line 1, column 1: a number may not begin with 0");
    EXPECT_EQ(value_of("{1a: 2}"), "line 1, column 2: expected a key or '}'");
    EXPECT_EQ(value_of("'\\ud800'"), "line 1, column 3: half of a surrogate pair");
    EXPECT_EQ(value_of("\"\xff\""), "line 1, column 1: this text is not UTF-8");
    EXPECT_EQ(value_of(std::string(70, '[')), "line 1, column 66: nested more than 64 deep");
    EXPECT_EQ(Document::parse(std::string(20, ' '), {.bytes = 10}).error().code(), ErrorCode::too_large);
}

TEST(Json5, knows_where_things_stand) {
    const auto document =
        *Document::parse("{\n  // the door\n  gateway: {\n    port: 18789,\n    list: ['a', 'b'],\n  },\n}\n");
    const auto port = document.place_of(path_of("gateway.port"));
    ASSERT_TRUE(port);
    EXPECT_EQ(port->line, 4u);
    EXPECT_EQ(port->column, 11u);
    EXPECT_EQ(document.text().substr(port->begin, port->end - port->begin), "18789");
    EXPECT_EQ(document.place_of(path_of("gateway.list.1"))->column, 17u);
    EXPECT_EQ(json::write(*document.find(path_of("gateway.list.1"))), "\"b\"");
    EXPECT_FALSE(document.place_of(path_of("gateway.nope")));
    EXPECT_EQ(document.line_of(path_of("gateway.nope.deeper")), "line 3");
    EXPECT_EQ(to_string(path_of("a.b")), "a.b");
    const Path odd = {"a", "b.c"};
    EXPECT_EQ(to_string(odd), "a.\"b.c\"");
}

std::string with(std::string text, std::string_view path, const json::value& value) {
    const auto document = Document::parse(std::move(text));
    const auto edited = document->with(path_of(path), value);
    return edited ? *edited : edited.error().message();
}

std::string without(std::string text, std::string_view path) {
    const auto document = Document::parse(std::move(text));
    const auto edited = document->without(path_of(path));
    return edited ? *edited : edited.error().message();
}

TEST(Json5Edit, replaces_a_value_and_nothing_else) {
    EXPECT_EQ(with("{\n  a: 1, // one\n  b: {x: 1}, // two\n}\n", "b", json::object{{"y", 2}}),
              "{\n  a: 1, // one\n  b: {\n    \"y\": 2\n  }, // two\n}\n");
    EXPECT_EQ(with("{'a' : /* here */ 1 }", "a", "t"), "{'a' : /* here */ \"t\" }");
}

TEST(Json5Edit, adds_a_member_after_the_last_and_its_comment) {
    EXPECT_EQ(with("{\n  \"a\": 1 // one\n}\n", "b", 2), "{\n  \"a\": 1, // one\n  \"b\": 2\n}\n");
    EXPECT_EQ(with("{\n  a: 1, /* one */\n  // end\n}\n", "b", 2), "{\n  a: 1, /* one */\n  \"b\": 2,\n  // end\n}\n");
    EXPECT_EQ(with("{a: 1}", "b", 2), "{a: 1, \"b\": 2}");
    EXPECT_EQ(
        with("{}", "mcp.servers.x", json::object{{"command", "c"}}),
        "{\n  \"mcp\": {\n    \"servers\": {\n      \"x\": {\n        \"command\": \"c\"\n      }\n    }\n  }\n}");
    EXPECT_EQ(with("{\n  // nothing yet\n}\n", "a", 1), "{\n  \"a\": 1\n  // nothing yet\n}\n");
    EXPECT_EQ(with("{\n  mcp: {\n    servers: {}\n  }\n}", "mcp.servers.x", 1),
              "{\n  mcp: {\n    servers: {\n      \"x\": 1\n    }\n  }\n}");
}

TEST(Json5Edit, takes_a_member_out) {
    EXPECT_EQ(without("{\n  a: 1,\n  b: 2,\n}\n", "a"), "{\n  b: 2,\n}\n");
    EXPECT_EQ(without("{\n  a: 1, // one\n  b: 2\n}\n", "b"), "{\n  a: 1 // one\n}\n");
    EXPECT_EQ(without("{\n  a: 1, // one\n  b: 2 // two\n}\n", "b"), "{\n  a: 1 // one\n}\n");
    EXPECT_EQ(without("{a: 1, b: 2}", "a"), "{b: 2}");
    EXPECT_EQ(without("{a: 1, b: 2}", "b"), "{a: 1 }");
    EXPECT_EQ(without("{a: 1}", "a"), "{}");
    EXPECT_EQ(without("{a: {b: 1}}", "a.c"), "there is no a.c");
}

TEST(Json5Edit, refuses_a_way_through_what_is_no_object) {
    EXPECT_EQ(with("{\n  mcp: 3\n}", "mcp.servers.x", 1), "mcp (line 2) is not an object");
    EXPECT_EQ(with("[1]", "a", 1), "the file (line 1) is not an object");
}

}  // namespace
}  // namespace pincer::json5
