#include "cli/parser.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>

#include "base/text.hpp"
#include "cli/completion.hpp"

namespace pincer::cli {
namespace {

Value value_of(const CLI::Option& option, std::string name) {
    Value out;
    out.name = std::move(name);
    out.required = option.get_required();
    out.many = option.get_expected_max() > 1;
    const std::string type = option.get_type_name();  // "TEXT:{stdio,http}", "file", "INT:INT in [1 - 500]"
    const auto set = type.find('{');
    if (set != std::string::npos && type.ends_with('}')) {
        out.kind = Value::Kind::choice;
        for (const auto word : split(std::string_view(type).substr(set + 1, type.size() - set - 2), ','))
            out.choices.emplace_back(word);
    } else if (type == "file" || type == "folder") {
        out.kind = type == "file" ? Value::Kind::file : Value::Kind::folder;
        if (!option.get_positional()) out.name = type;
    } else if (!type.empty() && to_lower(type) == type) {
        out.name = type;
    }
    return out;
}

Option option_of(const CLI::Option& option) {
    Option out;
    for (const auto& name : option.get_snames()) out.names.push_back("-" + name);
    for (const auto& name : option.get_lnames()) out.names.push_back("--" + name);
    out.about = option.get_description();
    out.group = option.get_group() == "Options" ? "" : option.get_group();
    out.takes_value = option.get_items_expected_max() > 0;
    if (out.takes_value)
        out.value = value_of(option, option.get_lnames().empty() ? "value" : option.get_lnames().front());
    return out;
}

// From the program down to the command that was typed.
std::vector<const CommandTree*> typed_path(const CLI::App& app, const CommandTree& tree) {
    std::vector<const CommandTree*> out{&tree};
    const CLI::App* at = &app;
    while (!at->get_subcommands().empty()) {
        at = at->get_subcommands().front();
        const auto* next = out.back()->find(at->get_name());
        if (next == nullptr) break;
        out.push_back(next);
    }
    return out;
}

std::string name_of(const std::vector<const CommandTree*>& path) {
    std::string out;
    for (const auto* part : path) out += (out.empty() ? "" : " ") + part->name;
    return out;
}

// "no command 'aprovals'; did you mean 'approvals'?"
std::string unexpected(const std::string& word, const CommandTree& command) {
    std::vector<std::string_view> known;
    const bool is_option = word.starts_with('-');
    if (is_option) {
        for (const auto& option : command.options) known.insert(known.end(), option.names.begin(), option.names.end());
    } else {
        for (const auto& sub : command.commands) known.emplace_back(sub.name);
    }
    const std::string what = is_option ? "no option" : command.commands.empty() ? "unexpected argument" : "no command";
    const auto near = nearest(is_option ? std::string_view(word).substr(0, word.find('=')) : word, known);
    return what + " '" + word + "'" + (near.empty() ? "" : "; did you mean '" + std::string(near) + "'?");
}

int tell(const CLI::App& app, const CommandTree& tree, const CLI::ParseError& mistake) {
    const auto path = typed_path(app, tree);
    const auto extra = app.remaining(true);
    const bool nothing_chosen = path.back()->needs_command;
    if (extra.empty() && nothing_chosen) {
        std::fputs(help_text(path).c_str(), stderr);
        return kUsageExit;
    }
    const std::string message = extra.empty() ? mistake.what() : unexpected(extra.front(), *path.back());
    const std::string line = name_of(path) + ": " + strip_control(message) + "\nSee " + name_of(path) + " --help\n";
    std::fputs(line.c_str(), stderr);
    return kUsageExit;
}

int answer_completion(const CommandTree& tree, std::vector<std::string> words) {
    words.erase(words.begin());
    std::fputs(completion_lines(complete(tree, words)).c_str(), stdout);
    return 0;
}

int print_script(const CommandTree& tree, const std::vector<std::string>& words) {
    const auto* command = tree.find("completion");
    const std::string shell = words.size() == 2 ? words[1] : "";
    if (shell == "--help" || shell == "-h") return std::fputs(help_text({&tree, command}).c_str(), stdout), 0;
    const auto script = completion_script(shell, tree.name);
    if (script) return std::fputs(script->c_str(), stdout), 0;
    std::fputs((tree.name + " completion: give it one of bash, zsh, fish\n").c_str(), stderr);
    return kUsageExit;
}

}  // namespace

CommandTree tree_of(const CLI::App& app) {
    CommandTree out;
    out.name = app.get_name();
    out.about = app.get_description();
    // CLI11 hands a footer down to the commands that are added after it.
    const bool inherited = app.get_parent() != nullptr && app.get_parent()->get_footer() == app.get_footer();
    out.notes = inherited ? "" : app.get_footer();
    out.needs_command = app.get_require_subcommand_min() > 0;
    for (const auto* option : app.get_options()) {
        if (option->get_positional()) {
            out.arguments.push_back(value_of(*option, option->get_name(true)));
            out.arguments.back().about = option->get_description();
        } else if (!option->get_group().empty()) {
            out.options.push_back(option_of(*option));
        }
    }
    const auto help = std::ranges::find_if(out.options, [](const Option& o) { return o.names.back() == "--help"; });
    if (help != out.options.end()) {
        help->about = "this help";
        std::ranges::rotate(help, help + 1, out.options.end());
    }
    for (const auto* sub : app.get_subcommands([](const CLI::App*) { return true; }))
        out.commands.push_back(tree_of(*sub));
    return out;
}

std::optional<int> parse(CLI::App& app, std::vector<std::string> words) {
    auto tree = tree_of(app);
    tree.commands.push_back(completion_command(app.get_name()));
    if (!words.empty() && words.front() == kCompleteCommand) return answer_completion(tree, std::move(words));
    if (!words.empty() && words.front() == "help") {
        words.erase(words.begin());
        words.emplace_back("--help");
    }
    if (!words.empty() && words.front() == "completion") return print_script(tree, words);
    try {
        std::ranges::reverse(words);  // as CLI11 wants them
        app.parse(words);
    } catch (const CLI::CallForHelp&) {
        std::fputs(help_text(typed_path(app, tree)).c_str(), stdout);
        return 0;
    } catch (const CLI::Success& told) {  // the version
        std::puts(told.what());
        return 0;
    } catch (const CLI::ParseError& mistake) {
        return tell(app, tree, mistake);
    }
    return std::nullopt;
}

}  // namespace pincer::cli
