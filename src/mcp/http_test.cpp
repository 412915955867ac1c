// Endpoint and client over loopback, both eras; and the endpoint against requests by hand.
#include <gtest/gtest.h>

#include "base/testing/fake_clock.hpp"
#include "io/http_client.hpp"
#include "io/http_server.hpp"
#include "mcp/client.hpp"
#include "mcp/detail/header_mirror.hpp"
#include "mcp/http_endpoint.hpp"

namespace pincer::mcp {
namespace {

class OneToken final : public Authenticator {
public:
    std::expected<Principal, Refusal> authenticate(const io::ServerRequest& request) override {
        const auto header = request.headers.get("Authorization");
        if (header == "Bearer good") return Principal{.id = "alice"};
        if (header == "Bearer other") return Principal{.id = "bob"};
        return std::unexpected(Refusal{.challenge = "Bearer realm=\"test\""});
    }
};

struct HttpFixture {
    explicit HttpFixture(Authenticator* authenticator = nullptr, HttpEndpointOptions endpoint_options = {})
        : gate(runtime),
          cancelled(runtime),
          server({.implementation = {"fixture", "1"}}),
          endpoint(runtime, server, random, clock, authenticator, std::move(endpoint_options)) {
        add_tools();
        auto opened = io::HttpServer::listen(runtime, {}, endpoint.handler());
        EXPECT_TRUE(opened);
        listener = std::move(*opened);
        url = *io::parse_url(fmt::format("http://127.0.0.1:{}/mcp", listener->port()));
        http = io::make_http_client(runtime, {.egress = io::EgressPolicy::named("127.0.0.1")});
    }

    void add_tools() {
        EXPECT_TRUE(server.add_tool({.info = {.name = "echo"}, .now = [](const ToolCall& call) -> Result<ToolResult> {
                                         return ToolResult::of(call.arguments);
                                     }}));
        EXPECT_TRUE(server.add_tool({.info = {.name = "who"}, .now = [](const ToolCall& call) -> Result<ToolResult> {
                                         return ToolResult::text(call.principal.id);
                                     }}));
        EXPECT_TRUE(server.add_tool(
            {.info = {.name = "steps"}, .run = [](ToolCall call) { return count_steps(std::move(call)); }}));
        EXPECT_TRUE(server.add_tool({.info = {.name = "gate"}, .run = [this](ToolCall) { return wait_at_gate(); }}));
        const auto schema = json::parse_object(
            R"({"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}})");
        EXPECT_TRUE(server.add_tool(
            {.info = {.name = "mirrored", .input_schema = *schema},
             .now = [](const ToolCall& call) -> Result<ToolResult> { return ToolResult::of(call.arguments); }}));
    }
    static Task<Result<ToolResult>> count_steps(ToolCall call) {
        for (int i = 1; i <= 3; ++i) {
            call.progress({.done = double(i)});
            co_await io::yield();
        }
        co_return ToolResult::text("done");
    }
    Task<Result<ToolResult>> wait_at_gate() {
        const Result<> opened = co_await gate.wait();
        if (!opened) cancelled.set();
        if (!opened) co_return Failure(opened.error());
        co_return ToolResult::text("open");
    }

    void run(std::function<Task<>(HttpFixture&)> body) { runtime.run_until_done(run_all(std::move(body))); }
    Task<> run_all(std::function<Task<>(HttpFixture&)> body) {
        co_await body(*this);
        co_await endpoint.stop();
        const Deadline soon = Deadline::after(Millis(500));
        co_await listener->stop(soon);
    }

    Task<Result<io::HttpResponse>> send(std::string method, std::string body, io::Headers extra = {}) {
        io::HttpRequest request{.method = method, .url = url, .headers = std::move(extra), .body = std::move(body)};
        if (method == "POST" && !request.headers.has("Content-Type"))
            request.headers.set("Content-Type", "application/json");
        if (!request.headers.has("Accept")) request.headers.set("Accept", "application/json, text/event-stream");
        const Deadline deadline = Deadline::after(Millis(5000));
        co_return co_await http->send(std::move(request), deadline);
    }

    io::Runtime runtime;
    io::Event gate;
    io::Event cancelled;
    crypto::SystemRandom random;
    pincer::testing::FakeClock clock;
    Server server;
    HttpEndpoint endpoint;
    std::unique_ptr<io::HttpServer> listener;
    std::unique_ptr<io::HttpClient> http;
    io::Url url;
};

