#include "gateway/auth/authenticator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/fake_clock.hpp"
#include "crypto/testing/seeded_random.hpp"
#include "gateway/store/schema.hpp"
#include "gateway/testing/inline_disk.hpp"
#include "storage/testing/scratch.hpp"

namespace pincer::gateway {
namespace {

using ::testing::HasSubstr;
using Outcome = std::variant<Admitted, wire::ConnectFailure>;

constexpr const char* kNonce = "nonce-1";

class Authenticators : public ::testing::Test {
protected:
    void SetUp() override {
        config.auth.token = Secret("right-token");
        open();
    }
    void open() {
        authenticator.reset();
        db.reset();
        db = *testing::open_inline_database(scratch / "db.sqlite", migrations(), power);
        authenticator = std::make_unique<Authenticator>(config, *db, clock, random);
        ASSERT_TRUE(authenticator->load());
    }
    wire::ConnectParams params(std::vector<std::string> scopes = {"operator.read"}) {
        wire::ConnectParams p;
        p.client.version = "1";
        p.client.platform = "linux";
        p.client.display_name = "Laptop";
        p.scopes = std::move(scopes);
        p.auth.token = Secret("right-token");
        return p;
    }
    wire::ConnectParams with_device(const crypto::Ed25519KeyPair& key,
                                    std::vector<std::string> scopes = {"operator.read"},
                                    std::string token = "right-token") {
        wire::ConnectParams p = params(std::move(scopes));
        p.auth.token = Secret(std::move(token));
        sign(p, key);
        return p;
    }
    void sign(wire::ConnectParams& p, const crypto::Ed25519KeyPair& key) {
        wire::sign_device(p, key, kNonce, to_millis(clock.wall()));
    }
    Outcome admit(wire::ConnectParams p, bool loopback = true, std::string ip = "127.0.0.1") {
        Peer peer{.ip = std::move(ip), .loopback = loopback, .origin = "", .host = "127.0.0.1:18789"};
        return runtime.run_until_done(authenticator->admit(std::move(p), kNonce, std::move(peer)));
    }
    static std::string refusal(const Outcome& outcome) {
        const auto* failure = std::get_if<wire::ConnectFailure>(&outcome);
        return failure ? failure->error.detail("code") : "admitted";
    }
    static const Admitted& admitted(const Outcome& outcome) { return std::get<Admitted>(outcome); }

