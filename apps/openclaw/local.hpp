// What this machine says about the Gateway: folders, configuration file, credentials.
#pragma once

#include <filesystem>

#include "apps/openclaw/arguments.hpp"
#include "base/json5.hpp"
#include "wire/paths.hpp"

namespace pincer::openclaw {

struct Local {
    wire::Environment environment;
    wire::Paths paths;
};

// openclaw.json; nothing when there is none. Errors name file, line and column.
Result<std::optional<json5::Document>> load_config(const Local& local);
// Where to connect and with what, from flags, environment, configuration and the token that a Gateway of ours made for
// itself in its state folder.
Result<wire::GatewayTarget> find_gateway(const Local& local, const Arguments& arguments);

}  // namespace pincer::openclaw