constexpr const char* kInitialize =
    R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}})";
constexpr const char* kPing = R"({"jsonrpc":"2.0","id":2,"method":"ping"})";

std::string modern(const std::string& method, const std::string& more = "", const std::string& version = "2026-07-28") {
    return fmt::format(
        R"({{"jsonrpc":"2.0","id":1,"method":"{}","params":{{{}"_meta":{{"io.modelcontextprotocol/protocolVersion":"{}","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}})",
        method, more, version);
}

class OverHttp : public ::testing::TestWithParam<EraChoice> {
protected:
    void with_client(std::function<Task<>(HttpFixture&, Client&)> body, ClientOptions options = {}) {
        options.server_name = "fixture";
        options.era = GetParam();
        HttpFixture fixture;
        fixture.run([&](HttpFixture& f) { return connect_and_run(f, body, options); });
    }
    static Task<> connect_and_run(HttpFixture& f, std::function<Task<>(HttpFixture&, Client&)>& body,
                                  ClientOptions options) {
        HttpTarget target{f.url, {}};
        auto client = co_await Client::over_http(f.runtime, *f.http, std::move(target), std::move(options));
        EXPECT_TRUE(client) << client.error().message();
        if (!client) co_return;
        co_await body(f, **client);
        co_await (*client)->close();
    }
};
INSTANTIATE_TEST_SUITE_P(Http, OverHttp, ::testing::Values(EraChoice::legacy, EraChoice::modern, EraChoice::automatic));

TEST_P(OverHttp, list_call_and_report_progress) {
    struct Body {
        static Task<> run(HttpFixture&, Client& client) {
            auto tools = co_await client.list_tools(Deadline::after(Millis(5000)));
            EXPECT_TRUE(tools);
            if (tools) EXPECT_EQ(tools->size(), 5u);
            json::object arguments{{"region", " \xc3\xa9"}};
            CallOptions options;
            auto echoed = co_await client.call_tool("mirrored", std::move(arguments), std::move(options));
            EXPECT_TRUE(echoed) << echoed.error().message();
            std::vector<double> seen;
            json::object none;
            CallOptions with_progress;
            with_progress.on_progress = [&seen](const Progress& p) { seen.push_back(p.done); };
            auto result = co_await client.call_tool("steps", std::move(none), std::move(with_progress));
            EXPECT_TRUE(result) << result.error().message();
            EXPECT_EQ(seen, (std::vector<double>{1, 2, 3}));
        }
    };
    with_client(Body::run);
}

TEST_P(OverHttp, stop_the_tool_when_the_caller_gives_up) {
    struct Body {
        static Task<> run(HttpFixture& f, Client& client) {
            json::object none;
            CallOptions options{.deadline = Deadline::after(Millis(50))};
            auto result = co_await client.call_tool("gate", std::move(none), std::move(options));
            EXPECT_FALSE(result);
            EXPECT_EQ(result.error().reason(), "MCP_TIMEOUT_DEADLINE") << result.error().message();
            EXPECT_TRUE(co_await f.cancelled.wait(Deadline::after(Millis(5000))));
        }
    };
    with_client(Body::run);
}

TEST_P(OverHttp, hear_of_changed_tools) {
    struct Body {
        static Task<> run(HttpFixture& f, Client&, io::Event*& changed) {
            // The stream is opened beside the requests: the change is repeated until it is heard.
            for (int i = 0; i < 100 && !changed->is_set(); ++i) {
                f.server.tools_changed();
                (void)co_await changed->wait(Deadline::after(Millis(20)));
            }
            EXPECT_TRUE(changed->is_set());
        }
    };
    std::unique_ptr<io::Event> event;
    io::Event* changed = nullptr;
    ClientOptions options;
    options.on_tools_changed = [&] { changed->set(); };
    with_client(
        [&](HttpFixture& f, Client& client) {
            event = std::make_unique<io::Event>(f.runtime);
            changed = event.get();
            return Body::run(f, client, changed);
        },
        std::move(options));
}

struct Refusal {
    const char* name;
    const char* method;
    std::string body;
    io::Headers headers;
    int status;
    const char* contains = "";
};

