// Real handshakes of our clients with an OpenSSL server over loopback, and what is said when they fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/sha.h>

#include "base/text.hpp"
#include "io/http_client.hpp"
#include "io/testing/tls_peer.hpp"
#include "io/websocket.hpp"

namespace pincer::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Identity;
using testing::TestAuthority;
using testing::TlsPeer;
using testing::TlsPeerOptions;
using testing::TlsReply;
using testing::Validity;

constexpr Millis kPatience{15'000};

std::string field_of(const std::string& request, const std::string& name) {
    const std::size_t at = request.find(name + ": ") + name.size() + 2;
    return request.substr(at, request.find("\r\n", at) - at);
}

std::string accept_of(const std::string& key) {
    const std::string text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 §4.2.2
    unsigned char digest[SHA_DIGEST_LENGTH];
    ::SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
    return to_base64({reinterpret_cast<const char*>(digest), sizeof digest});
}

std::string ok(const std::string& body) {
    return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body);
}

// The request's first line for HTTP, one message for WebSocket.
TlsReply say_hello(const std::string& request) {
    if (request.find("Sec-WebSocket-Key: ") == std::string::npos) return {ok(request.substr(0, request.find("\r\n")))};
    return {
        fmt::format("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
                    "Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n"
                    "\x81\x05hello",
                    accept_of(field_of(request, "Sec-WebSocket-Key")))};
}

std::shared_ptr<TlsContext> context_of(const TlsOptions& options) {
    auto context = TlsContext::client(options);
    EXPECT_TRUE(context) << context.error().message();
    return *context;
}

class Tls : public ::testing::Test {
protected:
    void listen(Identity identity, TlsPeerOptions options = {}) {
        options.identity = std::move(identity);
        if (!options.answer) options.answer = say_hello;
        peer = std::make_unique<TlsPeer>(std::move(options));
    }
    TlsOptions trusting() const { return {.ca_pem = authority.certificate_pem()}; }
    HttpRequest request(const std::string& host = "127.0.0.1") const {
        HttpRequest out;
        out.url = *parse_url(fmt::format("https://{}:{}/path", host, peer->port()));
        return out;
    }
    std::unique_ptr<HttpClient> client(std::shared_ptr<TlsContext> tls) {
        HttpClientOptions options;
        options.egress.allow_private = true;
        options.tls = std::move(tls);
        return make_http_client(runtime, std::move(options));
    }
    Result<std::string> ask(const TlsOptions& options, const std::string& host = "127.0.0.1") {
        const auto http = client(context_of(options));
        auto response = runtime.run_until_done(http->send(request(host), Deadline::after(kPatience)));
        if (!response) return Failure(response.error());
        return std::move(response->body);
    }
    Task<Result<std::string>> first_message(Url url, WsConnectOptions options) {
        const auto connector = make_websocket_connector(runtime);
        PINCER_CO_TRY(const auto socket,
                      co_await connector->connect(std::move(url), std::move(options), Deadline::after(kPatience)));
        PINCER_CO_TRY(WsMessage message, co_await socket->receive(Deadline::after(kPatience)));
        co_return std::move(message.data);
    }
    Result<std::string> listen_to(const TlsOptions& tls, const std::string& host = "127.0.0.1") {
        WsConnectOptions options;
        options.egress.allow_private = true;
        options.tls = context_of(tls);
        const Url url = *parse_url(fmt::format("wss://{}:{}/socket", host, peer->port()));
        return runtime.run_until_done(first_message(url, std::move(options)));
    }
    // Both clients fail alike, and nothing of theirs was acted on.
    void expect_failure(const TlsOptions& tls, std::string_view reason, const std::string& message,
                        const std::string& host = "127.0.0.1") {
        for (const auto& failed : {ask(tls, host), listen_to(tls, host)}) {
            ASSERT_FALSE(failed) << *failed;
            EXPECT_EQ(failed.error().code(), ErrorCode::unavailable);
            EXPECT_EQ(failed.error().reason(), reason) << failed.error().message();
            EXPECT_THAT(failed.error().message(), HasSubstr(message));
            EXPECT_THAT(failed.error().message(), HasSubstr(host));
        }
        EXPECT_EQ(peer->seen().requests, 0);
    }

    Runtime runtime;
    TestAuthority authority{"authority of this test"};
    TestAuthority stranger{"authority of somebody else"};
    std::unique_ptr<TlsPeer> peer;
};

TEST_F(Tls, a_peer_that_verifies_is_talked_to_on_one_connection) {
    listen(authority.issue({"127.0.0.1"}));
    const auto http = client(context_of(trusting()));
    for (int i = 0; i < 3; ++i) {
        const auto response = runtime.run_until_done(http->send(request(), Deadline::after(kPatience)));
        ASSERT_TRUE(response) << response.error().message();
        EXPECT_EQ(response->body, "GET /path HTTP/1.1");
    }
    EXPECT_EQ(peer->seen().connections, 1);
    EXPECT_THAT(peer->seen().server_names, ElementsAre(""));  // an address is no server name (RFC 6066 §3)
}

