#include "apps/openclaw/commands.hpp"
#include "audit/chain.hpp"

namespace pincer::openclaw {
namespace {

json::object to_json(const audit::Verification& v) {
    json::array findings;
    for (const auto& finding : v.findings)
        findings.push_back(json::object{{"seq", finding.seq}, {"line", finding.line}, {"problem", finding.problem}});
    json::array dangling;
    for (const auto& ref : v.dangling) dangling.emplace_back(ref.str());
    json::array notes;
    for (const auto& note : v.notes) notes.emplace_back(note);
    return {{"chain", v.chain},
            {"records", v.records},
            {"checkpoints", v.checkpoints},
            {"intact", v.intact()},
            {"findings", std::move(findings)},
            {"dangling", std::move(dangling)},
            {"notes", std::move(notes)}};
}

void print_lines(const audit::Verification& v) {
    print(fmt::format("{}: {} records, {} checkpoints: {}", v.chain, v.records, v.checkpoints,
                      v.intact() ? "intact" : "DAMAGED"));
    for (const auto& finding : v.findings) print("  " + finding.problem);
    for (const auto& ref : v.dangling)
        print(fmt::format("  follows {} in a chain that was not given: give its folder too", ref.str()));
    for (const auto& note : v.notes) print("  note: " + note);
}

}  // namespace

ExitCode audit_verify(const Local& local, const Arguments& arguments) {
    std::vector<std::filesystem::path> folders(arguments.folders.begin(), arguments.folders.end());
    if (folders.empty()) folders.push_back(local.paths.state_dir / "audit");
    const auto verified = audit::verify(folders);
    if (!verified) return tell(verified.error());
    bool intact = true;
    json::array chains;
    for (const auto& v : *verified) {
        intact = intact && v.intact();
        chains.push_back(to_json(v));
        if (!arguments.json) print_lines(v);
    }
    if (arguments.json) print_json(json::value(json::object{{"intact", intact}, {"chains", std::move(chains)}}));
    return intact ? ExitCode::ok : ExitCode::unhealthy;
}

}  // namespace pincer::openclaw