Task<> expect_refusal(HttpFixture& f, const Refusal& refusal) {
    io::Headers headers = refusal.headers;
    auto response = co_await f.send(refusal.method, refusal.body, std::move(headers));
    EXPECT_TRUE(response) << refusal.name;
    if (!response) co_return;
    EXPECT_EQ(response->status, refusal.status) << refusal.name << ": " << response->body;
    EXPECT_NE(response->body.find(refusal.contains), std::string::npos) << refusal.name << ": " << response->body;
}

TEST(HttpEndpoint, refuses_each_thing_in_its_own_way) {
    const io::Headers m{{"MCP-Protocol-Version", "2026-07-28"}};
    const auto with = [](std::initializer_list<std::pair<std::string, std::string>> more) {
        io::Headers headers{{"MCP-Protocol-Version", "2026-07-28"}};
        for (const auto& [name, value] : more) headers.set(name, value);
        return headers;
    };
    const std::string call = modern("tools/call", R"("name":"echo","arguments":{},)");
    const std::string region = modern("tools/call", R"("name":"mirrored","arguments":{"region":"eu"},)");
    const std::vector<Refusal> table = {
        {"foreign origin", "POST", kInitialize, {{"Origin", "https://evil.example"}}, 403},
        {"wrong type", "POST", kInitialize, {{"Content-Type", "text/plain"}}, 415},
        {"accepts nothing of ours", "POST", kInitialize, {{"Accept", "text/html"}}, 406},
        {"not JSON", "POST", "{", {}, 400, "-32700"},
        {"no session", "POST", kPing, {}, 400, "Mcp-Session-Id"},
        {"unknown session", "POST", kPing, {{"Mcp-Session-Id", "nope"}}, 404},
        {"unknown session stream", "GET", "", {{"Mcp-Session-Id", "nope"}}, 404},
        {"other method", "PUT", "{}", {}, 405},
        {"modern GET", "GET", "", m, 405},
        {"modern DELETE", "DELETE", "", m, 405},
        {"modern batch", "POST", "[" + modern("tools/list") + "]", m, 400, "-32600"},
        {"modern response", "POST", R"({"jsonrpc":"2.0","id":1,"result":{}})", m, 400, "-32600"},
        {"no meta", "POST", R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})", m, 400, "-32602"},
        {"no version header", "POST", modern("tools/list"), {{"Mcp-Method", "tools/list"}}, 400, "-32020"},
        {"version differs", "POST", modern("tools/list", "", "2027-01-01"), with({{"Mcp-Method", "tools/list"}}), 400,
         "-32020"},
        {"unknown version",
         "POST",
         modern("tools/list", "", "2027-01-01"),
         {{"MCP-Protocol-Version", "2027-01-01"}},
         400,
         R"("supported":["2026-07-28"])"},
        {"no method header", "POST", modern("tools/list"), m, 400, "-32020"},
        {"method differs", "POST", modern("tools/list"), with({{"Mcp-Method", "Tools/List"}}), 400, "-32020"},
        {"no name header", "POST", call, with({{"Mcp-Method", "tools/call"}}), 400, "-32020"},
        {"name differs", "POST", call, with({{"Mcp-Method", "tools/call"}, {"Mcp-Name", "who"}}), 400, "-32020"},
        {"broken sentinel", "POST", call, with({{"Mcp-Method", "tools/call"}, {"Mcp-Name", "=?base64?%%?="}}), 400,
         "-32020"},
        {"no param header", "POST", region, with({{"Mcp-Method", "tools/call"}, {"Mcp-Name", "mirrored"}}), 400,
         "-32020"},
        {"param differs", "POST", region,
         with({{"Mcp-Method", "tools/call"}, {"Mcp-Name", "mirrored"}, {"Mcp-Param-Region", "us"}}), 400, "-32020"},
        {"unknown method", "POST", modern("nope"), with({{"Mcp-Method", "nope"}}), 404, "-32601"},
        {"sentinel name is fine", "POST", call,
         with({{"Mcp-Method", "tools/call"}, {"Mcp-Name", "=?base64?ZWNobw==?="}}), 200},
        {"local origin is fine", "POST", kInitialize, {{"Origin", "http://localhost:5173"}}, 200, "2025-11-25"},
        {"modern notification", "POST", R"({"jsonrpc":"2.0","method":"notifications/x"})", m, 202},
    };
    struct Body {
        static Task<> run(HttpFixture& f, const std::vector<Refusal>& table) {
            for (const Refusal& refusal : table) co_await expect_refusal(f, refusal);
        }
    };
    HttpFixture fixture;
    fixture.run([&](HttpFixture& f) { return Body::run(f, table); });
}

