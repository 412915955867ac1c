#include "agent/run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/testing/memory_journal.hpp"
#include "agent/testing/scripted_model.hpp"
#include "agent/testing/scripted_tools.hpp"
#include "base/testing/fake_clock.hpp"
#include "io/runtime.hpp"

namespace pincer::agent {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

json::object object(std::string_view text) { return *json::parse_object(text); }

Message user(std::string text) {
    Message message;
    message.text = std::move(text);
    return message;
}

class RunTest : public ::testing::Test {
protected:
    RunRequest request(std::string question) {
        RunRequest r;
        r.run_id = "run-1";
        r.messages.push_back(user(std::move(question)));
        return r;
    }
    // The run taken up again from what the journal holds, as after a crash.
    RunRequest resumed(std::string question) {
        RunRequest r = request(std::move(question));
        r.messages.insert(r.messages.end(), journal.messages.begin(), journal.messages.end());
        return r;
    }
    RunDeps deps() { return RunDeps{model, *builtin, tools, egress, clock, runtime}; }
    Result<RunOutcome> run(RunRequest r) { return runtime.run_until_done(run_agent(std::move(r), deps(), journal)); }
    Result<RunOutcome> run_builtin(RunRequest r) {
        return runtime.run_until_done(
            run_agent(std::move(r), RunDeps{*builtin, *builtin, tools, egress, clock, runtime}, journal));
    }

    io::Runtime runtime;
    pincer::testing::FakeClock clock;
    ScriptedModel model;
    ScriptedTools tools;
    MemoryJournal journal;
    ModelEgressPolicy egress;
    std::unique_ptr<Model> builtin = make_builtin_responder();
};

void add_clanker(ScriptedTools& tools) {
    tools.add(read_tool("clanker__clanker_ask"),
              text_result("Production is unhealthy: checkout crash-loops [e1].",
                          object(R"({"verdict":"unhealthy","subject":{"kind":"Deployment","name":"checkout"}})")));
    tools.add(read_tool("clanker__clanker_plan"),
              text_result("Plan: roll back checkout to revision 4.", object(R"({"plan":{"digest":"sha256:abc"}})")));
    tools.add(read_tool("clanker__clanker_outcome"), text_result("Applied once, at 10:02; recovered."));
    tools.add(change_tool("clanker__clanker_apply", "clanker__clanker_outcome"),
              text_result("Rolled back; recovered [e9]."));
}

TEST_F(RunTest, a_plain_answer_is_journalled_and_streamed) {
    model.streaming("Hello").then(text_reply("Hello"));
    const auto outcome = run(request("hi"));
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->end, RunEnd::finished);
    EXPECT_EQ(outcome->text, "Hello");
    EXPECT_EQ(journal.streamed, "Hello");
    ASSERT_EQ(journal.messages.size(), 1u);
}

TEST_F(RunTest, reads_of_one_turn_run_side_by_side_and_answer_in_order) {
    io::Event release(runtime);
    tools.add(read_tool("s__a"), text_result("A"));
    tools.add(read_tool("s__b"),
              [&](const ToolCall&, const CallContext&) -> Result<ToolResult> { return text_result("B"); });
    tools.hold("s__a", release);
    tools.add(read_tool("s__c"), [&](const ToolCall&, const CallContext&) -> Result<ToolResult> {
        release.set();  // the first call ends only once the last has begun
        return text_result("C");
    });
    ModelReply reply = call_reply("s__a", {});
    for (const auto* name : {"s__b", "s__c"})
        reply.message.tool_calls.push_back(call_reply(name, {}).message.tool_calls[0]);
    model.then(reply).then(text_reply("done"));
    ASSERT_TRUE(run(request("q")));
    ASSERT_EQ(journal.messages.size(), 5u);
    EXPECT_EQ(journal.messages[1].text + journal.messages[2].text + journal.messages[3].text, "ABC");
}

