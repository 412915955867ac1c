#include "cli/command_tree.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace pincer::cli {
namespace {

constexpr std::size_t kWidth = 110;
constexpr std::size_t kColumn = 30;  // where the sentence of an option begins

std::string spelled(const Value& value) {
    const std::string name = value.kind == Value::Kind::choice ? join(value.choices, "|") : "<" + value.name + ">";
    const std::string many = value.many ? "..." : "";
    return value.required ? name + many : "[" + name + many + "]";
}

std::string spelled(const Option& option) {
    const bool only_long = option.names.front().starts_with("--");
    std::string out = (only_long ? "    " : "") + join(option.names, ", ");
    if (!option.takes_value) return out;
    return out + " " +
           (option.value.kind == Value::Kind::choice ? join(option.value.choices, "|") : "<" + option.value.name + ">");
}

// The sentence, broken at spaces, each further line below its beginning.
std::string wrapped(std::string_view text, std::size_t column) {
    std::string out;
    std::size_t at = column;
    for (const auto word : split(text, ' ')) {
        const std::size_t length = utf8_length(word);
        if (at > column && at + 1 + length > kWidth) {
            out += "\n" + std::string(column, ' ');
            at = column;
        } else if (at > column) {
            out += ' ';
            ++at;
        }
        out += word;
        at += length;
    }
    return out;
}

std::string row(const std::string& name, std::string_view about) {
    std::string out = "  " + name;
    if (about.empty()) return out + "\n";
    if (out.size() + 2 > kColumn)
        out += "\n" + std::string(kColumn, ' ');
    else
        out.resize(kColumn, ' ');
    return out + wrapped(about, kColumn) + "\n";
}

std::string usage(const std::vector<const CommandTree*>& path) {
    const CommandTree& command = *path.back();
    std::string out = "Usage:";
    for (const auto* part : path) out += " " + part->name;
    for (const auto& argument : command.arguments) out += " " + spelled(argument);
    if (!command.commands.empty()) out += command.needs_command ? " <command>" : " [<command>]";
    return out + (command.options.empty() ? "\n" : " [options]\n");
}

std::string options(const CommandTree& command) {
    std::vector<std::string> groups{""};
    for (const auto& option : command.options)
        if (std::ranges::find(groups, option.group) == groups.end()) groups.push_back(option.group);
    std::string out;
    for (const auto& group : groups) {
        if (std::ranges::find(command.options, group, &Option::group) == command.options.end()) continue;
        out += "\n" + (group.empty() ? std::string("Options") : group) + ":\n";
        for (const auto& option : command.options)
            if (option.group == group) out += row(spelled(option), option.about);
    }
    return out;
}

std::string sentence(const std::string& about) {
    std::string out = about;
    if (!out.empty() && out.front() >= 'a' && out.front() <= 'z') out.front() = char(out.front() - 'a' + 'A');
    return out.empty() || out.ends_with('.') || out.ends_with('?') ? out : out + ".";
}

}  // namespace

const CommandTree* CommandTree::find(std::string_view command) const {
    const auto found = std::ranges::find(commands, command, &CommandTree::name);
    return found == commands.end() ? nullptr : &*found;
}

std::string help_text(const std::vector<const CommandTree*>& path) {
    const CommandTree& command = *path.back();
    std::string out = wrapped(sentence(command.about), 0) + "\n\n" + usage(path);
    bool headed = false;
    for (const auto& argument : command.arguments) {
        if (argument.about.empty()) continue;
        if (!headed) out += "\nArguments:\n";
        headed = true;
        out += row(argument.kind == Value::Kind::choice ? join(argument.choices, "|") : "<" + argument.name + ">",
                   argument.about);
    }
    if (!command.commands.empty()) out += "\nCommands:\n";
    for (const auto& sub : command.commands) out += row(sub.name, sub.about);
    out += options(command);
    if (!command.notes.empty()) out += "\n" + command.notes + (command.notes.ends_with('\n') ? "" : "\n");
    return out;
}

}  // namespace pincer::cli
