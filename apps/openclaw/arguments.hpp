// What was typed, as data. `parse` knows CLI11; nothing else does.
#pragma once

#include <string>
#include <vector>

#include "apps/openclaw/gateway_main.hpp"
#include "base/clock.hpp"

namespace pincer::openclaw {

enum class Command {
    version,
    gateway_run,
    gateway_call,
    mcp_serve,
    mcp_list,
    mcp_show,
    mcp_set,
    mcp_unset,
    approvals_list,
    approvals_get,
    approvals_approve,
    approvals_deny,
    sessions_list,
    channels_status,
    pairing_list,
    pairing_approve,
    status,
    health,
    doctor,
    dashboard,
    audit_verify,
};

struct Arguments {
    Command command = Command::version;
    bool json = false;
    bool verbose = false;
    // which Gateway
    std::string url;
    std::string token;
    std::string token_file;
    std::string password;
    std::string password_file;
    Millis timeout{10'000};
    GatewayFlags gateway;
    // gateway call
    std::string method;
    std::string params = "{}";
    // mcp serve
    std::string claude_channel_mode = "auto";
    std::string state_dir;
    // mcp list, show, set, unset
    std::string name;
    std::string definition;
    bool reveal = false;
    // approvals, pairing, sessions, audit
    std::string id;
    bool always = false;
    std::string channel;
    std::string code;
    int limit = 50;
    std::vector<std::string> folders;
};

struct Parsed {
    Arguments arguments;
    int exit_code = 0;  // when `done`
    bool done = false;  // --help was answered, or a mistake was told
};
Parsed parse(int argc, char** argv);

}  // namespace pincer::openclaw