TEST_F(RunTest, call_ids_are_ours_and_never_come_back) {
    tools.add(change_tool("s__do"), text_result("ok"));
    model.then(call_reply("s__do", {})).then(call_reply("s__do", object(R"({"n":2})"))).then(text_reply("done"));
    ASSERT_TRUE(run(request("q")));
    ASSERT_EQ(journal.gated.size(), 2u);
    EXPECT_EQ(journal.gated[0].id, "run-1-1");
    EXPECT_EQ(journal.gated[1].id, "run-1-2");
}

TEST_F(RunTest, a_change_gets_the_grant_of_its_gate_and_a_read_gets_none) {
    tools.add(change_tool("s__do"), text_result("ok"));
    tools.add(read_tool("s__look"), text_result("seen"));
    model.then(call_reply("s__do", {})).then(call_reply("s__look", {})).then(text_reply("done"));
    ASSERT_TRUE(run(request("q")));
    EXPECT_EQ(tools.contexts[0].grant, "grant-1");
    EXPECT_EQ(tools.contexts[1].grant, "");
}

TEST_F(RunTest, unknown_tools_and_bad_arguments_become_results_that_the_model_reads) {
    ToolSpec strict = read_tool("clanker__health");
    strict.input_schema = object(R"({"required":["since"]})");
    tools.add(strict, text_result("fine"));
    ModelReply reply = call_reply("clanker__helth", {});
    reply.message.tool_calls.push_back(call_reply("clanker__health", {}).message.tool_calls[0]);
    reply.message.tool_calls.push_back(call_reply("clanker__health", {}).message.tool_calls[0]);
    reply.message.tool_calls[2].malformed_arguments = "{\"since\": ";
    model.then(reply).then(text_reply("sorry"));
    ASSERT_TRUE(run(request("q")));
    EXPECT_TRUE(tools.calls.empty());
    EXPECT_THAT(journal.messages[1].text, HasSubstr("Did you mean clanker__health?"));
    EXPECT_THAT(journal.messages[2].text, HasSubstr("needs the argument \"since\""));
    EXPECT_THAT(journal.messages[3].text, HasSubstr("not a JSON object"));
    EXPECT_TRUE(journal.messages[1].is_error && journal.messages[2].is_error && journal.messages[3].is_error);
}

TEST_F(RunTest, a_timeout_of_ours_never_looks_like_a_finding_of_the_tool) {
    tools.add(read_tool("clanker__health"), [](const ToolCall&, const CallContext&) -> Result<ToolResult> {
        return PINCER_FAIL(timed_out, "waiting for the answer of clanker timed out after 20s");
    });
    tools.add(read_tool("clanker__logs"), [](const ToolCall&, const CallContext&) -> Result<ToolResult> {
        return ToolResult{.is_error = true, .text = "no such pod", .structured = {}};
    });
    ModelReply reply = call_reply("clanker__health", {});
    reply.message.tool_calls.push_back(call_reply("clanker__logs", {}).message.tool_calls[0]);
    model.then(reply).then(text_reply("done"));
    ASSERT_TRUE(run(request("q")));
    EXPECT_THAT(journal.messages[1].text, HasSubstr("timed out after 20s"));
    EXPECT_THAT(journal.messages[1].text, HasSubstr("not a finding"));
    EXPECT_EQ(journal.messages[2].text, "no such pod");
}

