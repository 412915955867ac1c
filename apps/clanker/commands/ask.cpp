#include <cstdio>

#include "apps/clanker/commands.hpp"

namespace pincer::clanker {
namespace {

Task<ExitCode> answer(Program& program, const Arguments& arguments) {
    const infra::Asked asked = co_await program.engine.ask(arguments.question, user_name());
    // A request for a change is answered with what it rests on; the plan itself is one more word away.
    if (arguments.json) {
        print(asked.to_json());
    } else {
        print(infra::to_text(asked.answer));
    }
    if (!asked.question.operation.empty()) std::fputs("clanker: to plan that change, add --maker\n", stderr);
    co_return asked.look.partial() ? ExitCode::partial : ExitCode::ok;
}

Task<ExitCode> make_plan(Program& program, const Arguments& arguments) {
    auto made = co_await program.engine.plan(arguments.question, "", user_name());
    if (!made) co_return tell(made.error());
    std::fputs(("clanker: plan " + made->digest + "\n").c_str(), stderr);
    print(arguments.format == "plan-v1" ? infra::as_plan_v1(made->plan) : infra::to_json(made->plan));
    co_return ExitCode::ok;
}

}  // namespace

Task<ExitCode> ask(Program& program, const Arguments& arguments) {
    if (arguments.apply) co_return co_await apply_plan(program, arguments);
    if (arguments.question.empty()) {
        std::fputs("clanker: ask what? For example: clanker ask \"is production healthy after the last deploy?\"\n",
                   stderr);
        co_return ExitCode::usage;
    }
    if (arguments.maker) co_return co_await make_plan(program, arguments);
    co_return co_await answer(program, arguments);
}

}  // namespace pincer::clanker
