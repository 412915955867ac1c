// What was typed, as data. `parse` knows CLI11; nothing else does.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace pincer::clanker {

enum class Command {
    ask,
    health,
    changes,
    apply_status,
    mcp,
    audit_verify,
    trust_add,
    trust_list,
    trust_remove,
    version
};

struct Arguments {
    Command command = Command::version;
    // everywhere
    std::string kubeconfig;
    std::string context;
    std::string scope;  // --namespace
    std::string repository;
    Millis timeout{10'000};
    bool json = false;
    bool debug = false;
    // ask
    std::string question;
    bool maker = false;
    bool apply = false;
    bool destroyer = false;
    std::string format = "plan";  // or plan-v1
    std::string plan_file;
    std::string grant_file;
    Millis settle{45'000};  // less than the minute after which MCP clients give a call up
    // health, changes
    bool after_deploy = false;
    Millis since{60 * 60 * 1000};
    // apply status, audit verify, trust
    std::string digest;
    std::vector<std::string> folders;
    std::string name;
    std::string public_key;
    std::string ceiling = "high";
    // mcp
    std::string transport = "stdio";
    std::string listen = "127.0.0.1:39393";
};

struct Parsed {
    Arguments arguments;
    int exit_code = 0;  // when `done`
    bool done = false;  // --help was answered, or a mistake was told
};
Parsed parse(int argc, char** argv);

}  // namespace pincer::clanker