TEST_F(RunTest, long_results_are_cut_and_say_so) {
    tools.add(
        read_tool("s__long"),
        text_result(
            std::string(5000, 'x'),
            object(
                R"({"big":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"})")));
    model.then(call_reply("s__long", {})).then(text_reply("done"));
    RunRequest r = request("q");
    r.budget.tool_result_bytes = 100;
    ASSERT_TRUE(run(std::move(r)));
    EXPECT_THAT(journal.messages[1].text, HasSubstr("[cut: the first 100 of 5000 bytes]"));
    EXPECT_THAT(journal.messages[1].text, HasSubstr("bytes of structured content]"));
    EXPECT_TRUE(journal.messages[1].structured.empty());
}

TEST_F(RunTest, budgets_end_a_run_that_goes_in_circles) {
    tools.add(read_tool("s__a"), text_result("A"));
    for (int i = 0; i < 3; ++i) model.then(call_reply("s__a", {}));
    RunRequest r = request("q");
    r.budget.model_calls = 3;
    r.budget.tool_calls = 2;
    const auto outcome = run(std::move(r));
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->end, RunEnd::failed);
    EXPECT_EQ(outcome->error->reason(), "BUDGET_MODEL_CALLS");
    EXPECT_EQ(tools.calls.size(), 2u);
    EXPECT_THAT(journal.messages.back().text, HasSubstr("has used its 2 tool calls"));
}

TEST_F(RunTest, waiting_for_a_person_is_not_working_time) {
    tools.add(change_tool("s__do"), text_result("ok"));
    journal.on_gate = [&] { clock.advance(Millis(3'600'000)); };
    model.then(call_reply("s__do", {})).then(text_reply("done"));
    const auto outcome = run(request("q"));
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->end, RunEnd::finished);
    EXPECT_EQ(tools.calls.size(), 1u);
}

TEST_F(RunTest, working_time_ends) {
    tools.add(read_tool("s__slow"), [&](const ToolCall&, const CallContext&) -> Result<ToolResult> {
        clock.advance(Millis(60'000));
        return text_result("A");
    });
    model.then(call_reply("s__slow", {})).then(text_reply("never"));
    RunRequest r = request("q");
    r.budget.total = Millis(30'000);
    const auto outcome = run(std::move(r));
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->error->reason(), "BUDGET_TIME");
    EXPECT_EQ(outcome->error->code(), ErrorCode::timed_out);
}

TEST_F(RunTest, the_built_in_responder_takes_over_and_says_why) {
    add_clanker(tools);
    model.then(
        Error(ErrorCode::unauthenticated, "anthropic/claude refused the key: check models.providers.anthropic.apiKey"));
    const auto outcome = run(request("Is production healthy after the last deploy?"));
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->end, RunEnd::finished);
    EXPECT_THAT(outcome->text, HasSubstr("models.providers.anthropic.apiKey. The built-in responder answers instead"));
    EXPECT_THAT(outcome->text, HasSubstr("checkout crash-loops [e1]"));
    EXPECT_EQ(model.asked.size(), 1u);  // for the whole run
}

TEST_F(RunTest, the_story_question_then_rollback_then_result) {
    add_clanker(tools);
    const auto asked = run_builtin(request("Is production healthy after the last deploy?"));
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->text, "Production is unhealthy: checkout crash-loops [e1].");
    EXPECT_EQ(tools.calls[0].arguments, object(R"({"question":"Is production healthy after the last deploy?"})"));

    RunRequest next = resumed("Is production healthy after the last deploy?");
    next.run_id = "run-2";
    next.messages.push_back(user("Roll it back."));
    const auto changed = run_builtin(std::move(next));
    ASSERT_TRUE(changed);
    EXPECT_EQ(changed->text, "Rolled back; recovered [e9].");
    EXPECT_EQ(
        tools.calls[1].arguments,
        object(
            R"({"request":"Roll it back.","context":{"verdict":"unhealthy","subject":{"kind":"Deployment","name":"checkout"}}})"));
    EXPECT_EQ(tools.calls[2].arguments, object(R"({"plan_digest":"sha256:abc"})"));
    EXPECT_EQ(tools.calls_of("clanker__clanker_plan"), 1u);
    ASSERT_EQ(journal.gated.size(), 1u);
    EXPECT_THAT(journal.streamed, HasSubstr("Plan: roll back checkout to revision 4."));  // seen while it waits
}