TEST_F(Tls, a_websocket_speaks_over_it) {
    listen(authority.issue({"127.0.0.1"}));
    const auto message = listen_to(trusting());
    ASSERT_TRUE(message) << message.error().message();
    EXPECT_EQ(*message, "hello");
}

TEST_F(Tls, a_host_name_is_asked_for_and_verified) {
    listen(authority.issue({"localhost"}));
    EXPECT_EQ(ask(trusting(), "localhost").value(), "GET /path HTTP/1.1");
    EXPECT_EQ(listen_to(trusting(), "localhost").value(), "hello");
    EXPECT_THAT(peer->seen().server_names, ElementsAre("localhost", "localhost"));
}

TEST_F(Tls, large_bodies_arrive_whole) {
    const std::string body(1 << 20, 'b');
    TlsPeerOptions options;
    options.answer = [](const std::string& whole) {
        return TlsReply{ok(whole.substr(whole.find("\r\n\r\n") + 4) + "!")};
    };
    listen(authority.issue({"127.0.0.1"}), std::move(options));
    const auto http = client(context_of(trusting()));
    HttpRequest post = request();
    post.method = "POST";
    post.body = body;
    const auto response = runtime.run_until_done(http->send(std::move(post), Deadline::after(kPatience)));
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->body, body + "!");
}

TEST_F(Tls, another_hosts_certificate_is_not_accepted) {
    listen(authority.issue({"other.test", "10.1.2.3"}));
    expect_failure(trusting(), "TLS_NOT_VERIFIED", "IP address mismatch");
    listen(authority.issue({"other.test", "127.0.0.1"}));
    expect_failure(trusting(), "TLS_NOT_VERIFIED", "hostname mismatch", "localhost");
}

TEST_F(Tls, a_wildcard_stands_for_one_whole_label) {
    listen(authority.issue({"*.cluster.test", "api-*.cluster.test"}));
    TlsOptions options = trusting();
    options.server_name = "a.cluster.test";
    EXPECT_TRUE(ask(options));
    for (const auto* name : {"a.b.cluster.test", "cluster.test"}) {
        options.server_name = name;
        EXPECT_EQ(ask(options).error().reason(), "TLS_NOT_VERIFIED") << name;
    }
}

TEST_F(Tls, an_unknown_authority_is_not_accepted) {
    listen(stranger.issue({"127.0.0.1"}));
    expect_failure(trusting(), "TLS_NOT_VERIFIED", "unable to get local issuer certificate");
}

TEST_F(Tls, the_systems_authorities_do_not_know_the_one_of_a_test) {
    listen(authority.issue({"127.0.0.1"}));
    const auto http = client(nullptr);
    const auto response = runtime.run_until_done(http->send(request(), Deadline::after(kPatience)));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code(), ErrorCode::unavailable);
    EXPECT_EQ(peer->seen().requests, 0);
}

TEST_F(Tls, a_certificate_is_good_only_in_its_time) {
    listen(authority.issue({"127.0.0.1"}, {.from_days = -3, .to_days = -1}));
    expect_failure(trusting(), "TLS_NOT_VERIFIED", "certificate has expired");
    listen(authority.issue({"127.0.0.1"}, {.from_days = 1, .to_days = 3}));
    expect_failure(trusting(), "TLS_NOT_VERIFIED", "certificate is not yet valid");
}

TEST_F(Tls, a_client_certificate_that_is_demanded_is_shown) {
    TlsPeerOptions options;
    options.client_authority_pem = stranger.certificate_pem();
    listen(authority.issue({"127.0.0.1"}), std::move(options));
    const Identity own = stranger.issue({"client-7"});
    TlsOptions tls = trusting();
    tls.client_cert_pem = own.certificate_pem;
    tls.client_key_pem = Secret(own.key_pem);
    EXPECT_TRUE(ask(tls));
    EXPECT_EQ(listen_to(tls).value(), "hello");
    EXPECT_THAT(peer->seen().client_subjects, ElementsAre("client-7", "client-7"));
}

// In TLS 1.3 the refusal comes after our side of the handshake is done, in place of the answer.
TEST_F(Tls, a_client_certificate_that_is_missing_or_unknown_is_named_by_the_peer) {
    for (const auto speaks : {TlsPeerOptions::Speaks::tls13, TlsPeerOptions::Speaks::only_tls12}) {
        const bool is_tls13 = speaks == TlsPeerOptions::Speaks::tls13;
        TlsPeerOptions options;
        options.speaks = speaks;
        options.client_authority_pem = stranger.certificate_pem();
        listen(authority.issue({"127.0.0.1"}), options);
        expect_failure(trusting(), "TLS_FAILED", is_tls13 ? "alert certificate required" : "alert handshake failure");

        listen(authority.issue({"127.0.0.1"}), options);
        const Identity own = authority.issue({"client-7"});  // not from whom they want it
        TlsOptions tls = trusting();
        tls.client_cert_pem = own.certificate_pem;
        tls.client_key_pem = Secret(own.key_pem);
        expect_failure(tls, "TLS_FAILED", "alert unknown ca");
    }
}

