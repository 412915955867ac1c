// The HTTP server and client against each other, and the server against raw bytes, over loopback.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/http_client.hpp"
#include "io/http_server.hpp"

namespace pincer::io {
namespace {

constexpr Millis kPatience{10'000};

// A blocking client that says exactly what a test wants to be said. Runs between turns of the runtime.
class RawClient {
public:
    explicit RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    ~RawClient() { close(); }
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    void send(std::string_view bytes) {
        EXPECT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), ssize_t(bytes.size()));
    }
    void finish_sending() { ::shutdown(fd_, SHUT_WR); }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    // Lets the server work until it has said `what`, or closed the connection, or run out of time.
    Task<std::string> read_until(std::string_view what) {
        std::string got;
        const Deadline deadline = Deadline::after(kPatience);
        while (!deadline.passed() && got.find(what) == std::string::npos) {
            char buffer[4096];
            const ssize_t n = ::recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
            if (n == 0) {
                closed_ = true;
                break;
            }
            if (n > 0) got.append(buffer, std::size_t(n));
            if (n < 0) (void)co_await sleep_for(Millis(1));
        }
        co_return got;
    }
    Task<std::string> read_to_end() {
        std::string got = co_await read_until("\x01 never said \x01");
        co_return got;
    }
    bool closed() const { return closed_; }

private:
    int fd_;
    bool closed_ = false;
};

Task<> echo_handler(std::shared_ptr<Exchange> exchange) {
    const ServerRequest& request = exchange->request();
    ServerResponse response =
        ServerResponse::text(200, request.method + " " + request.path + " " + request.query + " " + request.body);
    (void)co_await exchange->respond(std::move(response));
}

struct Fixture {
    explicit Fixture(HttpHandler handler = echo_handler, HttpServerOptions options = {}) {
        auto listening = HttpServer::listen(runtime, std::move(options), std::move(handler));
        EXPECT_TRUE(listening);
        server = std::move(*listening);
        HttpClientOptions client_options;
        client_options.egress = EgressPolicy::named("127.0.0.1");
        client = make_http_client(runtime, std::move(client_options));
    }
    ~Fixture() { runtime.run_until_done(server->stop(Deadline::after(Millis(50)))); }

    HttpRequest request(std::string method, std::string target, std::string body = {}) const {
        HttpRequest out;
        out.method = std::move(method);
        out.url = *parse_url("http://127.0.0.1:" + std::to_string(server->port()) + target);
        out.body = std::move(body);
        return out;
    }
    Result<HttpResponse> send(HttpRequest what) {
        return runtime.run_until_done(client->send(std::move(what), Deadline::after(kPatience)));
    }
    std::string raw(std::string_view bytes) {
        RawClient peer(server->port());
        peer.send(bytes);
        return runtime.run_until_done(peer.read_to_end());
    }

    Runtime runtime;
    std::unique_ptr<HttpServer> server;
    std::unique_ptr<HttpClient> client;
};

TEST(Http, a_request_gets_its_answer) {
    Fixture f;
    const auto response = f.send(f.request("POST", "/a%20b/c?x=1&y=%20", "the body"));
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, "POST /a b/c x=1&y=%20 the body");
    EXPECT_EQ(response->headers.get("content-type"), "text/plain; charset=utf-8");
}

TEST(Http, connections_are_kept_and_used_again) {
    std::set<std::uint16_t> ports;
    const auto handler = [&ports](std::shared_ptr<Exchange> exchange) -> Task<> {
        ports.insert(exchange->request().remote_port);
        return echo_handler(std::move(exchange));
    };
    Fixture f(handler);
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(f.send(f.request("GET", "/")));
    EXPECT_EQ(ports.size(), 1u);
}

TEST(Http, large_bodies_pass_in_both_directions) {
    HttpServerOptions options;
    options.max_body_bytes = 8 << 20;
    Fixture f(echo_handler, options);
    const std::string body(5 << 20, 'z');
    const auto response = f.send(f.request("POST", "/", body));
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->body.size(), body.size() + 8);
}

