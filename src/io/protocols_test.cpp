// The parts without sockets: URLs, headers, server-sent events, lines, egress.
#include <gtest/gtest.h>

#include "io/detail/http_parser.hpp"
#include "io/egress.hpp"
#include "io/http.hpp"
#include "io/sse.hpp"
#include "io/stdio.hpp"

namespace pincer::io {
namespace {

TEST(ParseUrl, splits_what_it_accepts) {
    struct Case {
        std::string_view text, scheme, host;
        int port;
        std::string_view target, origin;
    };
    for (const Case& c : {
             Case{"http://example.com", "http", "example.com", 80, "/", "http://example.com"},
             Case{"HTTPS://Example.COM:8443/a/b?c=d#frag", "https", "example.com", 8443, "/a/b?c=d",
                  "https://example.com:8443"},
             Case{"wss://[::1]:443?x", "wss", "::1", 443, "/?x", "wss://[::1]"},
             Case{"ws://127.0.0.1:18789/", "ws", "127.0.0.1", 18789, "/", "ws://127.0.0.1:18789"},
             Case{"http://host:/p", "http", "host", 80, "/p", "http://host"},
         }) {
        const auto url = parse_url(c.text);
        ASSERT_TRUE(url) << c.text;
        EXPECT_EQ(url->scheme, c.scheme);
        EXPECT_EQ(url->host, c.host);
        EXPECT_EQ(url->port, c.port);
        EXPECT_EQ(url->target, c.target);
        EXPECT_EQ(url->origin(), c.origin);
    }
}

TEST(ParseUrl, refuses_what_two_parsers_could_read_differently) {
    for (const std::string_view text : {"",
                                        "example.com",
                                        "ftp://h/",
                                        "http://",
                                        "http://u:p@h/",
                                        "http://h:0/",
                                        "http://h:65536/",
                                        "http://h:1x/",
                                        "http://h:000080/",
                                        "http://[::1/",
                                        "http://[::g]/",
                                        "http://[::1]x/",
                                        "http://a b/",
                                        "http://h/a b",
                                        "http://h/\\",
                                        "http://h\\@e/",
                                        "http://h/%",
                                        "http://h/%2",
                                        "http://h/%zz",
                                        "http://h/\r\nX: y",
                                        "http://ho%73t/",
                                        "http://h\u00e9/",
                                        "http:///x",
                                        "http://h/\x01"}) {
        const auto url = parse_url(text);
        ASSERT_FALSE(url) << text;
        EXPECT_EQ(url.error().code(), ErrorCode::invalid_argument);
    }
    EXPECT_FALSE(parse_url("http://h/" + std::string(20'000, 'a')));
    EXPECT_FALSE(parse_url(std::string_view("http://[fe80::1\0.test]/", 23)));  // a NUL ends the address for some
}

// RFC 3986 §5.4.
TEST(ResolveUrl, follows_the_examples_of_the_standard) {
    const Url base = *parse_url("http://a/b/c/d;p?q");
    const std::pair<std::string_view, std::string_view> cases[] = {
        {"g", "/b/c/g"},
        {"./g", "/b/c/g"},
        {"g/", "/b/c/g/"},
        {"/g", "/g"},
        {"?y", "/b/c/d;p?y"},
        {"g?y", "/b/c/g?y"},
        {"#s", "/b/c/d;p?q"},
        {"g#s", "/b/c/g"},
        {";x", "/b/c/;x"},
        {"", "/b/c/d;p?q"},
        {".", "/b/c/"},
        {"./", "/b/c/"},
        {"..", "/b/"},
        {"../g", "/b/g"},
        {"../..", "/"},
        {"../../g", "/g"},
        {"../../../g", "/g"},
        {"/./g", "/g"},
        {"/../g", "/g"},
        {"g.", "/b/c/g."},
        {"..g", "/b/c/..g"},
        {"./../g", "/b/g"},
        {"g/./h", "/b/c/g/h"},
        {"g/../h", "/b/c/h"},
        {"g?y/../x", "/b/c/g?y/../x"},
    };
    for (const auto& [reference, target] : cases) {
        const auto url = resolve_url(base, reference);
        ASSERT_TRUE(url) << reference;
        EXPECT_EQ(url->target, target) << reference;
        EXPECT_EQ(url->host, "a");
    }
    EXPECT_EQ(resolve_url(base, "//g/x")->str(), "http://g/x");
    EXPECT_EQ(resolve_url(base, "https://h/y")->str(), "https://h/y");
    EXPECT_FALSE(resolve_url(base, "javascript:alert(1)"));
}

TEST(Query, what_is_made_is_parsed_back) {
    const std::vector<std::pair<std::string, std::string>> parameters{
        {"a", "1 + 1 = 2"}, {"b c", "\xc3\xa9&%"}, {"empty", ""}};
    const std::string query = make_query(parameters);
    EXPECT_EQ(query, "?a=1%20%2B%201%20%3D%202&b%20c=%C3%A9%26%25&empty=");
    EXPECT_EQ(parse_query(query), parameters);
    EXPECT_EQ(make_query({}), "");
    EXPECT_EQ(parse_query("x=a+b&&y&z=%zz").size(), 3u);
    EXPECT_EQ(parse_query("x=a+b").front().second, "a b");
    EXPECT_EQ(parse_query("z=%zz").front().second, "%zz");
}

TEST(Percent, decoding_fails_on_a_broken_escape) {
    EXPECT_EQ(*percent_decode("a%2Fb%00"), std::string("a/b\0", 4));
    EXPECT_FALSE(percent_decode("%"));
    EXPECT_FALSE(percent_decode("a%2"));
    EXPECT_FALSE(percent_decode("%g1"));
}

TEST(Headers, names_compare_without_case_and_keep_their_order) {
    Headers headers{{"Accept", "a"}, {"X-One", "1"}, {"accept", "b"}};
    EXPECT_EQ(headers.get("ACCEPT"), "a");
    EXPECT_EQ(headers.get_all("accept").size(), 2u);
    headers.set("accept", "c");
    EXPECT_EQ(headers.get_all("Accept").size(), 1u);
    headers.remove("x-one");
    EXPECT_FALSE(headers.has("X-One"));
}

std::vector<SseEvent> parse_in_pieces(std::string_view text, std::size_t piece) {
    SseParser parser;
    std::vector<SseEvent> events;
    for (std::size_t i = 0; i < text.size(); i += piece) EXPECT_TRUE(parser.feed(text.substr(i, piece), events));
    return events;
}

// What was not taken is offered again with one byte more, as a connection does.
std::string read_body(std::string_view bytes, std::size_t step) {
    auto parser = detail::HttpParser::for_requests({});
    std::string buffer;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        buffer += bytes.substr(at, step);
        const auto taken = parser.feed(buffer);
        if (!taken) return "refused: " + taken.error().message();
        buffer.erase(0, *taken);
    }
    return parser.done() ? parser.body() + "|" + buffer : "not done";
}

TEST(HttpParser, a_chunked_body_is_the_same_however_the_bytes_are_cut) {
    const std::string message =
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n";
    for (std::size_t step = 1; step < 20; ++step) {
        EXPECT_EQ(read_body(message + "\r\n", step), "abcd|") << step;
        EXPECT_EQ(read_body(message + "X-Trailer: 1\r\n\r\n", step), "abcd|") << step;
        EXPECT_EQ(read_body(message, step), "not done") << step;
    }
}

TEST(HttpParser, the_first_bytes_of_a_chunk_do_not_wait_for_the_rest) {
    auto parser = detail::HttpParser::for_responses({}, detail::HttpParser::AnswerTo::other);
    for (const std::string_view piece : {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "4\r\nab", "c"}) {
        EXPECT_EQ(parser.feed(piece).value(), piece.size());
    }
    EXPECT_EQ(parser.body(), "abc");
}

TEST(Sse, gives_the_same_events_however_the_bytes_are_cut) {
    const std::string_view text =
        "\xEF\xBB\xBF: hello\r\nevent: add\rdata: one\r\ndata: two\n\nid: 7\n\ndata\n\nretry: "
        "250\ndata:x\nid\n\nevent: lost\n\ndata: cut";
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
        const auto events = parse_in_pieces(text, piece);
        ASSERT_EQ(events.size(), 4u) << piece;
        EXPECT_EQ(events[0].type, "add");
        EXPECT_EQ(events[0].data, "one\ntwo");
        EXPECT_FALSE(events[1].has_data);
        EXPECT_EQ(events[1].id, "7");
        EXPECT_TRUE(events[2].has_data);
        EXPECT_EQ(events[2].data, "");
        EXPECT_EQ(events[2].id, "7");  // the last id stays in force
        EXPECT_EQ(events[3].retry_ms, 250);
        EXPECT_EQ(events[3].id, "");
        EXPECT_EQ(events[3].type, "message");
    }
}

TEST(Sse, an_event_over_the_limit_fails) {
    SseParser parser(64);
    std::vector<SseEvent> events;
    EXPECT_TRUE(parser.feed("data: " + std::string(40, 'x') + "\n", events));
    const Result<> fed = parser.feed("data: " + std::string(40, 'x'), events);
    ASSERT_FALSE(fed);
    EXPECT_EQ(fed.error().code(), ErrorCode::too_large);
    EXPECT_FALSE(parser.feed("\n\n", events));
    EXPECT_TRUE(events.empty());
}

TEST(Sse, what_is_formatted_is_parsed_back) {
    SseEvent event;
    event.type = "delta";
    event.data = "a\n\nb\n";
    event.id = "42";
    event.has_data = true;
    const auto events = parse_in_pieces(format_sse_comment("keep\nalive") + format_sse(event), 3);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].data, event.data);
    EXPECT_EQ(events[0].type, "delta");
    EXPECT_EQ(events[0].id, "42");
}

TEST(Sse, a_line_break_in_an_id_does_not_forge_a_field) {
    SseEvent event;
    event.id = "1\ndata: forged";
    event.data = "true";
    EXPECT_EQ(format_sse(event), "id: 1\ndata: true\n\n");
    event.id = std::string("1\0", 2);
    EXPECT_EQ(format_sse(event), "data: true\n\n");  // no reader would take it
}

TEST(LineSplitter, gives_the_same_lines_however_the_bytes_are_cut) {
    const std::string_view text = "{\"a\":1}\r\n\nsecond\nrest";
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
        LineSplitter splitter(100);
        std::vector<std::string> lines;
        for (std::size_t i = 0; i < text.size(); i += piece) {
            splitter.feed(text.substr(i, piece));
            while (auto line = splitter.next()) lines.push_back(**line);
        }
        EXPECT_EQ(lines, (std::vector<std::string>{"{\"a\":1}", "", "second"}));
        EXPECT_EQ(splitter.finish(), "rest");
        EXPECT_EQ(splitter.finish(), std::nullopt);
    }
}

