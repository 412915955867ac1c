#include "apps/openclaw/arguments.hpp"

#include <CLI/CLI.hpp>

#include "cli/parser.hpp"
#include "wire/paths.hpp"

namespace pincer::openclaw {
namespace {

void choose(CLI::App* app, Arguments& a, Command command) {
    app->callback([&a, command] { a.command = command; });
}

void add_json(CLI::App* app, Arguments& a) { app->add_flag("--json", a.json, "print JSON, for programs"); }

constexpr const char* kWhichGateway = "Which Gateway (default: this machine's, with the token of its configuration)";

void add_credentials(CLI::App* app, Arguments& a) {
    app->add_option("--url", a.url, "its address: ws://127.0.0.1:18789, wss://gateway.example.com")
        ->group(kWhichGateway);
    app->add_option("--token-file", a.token_file, "file that holds its token")->type_name("file")->group(kWhichGateway);
    app->add_option("--password-file", a.password_file, "file that holds its password")
        ->type_name("file")
        ->group(kWhichGateway);
    app->add_option("--token", a.token, "its token; other users of this machine can see it here, prefer --token-file")
        ->group(kWhichGateway);
    app->add_option("--password", a.password, "its password; the same holds, prefer --password-file")
        ->group(kWhichGateway);
}

// A command that asks the Gateway something.
CLI::App* add_question(CLI::App* app, Arguments& a, Command command) {
    add_json(app, a);
    add_credentials(app, a);
    app->add_option_function<std::string>(
           "--timeout",
           [&a](const std::string& typed) {
               // The original's --timeout is a bare number of milliseconds: scripts that have one keep working.
               const bool bare = !typed.empty() && typed.find_first_not_of("0123456789") == std::string::npos;
               auto parsed = parse_duration(bare ? typed + "ms" : typed);
               if (!parsed) throw CLI::ValidationError("--timeout", parsed.error().message());
               a.timeout = *parsed;
           },
           "how long to wait for its answer: 500ms, 10s (default), 1m; a bare number is milliseconds")
        ->type_name("duration")
        ->group(kWhichGateway);
    choose(app, a, command);
    return app;
}

CLI::App* add_group(CLI::App& app, const std::string& name, const std::string& about) {
    auto* group = app.add_subcommand(name, about);
    group->require_subcommand(1);
    return group;
}

void add_gateway_flags(CLI::App* app, Arguments& a) {
    app->add_option_function<std::string>(
           "--port",
           [&a](const std::string& typed) {
               auto port = typed == "0" ? Result<std::uint16_t>(std::uint16_t(0)) : wire::parse_port(typed);
               if (!port) throw CLI::ValidationError("--port", port.error().message());
               a.gateway.port = *port;
           },
           "port to listen on (default 18789; 0: any free one)")
        ->type_name("port");
    app->add_option("--bind", a.gateway.bind,
                    "who can reach it: loopback (default), lan, or an address; beyond loopback it needs authentication")
        ->type_name("address");
    app->add_option("--token", a.gateway.token,
                    "token that clients must show; prefer gateway.auth.token of the configuration");
    app->add_flag("--json-log", a.gateway.json_log, "log lines as JSON");
    app->add_flag("-v,--verbose", a.gateway.verbose, "log more");
}

void add_gateway(CLI::App& app, Arguments& a) {
    auto* gateway = app.add_subcommand("gateway", "run the Gateway in the foreground, or call one");
    add_gateway_flags(gateway, a);
    gateway->require_subcommand(0, 1);
    gateway->footer(
        "Without a command it runs here until Ctrl-C; SIGHUP reads the configuration again.\n\n"
        "Examples:\n"
        "  openclaw gateway --port 18789\n"
        "  openclaw gateway call sessions.list --params '{\"limit\":5}'\n\n"
        "Exit codes: 0 stopped, 1 could not start, 2 mistake in a flag or the configuration, 5 refused as unsafe");
    auto* run = gateway->add_subcommand("run", "run it in the foreground (as without a command)");
    add_gateway_flags(run, a);
    auto* call =
        add_question(gateway->add_subcommand("call", "call one method of a running Gateway and print its answer"), a,
                     Command::gateway_call);
    call->add_option("method", a.method, "name of the method: health, status, sessions.list, ...")->required();
    call->add_option("--params", a.params, "its parameters, a JSON object")->type_name("json");
    call->footer(
        "Examples:\n  openclaw gateway call channels.status\n  openclaw gateway call sessions.list --params "
        "'{\"limit\":5}'");
    add_question(gateway->add_subcommand("health", "is it there and well?"), a, Command::health);
    add_question(gateway->add_subcommand("status", "what it is doing"), a, Command::status);
    gateway->final_callback([gateway, &a] {
        if (gateway->get_subcommands().empty() || gateway->got_subcommand("run")) a.command = Command::gateway_run;
    });
}

void add_mcp_serve(CLI::App* mcp, Arguments& a) {
    auto* serve = mcp->add_subcommand("serve", "serve conversations and approvals as MCP tools on stdio");
    serve
        ->add_option("--claude-channel-mode", a.claude_channel_mode,
                     "push new messages to Claude (default auto, which means on)")
        ->check(CLI::IsMember({"auto", "on", "off"}));
    serve->add_option("--state-dir", a.state_dir, "keep the event queue there, so that cursors outlive this process")
        ->type_name("folder");
    serve->add_flag("-v,--verbose", a.verbose, "say more on stderr");
    add_credentials(serve, a);
    serve->footer(
        "It speaks on stdin and stdout: an MCP client starts it.\n\n"
        "Examples:\n"
        "  claude mcp add gateway -- openclaw mcp serve\n"
        "  openclaw mcp serve --url wss://gateway.example.com --token-file ~/.gateway-token");
    choose(serve, a, Command::mcp_serve);
}

void add_mcp(CLI::App& app, Arguments& a) {
    auto* mcp = add_group(app, "mcp", "the Gateway as an MCP server, and the MCP servers that it uses");
    add_mcp_serve(mcp, a);
    auto* list = mcp->add_subcommand("list", "MCP servers in the configuration");
    auto* show = mcp->add_subcommand("show", "the definition of one, or of all");
    for (CLI::App* reader : {list, show}) {
        add_json(reader, a);
        reader->add_flag("--reveal", a.reveal, "print secrets as they stand in the file");
    }
    choose(list, a, Command::mcp_list);
    show->add_option("name", a.name, "its name");
    choose(show, a, Command::mcp_show);
    auto* set = mcp->add_subcommand("set", "add one, or replace its definition");
    set->add_option("name", a.name, "its name")->required();
    set->add_option("definition", a.definition, "JSON: command, args and env, or url")->required();
    set->footer(
        "Comments and other keys of openclaw.json stay as they are. A running Gateway takes it up on SIGHUP.\n\n"
        "Examples:\n"
        "  openclaw mcp set context7 '{\"command\":\"uvx\",\"args\":[\"context7-mcp\"]}'\n"
        "  openclaw mcp set docs '{\"url\":\"https://mcp.example.com/mcp\",\"transport\":\"streamable-http\"}'");
    choose(set, a, Command::mcp_set);
    auto* unset = mcp->add_subcommand("unset", "remove one");
    unset->add_option("name", a.name, "its name")->required();
    choose(unset, a, Command::mcp_unset);
}

void add_approvals(CLI::App& app, Arguments& a) {
    auto* approvals = add_group(app, "approvals", "changes that wait for a person's decision");
    add_question(approvals->add_subcommand("list", "open requests"), a, Command::approvals_list);
    auto* get = add_question(
        approvals->add_subcommand("get", "one request, whole: what would be done, where, on which conditions"), a,
        Command::approvals_get);
    auto* approve =
        add_question(approvals->add_subcommand("approve", "allow one, this once"), a, Command::approvals_approve);
    auto* deny = add_question(approvals->add_subcommand("deny", "refuse one"), a, Command::approvals_deny);
    for (CLI::App* one : {get, approve, deny})
        one->add_option("id", a.id, "its id, or the beginning of it as long as that names one request")->required();
    approve->add_flag("--always", a.always, "and every time from now on, where the request offers that");
    approvals->footer(
        "Whoever asked for a change cannot approve it, unless approvals.selfApproval says so.\n\n"
        "Examples:\n"
        "  openclaw approvals list\n"
        "  openclaw approvals get 8a25dc90\n"
        "  openclaw approvals approve 8a25dc90\n\n"
        "Exit codes: 0 decided, 1 not found or no Gateway, 5 refused");
}

void add_pairing(CLI::App& app, Arguments& a) {
    auto* pairing = add_group(app, "pairing", "who may write to the agent");
    auto* list =
        add_question(pairing->add_subcommand("list", "people who wait to be let in"), a, Command::pairing_list);
    list->add_option("channel", a.channel, "only of this channel: telegram, slack, ...");
    auto* approve =
        add_question(pairing->add_subcommand("approve", "let in who was given this code"), a, Command::pairing_approve);
    approve->add_option("channel", a.channel, "telegram, slack, ...")->required();
    approve->add_option("code", a.code, "the eight characters that they were shown")->required();
    approve->footer("Examples:\n  openclaw pairing approve telegram 7KQ2M9XA");
}

void add_audit(CLI::App& app, Arguments& a) {
    auto* audit = add_group(app, "audit", "the record of what was asked, approved and done");
    auto* verify = audit->add_subcommand("verify", "check the chain offline: every record, its order, its end");
    verify->add_option("folder", a.folders, "chains to check together (default: the Gateway's own)")
        ->type_name("folder");
    add_json(verify, a);
    verify->footer(
        "Give the engine's chain too, and what the one says of the other is checked as well.\n\n"
        "Examples:\n"
        "  openclaw audit verify\n"
        "  openclaw audit verify ~/.openclaw/audit ~/.clanker/audit\n\n"
        "Exit codes: 0 intact, 1 not readable, 3 damaged");
    choose(verify, a, Command::audit_verify);
}

constexpr const char* kNotes =
    "Configuration: ~/.openclaw/openclaw.json (JSON5). OPENCLAW_STATE_DIR, OPENCLAW_CONFIG_PATH, "
    "OPENCLAW_GATEWAY_PORT\n"
    "and OPENCLAW_GATEWAY_TOKEN name another folder, file, port or token.\n\n"
    "Examples:\n"
    "  openclaw gateway                  start it\n"
    "  openclaw doctor                   is anything wrong on this machine?\n"
    "  openclaw approvals list           what waits for a decision?\n\n"
    "Exit codes: 0 ok, 1 error, 2 wrong usage, 3 unhealthy, 5 refused. --json prints data for programs.";

void add_all(CLI::App& app, Arguments& a) {
    app.set_version_flag("--version,-V", "openclaw " PINCER_VERSION, "print the version");
    app.require_subcommand(1);
    app.footer(kNotes);
    add_gateway(app, a);
    add_question(app.add_subcommand("status", "what the Gateway is doing"), a, Command::status);
    add_question(app.add_subcommand("health", "is the Gateway there and well?"), a, Command::health)
        ->footer("Exit codes: 0 well, 3 not well or not there, 5 refused");
    add_question(app.add_subcommand("doctor", "look for what is wrong on this machine"), a, Command::doctor)
        ->footer(
            "It reads only, and says what to do about each finding.\n\nExit codes: 0 nothing wrong, 3 something is");
    auto* dashboard = app.add_subcommand("dashboard", "print the address of the Gateway's page, with the token in it");
    add_json(dashboard, a);
    add_credentials(dashboard, a);
    dashboard->footer("The token is a secret: whoever has the address may do what you may.");
    choose(dashboard, a, Command::dashboard);
    add_approvals(app, a);
    auto* sessions = add_group(app, "sessions", "conversations");
    auto* list = add_question(sessions->add_subcommand("list", "newest first"), a, Command::sessions_list);
    list->add_option("--limit", a.limit, "how many, 1 to 500 (default 50)")
        ->check(CLI::Range(1, 500))
        ->type_name("number");
    auto* channels = add_group(app, "channels", "messengers");
    add_question(channels->add_subcommand("status", "their accounts and connections"), a, Command::channels_status);
    add_pairing(app, a);
    add_mcp(app, a);
    add_audit(app, a);
    choose(app.add_subcommand("version", "print the version"), a, Command::version);
}

}  // namespace

Parsed parse(int argc, char** argv) {
    Parsed out;
    CLI::App app("a Gateway between messengers, agents and tools, and its command line", "openclaw");
    add_all(app, out.arguments);
    const auto told = cli::parse(app, {argv + 1, argv + argc});
    out.done = told.has_value();
    out.exit_code = told.value_or(0);
    return out;
}

}  // namespace pincer::openclaw