TEST_F(RunTest, denied_and_expired_touch_nothing_and_say_so) {
    for (const auto& [answer, word] :
         {std::pair{GateAnswer::denied, "Denied."}, std::pair{GateAnswer::expired, "expired."}}) {
        tools = ScriptedTools();
        journal = MemoryJournal();
        add_clanker(tools);
        journal.answer = Gate{.answer = answer, .grant = {}, .explanation = "By alice at 10:00."};
        const auto outcome = run_builtin(request("roll back checkout"));
        ASSERT_TRUE(outcome);
        EXPECT_THAT(outcome->text, HasSubstr(word));
        EXPECT_THAT(outcome->text, HasSubstr("By alice at 10:00."));
        EXPECT_THAT(outcome->text, HasSubstr("nothing was touched"));
        EXPECT_EQ(tools.calls_of("clanker__clanker_apply"), 0u);
        EXPECT_TRUE(journal.begun.empty());
        EXPECT_TRUE(journal.messages[3].structured.contains("gate"));
    }
}

TEST_F(RunTest, a_yes_in_the_chat_applies_nothing) {
    add_clanker(tools);
    journal.answer.answer = GateAnswer::denied;
    ASSERT_TRUE(run_builtin(request("roll back checkout")));
    RunRequest next = resumed("roll back checkout");
    next.run_id = "run-2";
    next.messages.push_back(user("yes, do it"));
    const std::size_t before = tools.calls.size();
    const auto outcome = run_builtin(std::move(next));
    ASSERT_TRUE(outcome);
    EXPECT_THAT(outcome->text, HasSubstr("approves nothing"));
    EXPECT_EQ(tools.calls.size(), before);
    EXPECT_EQ(journal.gated.size(), 1u);
}

// Every write of the story fails once; the run then stops, and taken up again it ends with one apply and no more.
TEST_F(RunTest, cut_at_any_write_and_taken_up_again_applies_once) {
    for (int cut = 1; cut <= 7; ++cut) {
        tools = ScriptedTools();
        journal = MemoryJournal();
        add_clanker(tools);
        journal.fail_from_write = cut;
        const auto first = run_builtin(request("roll back checkout"));
        EXPECT_EQ(first.has_value(), cut == 7) << cut;  // plan, its result, apply, mark, its result, text
        journal.fail_from_write = 0;
        const auto second = run_builtin(resumed("roll back checkout"));
        ASSERT_TRUE(second) << cut;
        EXPECT_EQ(second->end, RunEnd::finished);
        EXPECT_EQ(tools.calls_of("clanker__clanker_apply"), 1u) << cut;
        const bool lost_its_answer = cut == 5;
        EXPECT_EQ(tools.calls_of("clanker__clanker_outcome"), lost_its_answer ? 1u : 0u) << cut;
        EXPECT_THAT(second->text, HasSubstr("recovered")) << cut;
        EXPECT_EQ(journal.messages.back().text, second->text);
    }
}

TEST_F(RunTest, a_lost_answer_of_a_change_is_settled_by_reading) {
    tools.add(change_tool("s__do", "s__look"), [](const ToolCall&, const CallContext&) -> Result<ToolResult> {
        return PINCER_FAIL(timed_out, "waiting for the answer of s timed out after 60s");
    });
    tools.add(read_tool("s__look"), text_result("It was done."));
    model.then(call_reply("s__do", object(R"({"x":1})"))).then(text_reply("done"));
    ASSERT_TRUE(run(request("q")));
    EXPECT_EQ(tools.calls_of("s__do"), 1u);
    EXPECT_EQ(tools.calls[1].arguments, object(R"({"x":1})"));
    EXPECT_FALSE(journal.messages[1].is_error);
    EXPECT_THAT(journal.messages[1].text, HasSubstr("timed out after 60s. It was not called again."));
    EXPECT_THAT(journal.messages[1].text, HasSubstr("It was done."));
}