TEST(LineSplitter, a_line_over_the_limit_is_skipped_to_its_end_and_no_further) {
    const std::string text = std::string(50, 'x') + "\nok\n";
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
        LineSplitter splitter(10);
        int too_large = 0;
        std::vector<std::string> lines;
        for (std::size_t i = 0; i < text.size(); i += piece) {
            splitter.feed(std::string_view(text).substr(i, piece));
            while (auto line = splitter.next()) {
                if (*line) {
                    lines.push_back(**line);
                } else {
                    EXPECT_EQ(line->error().code(), ErrorCode::too_large);
                    ++too_large;
                }
            }
        }
        EXPECT_EQ(too_large, 1) << piece;
        EXPECT_EQ(lines, std::vector<std::string>{"ok"}) << piece;
    }
}

TEST(Egress, addresses_are_told_apart) {
    const std::pair<std::string_view, AddressKind> cases[] = {
        {"8.8.8.8", AddressKind::global},
        {"2606:4700:4700::1111", AddressKind::global},
        {"127.0.0.1", AddressKind::loopback},
        {"127.255.0.9", AddressKind::loopback},
        {"::1", AddressKind::loopback},
        {"::ffff:127.0.0.1", AddressKind::loopback},
        {"64:ff9b::7f00:1", AddressKind::loopback},
        {"2002:7f00:1::", AddressKind::loopback},
        {"10.1.2.3", AddressKind::private_network},
        {"172.16.0.1", AddressKind::private_network},
        {"172.32.0.1", AddressKind::global},
        {"192.168.1.1", AddressKind::private_network},
        {"100.64.0.1", AddressKind::private_network},
        {"100.128.0.1", AddressKind::global},
        {"fd12::1", AddressKind::private_network},
        {"169.254.1.1", AddressKind::link_local},
        {"fe80::1%eth0", AddressKind::link_local},
        {"169.254.169.254", AddressKind::metadata},
        {"::ffff:169.254.169.254", AddressKind::metadata},
        {"::ffff:a9fe:a9fe", AddressKind::metadata},
        {"64:ff9b::a9fe:a9fe", AddressKind::metadata},
        {"fd00:ec2::254", AddressKind::metadata},
        {"100.100.100.200", AddressKind::metadata},
        {"0.0.0.0", AddressKind::unspecified},
        {"::", AddressKind::unspecified},
        {"::ffff:0.0.0.0", AddressKind::unspecified},
        {"224.0.0.1", AddressKind::multicast},
        {"ff02::1", AddressKind::multicast},
        {"255.255.255.255", AddressKind::reserved},
        {"192.0.2.1", AddressKind::reserved},
        {"2001:db8::1", AddressKind::reserved},
        {"4000::1", AddressKind::reserved},
    };
    for (const auto& [text, kind] : cases) EXPECT_EQ(classify_address(text), kind) << text;
    for (const std::string_view text : {"", "localhost", "127.1", "0x7f.0.0.1", "1.2.3.4.5", "::g", "127.0.0.1 "}) {
        EXPECT_FALSE(classify_address(text)) << text;
    }
    EXPECT_FALSE(classify_address(std::string_view("8.8.8.8\0.test", 13)));
    EXPECT_FALSE(classify_address(std::string_view("2606::1\0.test", 13)));
}

