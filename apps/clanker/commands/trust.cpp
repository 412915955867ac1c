#include <cstdio>

#include "apps/clanker/commands.hpp"

namespace pincer::clanker {

ExitCode trust(Program& program, const Arguments& arguments) {
    infra::Home& home = program.engine.home();
    if (arguments.command == Command::trust_add) {
        const auto ceiling = approval::parse_risk(arguments.ceiling);
        auto done = home.trust(arguments.name, arguments.public_key, ceiling.value_or(approval::Risk::low));
        if (!done) return tell(done.error());
        const auto engine = home.engine_id();
        if (!engine) return tell(engine.error());
        std::fputs(fmt::format("clanker: approvals signed by {} count from now on; grants for this engine name {}\n",
                               arguments.name, *engine)
                       .c_str(),
                   stderr);
        return ExitCode::ok;
    }
    if (arguments.command == Command::trust_remove) {
        auto done = home.distrust(arguments.name);
        return done ? ExitCode::ok : tell(done.error());
    }
    const auto trusted = home.trusted();
    if (!trusted) return tell(trusted.error());
    const auto engine = home.engine_id();
    if (!engine) return tell(engine.error());
    json::array list;
    for (const auto& entry : *trusted) {
        list.push_back(json::object{{"name", entry.authority.name},
                                    {"public_key", entry.authority.public_key},
                                    {"ceiling", approval::name_of(entry.authority.ceiling)},
                                    {"added_at", entry.added_at}});
        if (!arguments.json)
            print(fmt::format("{}  {}  up to {}  since {}", entry.authority.name, entry.authority.public_key,
                              approval::name_of(entry.authority.ceiling), entry.added_at));
    }
    if (arguments.json) print(json::object{{"engine", *engine}, {"authorities", std::move(list)}});
    return ExitCode::ok;
}

}  // namespace pincer::clanker
