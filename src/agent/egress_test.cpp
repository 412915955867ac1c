#include "agent/egress.hpp"

#include <gtest/gtest.h>

#include "agent/testing/scripted_model.hpp"
#include "base/sensitive_text.hpp"

namespace pincer::agent {
namespace {

// Assembled at run time, so that no scanner of sources takes these for real ones.
std::string canary(std::string_view prefix, std::string_view rest) { return std::string(prefix) + std::string(rest); }

struct Shape {
    std::string text;    // as it stands somewhere
    std::string secret;  // what must not be left of it
};

std::vector<Shape> shapes() {
    const std::string r36 = "0123456789abcdefghijABCDEFGHIJ012345";
    const std::string jwt = canary("eyJ", "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N");
    const std::string pem_body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n";
    std::vector<Shape> all = {
        {"see " + canary("ghp_", r36), canary("ghp_", r36)},
        {canary("gho_", r36) + ".", canary("gho_", r36)},
        {"(" + canary("github_pat_", "11ABCDEFG0123456789_abcdefghijklmnop") + ")", "11ABCDEFG0123456789"},
        {canary("xoxb-", "1234567890-abcdefGHIJ"), "1234567890-abcdefGHIJ"},
        {canary("xoxp-", "1234567890-abcdefGHIJ"), "1234567890-abcdefGHIJ"},
        {canary("xoxa-", "2-1234567890abc"), "1234567890abc"},
        {canary("xapp-", "1-A0123-4567-deadbeef"), "A0123-4567-deadbeef"},
        {"key " + canary("sk-", "ant-api03-0123456789abcdefXYZ"), "0123456789abcdefXYZ"},
        {canary("sk-", "proj-0123456789abcdefXYZ"), "0123456789abcdefXYZ"},
        {canary("AKIA", "IOSFODNN7EXAMPLE"), "IOSFODNN7EXAMPLE"},
        {canary("ASIA", "IOSFODNN7EXAMPLE"), "IOSFODNN7EXAMPLE"},
        {canary("AIza", "SyA0123456789abcdefghijklmnopqrstuv"), "SyA0123456789abcdefghij"},
        {"bot " + canary("123456789:", "AAEhBOweik9ai2o01nnrfTwuYxVXMj0pTXs"), "AAEhBOweik9ai2o01nnrfTwuYxVXMj0pTXs"},
        {"cookie: session=" + jwt, "dozjgNryP4J3jVmNHl0w5N"},
        {jwt, "eyJzdWIiOiIxMjM0NTY3ODkwIn0"},
        {"-----BEGIN RSA PRIVATE KEY-----\n" + pem_body + "-----END RSA PRIVATE KEY-----\nafter",
         "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"},
        {"-----BEGIN PRIVATE KEY-----\\n" + pem_body, "BKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"},
        {"Authorization: Bearer abcDEF123456", "abcDEF123456"},
        {"authorization: token hunter2hunter2", "hunter2hunter2"},
        {R"({"Authorization":"Basic dXNlcjpwYXNz"})", "dXNlcjpwYXNz"},
        {"curl -H 'Authorization: Basic dXNlcjpwYXNz' x", "dXNlcjpwYXNz"},
        {"postgres://app:s3cr3t-pw@db.internal:5432/shop", "s3cr3t-pw"},
        {"redis://:s3cr3t-pw@cache:6379/0", "s3cr3t-pw"},
        {"amqp://u:pa/ss12word@mq/vh", "pa/ss12word"},
        {"https://x-access-token:" + canary("ghs_", r36) + "@github.com/a/b", r36},
        {"DB_PASSWORD=hunter2", "hunter2"},
        {"db.password: hunter2", "hunter2"},
        {"password = \"hunter2 with blanks\"", "hunter2 with blanks"},
        {R"({"clientSecret": "hunter2"})", "hunter2"},
        {R"({"password":"hun\"ter2"})", "ter2"},
        {R"({"log":"{\"apiKey\":\"hunter2\"}"})", "hunter2"},
        {"API_KEY='hunter2'", "hunter2"},
        {"password=$ecret!99", "ecret!99"},
        {"GET /cb?access_token=abc123def456&x=1", "abc123def456"},
        {"- name: DB_PASSWORD\n  value: hunter2\n", "hunter2"},
        {R"({"name":"DB_PASSWORD","value":"hunter2"})", "hunter2"},
        {"the password is hunter2", "hunter2"},
        {"VAULT_SECRET_ID=1234-abcd", "1234-abcd"},
        {"aws secret key: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI/K7MDENG"},
        {"the key we use there, wJalrXUtnFEMI7K7MDENGbPxRfiCYEXAMPLEKEY9", "wJalrXUtnFEMI7K7MDENG"},
        {"first\\nghp_" + r36, r36},
    };
    return all;
}

TEST(Redact, secrets_of_every_shape_go_at_every_level) {
    const ModelEgressPolicy policy;
    for (const Shape& shape : shapes()) {
        for (const auto level : {ToolResultEgress::full, ToolResultEgress::redacted}) {
            std::vector<Redaction> counts;
            const std::string out = redact(shape.text, level, policy, counts);
            EXPECT_EQ(out.find(shape.secret), std::string::npos) << shape.text << "\n-> " << out;
            EXPECT_FALSE(counts.empty()) << shape.text;
            // Redacting again changes nothing: placeholders are no secrets.
            EXPECT_EQ(redact(out, level, policy, counts), out) << shape.text;
        }
    }
}

TEST(Redact, what_is_no_secret_stays) {
    const ModelEgressPolicy policy;
    for (const std::string_view text :
         {"password authentication failed for user app",
          "Enter password:",
          "token: expired",
          "auth: failed",
          "tokens: 4096",
          "max_tokens=4096",
          "Basic authentication is off",
          "bearer of bad news",
          "sha256:4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a",
          "image registry.example/shop/checkout:1.2.3@sha256:4bf5122f344554c53bde2ebb8cd2b7e3",
          "secretName: web-tls",
          "the secret is out",
          "password: ${DB_PASSWORD}",
          "password: ***",
          "http://checkout:8080/health@v2",
          "sk-learn-contrib-package",
          "commit 3f2a9c1 by alice",
          "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
          "access_key_id: see below",
          "monkey business",
          "eyJust looking",
          "key: value"}) {
        std::vector<Redaction> counts;
        EXPECT_EQ(redact(text, ToolResultEgress::redacted, policy, counts), text);
        EXPECT_TRUE(counts.empty()) << text;
    }
}

TEST(Redact, addresses_become_stable_placeholders_under_redacted_only) {
    const ModelEgressPolicy policy;
    const std::string text =
        "10.1.2.3 talks to 192.168.0.9 and 10.1.2.3; mail alice@corp.example. Public 8.8.8.8, version 1.2.3, "
        "fd00:1::2.";
    std::vector<Redaction> counts;
    EXPECT_EQ(redact(text, ToolResultEgress::redacted, policy, counts),
              "<ip-1> talks to <ip-2> and <ip-1>; mail <email-1>. Public 8.8.8.8, version 1.2.3, <ip-3>.");
    EXPECT_EQ(redact(text, ToolResultEgress::full, policy, counts), text);
    EXPECT_EQ(redact("git@github.com:a/b", ToolResultEgress::redacted, policy, counts), "git@github.com:a/b");
}

TEST(Redact, literal_patterns_of_the_operator_go) {
    ModelEgressPolicy policy;
    policy.extra_patterns = {"acme", "acme-corp"};
    std::vector<Redaction> counts;
    EXPECT_EQ(redact("at acme-corp, xacmex", ToolResultEgress::full, policy, counts),
              "at <withheld-1>, x<withheld-2>x");
}

TEST(Redact, takes_linear_time_on_hostile_text) {
    const ModelEgressPolicy policy;
    for (const std::string_view unit : {"eyJ-", "sk-", "a-", "://", "token=", "password ", "authorization:$",
                                        "-----BEGIN PRIVATE KEY", "a.", "bearer ", "key \"", "\\\"secret\\\":"}) {
        std::string text;
        while (text.size() < (32u << 10)) text += unit;
        std::vector<Redaction> counts;
        const auto begin = std::chrono::steady_clock::now();
        (void)redact(text, ToolResultEgress::redacted, policy, counts);
        // Quadratic time would be many times that; the bound is loose because the machine is shared.
        EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5)) << unit;
    }
}