TEST(Egress, only_the_named_host_may_be_private) {
    const EgressPolicy policy = EgressPolicy::named("Kubernetes.Corp");
    EXPECT_TRUE(check_egress(policy, "kubernetes.corp.", "10.0.0.1"));
    EXPECT_TRUE(check_egress(policy, "api.example.com", "8.8.8.8"));
    const Result<> other = check_egress(policy, "evil.example.com", "10.0.0.1");
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code(), ErrorCode::refused);
    EXPECT_EQ(other.error().reason(), "EGRESS_REFUSED");
    EXPECT_NE(other.error().message().find("evil.example.com"), std::string::npos);
    EXPECT_NE(other.error().message().find("10.0.0.1"), std::string::npos);
}

TEST(Egress, a_named_address_compares_by_value) {
    EXPECT_TRUE(check_egress(EgressPolicy::named("[::1]"), "0:0:0:0:0:0:0:1", "::1"));
    EXPECT_FALSE(check_egress(EgressPolicy::named("127.0.0.1"), "localhost", "127.0.0.1"));
    EXPECT_TRUE(check_egress(EgressPolicy::named("localhost"), "localhost", "127.0.0.1"));
}

TEST(Egress, metadata_needs_its_own_permission) {
    EgressPolicy policy = EgressPolicy::named("169.254.169.254");
    EXPECT_FALSE(check_egress(policy, "169.254.169.254", "169.254.169.254"));
    policy.allow_private = true;
    EXPECT_FALSE(check_egress(policy, "169.254.169.254", "169.254.169.254"));
    policy.allow_metadata = true;
    EXPECT_TRUE(check_egress(policy, "169.254.169.254", "169.254.169.254"));
    EXPECT_TRUE(check_egress(policy, "db", "10.0.0.1"));
    EXPECT_FALSE(check_egress(policy, "db", "169.254.1.1"));
}

}  // namespace
}  // namespace pincer::io
