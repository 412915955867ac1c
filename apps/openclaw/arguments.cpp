#include "apps/openclaw/arguments.hpp"

#include <CLI/CLI.hpp>

#include <iostream>

#include "apps/openclaw/exit_code.hpp"
#include "wire/paths.hpp"

namespace pincer::openclaw {
namespace {

void choose(CLI::App* app, Arguments& a, Command command) {
    app->callback([&a, command] { a.command = command; });
}

void add_json(CLI::App* app, Arguments& a) { app->add_flag("--json", a.json, "JSON on stdout"); }

void add_credentials(CLI::App* app, Arguments& a) {
    app->add_option("--url", a.url, "ws:// or wss:// address of the Gateway (default: this machine's)");
    app->add_option("--token", a.token, "Gateway token; others on this machine can read it here, prefer --token-file");
    app->add_option("--token-file", a.token_file, "file that holds the Gateway token");
    app->add_option("--password", a.password, "Gateway password; prefer --password-file");
    app->add_option("--password-file", a.password_file, "file that holds the Gateway password");
}

// A command that asks the Gateway something.
CLI::App* add_question(CLI::App* app, Arguments& a, Command command) {
    add_credentials(app, a);
    add_json(app, a);
    app->add_option_function<std::string>(
        "--timeout",
        [&a](const std::string& typed) {
            auto parsed = parse_duration(typed);
            if (!parsed) throw CLI::ValidationError("--timeout", parsed.error().message());
            a.timeout = *parsed;
        },
        "how long to wait for the Gateway (default 10s)");
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
        "port to listen on (default 18789; 0: any free one)");
    app->add_option("--bind", a.gateway.bind, "loopback (default), lan, or an address");
    app->add_option("--token", a.gateway.token, "the token that clients must show; prefer the configuration");
    app->add_flag("--json-log", a.gateway.json_log, "log lines as JSON");
    app->add_flag("-v,--verbose", a.gateway.verbose, "log more");
}

void add_gateway(CLI::App& app, Arguments& a) {
    auto* gateway = app.add_subcommand("gateway", "run the Gateway in the foreground, or call one");
    add_gateway_flags(gateway, a);
    gateway->require_subcommand(0, 1);
    auto* run = gateway->add_subcommand("run", "run it in the foreground (as without a subcommand)");
    add_gateway_flags(run, a);
    auto* call =
        add_question(gateway->add_subcommand("call", "call one method and print its answer"), a, Command::gateway_call);
    call->add_option("method", a.method, "name of the method: health, sessions.list, ...")->required();
    call->add_option("--params", a.params, "its parameters, a JSON object");
    add_question(gateway->add_subcommand("health", "is it there and well"), a, Command::health);
    add_question(gateway->add_subcommand("status", "what it is doing"), a, Command::status);
    gateway->final_callback([gateway, &a] {
        if (gateway->get_subcommands().empty() || gateway->got_subcommand("run")) a.command = Command::gateway_run;
    });
}

void add_mcp(CLI::App& app, Arguments& a) {
    auto* mcp = add_group(app, "mcp", "the Gateway as an MCP server, and the MCP servers that it uses");
    auto* serve = mcp->add_subcommand("serve", "serve conversations and approvals as MCP tools on stdio");
    add_credentials(serve, a);
    serve
        ->add_option("--claude-channel-mode", a.claude_channel_mode,
                     "push messages to Claude: auto (default: on), on, off")
        ->check(CLI::IsMember({"auto", "on", "off"}));
    serve->add_option("--state-dir", a.state_dir, "keep the event queue there, so that cursors outlive this process");
    serve->add_flag("-v,--verbose", a.verbose, "say more on stderr");
    choose(serve, a, Command::mcp_serve);

    auto* list = mcp->add_subcommand("list", "MCP servers in the configuration");
    auto* show = mcp->add_subcommand("show", "the definition of one, or of all");
    for (CLI::App* reader : {list, show}) {
        add_json(reader, a);
        reader->add_flag("--reveal", a.reveal, "print secrets as they stand in the file");
    }
    choose(list, a, Command::mcp_list);
    show->add_option("name", a.name, "its name");
    choose(show, a, Command::mcp_show);
    auto* set = mcp->add_subcommand("set", "add one or replace its definition");
    set->add_option("name", a.name, "its name")->required();
    set->add_option("definition", a.definition,
                    R"(JSON: {"command":"uvx","args":["context7-mcp"]} or {"url":"https://..."})")
        ->required();
    choose(set, a, Command::mcp_set);
    auto* unset = mcp->add_subcommand("unset", "remove one");
    unset->add_option("name", a.name, "its name")->required();
    choose(unset, a, Command::mcp_unset);
}

void add_approvals(CLI::App& app, Arguments& a) {
    auto* approvals = add_group(app, "approvals", "what waits for a person's decision");
    add_question(approvals->add_subcommand("list", "open requests"), a, Command::approvals_list);
    auto* get = add_question(approvals->add_subcommand("get", "one request, whole"), a, Command::approvals_get);
    auto* approve =
        add_question(approvals->add_subcommand("approve", "allow it, this once"), a, Command::approvals_approve);
    auto* deny = add_question(approvals->add_subcommand("deny", "refuse it"), a, Command::approvals_deny);
    for (CLI::App* one : {get, approve, deny})
        one->add_option("id", a.id, "id of the request, or its beginning if that is unique")->required();
    approve->add_flag("--always", a.always, "and every time from now on, where the request offers that");
}

void add_pairing(CLI::App& app, Arguments& a) {
    auto* pairing = add_group(app, "pairing", "who may write to the agent");
    auto* list = add_question(pairing->add_subcommand("list", "people who wait for it"), a, Command::pairing_list);
    list->add_option("channel", a.channel, "only of this channel");
    auto* approve =
        add_question(pairing->add_subcommand("approve", "let in who was given this code"), a, Command::pairing_approve);
    approve->add_option("channel", a.channel, "telegram, slack, ...")->required();
    approve->add_option("code", a.code, "the eight characters")->required();
}

void add_all(CLI::App& app, Arguments& a) {
    app.set_version_flag("--version,-V", "openclaw " PINCER_VERSION);
    app.require_subcommand(1);
    add_gateway(app, a);
    add_mcp(app, a);
    add_approvals(app, a);
    auto* sessions = add_group(app, "sessions", "conversations");
    auto* list = add_question(sessions->add_subcommand("list", "newest first"), a, Command::sessions_list);
    list->add_option("--limit", a.limit, "how many (default 50)")->check(CLI::Range(1, 500));
    auto* channels = add_group(app, "channels", "messengers");
    add_question(channels->add_subcommand("status", "their accounts and connections"), a, Command::channels_status);
    add_pairing(app, a);
    add_question(app.add_subcommand("status", "what the Gateway is doing"), a, Command::status);
    add_question(app.add_subcommand("health", "is the Gateway there and well"), a, Command::health);
    add_question(app.add_subcommand("doctor", "look for what is wrong on this machine"), a, Command::doctor);
    auto* audit = add_group(app, "audit", "the record of what was asked and done");
    auto* verify = audit->add_subcommand("verify", "check the chain offline: every record, its order, its end");
    verify->add_option("folder", a.folders, "chains to check together (default: the Gateway's own)");
    add_json(verify, a);
    choose(verify, a, Command::audit_verify);
    choose(app.add_subcommand("version", "print the version"), a, Command::version);
}

}  // namespace

Parsed parse(int argc, char** argv) {
    Parsed out;
    CLI::App app("A Gateway between messengers, agents and tools, and its command line.", "openclaw");
    add_all(app, out.arguments);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& told) {
        out.done = true;
        out.exit_code = app.exit(told, std::cout, std::cerr) == 0 ? 0 : int(ExitCode::usage);
    }
    return out;
}

}  // namespace pincer::openclaw
