#include "apps/openclaw/commands.hpp"

#include <cstdio>

#include "base/log.hpp"
#include "base/text.hpp"

namespace pincer::openclaw {
namespace {

ExitCode dispatch(const Local& local, const Arguments& arguments) {
    switch (arguments.command) {
        case Command::version: return print("openclaw " PINCER_VERSION), ExitCode::ok;
        case Command::gateway_run: return ExitCode(run_gateway(arguments.gateway));
        case Command::gateway_call: return gateway_call(local, arguments);
        case Command::mcp_serve: return mcp_serve(local, arguments);
        case Command::mcp_list: return mcp_list(local, arguments);
        case Command::mcp_show: return mcp_show(local, arguments);
        case Command::mcp_set: return mcp_set(local, arguments);
        case Command::mcp_unset: return mcp_unset(local, arguments);
        case Command::approvals_list:
        case Command::approvals_get:
        case Command::approvals_approve:
        case Command::approvals_deny: return approvals(local, arguments);
        case Command::sessions_list: return sessions_list(local, arguments);
        case Command::channels_status: return channels_status(local, arguments);
        case Command::pairing_list:
        case Command::pairing_approve: return pairing(local, arguments);
        case Command::status: return status(local, arguments);
        case Command::health: return health(local, arguments);
        case Command::dashboard: return dashboard(local, arguments);
        case Command::doctor: return doctor(local, arguments);
        case Command::audit_verify: return audit_verify(local, arguments);
    }
    return ExitCode::usage;
}

void put(std::FILE* where, const std::string& text) {
    std::fputs(text.c_str(), where);
    if (!text.ends_with('\n')) std::fputc('\n', where);
}

}  // namespace

ExitCode run(const Arguments& arguments) {
    if (arguments.command == Command::gateway_run || arguments.command == Command::version)
        return dispatch({}, arguments);
    log::set_level(arguments.verbose ? log::Level::debug : log::Level::warn);
    auto environment = wire::process_environment();
    auto paths = wire::resolve_paths(environment);
    if (!paths) return tell(paths.error());
    const Local local{std::move(environment), std::move(*paths)};
    return dispatch(local, arguments);
}

ExitCode tell(const Error& error) {
    const std::string reason = error.reason().empty() ? "" : " [" + error.reason() + "]";
    say(strip_control("openclaw: " + error.message() + reason));
    return exit_code_of(error);
}

void print(const std::string& text) { put(stdout, text); }
void print_json(const json::value& value) { put(stdout, json::write_pretty(value)); }
void say(const std::string& text) { put(stderr, text); }

}  // namespace pincer::openclaw
