// clanker: reads what was typed and runs one command.
#include <cstdio>
#include <string_view>

#include "apps/clanker/commands.hpp"

int main(int argc, char** argv) {
    // Before anything is built or loaded: scripts ask for it in loops.
    const std::string_view first = argc == 2 ? argv[1] : "";
    if (first == "--version" || first == "-v" || first == "version") {
        std::puts("clanker " PINCER_VERSION);
        return 0;
    }
    const auto parsed = pincer::clanker::parse(argc, argv);
    return parsed.done ? parsed.exit_code : int(pincer::clanker::run(parsed.arguments));
}
