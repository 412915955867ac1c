// The commands. Data goes to stdout, everything else to stderr.
#pragma once

#include "apps/openclaw/arguments.hpp"
#include "apps/openclaw/exit_code.hpp"
#include "apps/openclaw/local.hpp"

namespace pincer::openclaw {

ExitCode run(const Arguments& arguments);

// Each group in a file of its own under commands/. What they are given outlives them.
ExitCode mcp_serve(const Local& local, const Arguments& arguments);
ExitCode mcp_list(const Local& local, const Arguments& arguments);
ExitCode mcp_show(const Local& local, const Arguments& arguments);
ExitCode mcp_set(const Local& local, const Arguments& arguments);
ExitCode mcp_unset(const Local& local, const Arguments& arguments);
ExitCode approvals(const Local& local, const Arguments& arguments);
ExitCode pairing(const Local& local, const Arguments& arguments);
ExitCode sessions_list(const Local& local, const Arguments& arguments);
ExitCode channels_status(const Local& local, const Arguments& arguments);
ExitCode status(const Local& local, const Arguments& arguments);
ExitCode health(const Local& local, const Arguments& arguments);
ExitCode gateway_call(const Local& local, const Arguments& arguments);
ExitCode dashboard(const Local& local, const Arguments& arguments);
ExitCode doctor(const Local& local, const Arguments& arguments);
ExitCode audit_verify(const Local& local, const Arguments& arguments);

// "openclaw: <message>" with the reason in brackets, on stderr; the exit code that goes with it.
ExitCode tell(const Error& error);
void print(const std::string& text);        // stdout, with a line feed
void print_json(const json::value& value);  // pretty
void say(const std::string& text);          // stderr

}  // namespace pincer::openclaw
