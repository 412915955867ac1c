// What the shell offers when TAB is pressed. The script that a shell loads asks the program itself
// (`openclaw __complete <words>`), so it never goes stale when commands are added.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cli/command_tree.hpp"

namespace pincer::cli {

inline constexpr std::string_view kCompleteCommand = "__complete";

struct Completion {
    enum class Paths { none, files, folders };
    struct Candidate {
        std::string word;
        std::string about;
    };
    std::vector<Candidate> candidates;
    Paths paths = Paths::none;  // what of the file system fits as well
};

// `words` are those behind the program's name, up to the cursor; the last one is being typed, and may be empty.
// Knows bash's way of splitting "--name=value" into three words.
Completion complete(const CommandTree& program, std::span<const std::string> words);

// What the script reads: a line "word<TAB>about" for each candidate, then ":none", ":files" or ":folders".
std::string completion_lines(const Completion& completion);

// For bash, zsh or fish; any other name is an invalid_argument.
Result<std::string> completion_script(std::string_view shell, const std::string& program);

// `completion bash|zsh|fish` with its help, for a program's tree.
CommandTree completion_command(const std::string& program);

}  // namespace pincer::cli
