// health and changes.
#include "apps/clanker/commands.hpp"

namespace pincer::clanker {
namespace {

ExitCode code_of(infra::Verdict verdict) {
    switch (verdict) {
        case infra::Verdict::healthy: return ExitCode::ok;
        case infra::Verdict::degraded:
        case infra::Verdict::unhealthy: return ExitCode::unhealthy;
        case infra::Verdict::unknown: return ExitCode::partial;
    }
    return ExitCode::partial;
}

}  // namespace

Task<ExitCode> health(Program& program, const Arguments& arguments) {
    const infra::Look look = co_await program.engine.health(arguments.after_deploy, user_name());
    infra::Question question = infra::read_question("health");
    question.after_deploy = arguments.after_deploy;
    if (arguments.json)
        print(infra::to_json(look));
    else
        print(infra::to_text(infra::write_answer(look, question)));
    co_return code_of(look.verdict);
}

Task<ExitCode> changes(Program& program, const Arguments& arguments) {
    const infra::Look look = co_await program.engine.changes(arguments.since, user_name());
    const infra::Question question = infra::read_question("changes");
    if (arguments.json)
        print(infra::changes_json(look));
    else
        print(infra::to_text(infra::write_answer(look, question)));
    co_return look.partial() ? ExitCode::partial : ExitCode::ok;
}

}  // namespace pincer::clanker