    io::Runtime runtime;
    ::pincer::testing::Scratch scratch;
    ::pincer::testing::FakeClock clock;
    ::pincer::testing::SeededRandom random{1};
    testing::Power power;
    GatewayConfig config;
    std::unique_ptr<storage::Database> db;
    std::unique_ptr<Authenticator> authenticator;
    crypto::Ed25519KeyPair laptop = crypto::Ed25519KeyPair::generate(random);
    crypto::Ed25519KeyPair phone = crypto::Ed25519KeyPair::generate(random);
};

TEST_F(Authenticators, the_shared_secret_admits_on_this_machine) {
    const Outcome outcome = admit(params({"operator.admin"}));
    ASSERT_EQ(refusal(outcome), "admitted");
    EXPECT_EQ(admitted(outcome).principal.id, "operator:token");
    EXPECT_EQ(admitted(outcome).principal.human, "gateway-owner");
    EXPECT_TRUE(admitted(outcome).scopes.allows(wire::Scope::approvals));
    EXPECT_TRUE(admitted(outcome).device_token.empty());
    wire::ConnectParams in_password = params();
    in_password.auth.password = std::exchange(in_password.auth.token, Secret());
    EXPECT_EQ(refusal(admit(in_password)), "admitted") << "the token may come as a password, as captured";
}

TEST_F(Authenticators, scopes_are_what_was_asked_for_and_nothing_by_default) {
    EXPECT_TRUE(admitted(admit(params({}))).scopes.empty());
    const Outcome unknown = admit(params({"operator.god"}));
    EXPECT_THAT(std::get<wire::ConnectFailure>(unknown).error.message, HasSubstr("at /scopes"));
}

TEST_F(Authenticators, captured_failures_have_their_codes) {
    wire::ConnectParams p = params();
    p.auth.token = Secret("wrong");
    EXPECT_EQ(refusal(admit(p)), "AUTH_TOKEN_MISMATCH");
    p.auth.token = Secret();
    EXPECT_EQ(refusal(admit(p)), "DEVICE_IDENTITY_REQUIRED");
    sign(p, laptop);
    EXPECT_EQ(refusal(admit(p)), "AUTH_TOKEN_MISSING");
    p.auth.device_token = Secret("old");
    sign(p, laptop);
    EXPECT_EQ(refusal(admit(p)), "AUTH_DEVICE_TOKEN_MISMATCH");
    EXPECT_EQ(refusal(admit(params(), false)), "DEVICE_IDENTITY_REQUIRED") << "from elsewhere nobody without a device";

    wire::ConnectParams node = params();
    node.role = "node";
    EXPECT_NE(refusal(admit(node)), "admitted");

    config.auth.mode = AuthMode::password;
    config.auth.password = Secret("pw");
    p = params();
    p.auth.token = Secret("wrong");
    EXPECT_EQ(refusal(admit(p)), "AUTH_PASSWORD_MISMATCH");
    p.auth.token = Secret("right-token");
    EXPECT_EQ(refusal(admit(p)), "AUTH_PASSWORD_MISMATCH") << "the token counts for nothing in password mode";
    p.auth.token = Secret("pw");
    EXPECT_EQ(refusal(admit(p)), "admitted");
}

TEST_F(Authenticators, a_device_proves_what_it_claims) {
    const auto changed = [&](const std::function<void(wire::ConnectParams&)>& change) {
        wire::ConnectParams p = with_device(laptop);
        change(p);
        return refusal(admit(p));
    };
    EXPECT_EQ(changed([](auto& p) { p.device->signature[5] = p.device->signature[5] == 'A' ? 'B' : 'A'; }),
              "DEVICE_AUTH_SIGNATURE_INVALID");
    EXPECT_EQ(changed([](auto& p) { p.device->nonce = "another"; }), "DEVICE_AUTH_NONCE_MISMATCH");
    EXPECT_EQ(changed([](auto& p) { p.device->id = std::string(64, 'a'); }), "DEVICE_AUTH_DEVICE_ID_MISMATCH");
    EXPECT_EQ(changed([](auto& p) { p.scopes = {"operator.admin"}; }), "DEVICE_AUTH_SIGNATURE_INVALID")
        << "the scopes are signed";
    EXPECT_EQ(changed([&](auto& p) { wire::sign_device(p, laptop, kNonce, to_millis(clock.wall()) - 121'000); }),
              "DEVICE_AUTH_SIGNATURE_EXPIRED");
    EXPECT_EQ(changed([](auto&) {}), "admitted");
}

TEST_F(Authenticators, a_paired_device_comes_back_with_its_own_token_and_never_gets_more) {
    const Outcome first = admit(with_device(laptop, {"operator.write"}));
    ASSERT_EQ(refusal(first), "admitted");
    const std::string token = admitted(first).device_token.reveal();
    ASSERT_FALSE(token.empty());
    for (int life = 0; life < 2; ++life) {
        for (const bool loopback : {true, false}) {
            const Outcome again = admit(with_device(laptop, {"operator.read"}, token), loopback);
            ASSERT_EQ(refusal(again), "admitted");
            EXPECT_FALSE(admitted(again).scopes.allows(wire::Scope::write)) << "what it asked for, within its record";
            EXPECT_TRUE(admitted(again).device_token.empty());
        }
        EXPECT_EQ(refusal(admit(with_device(laptop, {"operator.admin"}, token))), "PAIRING_REQUIRED");
        EXPECT_EQ(refusal(admit(with_device(phone, {"operator.read"}, token))), "AUTH_TOKEN_MISMATCH")
            << "another's token is worth nothing";
        open();
    }
    wire::ConnectParams moved = with_device(laptop, {"operator.read"}, token);
    moved.client.platform = "darwin";
    sign(moved, laptop);
    const Outcome other_metadata = admit(moved);
    EXPECT_EQ(refusal(other_metadata), "PAIRING_REQUIRED");
    EXPECT_EQ(std::get<wire::ConnectFailure>(other_metadata).error.detail("reason"), "metadata-upgrade");
    EXPECT_EQ(refusal(admit(with_device(phone), false)), "PAIRING_REQUIRED")
        << "a new device from elsewhere needs a person, even with the secret";
    EXPECT_EQ(refusal(admit(with_device(laptop, {"operator.admin"}))), "admitted")
        << "with the secret, on this machine, it may grow";
}

TEST_F(Authenticators, a_device_token_that_is_not_on_disk_is_not_handed_out) {
    power.cut();
    const Outcome outcome = admit(with_device(laptop));
    ASSERT_TRUE(std::holds_alternative<wire::ConnectFailure>(outcome));
    EXPECT_EQ(std::get<wire::ConnectFailure>(outcome).error.code, wire::kUnavailable);
}

TEST_F(Authenticators, guessing_is_slowed_down_for_each_address) {
    wire::ConnectParams wrong = params();
    wrong.auth.token = Secret("guess");
    ASSERT_EQ(refusal(admit(with_device(laptop))), "admitted");
    for (int i = 0; i < 20; ++i) EXPECT_EQ(refusal(admit(wrong, false, "10.0.0.9")), "AUTH_TOKEN_MISMATCH");
    EXPECT_EQ(refusal(admit(wrong, false, "10.0.0.9")), "AUTH_RATE_LIMITED");
    EXPECT_EQ(refusal(admit(with_device(laptop), false, "10.0.0.9")), "AUTH_RATE_LIMITED") << "also for the right one";
    EXPECT_EQ(refusal(admit(with_device(laptop), false, "10.0.0.8")), "admitted");
    EXPECT_EQ(refusal(admit(params())), "admitted") << "nor is anybody here concerned";
    clock.advance(Millis(61'000));
    EXPECT_EQ(refusal(admit(with_device(laptop), false, "10.0.0.9")), "admitted");
}

TEST_F(Authenticators, guesses_are_held_against_who_can_make_them) {
    wire::ConnectParams wrong = params();
    wrong.auth.token = Secret("guess");
    ASSERT_EQ(refusal(admit(with_device(laptop))), "admitted");
    // Through a proxy of this machine: not against those who sit here.
    for (int i = 0; i < 20; ++i) (void)admit(wrong, false, "127.0.0.1");
    EXPECT_EQ(refusal(admit(with_device(laptop), false, "127.0.0.1")), "AUTH_RATE_LIMITED");
    EXPECT_EQ(refusal(admit(params(), true, "127.0.0.1")), "admitted");
    // One IPv6 customer, one account.
    for (int i = 0; i < 20; ++i) (void)admit(wrong, false, fmt::format("2001:db8:1:2::{:x}", i));
    EXPECT_EQ(refusal(admit(with_device(laptop), false, "2001:db8:1:2:ffff::9")), "AUTH_RATE_LIMITED");
    EXPECT_EQ(refusal(admit(with_device(laptop), false, "2001:db8:1:3::1")), "admitted");
    // Nor is a record washed out by however many fresh names.
    for (int i = 0; i < 10'000; ++i) {
        clock.advance(Millis(1));
        if (i % 1'000 == 0) (void)admit(wrong, false, "2001:db8:1:2::1");
        (void)admit(wrong, false, fmt::format("2001:db8:{:x}:9::1", i));
    }
    EXPECT_EQ(refusal(admit(with_device(laptop), false, "2001:db8:1:2::1")), "AUTH_RATE_LIMITED");
}

TEST_F(Authenticators, no_sequence_of_connects_gets_a_device_more_than_its_record_without_the_secret) {
    // Class 4: whatever is tried with a device token, what comes out is within what the shared secret once gave.
    const std::vector<std::string> all{"operator.read", "operator.write", "operator.approvals", "operator.pairing",
                                       "operator.admin"};
    std::string token = admitted(admit(with_device(laptop, {"operator.write"}))).device_token.reveal();
    wire::ScopeSet record{wire::Scope::write};
    for (int step = 0; step < 300; ++step) {
        std::vector<std::string> asked;
        for (const auto& name : all) {
            if (random.below(2) == 0) asked.push_back(name);
        }
        const bool with_secret = random.below(10) == 0;
        const bool loopback = random.below(2) == 0;
        const Outcome outcome = admit(with_device(laptop, asked, with_secret ? "right-token" : token), loopback);
        if (refusal(outcome) != "admitted") continue;
        if (with_secret && loopback) {
            for (const auto& name : asked) record.add(*wire::scope_named(name));
            if (!admitted(outcome).device_token.empty()) token = admitted(outcome).device_token.reveal();
        } else {
            EXPECT_TRUE(admitted(outcome).device_token.empty()) << "no token is minted by a token";
        }
        EXPECT_TRUE(record.covers(admitted(outcome).scopes));
        EXPECT_TRUE(wire::ScopeSet::parse(asked)->covers(admitted(outcome).scopes));
        if (step % 50 == 0) open();
    }
}

TEST_F(Authenticators, a_revoked_device_is_out_at_once_and_after_a_restart) {
    std::vector<std::string> told;
    const auto listen = [&] { authenticator->on_ended([&](const std::string& id) { told.push_back(id); }); };
    listen();
    const std::string token = admitted(admit(with_device(laptop, {"operator.write"}))).device_token.reveal();
    const std::string other = admitted(admit(with_device(phone, {"operator.read"}))).device_token.reveal();
    const std::string id = with_device(laptop).device->id;
    ASSERT_TRUE(authenticator->device(id));
    EXPECT_FALSE(authenticator->device(id)->revoked_at_ms);
    ASSERT_TRUE(runtime.run_until_done(authenticator->revoke_device(id)));
    EXPECT_EQ(told, std::vector<std::string>{id});
    for (int life = 0; life < 2; ++life) {
        EXPECT_EQ(refusal(admit(with_device(laptop, {"operator.read"}, token))), "AUTH_TOKEN_MISMATCH");
        EXPECT_EQ(refusal(admit(with_device(phone, {"operator.read"}, other))), "admitted");
        EXPECT_TRUE(authenticator->device(id)->revoked_at_ms);
        open();
    }
    listen();
    ASSERT_TRUE(runtime.run_until_done(authenticator->remove_device(with_device(phone).device->id)));
    EXPECT_EQ(told.size(), 2u);
    EXPECT_EQ(authenticator->devices()->size(), 1u);
    EXPECT_EQ(refusal(admit(with_device(phone, {"operator.read"}, other))), "AUTH_TOKEN_MISMATCH");
}

TEST_F(Authenticators, a_revocation_counts_even_when_the_disk_does_not_take_it) {
    const std::string token = admitted(admit(with_device(laptop))).device_token.reveal();
    power.cut();
    EXPECT_FALSE(runtime.run_until_done(authenticator->revoke_device(with_device(laptop).device->id)))
        << "and whoever asked is told that it is not durable";
    EXPECT_EQ(refusal(admit(with_device(laptop, {"operator.read"}, token))), "AUTH_TOKEN_MISMATCH");
}

TEST_F(Authenticators, names_that_clients_give_themselves_are_one_short_line) {
    wire::ConnectParams p = params();
    p.client.display_name = "Boss\nApproved by \x1b[31mnobody" + std::string(500, 'x');
    const std::string shown = admitted(admit(p)).principal.display;
    EXPECT_EQ(shown.find_first_of("\n\x1b"), std::string::npos);
    EXPECT_LE(shown.size(), 80u);
}

TEST_F(Authenticators, hosts_by_which_we_are_known) {
    struct Row {
        const char* host;
        bool loopback_bind, lan_bind;
    };
    const Row rows[] = {
        {"127.0.0.1:18789", true, true},
        {"localhost:18789", true, true},
        {"LOCALHOST", true, true},
        {"[::1]:18789", true, true},
        {"ops.example.com", true, true},
        {"OPS.example.com:443", true, true},
        {"evil.example", false, false},
        {"127.0.0.1.evil.example", false, false},
        {"localhost.evil.example", false, false},
        {"", false, false},
        {"192.168.1.9:18789", false, true},
        {"[fe80::1]:18789", false, true},
        {"0x7f000001", false, false},
        {"ops.example.com.evil.example", false, false},
    };
    config.allowed_origins = {"https://ops.example.com"};
    for (const Row& row : rows) {
        config.bind_address = "127.0.0.1";
        EXPECT_EQ(authenticator->host_allowed(row.host), row.loopback_bind) << row.host;
        config.bind_address = "0.0.0.0";
        EXPECT_EQ(authenticator->host_allowed(row.host), row.lan_bind) << row.host;
    }
}

TEST_F(Authenticators, origins_that_may_connect) {
    struct Row {
        const char* origin;
        const char* host;
        bool allowed;
    };
    const Row rows[] = {
        {"", "127.0.0.1:18789", true},                        // no browser
        {"http://127.0.0.1:18789", "127.0.0.1:18789", true},  // our own page
        {"http://localhost:18789", "localhost:18789", true},
        {"http://localhost:18789", "127.0.0.1:18789", false},  // another origin for a browser
        {"http://localhost:3000", "localhost:18789", false},
        {"https://ops.example.com", "127.0.0.1:18789", true},  // named by the configuration
        {"https://ops.example.com.evil.example", "127.0.0.1:18789", false},
        {"http://ops.example.com", "127.0.0.1:18789", false},
        {"https://evil.example", "127.0.0.1:18789", false},
        {"http://evil.example:18789", "evil.example:18789", false},  // DNS rebinding: both name the attacker
        {"null", "127.0.0.1:18789", false},                          // a sandboxed frame, a file
        {"null", "null", false},
    };
    config.allowed_origins = {"https://ops.example.com"};
    for (const Row& row : rows)
        EXPECT_EQ(authenticator->origin_allowed(row.origin, row.host), row.allowed) << row.origin << " at " << row.host;
}

TEST_F(Authenticators, the_secret_of_an_http_request_is_compared_whole) {
    EXPECT_TRUE(authenticator->http_secret_matches("right-token"));
    for (const char* other : {"", "right", "right-token ", "wrong"})
        EXPECT_FALSE(authenticator->http_secret_matches(other)) << other;
    config.auth.token = Secret();
    EXPECT_FALSE(authenticator->http_secret_matches("")) << "no secret is no key";
}

}  // namespace
}  // namespace pincer::gateway