// An exchange by hand: our own client would not send a Host that is not where it dials.
class HandExchange final : public io::Exchange {
public:
    io::ServerRequest& request() override { return request_; }
    Task<Result<>> respond(io::ServerResponse response) override {
        status = response.status;
        co_return Result<>();
    }
    Task<Result<std::unique_ptr<io::BodyWriter>>> start_body(int, io::Headers) override {
        co_return PINCER_FAIL(unavailable, "not here");
    }
    Task<Result<std::unique_ptr<io::WebSocket>>> accept_websocket(io::Headers, std::size_t) override {
        co_return PINCER_FAIL(unavailable, "not here");
    }
    int status = 0;

private:
    io::ServerRequest request_;
};

TEST(HttpEndpoint, refuses_hosts_that_are_not_its_own) {
    struct Body {
        static Task<> run(HttpFixture& f) {
            for (const auto& [host, status] :
                 std::initializer_list<std::pair<const char*, int>>{{"evil.example", 403},
                                                                    {"127.0.0.1.evil.example", 403},
                                                                    {"", 403},
                                                                    {"localhost:1", 200},
                                                                    {"[::1]:1", 200},
                                                                    {"LocalHost", 200},
                                                                    {"mcp.corp:8443", 200}}) {
                auto exchange = std::make_shared<HandExchange>();
                io::ServerRequest& request = exchange->request();
                request.method = "POST";
                request.path = "/mcp";
                request.headers.set("Host", host);
                request.headers.set("Content-Type", "application/json");
                request.body = kInitialize;
                co_await f.endpoint.handle(exchange);
                EXPECT_EQ(exchange->status, status) << host;
            }
        }
    };
    HttpFixture fixture(nullptr, {.allowed_hosts = {"mcp.corp"}});
    fixture.run(Body::run);
}

TEST(HttpEndpoint, a_session_belongs_to_whom_it_was_given_and_ends_with_delete) {
    struct Body {
        static Task<> run(HttpFixture& f) {
            auto nobody = co_await f.send("POST", kInitialize);
            EXPECT_EQ(nobody->status, 401);
            EXPECT_EQ(nobody->headers.get("WWW-Authenticate"), "Bearer realm=\"test\"");
            io::Headers alice{{"Authorization", "Bearer good"}};
            auto opened = co_await f.send("POST", kInitialize, std::move(alice));
            EXPECT_EQ(opened->status, 200);
            const std::string id(opened->headers.get("Mcp-Session-Id").value_or(""));
            EXPECT_EQ(f.endpoint.sessions(), 1u);
            const io::Headers mine{{"Authorization", "Bearer good"}, {"Mcp-Session-Id", id}};
            const io::Headers theirs{{"Authorization", "Bearer other"}, {"Mcp-Session-Id", id}};
            auto stolen = co_await f.send("POST", kPing, theirs);
            EXPECT_EQ(stolen->status, 404);
            auto pinged = co_await f.send("POST", kPing, mine);
            EXPECT_EQ(pinged->body, R"({"jsonrpc":"2.0","id":2,"result":{}})");
            auto who = co_await f.send(
                "POST", R"({"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"who"}})", mine);
            EXPECT_NE(who->body.find("alice"), std::string::npos);
            auto ended = co_await f.send("DELETE", "", mine);
            EXPECT_EQ(ended->status, 200);
            auto after = co_await f.send("POST", kPing, mine);
            EXPECT_EQ(after->status, 404);
            EXPECT_EQ(f.endpoint.sessions(), 0u);
        }
    };
    OneToken tokens;
    HttpFixture fixture(&tokens);
    fixture.run(Body::run);
}