TEST_F(RunTest, without_a_reader_the_outcome_is_unknown_and_said_to_be) {
    tools.add(change_tool("s__do"), [](const ToolCall&, const CallContext&) -> Result<ToolResult> {
        return PINCER_FAIL(unavailable, "s went away");
    });
    model.then(call_reply("s__do", {})).then(text_reply("done"));
    ASSERT_TRUE(run(request("q")));
    EXPECT_EQ(tools.calls.size(), 1u);
    EXPECT_TRUE(journal.messages[1].is_error);
    EXPECT_THAT(journal.messages[1].text, HasSubstr("outcome is unknown"));
    EXPECT_EQ(journal.messages[1].structured, object(R"({"outcome":"unknown"})"));
}

TEST_F(RunTest, a_refused_change_did_not_happen_and_is_not_called_unknown) {
    tools.add(change_tool("s__do", "s__look"), [](const ToolCall&, const CallContext&) -> Result<ToolResult> {
        return PINCER_FAIL(forbidden, "the grant names another plan");
    });
    tools.add(read_tool("s__look"), text_result("?"));
    model.then(call_reply("s__do", {})).then(text_reply("done"));
    ASSERT_TRUE(run(request("q")));
    EXPECT_EQ(tools.calls_of("s__look"), 0u);
    EXPECT_THAT(journal.messages[1].text, HasSubstr("was not allowed, so it was not made"));
}

Task<> run_into(RunRequest request, RunDeps deps, Journal& journal, std::optional<Result<RunOutcome>>& out) {
    out.emplace(co_await run_agent(std::move(request), deps, journal));
}

Task<> cancel_once_asked(RunRequest request, RunDeps deps, MemoryJournal& journal,
                         std::optional<Result<RunOutcome>>& out, io::Runtime& runtime) {
    io::TaskGroup group(runtime);
    group.spawn(run_into(std::move(request), deps, journal, out));
    while (journal.phases.empty()) co_await io::yield();
    co_await io::yield();
    co_await group.stop();
}

TEST_F(RunTest, an_aborted_run_keeps_what_was_said) {
    model.streaming("The first half").then_hang();
    std::optional<Result<RunOutcome>> outcome;
    runtime.run_until_done(cancel_once_asked(request("q"), deps(), journal, outcome, runtime));
    ASSERT_TRUE(outcome && *outcome);
    EXPECT_EQ((*outcome)->end, RunEnd::aborted);
    EXPECT_EQ((*outcome)->text, "The first half");
    EXPECT_TRUE(journal.messages.empty());
}

TEST_F(RunTest, a_run_aborted_while_it_waits_for_approval_has_touched_nothing) {
    add_clanker(tools);
    io::Event never(runtime);
    journal.decision = &never;
    std::optional<Result<RunOutcome>> outcome;
    struct Driver {
        static Task<> drive(RunRequest request, RunDeps deps, MemoryJournal& journal,
                            std::optional<Result<RunOutcome>>& out, io::Runtime& runtime) {
            io::TaskGroup group(runtime);
            group.spawn(run_into(std::move(request), deps, journal, out));
            while (journal.gated.empty()) co_await io::yield();
            co_await group.stop();
        }
    };
    RunDeps own{*builtin, *builtin, tools, egress, clock, runtime};
    runtime.run_until_done(Driver::drive(request("roll back checkout"), own, journal, outcome, runtime));
    ASSERT_TRUE(outcome && *outcome);
    EXPECT_EQ((*outcome)->end, RunEnd::aborted);
    EXPECT_EQ(tools.calls_of("clanker__clanker_apply"), 0u);
    EXPECT_TRUE(journal.begun.empty());
}

