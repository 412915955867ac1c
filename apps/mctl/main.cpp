// mctl: the platform's command line. So far it knows its own name and version, and says so.
#include <cstdio>
#include <string_view>

#include "cli/completion.hpp"

namespace {

using pincer::cli::CommandTree;
using pincer::cli::Option;

CommandTree tree() {
    CommandTree out{"mctl", "tenants, deployments and incidents"};
    out.notes = "It has no commands of its own yet.";
    out.options = {Option{{"-V", "--version"}, "print the version"}, Option{{"-h", "--help"}, "this help"}};
    out.commands = {CommandTree{"version", "print the version"}, pincer::cli::completion_command("mctl")};
    return out;
}

int complete(int argc, char** argv) {
    const std::vector<std::string> words(argv + 2, argv + argc);
    std::fputs(completion_lines(pincer::cli::complete(tree(), words)).c_str(), stdout);
    return 0;
}

int print_script(std::string_view shell) {
    const CommandTree program = tree();
    if (shell == "--help" || shell == "-h")
        return std::fputs(pincer::cli::help_text({&program, program.find("completion")}).c_str(), stdout), 0;
    const auto script = pincer::cli::completion_script(shell, "mctl");
    std::fputs(script ? script->c_str() : "mctl completion: give it one of bash, zsh, fish\n",
               script ? stdout : stderr);
    return script ? 0 : 2;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view first = argc > 1 ? argv[1] : "--help";
    if (first == "--version" || first == "-V" || first == "version") {
        std::puts("mctl " PINCER_VERSION);
        return 0;
    }
    if (first == pincer::cli::kCompleteCommand) return complete(argc, argv);
    if (first == "completion") return print_script(argc > 2 ? argv[2] : "");
    const bool asked_for_help = first == "--help" || first == "-h" || first == "help";
    if (asked_for_help) {
        const CommandTree program = tree();
        std::fputs(pincer::cli::help_text({&program}).c_str(), stdout);
        return 0;
    }
    std::fprintf(stderr, "mctl: no command '%s'\nSee mctl --help\n", argv[1]);
    return 2;
}