Message tool_message(std::string tool, std::string text, std::string_view structured = "{}") {
    Message message;
    message.role = Role::tool;
    message.tool_name = std::move(tool);
    message.text = std::move(text);
    message.structured = *json::parse_object(structured);
    return message;
}

// Everything that a wire format could take from the request.
std::string all_of(const ModelRequest& request) {
    std::string text = request.system;
    for (const Message& message : request.messages) text += json::write(to_json(message));
    for (const ToolSpec& tool : request.tools) text += tool.description + json::write(tool.input_schema);
    return text;
}

TEST(Egress, a_canary_in_any_place_stays_here) {
    const std::string secret = canary("ghp_", "0123456789abcdefghijABCDEFGHIJ012345");
    ModelRequest request;
    request.system = "Use " + secret;
    Message user;
    user.text = "I am alice@corp.example at 10.0.0.7 and my token is " + secret;
    Message assistant;
    assistant.role = Role::assistant;
    assistant.text = "As the tool said: " + secret + " at 10.0.0.7";
    ToolCall call;
    call.arguments = *json::parse_object("{\"deep\":[{\"password\":\"hunter2\",\"header\":\"" + secret + "\"}]}");
    call.malformed_arguments = "{" + secret;
    assistant.tool_calls = {call};
    ToolSpec spec;
    spec.description = "Try with " + secret;
    request.tools = {spec};
    request.messages = {
        user, assistant, tool_message("a__b", "text " + secret, "{\"only\":\"" + secret + "\"}"),
        tool_message("a__c", "", "{\"password\":\"hunter2\",\"x\":\"" + secret + "\"}"),
        tool_message(
            "a__d",
            R"({"kind":"Secret","data":{"whatever":"aHVudGVyMg=="},"env":[{"name":"API_TOKEN","value":"short"}]})")};
    const testing::ScriptedModel hosted("far/away", false);
    const Outbound out = apply_egress(request, hosted, ModelEgressPolicy{});
    const std::string left = all_of(out.request);
    for (const std::string& canary_text :
         {secret, std::string("hunter2"), std::string("aHVudGVyMg"), std::string("\"short\"")}) {
        EXPECT_EQ(left.find(canary_text), std::string::npos) << left;
    }
    // What the person wrote goes as it is, but for secrets; what tools and models wrote loses its addresses.
    EXPECT_NE(out.request.messages[0].text.find("alice@corp.example at 10.0.0.7"), std::string::npos);
    EXPECT_EQ(out.request.messages[1].text.find("10.0.0.7"), std::string::npos);
    EXPECT_EQ(out.report.request_digest.size(), 64u);
    EXPECT_GT(out.report.bytes, 100u);
    EXPECT_FALSE(out.report.redactions.empty());
    for (const auto& [name, value] : out.placeholders) EXPECT_EQ(value.find(secret), std::string::npos) << name;
}