TEST_F(RunTest, a_hosted_model_gets_placeholders_and_people_and_tools_get_the_names_back) {
    ScriptedModel hosted("far/away", false);
    tools.add(read_tool("s__where"), text_result("node is 10.1.2.3, token ghp_0123456789abcdefghijABCDEFGHIJ012345"));
    tools.add(read_tool("s__look"), text_result("fine"));
    hosted.then(call_reply("s__where", {})).then(call_reply("s__look", object(R"({"node":"<ip-1>"})")));
    hosted.streaming("Node <ip-1> is <fine>").then(text_reply("Node <ip-1> is <fine>"));
    const auto outcome = runtime.run_until_done(
        run_agent(request("q"), RunDeps{hosted, *builtin, tools, egress, clock, runtime}, journal));
    ASSERT_TRUE(outcome);
    EXPECT_EQ(hosted.asked[1].messages.back().text, "node is <ip-1>, token <github-token-1>");
    EXPECT_EQ(tools.calls[1].arguments, object(R"({"node":"10.1.2.3"})"));
    EXPECT_EQ(outcome->text, "Node 10.1.2.3 is <fine>");
    EXPECT_EQ(journal.streamed, "Node 10.1.2.3 is <fine>");
    ASSERT_EQ(journal.egress.size(), 3u);
    EXPECT_EQ(journal.egress[1].redactions.size(), 2u);
    EXPECT_EQ(journal.egress[1].request_digest.size(), 64u);
}

TEST_F(RunTest, nothing_leaves_for_a_hosted_model_before_it_is_on_record) {
    ScriptedModel hosted("far/away", false);
    hosted.then(text_reply("hello"));
    io::Event disk(runtime);
    journal.disk = &disk;
    std::optional<Result<RunOutcome>> outcome;
    struct Driver {
        static Task<> drive(RunRequest request, RunDeps deps, MemoryJournal& journal,
                            std::optional<Result<RunOutcome>>& out, ScriptedModel& hosted) {
            io::TaskGroup group(deps.runtime);
            group.spawn(run_into(std::move(request), deps, journal, out));
            for (int turn = 0; turn < 50; ++turn) co_await io::yield();
            EXPECT_TRUE(hosted.asked.empty()) << "the record is not written yet";
            journal.disk->set();
            while (!out) co_await io::yield();
            co_await group.stop();
        }
    };
    RunDeps own{hosted, *builtin, tools, egress, clock, runtime};
    runtime.run_until_done(Driver::drive(request("hi"), own, journal, outcome, hosted));
    ASSERT_TRUE(outcome && *outcome);
    EXPECT_EQ((*outcome)->text, "hello");
    ASSERT_EQ(journal.egress.size(), 1u);
    EXPECT_EQ(hosted.asked.size(), 1u);
}

TEST_F(RunTest, a_run_aborted_while_its_egress_is_being_recorded_sends_nothing) {
    ScriptedModel hosted("far/away", false);
    hosted.then(text_reply("hello"));
    io::Event never(runtime);
    journal.disk = &never;
    std::optional<Result<RunOutcome>> outcome;
    struct Driver {
        static Task<> drive(RunRequest request, RunDeps deps, MemoryJournal& journal,
                            std::optional<Result<RunOutcome>>& out) {
            io::TaskGroup group(deps.runtime);
            group.spawn(run_into(std::move(request), deps, journal, out));
            for (int turn = 0; turn < 50; ++turn) co_await io::yield();
            co_await group.stop();
        }
    };
    runtime.run_until_done(
        Driver::drive(request("hi"), RunDeps{hosted, *builtin, tools, egress, clock, runtime}, journal, outcome));
    ASSERT_TRUE(outcome && *outcome);
    EXPECT_EQ((*outcome)->end, RunEnd::aborted);
    EXPECT_TRUE(hosted.asked.empty());
}

TEST_F(RunTest, what_cannot_be_recorded_does_not_leave_and_nobody_answers_in_the_models_place) {
    ScriptedModel hosted("far/away", false);
    hosted.then(text_reply("hello"));
    journal.fail_from_write = 1;
    const auto outcome = runtime.run_until_done(
        run_agent(request("hi"), RunDeps{hosted, *builtin, tools, egress, clock, runtime}, journal));
    ASSERT_FALSE(outcome) << "an error of the journal: the run can be taken up again";
    EXPECT_EQ(outcome.error().code(), ErrorCode::io);
    EXPECT_TRUE(hosted.asked.empty());
    EXPECT_TRUE(journal.messages.empty());
    journal.fail_from_write = 0;
    const auto again = runtime.run_until_done(
        run_agent(request("hi"), RunDeps{hosted, *builtin, tools, egress, clock, runtime}, journal));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->text, "hello");
}