TEST(Http, an_answer_over_the_limit_is_too_large) {
    Fixture f;
    HttpRequest request = f.request("POST", "/", std::string(1000, 'x'));
    request.max_response_bytes = 100;
    const auto response = f.send(std::move(request));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code(), ErrorCode::too_large);
}

TEST(Http, head_has_the_length_and_no_body) {
    Fixture f;
    const auto response = f.send(f.request("HEAD", "/x"));
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->body, "");
    EXPECT_EQ(response->headers.get("content-length"), "9");
    EXPECT_TRUE(f.send(f.request("GET", "/")));  // the connection is still in step
}

TEST(Http, a_silent_server_times_out_by_name) {
    const auto handler = [](std::shared_ptr<Exchange>) -> Task<> { (void)co_await sleep_for(Millis(60'000)); };
    Fixture f(handler);
    const auto response = f.runtime.run_until_done(f.client->send(f.request("GET", "/"), Deadline::after(Millis(30))));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code(), ErrorCode::timed_out);
    EXPECT_EQ(response.error().reason(), "ANSWER_TIMEOUT");
    EXPECT_NE(response.error().message().find("waiting for the answer of 127.0.0.1 timed out after"), std::string::npos)
        << response.error().message();
}

TEST(Http, what_timed_out_before_anything_was_sent_says_so) {
    int asked = 0;
    const auto handler = [&](std::shared_ptr<Exchange>) -> Task<> {
        ++asked;
        (void)co_await sleep_for(Millis(60'000));
    };
    Fixture f(handler);
    HttpClientOptions options;
    options.egress = EgressPolicy::named("127.0.0.1");
    options.connections_per_origin = 1;
    const auto client = make_http_client(f.runtime, std::move(options));
    const auto late = f.runtime.run_until_done(client->send(f.request("GET", "/"), Deadline::after(Millis(0))));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().reason(), "CONNECT_TIMEOUT");
    EXPECT_EQ(asked, 0);

    Result<HttpResponse> waiting;
    const auto hold = [&]() -> Task<> {
        (void)co_await client->send(f.request("GET", "/"), Deadline::after(kPatience));
    };
    const auto main = [&]() -> Task<> {
        TaskGroup group(f.runtime);
        group.spawn(hold());
        while (asked == 0) (void)co_await sleep_for(Millis(1));
        waiting = co_await client->send(f.request("GET", "/"), Deadline::after(Millis(5)));
        co_await group.stop();
    };
    f.runtime.run_until_done(main());
    ASSERT_FALSE(waiting);
    EXPECT_EQ(waiting.error().code(), ErrorCode::timed_out);
    EXPECT_EQ(waiting.error().reason(), "CONNECT_TIMEOUT");
    EXPECT_TRUE(waiting.error().message().starts_with("waiting for a free connection to 127.0.0.1"))
        << waiting.error().message();
    EXPECT_EQ(asked, 1);
}

TEST(Http, a_body_that_stops_times_out_as_a_read_and_can_go_on) {
    std::unique_ptr<Event> more;
    const auto handler = [&](std::shared_ptr<Exchange> exchange) -> Task<> {
        auto body = co_await exchange->start_body(200, {});
        (void)co_await (*body)->write("one ");
        (void)co_await more->wait(Deadline::after(kPatience));
        (void)co_await (*body)->write("two");
    };
    Fixture f(handler);
    more = std::make_unique<Event>(f.runtime);
    const auto main = [&]() -> Task<> {
        const auto stream = co_await f.client->open(f.request("GET", "/"), Deadline::after(kPatience));
        EXPECT_EQ(co_await (*stream)->read_some(Deadline::after(kPatience)), "one ");
        const auto nothing = co_await (*stream)->read_some(Deadline::after(Millis(5)));
        EXPECT_FALSE(nothing);
        EXPECT_EQ(nothing.error().reason(), "READ_TIMEOUT");
        EXPECT_TRUE(nothing.error().message().starts_with("reading the answer of 127.0.0.1"))
            << nothing.error().message();
        more->set();
        EXPECT_EQ(co_await (*stream)->read_some(Deadline::after(kPatience)), "two");
        EXPECT_EQ(co_await (*stream)->read_some(Deadline::after(kPatience)), "");
    };
    f.runtime.run_until_done(main());
}

TEST(Http, nobody_listening_is_unavailable_and_says_so) {
    Fixture f;
    HttpRequest request = f.request("GET", "/");
    request.url.port = 1;
    const auto response = f.send(std::move(request));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code(), ErrorCode::unavailable);
    EXPECT_EQ(response.error().reason(), "CONNECT_FAILED");
    EXPECT_NE(response.error().message().find("refused"), std::string::npos);
}

TEST(Http, loopback_is_refused_unless_it_was_named) {
    Fixture f;
    const auto strict = make_http_client(f.runtime, {});
    const auto response = f.runtime.run_until_done(strict->send(f.request("GET", "/"), Deadline::after(kPatience)));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code(), ErrorCode::refused);
    EXPECT_EQ(response.error().reason(), "EGRESS_REFUSED");
}

TEST(Http, localhost_when_named_may_be_loopback) {
    Fixture f;
    HttpClientOptions options;
    options.egress = EgressPolicy::named("localhost");
    const auto client = make_http_client(f.runtime, options);
    HttpRequest request = f.request("GET", "/");
    request.url.host = "localhost";
    const auto response = f.runtime.run_until_done(client->send(std::move(request), Deadline::after(kPatience)));
    EXPECT_TRUE(response) << response.error().message();
}

TEST(Http, header_fields_that_would_split_the_request_are_refused) {
    Fixture f;
    HttpRequest request = f.request("GET", "/");
    request.headers.add("X-A", "1\r\nX-Injected: 2");
    EXPECT_EQ(f.send(std::move(request)).error().code(), ErrorCode::invalid_argument);
}

TEST(Http, more_requests_than_connections_wait_their_turn) {
    int most = 0;
    int running = 0;
    const auto handler = [&](std::shared_ptr<Exchange> exchange) -> Task<> {
        most = std::max(most, ++running);
        (void)co_await sleep_for(Millis(1));
        --running;
        co_await echo_handler(std::move(exchange));
    };
    Fixture f(handler);
    int answered = 0;
    const auto one = [&]() -> Task<> {
        const auto response = co_await f.client->send(f.request("GET", "/"), Deadline::after(kPatience));
        if (response) ++answered;
    };
    const auto all = [&]() -> Task<> {
        TaskGroup group(f.runtime);
        for (int i = 0; i < 50; ++i) group.spawn(one());
        while (group.size() > 0) (void)co_await sleep_for(Millis(1));
        co_await group.stop();
    };
    f.runtime.run_until_done(all());
    EXPECT_EQ(answered, 50);
    EXPECT_EQ(most, 8);
}

TEST(Http, a_stream_is_read_piece_by_piece_and_ends_with_the_body) {
    const auto handler = [](std::shared_ptr<Exchange> exchange) -> Task<> {
        Headers headers{{"Content-Type", "text/event-stream"}};
        auto writer = co_await exchange->start_body(200, std::move(headers));
        for (const char* piece : {"one", "two", "three"}) {
            (void)co_await (*writer)->write(piece);
            (void)co_await sleep_for(Millis(2));
        }
    };
    Fixture f(handler);
    const auto read_all = [&]() -> Task<std::string> {
        auto stream = co_await f.client->open(f.request("GET", "/events"), Deadline::after(kPatience));
        if (!stream) co_return stream.error().message();
        EXPECT_EQ((*stream)->status(), 200);
        EXPECT_EQ((*stream)->headers().get("content-type"), "text/event-stream");
        std::string all;
        for (;;) {
            auto piece = co_await (*stream)->read_some(Deadline::after(kPatience));
            if (!piece || piece->empty()) break;
            all += *piece + "|";
        }
        co_return all;
    };
    EXPECT_EQ(f.runtime.run_until_done(read_all()), "one|two|three|");
    EXPECT_TRUE(f.send(f.request("GET", "/")));
}

TEST(Http, the_writer_of_a_stream_learns_that_the_client_went_away) {
    bool closed = false;
    const auto handler = [&](std::shared_ptr<Exchange> exchange) -> Task<> {
        auto writer = co_await exchange->start_body(200, {});
        (void)co_await (*writer)->write("hello");
        closed = (co_await (*writer)->wait_closed()).has_value();
        const Result<> late = co_await (*writer)->write("too late");
        EXPECT_EQ(late.error().code(), ErrorCode::unavailable);
    };
    Fixture f(handler);
    const auto visit = [&]() -> Task<> {
        RawClient peer(f.server->port());
        peer.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        (void)co_await peer.read_until("hello");
        peer.close();
        for (int i = 0; i < 1000 && !closed; ++i) (void)co_await sleep_for(Millis(1));
    };
    f.runtime.run_until_done(visit());
    EXPECT_TRUE(closed);
}

TEST(HttpServer, pipelined_requests_are_answered_in_order) {
    Fixture f;
    const std::string got = f.raw(
        "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
        "POST /3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n"
        "GET /4 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    const auto at = [&](std::string_view what) { return got.find(what); };
    EXPECT_LT(at("GET /1  "), at("POST /2  abc"));
    EXPECT_LT(at("POST /2  abc"), at("POST /3  def"));
    EXPECT_LT(at("POST /3  def"), at("GET /4  "));
    EXPECT_NE(at("GET /4  "), std::string::npos);
}

TEST(HttpServer, requests_that_two_servers_could_read_differently_are_refused) {
    struct Case {
        std::string_view why, bytes, status;
    };
    for (const Case& c : {
             Case{"both lengths",
                  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                  "400"},
             Case{"both lengths, other order",
                  "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
                  "400"},
             Case{"two lengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
                  "400"},
             Case{"the same length twice",
                  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "400"},
             Case{"signed length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc", "400"},
             Case{"unknown encoding", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
                  "400"},
             Case{"encoding list", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
                  "400"},
             Case{"space before colon", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length : 3\r\n\r\nabc", "400"},
             Case{"chunked in 1.0", "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
             Case{"bad chunk size", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
             Case{"no host", "GET / HTTP/1.1\r\n\r\n", "400"},
             Case{"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
             Case{"bad host", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", "400"},
             Case{"bare line feed", "GET / HTTP/1.1\nHost: h\n\n", "400"},
             Case{"no version", "GET /\r\n\r\n", "400"},
             Case{"version 2", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", "400"},
             Case{"dot dot", "GET /a/../b HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
             Case{"encoded dot dot", "GET /a/%2e%2E/b HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
             Case{"encoded slash dot dot", "GET /a/..%2fb HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
             Case{"dot at the end", "GET /a/. HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
             Case{"nul", "GET /a%00b HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
             Case{"backslash", "GET /a%5cb HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
             Case{"broken escape", "GET /a%zz HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
             Case{"not utf-8", "GET /a%ff HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
             Case{"authority form", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
             Case{"unknown expectation", "POST / HTTP/1.1\r\nHost: h\r\nExpect: tea\r\nContent-Length: 1\r\n\r\nx",
                  "417"},
         }) {
        Fixture f;
        const std::string got = f.raw(c.bytes);
        EXPECT_TRUE(got.starts_with("HTTP/1.1 " + std::string(c.status))) << c.why << ": " << got;
        EXPECT_EQ(got.find("200 OK"), std::string::npos) << c.why;
        EXPECT_NE(got.find("Connection: close"), std::string::npos) << c.why;
    }
}

TEST(HttpServer, limits_come_before_the_bytes) {
    Fixture f;
    const std::string long_head = "GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n";
    EXPECT_TRUE(f.raw(long_head).starts_with("HTTP/1.1 431"));
    EXPECT_TRUE(f.raw("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\n").starts_with("HTTP/1.1 413"));
    const std::string chunks =
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n" + std::string(0x200000, 'x');
    EXPECT_TRUE(f.raw(chunks).starts_with("HTTP/1.1 413"));
}

TEST(HttpServer, a_slow_head_is_answered_with_408) {
    HttpServerOptions options;
    options.head_timeout = Millis(30);
    Fixture f(echo_handler, options);
    EXPECT_TRUE(f.raw("GET / HTTP/1.1\r\nHost:").starts_with("HTTP/1.1 408"));
    EXPECT_EQ(f.raw(""), "");  // who says nothing is told nothing
}

TEST(HttpServer, expect_continue_is_answered_before_the_body) {
    Fixture f;
    const auto visit = [&]() -> Task<std::string> {
        RawClient peer(f.server->port());
        peer.send(
            "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
        const std::string first = co_await peer.read_until("\r\n\r\n");
        peer.send("ok");
        const std::string rest = co_await peer.read_to_end();
        co_return first + rest;
    };
    const std::string got = f.runtime.run_until_done(visit());
    EXPECT_TRUE(got.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")) << got;
}

TEST(HttpServer, a_handler_that_throws_or_says_nothing_is_a_500) {
    const auto handler = [](std::shared_ptr<Exchange> exchange) -> Task<> {
        co_await yield();
        if (exchange->request().path == "/throw") throw std::runtime_error("secret detail");
    };
    for (const char* path : {"/throw", "/silent"}) {
        Fixture f(handler);
        const auto response = f.send(f.request("GET", path));
        ASSERT_TRUE(response);
        EXPECT_EQ(response->status, 500);
        EXPECT_EQ(response->body.find("secret"), std::string::npos);
    }
}

TEST(HttpServer, the_second_answer_fails) {
    ErrorCode second = ErrorCode::internal;
    const auto handler = [&](std::shared_ptr<Exchange> exchange) -> Task<> {
        co_await echo_handler(exchange);
        auto response = ServerResponse::text(500, "again");
        const Result<> again = co_await exchange->respond(std::move(response));
        second = again.error().code();
    };
    Fixture f(handler);
    EXPECT_EQ(f.send(f.request("GET", "/"))->status, 200);
    EXPECT_EQ(second, ErrorCode::conflict);
}

TEST(HttpServer, an_exchange_that_is_kept_after_the_handler_is_of_no_use) {
    std::shared_ptr<Exchange> kept;
    const auto handler = [&](std::shared_ptr<Exchange> exchange) -> Task<> {
        kept = exchange;
        co_return;
    };
    Fixture f(handler);
    EXPECT_EQ(f.send(f.request("GET", "/"))->status, 500);
    auto response = ServerResponse::text(200, "late");
    EXPECT_EQ(f.runtime.run_until_done(kept->respond(std::move(response))).error().code(), ErrorCode::conflict);
}

TEST(HttpServer, connections_over_the_limit_are_closed_at_once) {
    HttpServerOptions options;
    options.max_connections_per_ip = 2;
    Fixture f(echo_handler, options);
    const auto visit = [&]() -> Task<std::string> {
        RawClient one(f.server->port());
        RawClient two(f.server->port());
        one.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
        two.send("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
        std::string got = co_await one.read_until("/1");
        got += co_await two.read_until("/2");
        RawClient three(f.server->port());
        got += co_await three.read_to_end();
        EXPECT_TRUE(three.closed());
        one.close();
        for (int i = 0; i < 20; ++i) co_await yield();
        RawClient four(f.server->port());
        four.send("GET /4 HTTP/1.1\r\nHost: h\r\n\r\n");
        got += co_await four.read_until("/4");
        co_return got;
    };
    const std::string got = f.runtime.run_until_done(visit());
    EXPECT_NE(got.find("/4"), std::string::npos);
}

// Accepts the WebSocket of everybody; who comes by /known has shown who it is.
Task<> socket_handler(std::shared_ptr<Exchange> exchange) {
    const bool known = exchange->request().path == "/known";
    auto socket = co_await exchange->accept_websocket({}, 1024);
    if (!socket) co_return;
    if (known) (*socket)->admit_peer();
    auto said = std::make_shared<const std::string>("welcome");
    (void)(*socket)->post(std::move(said));
    for (;;) {
        const auto message = co_await (*socket)->receive();
        if (!message) co_return;
    }
}

std::string upgrade_of(std::string_view path) {
    return fmt::format(
        "GET {} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        path);
}

TEST(HttpServer, a_flood_of_strangers_closes_its_own_oldest_and_nobody_who_is_known) {
    HttpServerOptions options;
    options.max_strangers = 6;
    options.max_strangers_per_ip = 3;
    Fixture f(socket_handler, options);
    const auto visit = [&]() -> Task<> {
        RawClient known(f.server->port());
        known.send(upgrade_of("/known"));
        EXPECT_NE((co_await known.read_until("welcome")).find("101"), std::string::npos);
        std::vector<std::unique_ptr<RawClient>> flood;
        for (int i = 0; i < 50; ++i) {  // half of them are WebSockets that never say anything, half not even that
            flood.push_back(std::make_unique<RawClient>(f.server->port()));
            if (i % 2 == 0) {
                flood.back()->send(upgrade_of("/"));
                (void)co_await flood.back()->read_until("welcome");
            } else {
                flood.back()->send("GET / HT");
                for (int turn = 0; turn < 5; ++turn) (void)co_await sleep_for(Millis(1));
            }
        }
        for (int i = 0; i < 47; ++i) {
            (void)co_await flood[std::size_t(i)]->read_to_end();
            EXPECT_TRUE(flood[std::size_t(i)]->closed()) << i;
        }
        RawClient late(f.server->port());
        late.send(upgrade_of("/known"));
        EXPECT_NE((co_await late.read_until("welcome")).find("101"), std::string::npos)
            << "whoever is known gets in all the same";
        known.send(std::string("\x89\x80\0\0\0\0", 6));  // a ping
        const std::string pong("\x8a\0", 2);
        EXPECT_NE((co_await known.read_until(pong)).find(pong), std::string::npos)
            << "and who was there is there still";
    };
    f.runtime.run_until_done(visit());
}

TEST(HttpServer, stop_lets_the_running_exchange_finish) {
    Runtime runtime;
    Event entered(runtime);
    Event go_on(runtime);
    const auto handler = [&](std::shared_ptr<Exchange> exchange) -> Task<> {
        entered.set();
        (void)co_await go_on.wait();
        co_await echo_handler(std::move(exchange));
    };
    auto server = std::move(*HttpServer::listen(runtime, {}, handler));
    const auto visit = [&]() -> Task<std::string> {
        TaskGroup group(runtime);
        RawClient idle(server->port());
        RawClient peer(server->port());
        peer.send("GET /last HTTP/1.1\r\nHost: h\r\n\r\n");
        (void)co_await entered.wait();
        group.spawn(server->stop(Deadline::after(kPatience)));
        (void)co_await idle.read_to_end();
        EXPECT_TRUE(idle.closed());
        go_on.set();
        const std::string got = co_await peer.read_to_end();
        while (group.size() > 0) (void)co_await sleep_for(Millis(1));
        co_await group.stop();
        co_return got;
    };
    const std::string got = runtime.run_until_done(visit());
    EXPECT_NE(got.find("/last"), std::string::npos);
    EXPECT_NE(got.find("Connection: close"), std::string::npos);
}

TEST(HttpServer, an_address_in_use_says_which) {
    Runtime runtime;
    auto first = std::move(*HttpServer::listen(runtime, {}, echo_handler));
    HttpServerOptions options;
    options.port = first->port();
    const auto second = HttpServer::listen(runtime, options, echo_handler);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), ErrorCode::io);
    EXPECT_NE(second.error().message().find("127.0.0.1:" + std::to_string(first->port())), std::string::npos);
    runtime.run_until_done(first->stop(Deadline::after(Millis(10))));
}

}  // namespace
}  // namespace pincer::io
