#include "apps/clanker/commands.hpp"

#include <cstdio>

#include "base/log.hpp"
#include "base/text.hpp"

namespace pincer::clanker {
namespace {

Task<int> dispatch(Program& program, const Arguments& arguments) {
    ExitCode code = ExitCode::ok;
    switch (arguments.command) {
        case Command::ask: code = co_await ask(program, arguments); break;
        case Command::health: code = co_await health(program, arguments); break;
        case Command::changes: code = co_await changes(program, arguments); break;
        case Command::apply_status: code = co_await apply_status(program, arguments); break;
        case Command::mcp: code = co_await mcp(program, arguments); break;
        default: break;
    }
    co_return int(code);
}

}  // namespace

ExitCode run(const Arguments& arguments) {
    log::set_level(arguments.debug ? log::Level::debug : log::Level::warn);
    if (arguments.command == Command::version) {
        print("clanker " PINCER_VERSION);
        return ExitCode::ok;
    }
    if (arguments.command == Command::audit_verify) return audit_verify(arguments);
    Program program(arguments);
    const bool about_trust = arguments.command == Command::trust_add || arguments.command == Command::trust_list ||
                             arguments.command == Command::trust_remove;
    if (about_trust) return trust(program, arguments);
    return ExitCode(program.runtime.run(dispatch(program, arguments)));
}

ExitCode tell(const Error& error) {
    const std::string reason = error.reason().empty() ? "" : " [" + error.reason() + "]";
    const std::string line = strip_control("clanker: " + error.message() + reason) + "\n";
    std::fputs(line.c_str(), stderr);
    return exit_code_of(error);
}

void print(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    if (!text.ends_with('\n')) std::fputc('\n', stdout);
}

void print(const json::object& o) { print(json::write_pretty(json::value(o))); }

}  // namespace pincer::clanker
