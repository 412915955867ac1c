#include "wire/connect.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"
#include "crypto/random.hpp"
#include "wire/methods.hpp"
#include "wire/scopes.hpp"

namespace pincer::wire {
namespace {

json::object good_connect() {
    return {{"minProtocol", 4},
            {"maxProtocol", 4},
            {"client",
             json::object{
                 {"id", "cli"}, {"version", "1"}, {"platform", "Linux"}, {"mode", "cli"}, {"deviceFamily", "Linux"}}},
            {"auth", json::object{{"token", "t"}}},
            {"scopes", json::array{"operator.read", "operator.write"}}};
}

std::string fault_of(const json::object& params) {
    const auto parsed = parse_connect(params);
    return parsed ? "" : parsed.error().message();
}

TEST(Connect, is_read_and_written_back) {
    const auto parsed = parse_connect(good_connect());
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->role, "operator");
    EXPECT_EQ(parsed->auth.token.reveal(), "t");
    const auto again = parse_connect(to_json(*parsed));
    ASSERT_TRUE(again);
    EXPECT_EQ(json::write(to_json(*again)), json::write(to_json(*parsed)));
}

TEST(Connect, faults_are_worded_as_captured) {
    json::object none;
    EXPECT_EQ(fault_of(none), "invalid connect params: must have required property 'minProtocol'");
    auto params = good_connect();
    params["client"].get_object()["id"] = "evil";
    EXPECT_EQ(fault_of(params), "invalid connect params: at /client/id: must be equal to one of the allowed values");
    params = good_connect();
    params["scopes"] = json::array{"a", "", 3};
    EXPECT_EQ(
        fault_of(params),
        "invalid connect params: at /scopes/1: must not have fewer than 1 characters; at /scopes/2: must be string");
}

TEST(Connect, protocol_four_must_be_in_range_and_three_will_do_for_a_probe) {
    ConnectParams params;
    EXPECT_FALSE(check_protocol(params));
    params.min_protocol = 2;
    params.max_protocol = 3;
    const auto refused = check_protocol(params);
    ASSERT_TRUE(refused);
    EXPECT_EQ(
        json::write(refused->error.details),
        R"({"code":"PROTOCOL_MISMATCH","clientMinProtocol":2,"clientMaxProtocol":3,"expectedProtocol":4,"minimumProbeProtocol":3})");
    params.client.mode = "probe";
    EXPECT_FALSE(check_protocol(params));
}

TEST(Connect, a_number_beyond_all_versions_is_that_and_not_zero) {
    auto params = good_connect();
    params["minProtocol"] = 4.5e100;
    params["maxProtocol"] = 4.6e100;
    const auto parsed = parse_connect(params);
    ASSERT_TRUE(parsed);
    EXPECT_TRUE(check_protocol(*parsed));
    EXPECT_TRUE(parse_connect(to_json(*parsed))) << "what is accepted can be written and accepted again";
}

class DeviceTest : public ::testing::Test {
protected:
    DeviceTest() : key(crypto::Ed25519KeyPair::generate(random)), params(*parse_connect(good_connect())) {
        sign_device(params, key, "nonce-1", to_millis(now));
    }
    std::string code_of(const ConnectParams& p, std::string_view nonce = "nonce-1", Millis later = Millis(0)) {
        const auto failure = verify_device(p, nonce, now + later);
        return failure ? failure->error.detail("code") : "";
    }
    crypto::SystemRandom random;
    crypto::Ed25519KeyPair key;
    WallTime now = from_millis(1'795'000'000'000);
    ConnectParams params;
};

TEST_F(DeviceTest, payloads_are_what_the_real_gateway_checks) {
    DeviceProof device{.id = "dev", .public_key = "k", .signature = "", .signed_at_ms = 17, .nonce = "n"};
    EXPECT_EQ(signature_payload_v3(params, device),
              "v3|dev|cli|cli|operator|operator.read,operator.write|17|t|n|linux|linux");
    EXPECT_EQ(signature_payload_v2(params, device), "v2|dev|cli|cli|operator|operator.read,operator.write|17|t|n");
}

TEST_F(DeviceTest, both_versions_verify) {
    EXPECT_EQ(code_of(params), "");
    params.device->signature = to_base64url(key.sign(signature_payload_v2(params, *params.device)));
    EXPECT_EQ(code_of(params), "");
}

TEST_F(DeviceTest, each_fault_has_its_own_code) {
    EXPECT_EQ(code_of(params, "nonce-2"), "DEVICE_AUTH_NONCE_MISMATCH");  // a replay on another connection
    EXPECT_EQ(code_of(params, "nonce-1", Millis(120'001)), "DEVICE_AUTH_SIGNATURE_EXPIRED");
    EXPECT_EQ(code_of(params, "nonce-1", Millis(-120'001)), "DEVICE_AUTH_SIGNATURE_EXPIRED");
    EXPECT_EQ(code_of(params, "nonce-1", Millis(119'999)), "");
    auto wrong = params;
    wrong.scopes.push_back("operator.admin");  // asks for more than was signed
    EXPECT_EQ(code_of(wrong), "DEVICE_AUTH_SIGNATURE_INVALID");
    wrong = params;
    wrong.device->id = std::string(64, '0');
    EXPECT_EQ(code_of(wrong), "DEVICE_AUTH_DEVICE_ID_MISMATCH");
    wrong = params;
    wrong.device->public_key = "short";
    EXPECT_EQ(code_of(wrong), "DEVICE_AUTH_PUBLIC_KEY_INVALID");
    wrong = params;
    wrong.device->signature = "AAAA";
    EXPECT_EQ(code_of(wrong), "DEVICE_AUTH_SIGNATURE_INVALID");
}

TEST(Hello, reads_what_we_write) {
    HelloOk ok{.server_version = "1",
               .boot_id = "b",
               .conn_id = "c",
               .scopes = {"operator.read"},
               .device_token = Secret("tok"),
               .issued_at_ms = 5};
    ok.snapshot = json::object{{"presence", json::array()},
                               {"health", json::object()},
                               {"stateVersion", json::object{{"presence", 0}, {"health", 0}}},
                               {"uptimeMs", 1}};
    const auto hello = Hello::parse(ok.to_json());
    ASSERT_TRUE(hello);
    EXPECT_TRUE(hello->offers("sessions.subscribe"));
    EXPECT_TRUE(hello->offers("chat.message.get"));
    EXPECT_FALSE(hello->offers("sessions.get"));  // works, and is not listed, as in the original
    EXPECT_EQ(hello->device_token.reveal(), "tok");
    EXPECT_FALSE(Hello::parse(json::object{{"type", "other"}}));
}

TEST(Scopes, admin_implies_all_and_write_implies_read) {
    for (std::size_t i = 0; i < kScopeCount; ++i) EXPECT_TRUE(ScopeSet{Scope::admin}.allows(Scope(i)));
    EXPECT_TRUE(ScopeSet{Scope::write}.allows(Scope::read));
    EXPECT_FALSE(ScopeSet{Scope::read}.allows(Scope::write));
    EXPECT_FALSE(ScopeSet{Scope::write}.allows(Scope::approvals));
    EXPECT_TRUE((ScopeSet{Scope::write, Scope::approvals}).covers(ScopeSet{Scope::read, Scope::approvals}));
    EXPECT_FALSE(ScopeSet{Scope::write}.covers(ScopeSet{Scope::approvals}));
    const std::vector<std::string> names = {"operator.read", "operator.talk.secrets"};
    EXPECT_EQ(ScopeSet::parse(names)->names(), names);
    const std::vector<std::string> unknown = {"operator.god"};
    EXPECT_TRUE(ScopeSet::parse(unknown).error().message().starts_with(
        "unknown scope \"operator.god\" (there are operator.read, operator.write, "));
}

TEST(Methods, unknown_ones_need_admin_and_only_an_admin_learns_that_they_are_unknown) {
    EXPECT_EQ(refuse_call("no.such", ScopeSet{Scope::read})->message, "missing scope: operator.admin");
    EXPECT_EQ(refuse_call("no.such", ScopeSet{Scope::admin})->message, "unknown method: no.such");
    EXPECT_EQ(refuse_call("send", ScopeSet{Scope::read})->message, "missing scope: operator.write");
    EXPECT_FALSE(refuse_call("sessions.list", ScopeSet{Scope::write}));
}

TEST(Methods, parameters_are_checked_in_the_captured_words) {
    const auto fault = [](std::string_view method, json::value params) {
        const auto checked = validate_params(*find_method(method), params);
        return checked ? std::string() : checked.error().message();
    };
    EXPECT_EQ(fault("sessions.list", json::object{{"bogus", 1}}),
              "invalid sessions.list params: at root: unexpected property 'bogus'");
    EXPECT_EQ(fault("sessions.describe", json::object()),
              "invalid sessions.describe params: must have required property 'key'");
    EXPECT_EQ(fault("sessions.list", json::object{{"limit", 1.5}}),
              "invalid sessions.list params: at /limit: must be integer");
    EXPECT_EQ(fault("sessions.list", json::object{{"limit", 2.0}}), "");
    EXPECT_EQ(fault("health", json::object{{"whatever", 1}}), "");
    EXPECT_EQ(fault("health", json::array()), "invalid health params: must be object");
    EXPECT_EQ(fault("exec.approval.request", json::object{{"command", "ls"}, {"cwd", nullptr}}), "");
}

}  // namespace
}  // namespace pincer::wire
