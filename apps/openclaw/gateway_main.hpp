// `openclaw gateway`: the daemon, in the foreground.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace pincer::openclaw {

struct GatewayFlags {
    std::optional<std::uint16_t> port;
    std::optional<std::string> bind;   // loopback, lan, or an address
    std::optional<std::string> token;  // prefer the file, the environment or the configuration: argv is public
    bool json_log = false;
    bool verbose = false;
};

// Exit codes of the programs: 0 stopped by a signal, 1 error, 2 the configuration is wrong, 5 refused.
int run_gateway(const GatewayFlags& flags);

}  // namespace pincer::openclaw
