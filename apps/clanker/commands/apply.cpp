// Applying from the command line. The plan file only says which plan: what is applied is the plan that clanker itself
// keeps under that digest. At a terminal the operator is the approval authority: they see the card and type the first
// six characters of the digest, and a grant is signed with the terminal's own key, which lies in clanker's home folder.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "apps/clanker/commands.hpp"
#include "base/text.hpp"
#include "crypto/hash.hpp"
#include "infra/engine/quoting.hpp"
#include "io/files.hpp"

namespace pincer::clanker {
namespace {

constexpr Millis kGrantLife{5 * 60 * 1000};
constexpr const char* kTerminal = "terminal";

Result<std::string> read_input(const std::string& name) {
    if (name != "-") return io::read_file(name, infra::kMaxPlanBytes);
    std::string text;
    char buffer[4096];
    while (std::cin.read(buffer, sizeof buffer), std::cin.gcount() > 0) {
        text.append(buffer, std::size_t(std::cin.gcount()));
        if (text.size() > infra::kMaxPlanBytes) return PINCER_FAIL(too_large, "the plan on stdin is over the limit");
    }
    return text;
}

void show(const infra::Card& card) {
    std::string text = fmt::format(
        "\n{}\n\n  on       {}\n  account  {}\n  risk     {}\n  effect   {}\n  touches  {}\n  undo     {}\n",
        card.title, card.target, card.account, approval::name_of(card.risk), card.effect, card.blast_radius, card.undo);
    for (const auto& condition : card.preconditions) text += "  only if  " + condition + "\n";
    text += fmt::format("  expires  {}\n  digest   {}\n\n", to_rfc3339(card.expires_at), card.digest);
    std::fputs(text.c_str(), stderr);
}

// The terminal's key is trusted from the first time that a person confirms here.
Result<std::string> sign(Program& program, const infra::Plan& plan, const std::string& digest) {
    infra::Home& home = program.engine.home();
    PINCER_CHECK(io::make_private_directory(home.folder()));
    PINCER_TRY(const auto authority, approval::Authority::open(home.folder() / kTerminal));
    PINCER_TRY(const auto trusted, home.trusted());
    const bool known = std::ranges::any_of(
        trusted, [&](const auto& entry) { return entry.authority.public_key == authority->public_key(); });
    if (!known) PINCER_CHECK(home.trust(kTerminal, authority->public_key(), approval::Risk::destructive));
    PINCER_TRY(const std::string engine, home.engine_id());
    approval::Grant grant;
    grant.id = program.random.uuid();
    grant.audience = engine;
    grant.plan_digest = digest;
    grant.approver = user_name();
    grant.approver_display = user_name();
    grant.requester = plan.requester;
    grant.approval_id = "terminal";
    grant.risk_ceiling = plan.risk();
    grant.issued_at = program.clock.wall();
    grant.expires_at = grant.issued_at + kGrantLife;
    return authority->issue(grant);
}

Result<std::string> ask_operator(Program& program, const infra::Plan& plan, const std::string& digest) {
    PINCER_TRY(const infra::Card card, infra::make_card(infra::canonical_bytes(plan)));
    show(card);
    if (!::isatty(STDIN_FILENO) || !::isatty(STDERR_FILENO)) {
        return Failure(
            Error(ErrorCode::approval_needed, "an approval is needed: run this at a terminal, or give --grant-file")
                .with_reason("APPROVAL_NEEDED"));
    }
    std::fputs("To approve and apply it, type the first 6 characters of the digest: ", stderr);
    std::string typed;
    std::getline(std::cin, typed);
    if (trim(typed) != digest.substr(0, 6)) return PINCER_FAIL(refused, "not approved; nothing was touched");
    return sign(program, plan, digest);
}

}  // namespace

Task<ExitCode> apply_plan(Program& program, const Arguments& arguments) {
    auto text = read_input(arguments.plan_file.empty() ? "-" : arguments.plan_file);
    if (!text) co_return tell(text.error());
    auto plan = infra::parse_plan(*text);
    if (!plan) co_return tell(plan.error());
    if (plan->destructive() && !arguments.destroyer) {
        const Error refused(ErrorCode::refused, "this plan is destructive; say --destroyer as well");
        co_return tell(refused);
    }
    const std::string digest = infra::digest_of(*plan);
    std::string grant;
    if (!arguments.grant_file.empty()) {
        auto read = io::read_file(arguments.grant_file, approval::kMostGrantBytes);
        if (!read) co_return tell(read.error());
        grant = std::string(trim(*read));
    } else {
        auto given = ask_operator(program, *plan, digest);
        if (!given) co_return tell(given.error());
        grant = *std::move(given);
    }
    auto applied = co_await program.engine.apply(digest, std::move(grant));
    if (!applied) co_return tell(applied.error());
    if (arguments.json)
        print(applied->to_json());
    else
        print(applied->to_text());
    if (applied->record.state == infra::ApplyState::failed) co_return ExitCode::error;
    if (applied->record.state != infra::ApplyState::done) co_return ExitCode::partial;
    co_return applied->record.recovery == "recovered" ? ExitCode::ok : ExitCode::unhealthy;
}

Task<ExitCode> apply_status(Program& program, const Arguments& arguments) {
    auto applied = co_await program.engine.status(arguments.digest);
    if (!applied) co_return tell(applied.error());
    if (arguments.json)
        print(applied->to_json());
    else
        print(applied->to_text());
    if (applied->record.state == infra::ApplyState::failed) co_return ExitCode::error;
    co_return applied->record.state == infra::ApplyState::done ? ExitCode::ok : ExitCode::partial;
}

}  // namespace pincer::clanker
