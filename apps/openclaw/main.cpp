// openclaw: reads what was typed and runs one command.
#include <cstdio>
#include <string_view>

#include "apps/openclaw/commands.hpp"

int main(int argc, char** argv) {
    // Before anything is built or loaded: scripts ask for it in loops.
    const std::string_view first = argc == 2 ? argv[1] : "";
    if (first == "--version" || first == "-V" || first == "version") {
        std::puts("openclaw " PINCER_VERSION);
        return 0;
    }
    const auto parsed = pincer::openclaw::parse(argc, argv);
    return parsed.done ? parsed.exit_code : int(pincer::openclaw::run(parsed.arguments));
}
