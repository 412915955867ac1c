// mctl: the platform's command line. So far it knows its own name and version, and says so.
#include <cstdio>
#include <string_view>

int main(int argc, char** argv) {
    const std::string_view first = argc > 1 ? argv[1] : "--help";
    if (first == "--version" || first == "-V" || first == "version") {
        std::puts("mctl " PINCER_VERSION);
        return 0;
    }
    const bool asked_for_help = first == "--help" || first == "-h" || first == "help";
    if (!asked_for_help) std::fprintf(stderr, "mctl: unknown command (see mctl --help)\n");
    if (asked_for_help)
        std::puts("mctl " PINCER_VERSION
                  ": tenants, deployments and incidents\n\nusage: mctl --version | --help\n\nIt has no commands yet.");
    return asked_for_help ? 0 : 2;
}