TEST(HttpEndpoint, idle_sessions_give_way) {
    struct Body {
        static Task<> run(HttpFixture& f) {
            (void)co_await f.send("POST", kInitialize);
            (void)co_await f.send("POST", kInitialize);
            EXPECT_EQ(f.endpoint.sessions(), 2u);
            auto third = co_await f.send("POST", kInitialize);
            EXPECT_EQ(third->status, 200);
            EXPECT_EQ(f.endpoint.sessions(), 2u);
            f.clock.advance(Millis(60'000));
            (void)co_await f.send("POST", kInitialize);
            EXPECT_EQ(f.endpoint.sessions(), 1u);
        }
    };
    HttpFixture fixture(nullptr, {.max_sessions = 2, .session_idle = Millis(30'000)});
    fixture.run(Body::run);
}

TEST(HttpEndpoint, a_broken_off_stream_is_taken_up_again_where_it_ended) {
    struct Body {
        static Task<> run(HttpFixture& f) {
            auto opened = co_await f.send("POST", kInitialize);
            const io::Headers session{
                {"Mcp-Session-Id", std::string(opened->headers.get("Mcp-Session-Id").value_or(""))}};
            auto done = co_await f.send(
                "POST",
                R"({"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"steps","_meta":{"progressToken":1}}})",
                session);
            EXPECT_EQ(done->headers.get("Content-Type"), "text/event-stream");
            EXPECT_TRUE(done->body.starts_with("id: s1_0\nretry: 1000\ndata: \n\n")) << done->body;
            io::Headers again = session;
            again.set("Last-Event-ID", "s1_2");
            auto rest = co_await f.send("GET", "", std::move(again));
            EXPECT_EQ(rest->body.find("s1_2\n"), std::string::npos);
            EXPECT_NE(rest->body.find("s1_3\n"), std::string::npos) << rest->body;
            EXPECT_NE(rest->body.find(R"("id":5,"result")"), std::string::npos);
            io::Headers unknown = session;
            unknown.set("Last-Event-ID", "s9_1");
            auto refused = co_await f.send("GET", "", std::move(unknown));
            EXPECT_EQ(refused->status, 400);
        }
    };
    HttpFixture fixture;
    fixture.run(Body::run);
}

TEST(HttpEndpoint, answers_in_json_to_who_takes_no_stream) {
    struct Body {
        static Task<> run(HttpFixture& f) {
            io::Headers headers{{"Accept", "application/json"},
                                {"MCP-Protocol-Version", "2026-07-28"},
                                {"Mcp-Method", "tools/call"},
                                {"Mcp-Name", "steps"}};
            auto response = co_await f.send("POST", modern("tools/call", R"("name":"steps",)"), std::move(headers));
            EXPECT_EQ(response->headers.get("Content-Type"), "application/json");
            EXPECT_NE(response->body.find("done"), std::string::npos) << response->body;
        }
    };
    HttpFixture fixture;
    fixture.run(Body::run);
}

TEST(HeaderMirror, encodes_what_is_not_plain) {
    for (const auto& [plain, encoded] : std::initializer_list<std::pair<std::string, std::string>>{
             {"us-west1", "us-west1"},
             {"Hello, \xe4\xb8\x96\xe7\x95\x8c", "=?base64?SGVsbG8sIOS4lueVjA==?="},
             {" padded ", "=?base64?IHBhZGRlZCA=?="},
             {"line1\nline2", "=?base64?bGluZTEKbGluZTI=?="},
             {"=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="}}) {
        EXPECT_EQ(encode_header_value(plain), encoded);
        EXPECT_EQ(*decode_header_value(encoded), plain);
    }
    for (const char* broken : {"=?base64?*?=", "=?base64?SGVsbG8?=", "=?base64?SGVsbG9=?=", "a\x01"})
        EXPECT_FALSE(decode_header_value(broken)) << broken;
}

TEST(HeaderMirror, refuses_annotations_that_cannot_be_mirrored) {
    for (const char* schema :
         {R"({"properties":{"a":{"type":"string","x-mcp-header":""}}})",
          R"({"properties":{"a":{"type":"string","x-mcp-header":"a b"}}})",
          R"({"properties":{"a":{"type":"number","x-mcp-header":"A"}}})",
          R"({"properties":{"a":{"type":"string","x-mcp-header":7}}})",
          R"({"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}})",
          R"({"properties":{"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}})"}) {
        EXPECT_FALSE(mirrored_params(*json::parse_object(schema))) << schema;
    }
    const auto nested = mirrored_params(*json::parse_object(
        R"({"properties":{"a":{"type":"object","properties":{"b":{"type":"integer","x-mcp-header":"B"}}}}})"));
    ASSERT_TRUE(nested);
    EXPECT_EQ(nested->at(0).path, (std::vector<std::string>{"a", "b"}));
}

}  // namespace
}  // namespace pincer::mcp
