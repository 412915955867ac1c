#include "wire/paths.hpp"

#include <gtest/gtest.h>

#include <map>

namespace pincer::wire {
namespace {

Environment env(std::map<std::string, std::string> values) {
    return [values = std::move(values)](std::string_view name) -> std::optional<std::string> {
        const auto at = values.find(std::string(name));
        if (at == values.end()) return std::nullopt;
        return at->second;
    };
}

TEST(Paths, default_to_the_home) {
    const auto paths = resolve_paths(env({{"HOME", "/home/claw"}}));
    ASSERT_TRUE(paths);
    EXPECT_EQ(paths->state_dir, "/home/claw/.openclaw");
    EXPECT_EQ(paths->config, "/home/claw/.openclaw/openclaw.json");
}

TEST(Paths, variables_win_and_may_use_the_tilde) {
    const auto paths = resolve_paths(env({{"HOME", "/home/claw"},
                                          {"OPENCLAW_HOME", "~/agents"},
                                          {"OPENCLAW_STATE_DIR", "~/state"},
                                          {"OPENCLAW_CONFIG_PATH", "/etc/claw.json"}}));
    ASSERT_TRUE(paths);
    EXPECT_EQ(paths->home, "/home/claw/agents");
    EXPECT_EQ(paths->state_dir, "/home/claw/agents/state");
    EXPECT_EQ(paths->config, "/etc/claw.json");
    EXPECT_EQ(resolve_paths(env({{"OPENCLAW_STATE_DIR", "/s"}}))->config, "/s/openclaw.json");
}

TEST(Paths, without_a_home_say_what_to_set) {
    EXPECT_EQ(resolve_paths(env({})).error().message(), "no home folder is known: set HOME or OPENCLAW_STATE_DIR");
    EXPECT_FALSE(resolve_paths(env({{"OPENCLAW_STATE_DIR", "~/x"}})));
}

TEST(Target, flags_then_environment_then_configuration) {
    TargetHints hints;
    EXPECT_EQ(resolve_target(env({}), hints)->url, "ws://127.0.0.1:18789");
    hints.config_port = 2000;
    hints.config_token = Secret("from-config");
    EXPECT_EQ(resolve_target(env({}), hints)->url, "ws://127.0.0.1:2000");
    EXPECT_EQ(resolve_target(env({}), hints)->token.reveal(), "from-config");
    const auto from_environment =
        resolve_target(env({{"OPENCLAW_GATEWAY_PORT", "3000"}, {"OPENCLAW_GATEWAY_TOKEN", "from-env"}}), hints);
    EXPECT_EQ(from_environment->url, "ws://127.0.0.1:3000");
    EXPECT_EQ(from_environment->token.reveal(), "from-env");
    hints.token = Secret("flag");
    EXPECT_EQ(resolve_target(env({{"OPENCLAW_GATEWAY_TOKEN", "from-env"}}), hints)->token.reveal(), "flag");
}

TEST(Target, a_foreign_gateway_is_not_sent_our_own_credentials) {
    TargetHints hints{.url = "wss://gateway.example.com", .config_token = Secret("ours")};
    const auto target =
        resolve_target(env({{"OPENCLAW_GATEWAY_TOKEN", "ours"}, {"OPENCLAW_GATEWAY_PASSWORD", "ours"}}), hints);
    ASSERT_TRUE(target);
    EXPECT_TRUE(target->token.empty());
    EXPECT_TRUE(target->password.empty());
}

TEST(Target, refuses_what_leaks_or_is_no_gateway) {
    EXPECT_FALSE(resolve_target(env({}), {.url = "ws://gateway.example.com"}));
    EXPECT_FALSE(resolve_target(env({}), {.url = "http://127.0.0.1:1"}));
    EXPECT_TRUE(resolve_target(env({}), {.url = "ws://localhost:1"}));
    EXPECT_TRUE(resolve_target(env({}), {.url = "ws://[::1]:1"}));
    EXPECT_EQ(resolve_target(env({{"OPENCLAW_GATEWAY_PORT", "70000"}}), {}).error().message(),
              "OPENCLAW_GATEWAY_PORT: \"70000\" is not a port (1 to 65535)");
}

}  // namespace
}  // namespace pincer::wire
