#include "apps/clanker/arguments.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>

#include "apps/clanker/exit_code.hpp"
#include "base/text.hpp"

namespace pincer::clanker {
namespace {

CLI::Option* add_duration(CLI::App& app, const std::string& name, Millis& value, const std::string& text) {
    return app.add_option_function<std::string>(
        name,
        [&value, name](const std::string& typed) {
            auto parsed = parse_duration(typed);
            if (!parsed) throw CLI::ValidationError(name, parsed.error().message());
            value = *parsed;
        },
        text);
}

void add_reading(CLI::App& app, Arguments& a) {
    app.add_option("--kubeconfig", a.kubeconfig, "this kubeconfig instead of KUBECONFIG and ~/.kube/config");
    app.add_option("--context", a.context, "context of the kubeconfig");
    app.add_option("-n,--namespace", a.scope, "only this namespace");
    app.add_option("--repo", a.repository, "GitHub repository, owner/name");
    add_duration(app, "--timeout", a.timeout, "how long each provider may take (default 10s)");
    app.add_flag("--json", a.json, "JSON on stdout");
}

void choose(CLI::App* app, Arguments& a, Command command) {
    app->callback([&a, command] { a.command = command; });
}

void add_ask(CLI::App& app, Arguments& a) {
    auto* ask = app.add_subcommand(
        "ask", "answer a question from what is live; --maker plans a change, --apply applies a plan");
    ask->add_option("question", a.question, "the question, in quotes");
    ask->add_flag("--maker", a.maker, "print a plan as JSON; changes nothing");
    ask->add_option("--format", a.format, "of the plan: plan or plan-v1 (a view)")
        ->check(CLI::IsMember({"plan", "plan-v1"}));
    ask->add_flag("--apply", a.apply, "apply the plan of --plan-file after an approval");
    ask->add_option("--plan-file", a.plan_file, "what --maker printed; - is stdin");
    ask->add_option("--grant-file", a.grant_file, "a signed approval; without it the terminal asks you");
    ask->add_flag("--destroyer", a.destroyer, "allow a destructive plan");
    add_duration(*ask, "--settle", a.settle, "how long to watch whether things recover (default 45s)");
    add_reading(*ask, a);
    choose(ask, a, Command::ask);
}

void add_trust(CLI::App& app, Arguments& a) {
    auto* trust = app.add_subcommand("trust", "whose approvals count");
    trust->require_subcommand(1);
    auto* add = trust->add_subcommand("add", "trust an approval authority");
    add->add_option("name", a.name, "what to call it: gateway")->required();
    add->add_option("public_key", a.public_key, "its Ed25519 key, base64url")->required();
    add->add_option("--ceiling", a.ceiling, "the highest risk that it may approve")
        ->check(CLI::IsMember({"low", "medium", "high", "destructive"}));
    choose(add, a, Command::trust_add);
    auto* list = trust->add_subcommand("list", "who is trusted");
    list->add_flag("--json", a.json, "JSON on stdout");
    choose(list, a, Command::trust_list);
    auto* remove = trust->add_subcommand("remove", "trust it no more");
    remove->add_option("name", a.name, "its name")->required();
    choose(remove, a, Command::trust_remove);
}

void add_all(CLI::App& app, Arguments& a) {
    app.add_flag("--debug", a.debug, "say more on stderr");
    app.set_version_flag("--version,-v", "clanker " PINCER_VERSION);
    add_ask(app, a);
    auto* health = app.add_subcommand("health", "is everything well, and if not, why");
    health->add_flag("--after-deploy", a.after_deploy, "with the last deploy, whatever its age");
    add_reading(*health, a);
    choose(health, a, Command::health);
    auto* changes = app.add_subcommand("changes", "what changed");
    add_duration(*changes, "--since", a.since, "how far back: 90s, 30m, 1h (default), 2d");
    add_reading(*changes, a);
    choose(changes, a, Command::changes);
    auto* apply = app.add_subcommand("apply", "what became of a plan");
    apply->require_subcommand(1);
    auto* status = apply->add_subcommand("status", "settle and tell the state of an applied plan, by reading only");
    status->add_option("digest", a.digest, "digest of the plan")->required();
    add_reading(*status, a);
    choose(status, a, Command::apply_status);
    auto* mcp = app.add_subcommand("mcp", "serve these answers and plans as MCP tools");
    mcp->add_option("--transport", a.transport, "stdio or http")
        ->check(CLI::IsMember({"stdio", "http", "streamable-http"}));
    mcp->add_option("--listen", a.listen, "address of http (default 127.0.0.1:39393)");
    add_duration(*mcp, "--settle", a.settle, "how long an apply watches whether things recover (default 45s)");
    add_reading(*mcp, a);
    choose(mcp, a, Command::mcp);
    auto* audit = app.add_subcommand("audit", "the record of what was asked and done");
    audit->require_subcommand(1);
    auto* verify = audit->add_subcommand("verify", "check the chain offline: every record, its order, its end");
    verify->add_option("folder", a.folders, "chains to check together (default: clanker's own)");
    verify->add_flag("--json", a.json, "JSON on stdout");
    choose(verify, a, Command::audit_verify);
    add_trust(app, a);
    choose(app.add_subcommand("version", "print the version"), a, Command::version);
    app.require_subcommand(1);
}

// One key in 64 begins with '-', and would be taken for an option: those go behind "--", backwards as CLI11 wants them.
std::vector<std::string> words_of(int argc, char** argv) {
    std::vector<std::string> words;
    std::vector<std::string> keys;
    for (int i = 1; i < argc; ++i) {
        const std::string word(argv[i]);
        const bool is_key =
            word.size() == 43 && word.front() == '-' && word.find('=') == std::string::npos && from_base64(word);
        (is_key ? keys : words).push_back(word);
    }
    if (!keys.empty()) words.emplace_back("--");
    words.insert(words.end(), keys.begin(), keys.end());
    std::ranges::reverse(words);
    return words;
}

}  // namespace

Parsed parse(int argc, char** argv) {
    Parsed out;
    CLI::App app("Answers about live infrastructure, and changes that wait for a person.", "clanker");
    add_all(app, out.arguments);
    try {
        app.parse(words_of(argc, argv));
    } catch (const CLI::ParseError& told) {
        out.done = true;
        out.exit_code = app.exit(told, std::cout, std::cerr) == 0 ? 0 : int(ExitCode::usage);
    }
    return out;
}

}  // namespace pincer::clanker
