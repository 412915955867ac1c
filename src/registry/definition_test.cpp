#include "registry/definition.hpp"

#include <gtest/gtest.h>

namespace pincer::registry {
namespace {

Result<ServerDefinition> parse(const char* text, const char* name = "docs") {
    return parse_definition(name, *json::parse_object(text));
}

TEST(Definition, reads_every_key_of_a_stdio_server) {
    const auto d = parse(
        R"({"command":"uvx","args":["context7-mcp"],"env":{"API_KEY":"sk-1","PORT":80},"workingDirectory":"/srv","enabled":false,
        "requestTimeoutMs":20000,"connectionTimeoutMs":5000,"supportsParallelToolCalls":true,"toolFilter":{"include":["read_*"],"exclude":["read_secret"]},"trust":"annotations"})");
    ASSERT_TRUE(d) << d.error().message();
    EXPECT_EQ(d->transport, Transport::stdio);
    EXPECT_EQ(d->args, std::vector<std::string>{"context7-mcp"});
    EXPECT_EQ(d->env.at(0).second.reveal(), "sk-1");
    EXPECT_EQ(d->env.at(1).second.reveal(), "80");
    EXPECT_EQ(d->working_directory, "/srv");
    EXPECT_FALSE(d->enabled);
    EXPECT_EQ(d->request_timeout, Millis(20000));
    EXPECT_EQ(d->trust, Trust::annotations);
    EXPECT_TRUE(d->tool_filter.admits("read_file"));
    EXPECT_FALSE(d->tool_filter.admits("read_secret"));
    EXPECT_FALSE(d->tool_filter.admits("write_file"));
}

TEST(Definition, tells_the_transports_of_a_url_apart) {
    for (const auto& [text, transport] : std::initializer_list<std::pair<const char*, Transport>>{
             {R"({"url":"https://e.com/h"})", Transport::probe},
             {R"({"url":"https://e.com/h","type":"http"})", Transport::streamable_http},
             {R"({"url":"https://e.com/h","transport":"streamable-http"})", Transport::streamable_http},
             {R"({"url":"https://e.com/h","transport":"sse"})", Transport::sse}}) {
        const auto d = parse(text);
        ASSERT_TRUE(d) << text << d.error().message();
        EXPECT_EQ(d->transport, transport) << text;
        EXPECT_EQ(d->request_timeout, Millis(60000));
        EXPECT_EQ(d->connection_timeout, Millis(30000));
        EXPECT_EQ(d->trust, Trust::none);
    }
}

TEST(Definition, complains_by_key) {
    for (const auto& [text, message] : std::initializer_list<std::pair<const char*, const char*>>{
             {R"({"command":"x","timeout":5})",
              R"(mcp.servers.docs: Unrecognized key: "timeout" (did you mean "requestTimeoutMs"?))"},
             {R"({"command":"x","comand":"y"})",
              R"(mcp.servers.docs: Unrecognized key: "comand" (did you mean "command"?))"},
             {R"({"foo":1})", R"(mcp.servers.docs: Unrecognized key: "foo")"},
             {"{}", "mcp.servers.docs: its command is missing and its url is missing"},
             {R"({"command":"x","url":"https://e.com"})", "mcp.servers.docs: either command or url, not both"},
             {R"({"command":5})", "mcp.servers.docs.command: a text is expected"},
             {R"({"command":"x","args":"y"})", "mcp.servers.docs.args: a list of at most 256 texts is expected"},
             {R"({"command":"x","env":{"A":[]}})", "mcp.servers.docs.env.A: a text is expected"},
             {R"({"command":"x","env":{"A=B":"c"}})", "mcp.servers.docs.env.A=B: a character that may not stand there"},
             {R"({"url":"https://e.com","headers":{"X":"a\r\nY: b"}})",
              "mcp.servers.docs.headers.X: a character that may not stand there"},
             {R"({"url":"file:///etc/passwd"})", "mcp.servers.docs.url: http:// or https:// is expected"},
             {R"({"url":"https://e.com","transport":"ws"})",
              R"(mcp.servers.docs.transport: "ws" is neither streamable-http nor sse)"},
             {R"({"command":"x","requestTimeoutMs":0})",
              "mcp.servers.docs.requestTimeoutMs: milliseconds from 1 to 86400000 are expected"},
             {R"({"command":"x","enabled":"yes"})", "mcp.servers.docs.enabled: true or false is expected"},
             {R"({"command":"x","trust":"all"})", R"(mcp.servers.docs.trust: "annotations" or "none" is expected)"},
             {R"({"command":"x","toolFilter":{"includes":[]}})",
              R"(mcp.servers.docs.toolFilter: Unrecognized key: "includes")"}}) {
        const auto d = parse(text);
        ASSERT_FALSE(d) << text;
        EXPECT_EQ(d.error().message(), message);
    }
    for (const char* name : {"", "a b", "a__b", "a_", "../x"}) EXPECT_FALSE(parse(R"({"command":"x"})", name)) << name;
}

TEST(Definition, one_mistake_does_not_take_the_others_with_it) {
    const auto all = parse_definitions(
        *json::parse_object(R"({"b":{"command":"x"},"bad":{"foo":1},"worse":7,"a":{"url":"https://e.com/"}})"));
    ASSERT_EQ(all.servers.size(), 2u);
    EXPECT_EQ(all.servers[0].name, "b");
    ASSERT_EQ(all.problems.size(), 2u);
    EXPECT_EQ(all.problems[1].server, "worse");
}

TEST(Definition, a_change_of_trust_or_filter_keeps_the_connection) {
    const auto base = parse(R"({"command":"x","env":{"A":"1"}})");
    EXPECT_TRUE(same_connection(
        *base, *parse(R"({"command":"x","env":{"A":"1"},"trust":"annotations","toolFilter":{"include":["a"]}})")));
    EXPECT_FALSE(same_connection(*base, *parse(R"({"command":"x","env":{"A":"2"}})")));
    EXPECT_FALSE(same_connection(*base, *parse(R"({"command":"x","env":{"A":"1"},"enabled":false})")));
}

TEST(Redaction, of_urls) {
    for (const auto& [url, shown] : std::initializer_list<std::pair<const char*, const char*>>{
             {"https://user:pass@mcp.example.com/mcp?token=abc", "https://***:***@mcp.example.com/mcp?token=***"},
             {"https://mcp.example.com/h", "https://mcp.example.com/h"},
             {"https://key@e.com", "https://***@e.com"},
             {"https://e.com/?page=1&api_key=x&flag&x=ghp_abc#f", "https://e.com/?page=1&api_key=***&flag&x=***"},
             {"https://e.com/a@b", "https://e.com/a@b"},
             {"https://a:b@c@e.com/", "https://***:***@e.com/"}}) {
        EXPECT_EQ(redact_url(url), shown);
    }
}

TEST(Redaction, of_arguments) {
    const std::vector<std::string> args = {"serve",        "--token", "abc",      "--api-key=abc",
                                           "--token-file", "/run/t",  "ghp_0123", "https://u:p@e.com/",
                                           "--auth",       "-v"};
    const std::vector<std::string> shown = {"serve",        "--token", "***", "--api-key=***",
                                            "--token-file", "/run/t",  "***", "https://***:***@e.com/",
                                            "--auth",       "-v"};
    EXPECT_EQ(redact_arguments(args), shown);
}

TEST(Redaction, of_whole_definitions_leaves_no_canary) {
    const auto definition = json::parse_object(
        R"({"url":"https://u:CANARY@e.com/?token=CANARY","headers":{"Authorization":"Bearer CANARY","X-Foo":"CANARY"},
        "env":{"API_KEY":"CANARY","FOO":"CANARY"},"args":["--password","CANARY"],"oauth":{"scope":"CANARY"},"apiToken":"CANARY","requestTimeoutMs":5,"command":"keep"})");
    const std::string shown = json::write(definition_to_json_redacted(*definition));
    EXPECT_EQ(shown.find("CANARY"), std::string::npos) << shown;
    EXPECT_NE(shown.find(R"("requestTimeoutMs":5,"command":"keep")"), std::string::npos) << shown;
    EXPECT_NE(shown.find(R"("X-Foo":"__OPENCLAW_REDACTED__")"), std::string::npos);
}

}  // namespace
}  // namespace pincer::registry