TEST(Egress, a_local_model_gets_everything) {
    ModelRequest request;
    request.messages = {tool_message("a__b", "password=hunter2")};
    const testing::ScriptedModel local;
    const Outbound out = apply_egress(request, local, ModelEgressPolicy{});
    EXPECT_EQ(out.request.messages[0].text, "password=hunter2");
    EXPECT_TRUE(out.report.redactions.empty());
}

TEST(Egress, policies_by_tool) {
    auto policy = ModelEgressPolicy::from_config(*json::parse_object(
        R"({"toolResults":"redacted","perTool":{"open__*":"full","open__logs":"summary_only","db__*":"none"},"extraPatterns":["acme"]})"));
    ASSERT_TRUE(policy);
    ModelRequest request;
    request.messages = {tool_message("open__x", "at 10.0.0.1"),
                        tool_message("open__logs", "3 errors at 10.0.0.1.\n\nline 1\nline 2"),
                        tool_message("db__rows", "alice, 12 Main Street", R"({"rows":["alice"]})"),
                        tool_message("other__x", "at 10.0.0.1 in acme")};
    const testing::ScriptedModel hosted("far/away", false);
    const Outbound out = apply_egress(request, hosted, *policy);
    EXPECT_EQ(out.request.messages[0].text, "at 10.0.0.1");
    EXPECT_EQ(out.request.messages[1].text.find("line 1"), std::string::npos);
    EXPECT_NE(out.request.messages[1].text.find("3 errors at <ip-1>."), std::string::npos);
    EXPECT_EQ(out.request.messages[2].text.find("alice"), std::string::npos);
    EXPECT_TRUE(out.request.messages[2].structured.empty());
    EXPECT_EQ(out.request.messages[3].text, "at <ip-1> in <withheld-1>");
    EXPECT_EQ(out.report.withheld_tools, std::vector<std::string>{"db__rows"});
}

TEST(Egress, a_wrong_policy_names_its_key) {
    for (const auto& [text, key] : {std::pair{R"({"toolResult":"full"})", "toolResult"},
                                    {R"({"toolResults":"some"})", "toolResults"},
                                    {R"({"perTool":{"a":1}})", "perTool.a"},
                                    {R"({"extraPatterns":["x"]})", "extraPatterns"}}) {
        auto policy = ModelEgressPolicy::from_config(*json::parse_object(text));
        ASSERT_FALSE(policy) << text;
        EXPECT_NE(policy.error().message().find(key), std::string::npos) << policy.error().message();
    }
}

TEST(Egress, placeholders_come_back_also_in_pieces) {
    const Placeholders placeholders = {{"<ip-1>", "10.0.0.1"}, {"<ip-12>", "10.0.0.12"}};
    EXPECT_EQ(restore("a <ip-1> b <ip-12> <ip-3>", placeholders), "a 10.0.0.1 b 10.0.0.12 <ip-3>");
    StreamRestorer restorer(placeholders);
    std::string out;
    for (const char c : std::string("if a<b then <ip-12> <html> <ip")) out += restorer.feed(std::string_view(&c, 1));
    out += restorer.finish();
    EXPECT_EQ(out, "if a<b then 10.0.0.12 <html> <ip");
}

TEST(Messages, survive_the_transcript) {
    Message message = tool_message("a__b", "text", R"({"plan":{"digest":"x"}})");
    message.tool_call_id = "run-1-1";
    message.is_error = true;
    message.timestamp_ms = 42;
    auto back = message_from_json(to_json(message));
    ASSERT_TRUE(back);
    EXPECT_EQ(to_json(*back), to_json(message));
    EXPECT_FALSE(message_from_json(*json::parse_object(R"({"role":"system","text":""})")));
    EXPECT_FALSE(message_from_json(*json::parse_object(R"({"role":"tool","text":""})")));
}

}  // namespace
}  // namespace pincer::agent
