#include "jsonrpc/codec.hpp"

#include <gtest/gtest.h>

namespace pincer::jsonrpc {
namespace {

template <class T>
const T* message(const Decoded& decoded) {
    const auto* m = std::get_if<Message>(&decoded);
    return m ? std::get_if<T>(m) : nullptr;
}

TEST(Codec, tells_the_four_kinds_apart) {
    auto request = decode(R"({"jsonrpc":"2.0","id":"a","method":"m","params":{"x":1}})");
    ASSERT_TRUE(message<Request>(request));
    EXPECT_EQ(message<Request>(request)->id, RequestId(std::string("a")));
    EXPECT_EQ(message<Request>(request)->params.at("x"), 1);

    auto note = decode(R"({"jsonrpc":"2.0","method":"n"})");
    ASSERT_TRUE(message<Notification>(note));
    EXPECT_EQ(message<Notification>(note)->method, "n");

    auto result = decode(R"({"jsonrpc":"2.0","id":7,"result":null})");
    ASSERT_TRUE(message<Response>(result));
    EXPECT_TRUE(message<Response>(result)->outcome->is_null());

    auto error = decode(R"({"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no","data":[1]}})");
    ASSERT_TRUE(message<Response>(error));
    EXPECT_FALSE(message<Response>(error)->id);
    EXPECT_EQ(message<Response>(error)->outcome.error().code, -32000);
    EXPECT_TRUE(message<Response>(error)->outcome.error().data);
}

struct BadCase {
    const char* text;
    int code;
    const char* id;  // in the answer
    bool answerable = true;
};

class BadMessages : public testing::TestWithParam<BadCase> {};

TEST_P(BadMessages, get_the_error_that_the_specification_names) {
    auto decoded = decode(GetParam().text);
    const auto* bad = std::get_if<Malformed>(&decoded);
    ASSERT_TRUE(bad) << GetParam().text;
    EXPECT_EQ(bad->error.code, GetParam().code) << GetParam().text;
    EXPECT_EQ(bad->id ? bad->id->str() : "null", GetParam().id) << GetParam().text;
    EXPECT_EQ(bad->answerable, GetParam().answerable) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Codec, BadMessages,
    testing::Values(BadCase{"", kParseError, "null"}, BadCase{"{", kParseError, "null"},
                    BadCase{"{\"jsonrpc\":\"2.0\",\"method\":\"m\"} x", kParseError, "null"},
                    BadCase{"\"\xff\"", kParseError, "null"}, BadCase{"1", kInvalidRequest, "null"},
                    BadCase{"null", kInvalidRequest, "null"}, BadCase{"[]", kInvalidRequest, "null"},
                    BadCase{R"([{"jsonrpc":"2.0","method":"m"}])", kInvalidRequest, "null"},
                    BadCase{R"({"id":1,"method":"m"})", kInvalidRequest, "1"},
                    BadCase{R"({"jsonrpc":"1.0","id":1,"method":"m"})", kInvalidRequest, "1"},
                    BadCase{R"({"jsonrpc":"2.0","id":1})", kInvalidRequest, "1"},
                    BadCase{R"({"jsonrpc":"2.0","id":1,"method":5})", kInvalidRequest, "1"},
                    BadCase{R"({"jsonrpc":"2.0","id":1.5,"method":"m"})", kInvalidRequest, "null"},
                    BadCase{R"({"jsonrpc":"2.0","id":null,"method":"m"})", kInvalidRequest, "null"},
                    BadCase{R"({"jsonrpc":"2.0","id":{},"method":"m"})", kInvalidRequest, "null"},
                    BadCase{R"({"jsonrpc":"2.0","id":"x","method":"m","params":[1]})", kInvalidParams, "\"x\""},
                    BadCase{R"({"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":""}})", kInvalidRequest,
                            "1", false},
                    BadCase{R"({"jsonrpc":"2.0","id":1,"error":"no"})", kInvalidRequest, "1", false},
                    BadCase{R"({"jsonrpc":"2.0","id":1,"error":{"message":"x"}})", kInvalidRequest, "1", false},
                    BadCase{R"({"jsonrpc":"2.0","result":{}})", kInvalidRequest, "null", false},
                    BadCase{R"({"id":1,"result":{}})", kInvalidRequest, "1", false}));

TEST(Codec, limits_come_before_parsing) {
    const std::string long_text(101, ' ');
    EXPECT_EQ(std::get<Malformed>(decode(long_text, {.bytes = 100})).error.code, kParseError);
    const std::string deep =
        R"({"jsonrpc":"2.0","method":"m","params":)" + std::string(80, '[') + std::string(80, ']') + "}";
    EXPECT_EQ(std::get<Malformed>(decode(deep)).error.code, kParseError);
}

TEST(Codec, batches_only_where_they_are_allowed_and_no_longer_than_allowed) {
    const std::string two = R"([{"jsonrpc":"2.0","method":"m"},7])";
    EXPECT_TRUE(std::holds_alternative<Malformed>(decode(two)));
    EXPECT_TRUE(std::holds_alternative<Malformed>(decode(two, {.batch = 1})));
    const Decoded decoded = decode(two, {.batch = 2});
    const auto& batch = std::get<Batch>(decoded);
    ASSERT_EQ(batch.items.size(), 2u);
    EXPECT_TRUE(std::holds_alternative<Message>(batch.items[0]));
    EXPECT_TRUE(std::holds_alternative<Malformed>(batch.items[1]));
}

TEST(Codec, ids_come_back_as_the_kind_they_came_as) {
    for (const char* text :
         {R"({"jsonrpc":"2.0","id":"1","method":"m"})", R"({"jsonrpc":"2.0","id":-9007199254740993,"method":"m"})"}) {
        const Decoded decoded = decode(text);
        EXPECT_EQ(encode(std::get<Message>(decoded)), text);
    }
    EXPECT_EQ(RequestId::from_json(json::value(7.0)), RequestId(7));
    EXPECT_FALSE(RequestId::from_json(json::value(std::string(257, 'x'))));
    EXPECT_NE(RequestId(1), RequestId(std::string("1")));
}

TEST(Codec, writes_one_line) {
    const json::object params{{"text", "a\nb"}};
    EXPECT_EQ(encode_request(1, "m\n", params), R"({"jsonrpc":"2.0","id":1,"method":"m\n","params":{"text":"a\nb"}})");
    EXPECT_EQ(encode_notification("n", {}), R"({"jsonrpc":"2.0","method":"n"})");
    EXPECT_EQ(encode_result(std::string("q\""), {}), R"({"jsonrpc":"2.0","id":"q\"","result":{}})");
    EXPECT_EQ(encode_error(std::nullopt, {kParseError, "no", json::value(1)}),
              R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no","data":1}})");
}

}  // namespace
}  // namespace pincer::jsonrpc
