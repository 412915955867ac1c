#include "base/environment_references.hpp"

#include <gtest/gtest.h>

namespace pincer {
namespace {

std::optional<std::string> environment(std::string_view name) {
    if (name == "TOKEN") return "t-1";
    if (name == "HOST_2") return "example.com";
    if (name == "NESTED") return "${TOKEN}";
    if (name == "EMPTY") return "";
    if (name == "LONG") return std::string(kMaxExpandedBytes, 'x');
    return std::nullopt;
}

Result<std::string> expanded(std::string_view text) {
    auto value = *json::parse(text);
    if (auto done = expand_references(value, environment); !done) return Failure(done.error());
    return json::write(value);
}

TEST(EnvironmentReferences, stand_for_their_variables_anywhere_in_a_string) {
    const std::pair<const char*, const char*> cases[] = {
        {R"({"a":"${TOKEN}"})", R"({"a":"t-1"})"},
        {R"(["https://${HOST_2}/${TOKEN}?x"])", R"(["https://example.com/t-1?x"])"},
        {R"({"a":{"b":["$${TOKEN}","$${TOKEN} ${TOKEN}"]}})", R"({"a":{"b":["${TOKEN}","${TOKEN} t-1"]}})"},
        {R"(["$TOKEN","${token}","${}","${2A}","${TOKEN","$","$$","cost: $5",7,null])",
         R"(["$TOKEN","${token}","${}","${2A}","${TOKEN","$","$$","cost: $5",7,null])"},
        {R"({"${TOKEN}":"${NESTED}"})",
         R"({"${TOKEN}":"${TOKEN}"})"},  // keys are not values, values are not read again
    };
    for (const auto& [text, expected] : cases) EXPECT_EQ(expanded(text).value(), expected) << text;
}

TEST(EnvironmentReferences, a_missing_variable_is_named_with_the_key_that_wants_it) {
    for (const char* name : {"MISSING", "EMPTY"}) {
        const auto refused = expanded(fmt::format(R"({{"mcp":{{"servers":[{{"env":"${{{}}}"}}]}}}})", name));
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code(), ErrorCode::invalid_argument);
        EXPECT_EQ(refused.error().message(),
                  fmt::format("mcp.servers.0.env: the environment variable {} is not set", name));
    }
}

TEST(EnvironmentReferences, a_string_of_its_own_has_no_path) {
    const auto refused = expanded(R"("${MISSING}")");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message(), "the environment variable MISSING is not set");
}

TEST(EnvironmentReferences, what_is_put_in_has_a_limit) {
    const auto refused = expanded(R"(["${LONG}${LONG}"])");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::too_large);
}

}  // namespace
}  // namespace pincer