TEST_F(Tls, the_name_to_verify_can_be_given) {
    listen(authority.issue({"db.cluster.test"}));
    TlsOptions tls = trusting();
    tls.server_name = "db.cluster.test";
    EXPECT_TRUE(ask(tls));
    EXPECT_EQ(listen_to(tls).value(), "hello");
    EXPECT_THAT(peer->seen().server_names, ElementsAre("db.cluster.test", "db.cluster.test"));

    listen(authority.issue({"db.cluster.test"}));
    tls.server_name = "web.cluster.test";
    expect_failure(tls, "TLS_NOT_VERIFIED",
                   "127.0.0.1 as web.cluster.test: the certificate does not verify: hostname mismatch");
}

TEST_F(Tls, insecure_accepts_anybody) {
    listen(stranger.issue({"other.test"}, {.from_days = -3, .to_days = -1}));
    const TlsOptions tls{.insecure_skip_verify = true};
    EXPECT_EQ(ask(tls).value(), "GET /path HTTP/1.1");
    EXPECT_EQ(listen_to(tls).value(), "hello");
}

TEST_F(Tls, without_verification_a_failure_is_not_blamed_on_the_certificate) {
    TlsPeerOptions options;
    options.speaks = TlsPeerOptions::Speaks::only_tls12;
    options.client_authority_pem = stranger.certificate_pem();
    listen(stranger.issue({"other.test"}), std::move(options));
    expect_failure({.insecure_skip_verify = true}, "TLS_FAILED", "alert handshake failure");
}

TEST_F(Tls, tls_1_1_is_refused) {
    TlsPeerOptions options;
    options.speaks = TlsPeerOptions::Speaks::only_tls11;
    listen(authority.issue({"127.0.0.1"}), std::move(options));
    expect_failure(trusting(), "TLS_FAILED", "protocol");
}

TEST_F(Tls, a_peer_that_speaks_no_tls_fails_by_name) {
    TlsPeerOptions options;
    options.speaks = TlsPeerOptions::Speaks::nothing;
    listen(authority.issue({"127.0.0.1"}), std::move(options));
    const auto http = client(context_of(trusting()));
    const auto response = runtime.run_until_done(http->send(request(), Deadline::after(Millis(50))));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code(), ErrorCode::timed_out);
    EXPECT_EQ(response.error().reason(), "CONNECT_TIMEOUT");
    EXPECT_THAT(response.error().message(), HasSubstr("the TLS handshake with 127.0.0.1 timed out after"));
}

// RFC 9112 §9.8: only TLS's own farewell says that such a body is whole; anybody can cut a connection.
TEST_F(Tls, a_body_without_length_needs_the_farewell) {
    for (const auto then : {TlsReply::Then::say_goodbye, TlsReply::Then::cut}) {
        TlsPeerOptions options;
        options.answer = [then](const std::string&) {
            return TlsReply{"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\npay 10", then};
        };
        listen(authority.issue({"127.0.0.1"}), std::move(options));
        const auto body = ask(trusting());
        if (then == TlsReply::Then::say_goodbye) {
            EXPECT_EQ(body.value(), "pay 10");
        } else {
            ASSERT_FALSE(body);
            EXPECT_EQ(body.error().code(), ErrorCode::unavailable);
            EXPECT_EQ(body.error().reason(), "NO_ANSWER");
            EXPECT_THAT(body.error().message(), HasSubstr("without ending TLS"));
        }
    }
}

TEST_F(Tls, options_that_do_not_parse_are_named) {
    const Identity own = authority.issue({"me"});
    const Identity other = authority.issue({"me"});
    const struct {
        TlsOptions options;
        const char* named;
    } cases[] = {
        {{.ca_pem = "nonsense"}, "ca_pem"},
        {{.ca_pem = authority.certificate_pem() + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
         "ca_pem"},
        {{.client_cert_pem = "nonsense", .client_key_pem = Secret(own.key_pem)}, "client_cert_pem"},
        {{.client_cert_pem = own.certificate_pem}, "client_cert_pem"},
        {{.client_cert_pem = own.certificate_pem, .client_key_pem = Secret("nonsense")}, "client_key_pem"},
        {{.client_cert_pem = own.certificate_pem, .client_key_pem = Secret(other.key_pem)}, "client_key_pem"},
    };
    for (const auto& [options, named] : cases) {
        const auto context = TlsContext::client(options);
        ASSERT_FALSE(context) << named;
        EXPECT_EQ(context.error().code(), ErrorCode::invalid_argument);
        EXPECT_TRUE(context.error().message().starts_with(named)) << context.error().message();
    }
}

}  // namespace
}  // namespace pincer::io
