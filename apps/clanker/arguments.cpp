#include "apps/clanker/arguments.hpp"

#include <CLI/CLI.hpp>

#include "base/text.hpp"
#include "cli/parser.hpp"

namespace pincer::clanker {
namespace {

CLI::Option* add_duration(CLI::App& app, const std::string& name, Millis& value, const std::string& text) {
    return app
        .add_option_function<std::string>(
            name,
            [&value, name](const std::string& typed) {
                auto parsed = parse_duration(typed);
                if (!parsed) throw CLI::ValidationError(name, parsed.error().message());
                value = *parsed;
            },
            text)
        ->type_name("duration");
}

void add_json(CLI::App& app, Arguments& a) { app.add_flag("--json", a.json, "print JSON, for programs"); }

constexpr const char* kWhere = "Where to look";

void add_reading(CLI::App& app, Arguments& a) {
    app.add_option("--kubeconfig", a.kubeconfig, "instead of KUBECONFIG and ~/.kube/config")
        ->type_name("file")
        ->group(kWhere);
    app.add_option("--context", a.context, "context of the kubeconfig (default: its current one)")->group(kWhere);
    app.add_option("-n,--namespace", a.scope, "only this namespace (default: all that can be read)")
        ->type_name("name")
        ->group(kWhere);
    app.add_option("--repo", a.repository, "GitHub repository (default: the one that the workloads name)")
        ->type_name("owner/name")
        ->group(kWhere);
    add_duration(app, "--timeout", a.timeout, "how long each provider may take: 500ms, 10s (default), 1m")
        ->group(kWhere);
}

void choose(CLI::App* app, Arguments& a, Command command) {
    app->callback([&a, command] { a.command = command; });
}

constexpr const char* kEnvironment =
    "It reads KUBECONFIG or ~/.kube/config, and GITHUB_TOKEN, GITHUB_API_URL. What is missing is said to be missing.";

void add_ask(CLI::App& app, Arguments& a) {
    auto* ask = app.add_subcommand("ask", "answer a question from what is live; plan and apply changes");
    ask->add_option("question", a.question, "the question or the wish, in quotes");
    ask->add_flag("--maker", a.maker, "plan the change that is asked for, and print the plan as JSON; changes nothing");
    ask->add_option("--format", a.format, "of the plan (default plan; plan-v1 is a view for older readers)")
        ->check(CLI::IsMember({"plan", "plan-v1"}));
    ask->add_flag("--apply", a.apply, "apply the plan of --plan-file, after an approval");
    ask->add_option("--plan-file", a.plan_file, "what --maker printed; - is stdin")->type_name("file");
    ask->add_option("--grant-file", a.grant_file, "a signed approval; without one you are asked here, at the terminal")
        ->type_name("file");
    ask->add_flag("--destroyer", a.destroyer, "allow a plan that destroys something");
    add_duration(*ask, "--settle", a.settle, "how long to watch afterwards whether things recover (default 45s)");
    add_json(*ask, a);
    add_reading(*ask, a);
    ask->footer(
        "Examples:\n"
        "  clanker ask \"Is production healthy after the last deploy?\"\n"
        "  clanker ask --maker \"Roll back checkout\" > plan.json\n"
        "  clanker ask --apply --plan-file plan.json\n\n"
        "Exit codes: 0 answered, planned, or applied and recovered; 1 error; 3 applied but not recovered yet;\n"
        "4 part could not be read or is not known; 5 refused; 6 an approval is needed");
    choose(ask, a, Command::ask);
}

void add_looks(CLI::App& app, Arguments& a) {
    auto* health = app.add_subcommand("health", "is everything well, and if not, why?");
    health->add_flag("--after-deploy", a.after_deploy, "judge the last deploy, whatever its age");
    add_json(*health, a);
    add_reading(*health, a);
    health->footer(
        "Examples:\n"
        "  clanker health --after-deploy\n"
        "  clanker health --after-deploy --json | jq .verdict\n\n"
        "Exit codes: 0 healthy, 3 degraded or unhealthy, 4 not known because something could not be read");
    choose(health, a, Command::health);
    auto* changes = app.add_subcommand("changes", "what changed: deploys, commits, workflow runs, warnings");
    add_duration(*changes, "--since", a.since, "how far back: 90s, 30m, 1h (default), 2d");
    add_json(*changes, a);
    add_reading(*changes, a);
    changes->footer("Examples:\n  clanker changes --since 2h\n  clanker changes --since 1d --json");
    choose(changes, a, Command::changes);
}

void add_apply(CLI::App& app, Arguments& a) {
    auto* apply = app.add_subcommand("apply", "what became of a plan");
    apply->require_subcommand(1);
    auto* status =
        apply->add_subcommand("status", "tell how far a plan came; one that was cut off is settled by reading");
    status->add_option("digest", a.digest, "digest of the plan, as --maker and the approval named it")->required();
    add_json(*status, a);
    add_reading(*status, a);
    choose(status, a, Command::apply_status);
}

void add_mcp(CLI::App& app, Arguments& a) {
    auto* mcp = app.add_subcommand("mcp", "serve these answers and plans as MCP tools");
    mcp->add_option("--transport", a.transport, "how clients reach it (default stdio)")
        ->check(CLI::IsMember({"stdio", "http", "streamable-http"}));
    mcp->add_option("--listen", a.listen, "where http listens (default 127.0.0.1:39393)")->type_name("address");
    add_duration(*mcp, "--settle", a.settle, "how long an apply watches whether things recover (default 45s)");
    add_reading(*mcp, a);
    mcp->footer(
        "http is for loopback only, and wants the bearer token in ~/.clanker/mcp-token.\n\n"
        "Examples:\n"
        "  claude mcp add clanker -- clanker mcp\n"
        "  clanker mcp --transport http --listen 127.0.0.1:39393");
    choose(mcp, a, Command::mcp);
}

void add_trust(CLI::App& app, Arguments& a) {
    auto* trust = app.add_subcommand("trust", "whose approvals count");
    trust->require_subcommand(1);
    auto* add = trust->add_subcommand("add", "let the approvals of an authority count");
    add->add_option("name", a.name, "what to call it: gateway")->required();
    add->add_option("public_key", a.public_key, "its Ed25519 key, base64url")->required();
    add->add_option("--ceiling", a.ceiling, "the highest risk that it may approve (default high)")
        ->check(CLI::IsMember({"low", "medium", "high", "destructive"}));
    add->footer("Examples:\n  clanker trust add gateway \"$(cat ~/.openclaw/identity/approval-authority.pub)\"");
    choose(add, a, Command::trust_add);
    auto* list = trust->add_subcommand("list", "who is trusted, and how far");
    add_json(*list, a);
    choose(list, a, Command::trust_list);
    auto* remove = trust->add_subcommand("remove", "trust one no more");
    remove->add_option("name", a.name, "its name")->required();
    choose(remove, a, Command::trust_remove);
}

void add_audit(CLI::App& app, Arguments& a) {
    auto* audit = app.add_subcommand("audit", "the record of what was asked, planned and done");
    audit->require_subcommand(1);
    auto* verify = audit->add_subcommand("verify", "check the chain offline: every record, its order, its end");
    verify->add_option("folder", a.folders, "chains to check together (default: clanker's own)")->type_name("folder");
    add_json(*verify, a);
    verify->footer("Exit codes: 0 intact, 1 not readable, 3 damaged");
    choose(verify, a, Command::audit_verify);
}

void add_all(CLI::App& app, Arguments& a) {
    app.add_flag("--debug", a.debug, "say more on stderr");
    app.set_version_flag("--version,-v", "clanker " PINCER_VERSION, "print the version");
    app.footer(std::string(kEnvironment) +
               "\nPlans, grants that were used and the audit chain are kept in ~/.clanker (CLANKER_HOME).\n\n"
               "Examples:\n"
               "  clanker health --after-deploy\n"
               "  clanker ask \"What changed in production in the last hour?\"\n"
               "  clanker ask --maker \"Roll back checkout\" > plan.json\n\n"
               "Exit codes: 0 ok, 1 error, 2 wrong usage, 3 unhealthy, 4 partial, 5 refused, 6 an approval is needed.");
    add_ask(app, a);
    add_looks(app, a);
    add_apply(app, a);
    add_mcp(app, a);
    add_audit(app, a);
    add_trust(app, a);
    choose(app.add_subcommand("version", "print the version"), a, Command::version);
    app.require_subcommand(1);
}

// One key in 64 begins with '-', and would be taken for an option: those go behind "--".
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
    return words;
}

}  // namespace

Parsed parse(int argc, char** argv) {
    Parsed out;
    CLI::App app("answers about live infrastructure, and changes that wait for a person", "clanker");
    add_all(app, out.arguments);
    const auto told = cli::parse(app, words_of(argc, argv));
    out.done = told.has_value();
    out.exit_code = told.value_or(0);
    return out;
}

}  // namespace pincer::clanker
