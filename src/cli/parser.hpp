// CLI11 behind one door: help, mistakes and completion look the same in every program.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command_tree.hpp"

namespace CLI {
class App;
}

namespace pincer::cli {

inline constexpr int kUsageExit = 2;

// The commands that CLI11 was told of. What type_name() says names the value in help: "file" and "folder" are also
// completed as such, a set of allowed words as a choice; without one the option's own name stands there. footer() is
// what stands below the options.
CommandTree tree_of(const CLI::App& app);

// Reads the words behind the program's name. Nothing: go on and run the command. Otherwise the exit code of what has
// been answered already: help, the version, completion, or a mistake (told on stderr with the nearest right word).
std::optional<int> parse(CLI::App& app, std::vector<std::string> words);

}  // namespace pincer::cli
