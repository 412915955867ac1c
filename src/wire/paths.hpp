// Where things are, from the environment and the flags. Pure: the environment comes in as a function.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace pincer::wire {

inline constexpr std::uint16_t kDefaultPort = 18789;

// Value of a variable, or nothing when it is unset or empty.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;
Environment process_environment();

struct Paths {
    std::filesystem::path home;       // OPENCLAW_HOME, else HOME
    std::filesystem::path state_dir;  // OPENCLAW_STATE_DIR, else <home>/.openclaw
    std::filesystem::path config;     // OPENCLAW_CONFIG_PATH, else <state_dir>/openclaw.json
};
// "~" and "~/x" in the variables stand for the home. Error: invalid_argument when no home is known and one is needed.
Result<Paths> resolve_paths(const Environment& environment);

// How to reach a Gateway: flags first, then the environment, then the configuration's values, then the default.
struct GatewayTarget {
    std::string url;  // ws:// or wss://
    Secret token;
    Secret password;
};
struct TargetHints {
    std::string url;  // --url
    Secret token;
    Secret password;
    std::optional<std::uint16_t> config_port;  // gateway.port of openclaw.json
    Secret config_token;                       // gateway.auth.token
    Secret config_password;
};
// With an explicit --url no credential of the configuration or the environment is sent there: a foreign Gateway must
// be given its own. Errors: invalid_argument (port, URL; plain ws:// beyond loopback).
Result<GatewayTarget> resolve_target(const Environment& environment, const TargetHints& hints);
Result<std::uint16_t> parse_port(std::string_view text);

}  // namespace pincer::wire
