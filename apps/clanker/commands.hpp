// The commands. Data goes to stdout, everything else to stderr.
#pragma once

#include "apps/clanker/arguments.hpp"
#include "apps/clanker/exit_code.hpp"
#include "apps/clanker/wiring.hpp"

namespace pincer::clanker {

ExitCode run(const Arguments& arguments);

// Each in a file of its own under commands/. `program` outlives the task.
Task<ExitCode> ask(Program& program, const Arguments& arguments);
Task<ExitCode> apply_plan(Program& program, const Arguments& arguments);
Task<ExitCode> health(Program& program, const Arguments& arguments);
Task<ExitCode> changes(Program& program, const Arguments& arguments);
Task<ExitCode> apply_status(Program& program, const Arguments& arguments);
Task<ExitCode> mcp(Program& program, const Arguments& arguments);
ExitCode audit_verify(const Arguments& arguments);
ExitCode trust(Program& program, const Arguments& arguments);

// "clanker: <message>" with the reason in brackets, on stderr; the exit code that goes with it.
ExitCode tell(const Error& error);
void print(const std::string& text);  // stdout, with a line feed
void print(const json::object& o);    // pretty

}  // namespace pincer::clanker