class TakenUp : public RunTest {
protected:
    // A former life that ended while a person had not yet decided.
    void leave_a_change_waiting() {
        add_clanker(tools);
        io::Event never(runtime);
        journal.decision = &never;
        std::optional<Result<RunOutcome>> outcome;
        struct Driver {
            static Task<> drive(RunRequest request, RunDeps deps, MemoryJournal& journal,
                                std::optional<Result<RunOutcome>>& out) {
                io::TaskGroup group(deps.runtime);
                group.spawn(run_into(std::move(request), deps, journal, out));
                while (journal.gated.empty()) co_await io::yield();
                co_await group.stop();
            }
        };
        runtime.run_until_done(Driver::drive(request("roll back checkout"),
                                             RunDeps{*builtin, *builtin, tools, egress, clock, runtime}, journal,
                                             outcome));
        journal.decision = nullptr;
        for (const char* name : {"ask", "plan", "outcome", "apply"})
            tools.away.insert(fmt::format("clanker__clanker_{}", name));
    }
};

TEST_F(TakenUp, a_change_that_waits_for_a_person_waits_on_while_its_server_is_away) {
    leave_a_change_waiting();
    journal.on_gate = [this] { tools.away.clear(); };  // it comes back while somebody decides
    const auto outcome = run_builtin(resumed("roll back checkout"));
    ASSERT_TRUE(outcome);
    EXPECT_EQ(journal.gated.size(), 2u) << "asked again, under the same id";
    EXPECT_EQ(journal.gated[0].id, journal.gated[1].id);
    EXPECT_EQ(tools.calls_of("clanker__clanker_apply"), 1u);
    EXPECT_THAT(outcome->text, HasSubstr("recovered"));
}

TEST_F(TakenUp, an_approved_change_whose_server_stays_away_changed_nothing_and_says_so) {
    leave_a_change_waiting();
    journal.answer =
        Gate{.answer = GateAnswer::unreachable, .grant = {}, .explanation = "MCP server \"clanker\" is not reachable"};
    const auto outcome = run_builtin(resumed("roll back checkout"));
    ASSERT_TRUE(outcome);
    EXPECT_TRUE(journal.begun.empty());
    EXPECT_EQ(
        journal.messages[journal.messages.size() - 2].text,
        "clanker__clanker_apply could not be applied: MCP server \"clanker\" is not reachable; nothing was changed.");
    EXPECT_THAT(outcome->text, HasSubstr("nothing was changed"));
}

TEST_F(TakenUp, a_change_that_had_begun_is_read_once_its_server_is_back) {
    leave_a_change_waiting();
    journal.begun.insert(journal.gated[0].id);
    journal.on_gate = [this] { tools.away.clear(); };
    const auto outcome = run_builtin(resumed("roll back checkout"));
    ASSERT_TRUE(outcome);
    EXPECT_EQ(tools.calls_of("clanker__clanker_apply"), 0u);
    EXPECT_EQ(tools.calls_of("clanker__clanker_outcome"), 1u);
    EXPECT_THAT(tools.reached_for, ElementsAre("clanker__clanker_outcome"));
}

TEST_F(TakenUp, a_change_that_had_begun_and_cannot_be_read_is_not_called_undone) {
    leave_a_change_waiting();
    journal.begun.insert(journal.gated[0].id);
    const auto outcome = run_builtin(resumed("roll back checkout"));
    ASSERT_TRUE(outcome);
    EXPECT_TRUE(tools.calls_of("clanker__clanker_apply") == 0 && tools.calls_of("clanker__clanker_outcome") == 0);
    EXPECT_THAT(outcome->text, HasSubstr("outcome is unknown"));
    EXPECT_THAT(outcome->text, Not(HasSubstr("nothing was changed")));
}

}  // namespace
}  // namespace pincer::agent
