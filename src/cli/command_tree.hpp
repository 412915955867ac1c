// A program's commands as data: what help is printed from and completion answers from. The three programs describe
// themselves this way, whoever parses their arguments.
#pragma once

#include <string>
#include <vector>

namespace pincer::cli {

// What stands for a value, in help ("<name>") and at the shell.
struct Value {
    enum class Kind { text, file, folder, choice };
    Kind kind = Kind::text;
    std::string name;                  // without brackets: "name", "file", "duration"
    std::vector<std::string> choices;  // of a `choice`
    std::string about;                 // of a positional argument; an option says it itself
    bool required = false;
    bool many = false;  // takes every further word
};

struct Option {
    std::vector<std::string> names;  // as typed, short ones first: {"-n", "--namespace"}
    std::string about;
    std::string group;  // heading in help; empty: "Options"
    bool takes_value = false;
    Value value;
};

struct CommandTree {
    std::string name;
    std::string about;  // one sentence without a full stop, lower case
    std::string notes;  // below the options: examples, exit codes
    std::vector<Value> arguments;
    std::vector<Option> options;
    std::vector<CommandTree> commands;
    bool needs_command = false;

    const CommandTree* find(std::string_view command) const;  // a direct subcommand; null: none of that name
};

// The help of the command that `path` ends at; path.front() is the program. Ends with a line feed.
std::string help_text(const std::vector<const CommandTree*>& path);

}  // namespace pincer::cli
