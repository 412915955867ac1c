#include "base/text.hpp"
#include "gateway/testing/gateway_test_base.hpp"

namespace pincer::gateway {
namespace {

using agent::testing::call_reply;
using agent::testing::change_tool;
using agent::testing::read_tool;
using agent::testing::text_reply;
using agent::testing::text_result;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::object;
using ::testing::SizeIs;

constexpr const char* kSession = "agent:main:slack:direct:ann";

class Runs : public testing::GatewayTest {
protected:
    std::vector<std::string> states() { return query("SELECT state FROM runs ORDER BY created_at, id"); }
    void approve() {
        ASSERT_NE(platform.card(), nullptr);
        platform.click("boss", *platform.card(), 0);
        pump();
    }
    // A tool that changes something and counts how often it did.
    void add_change(std::string settled_by = "") {
        tools.add(change_tool("infra__restart", std::move(settled_by)), text_result("restarted"));
    }
};

TEST_F(Runs, a_question_is_answered_once_where_it_was_asked) {
    scripted.then(text_reply("All is well."));
    platform.write("ann", "Is production healthy?", "D1", "17.1");
    pump();
    EXPECT_EQ(platform.unacknowledged(), 0u);
    ASSERT_THAT(platform.messages, SizeIs(1));
    EXPECT_EQ(platform.messages[0].markdown, "All is well.");
    EXPECT_EQ(platform.messages[0].route, (channels::Route{"slack", "default", "D1", "17.1"}));
    EXPECT_THAT(transcript(std::string(kSession) + ":thread:17.1"),
                ElementsAre("user: Is production healthy?", "assistant: All is well."));
    EXPECT_THAT(states(), ElementsAre("finished"));
    EXPECT_THAT(audit_records("question.asked"), SizeIs(1));
    EXPECT_THAT(audit_records("answer.given"), SizeIs(1));
    ASSERT_TRUE(restart());
    EXPECT_THAT(platform.messages, SizeIs(1)) << "nothing is said again";
}

TEST_F(Runs, a_restart_at_any_step_gives_the_same_end) {
    // Counts the steps of the whole story, then lets the power fail at each of them in turn.
    const auto play = [](int fail_at, int& steps) {
        testing::GatewayWorld world;
        int applied = 0;
        world.tools.add(change_tool("infra__restart", "infra__status"),
                        [&](const auto&, const auto&) -> Result<agent::ToolResult> {
                            if (!world.power.step("tool.before")) return PINCER_FAIL(unavailable, "gone");
                            ++applied;
                            if (!world.power.step("tool.after")) return PINCER_FAIL(unavailable, "gone");
                            return text_result("restarted");
                        });
        world.tools.add(read_tool("infra__status"), [&](const auto&, const auto&) -> Result<agent::ToolResult> {
            if (!world.power.step("status")) return PINCER_FAIL(unavailable, "gone");
            return text_result(applied ? "it was restarted" : "nothing happened");
        });
        // The model goes by the conversation alone, as a real one does.
        struct Planner final : agent::Model {
            std::string_view id() const override { return "test/planner"; }
            bool is_local() const override { return true; }
            Task<Result<agent::ModelReply>> respond(agent::ModelRequest request, agent::DeltaSink, Deadline) override {
                const agent::Message& last = request.messages.back();
                if (last.role == agent::Role::user) co_return call_reply("infra__restart", object(R"({"name":"web"})"));
                co_return text_reply("Result: " + last.text);
            }
        } planner;
        world.model = &planner;
        EXPECT_TRUE(world.start());
        world.power.fails_at = [&, failed = false](std::string_view) mutable {
            return !failed && world.power.steps() == fail_at && (failed = true);
        };
        world.platform.write("ann", "restart web");
        bool approved = false;
        for (int life = 0; life < 4; ++life) {
            world.pump();
            if (world.power.on() && !approved && world.platform.card()) {
                approved = true;
                world.platform.click("boss", *world.platform.card(), 0);
                world.pump();
            }
            if (!world.power.on()) {
                world.crash();
                EXPECT_TRUE(world.start());
            }
            world.advance(Millis(70'000));
        }
        steps = world.power.steps();
        EXPECT_LE(applied, 1) << "never twice";
        EXPECT_EQ(world.platform.in("D1").size(), 2u) << "one card, one answer";
        const auto* card = &world.platform.messages.front();
        EXPECT_THAT(card->markdown, HasSubstr("Approved by Mr boss"));
        EXPECT_TRUE(card->buttons.empty());
        const auto lines = world.transcript(kSession);
        EXPECT_EQ(lines.size(), 2u);
        // Killed between the mark and the call, it was never called: then the answer says so, from reading.
        if (lines.size() == 2) EXPECT_THAT(lines[1], HasSubstr(applied ? "restarted" : "nothing happened"));
        EXPECT_THAT(world.query("SELECT state FROM runs"), ElementsAre("finished"));
        EXPECT_THAT(world.query("SELECT count(*) FROM gated_calls"), ElementsAre("1"));
        EXPECT_EQ(world.query("SELECT count(DISTINCT id) FROM deliveries WHERE state <> 'sent'"),
                  std::vector<std::string>{"0"});
        EXPECT_EQ(world.audit_faults(), "");
        world.stop();
    };
    int steps = 0;
    play(-1, steps);
    ASSERT_GT(steps, 30);
    const int all = steps;
    for (int at = 1; at <= all && !HasFailure(); ++at) {
        SCOPED_TRACE(fmt::format("the power fails at step {}", at));
        play(at, steps);
    }
}

TEST_F(Runs, a_run_that_waits_for_a_person_lets_the_conversation_go_on) {
    add_change();
    scripted.then(call_reply("infra__restart", object("{}")))
        .then(text_reply("Hello to you."))
        .then(text_reply("Restarted it."));
    platform.write("ann", "restart");
    pump();
    platform.write("ann", "hello?");
    pump();
    EXPECT_THAT(transcript(kSession), ElementsAre("user: restart", "user: hello?", "assistant: Hello to you."));
    ASSERT_THAT(scripted.asked, SizeIs(2));
    for (const auto& m : scripted.asked[1].messages)
        EXPECT_NE(m.text, "restart") << "the unfinished run is not part of the conversation";
    approve();
    EXPECT_THAT(transcript(kSession),
                ElementsAre("user: restart", "user: hello?", "assistant: Hello to you.", "assistant: Restarted it."));
    EXPECT_EQ(tools.calls_of("infra__restart"), 1u);
    EXPECT_THAT(tools.contexts[0].principal, "slack:ann");
    EXPECT_FALSE(tools.contexts[0].grant.empty());
}

TEST_F(Runs, the_slot_of_a_conversation_lives_as_long_as_a_waiting_run_needs_it) {
    add_change();
    scripted.then(call_reply("infra__restart", object("{}")))
        .then(text_reply("one"))
        .then(text_reply("two"))
        .then(text_reply("done"));
    platform.write("ann", "restart");
    pump();
    for (const char* text : {"a", "b"}) {  // each ends while the first waits: the slot is idle twice
        platform.write("ann", text);
        pump();
    }
    approve();
    EXPECT_THAT(states(), ElementsAre("finished", "finished", "finished"));
}

TEST_F(Runs, questions_of_one_conversation_are_answered_one_after_the_other_in_order) {
    io::Event release(runtime);
    tools.add(read_tool("infra__look"), text_result("seen"));
    tools.hold("infra__look", release);
    scripted.then(call_reply("infra__look", object("{}"))).then(text_reply("first")).then(text_reply("second"));
    platform.write("ann", "one");
    platform.write("ann", "two");
    pump();
    EXPECT_THAT(scripted.asked, SizeIs(1)) << "the second question waits for its turn";
    release.set();
    pump();
    EXPECT_THAT(transcript(kSession), ElementsAre("user: one", "user: two", "assistant: first", "assistant: second"));
    ASSERT_THAT(platform.messages, SizeIs(2));
    EXPECT_EQ(platform.messages[1].markdown, "second");
}

TEST_F(Runs, order_holds_across_a_restart_when_the_clock_stood_still) {
    power.fails_at = [](std::string_view) { return false; };
    io::Event never(runtime);
    tools.add(read_tool("infra__look"), text_result("seen"));
    tools.hold("infra__look", never);
    scripted.then(call_reply("infra__look", object("{}")));
    for (int i = 0; i < 5; ++i) platform.write("ann", fmt::format("q{}", i));
    pump();
    never.set();
    crash();
    for (int i = 0; i < 5; ++i) scripted.then(text_reply(fmt::format("a{}", i)));
    ASSERT_TRUE(start());
    pump();
    std::vector<std::string> answers;
    for (const auto& m : platform.messages) answers.push_back(m.markdown);
    EXPECT_THAT(answers, ElementsAre("a0", "a1", "a2", "a3", "a4"));
}

TEST_F(Runs, an_answer_goes_where_its_question_came_from_even_when_the_session_has_moved) {
    stop();
    config.routing.dm_scope = DmScope::main;
    ASSERT_TRUE(start());
    io::Event release(runtime);
    tools.add(read_tool("infra__look"), text_result("seen"));
    tools.hold("infra__look", release);
    scripted.then(call_reply("infra__look", object("{}"))).then(text_reply("for D1")).then(text_reply("for D2"));
    platform.write("ann", "one", "D1");
    pump();
    platform.write("ann", "two", "D2");  // moves the session's route
    pump();
    release.set();
    pump();
    ASSERT_THAT(platform.in("D1"), SizeIs(1));
    EXPECT_EQ(platform.in("D1")[0].markdown, "for D1");
    ASSERT_THAT(platform.in("D2"), SizeIs(1));
    EXPECT_EQ(platform.in("D2")[0].markdown, "for D2");
}

TEST_F(Runs, an_abort_keeps_what_was_said_and_withdraws_what_was_asked) {
    add_change();
    scripted.then(call_reply("infra__restart", object("{}"))).streaming("half an ans").then_hang();
    platform.write("ann", "restart");
    pump();
    const auto pending = core().approvals.desk().pending();
    ASSERT_THAT(pending, SizeIs(1));
    const auto active = core().runs.active(kSession);
    ASSERT_THAT(active, SizeIs(1));
    EXPECT_TRUE(core().runs.abort(active[0]));
    EXPECT_FALSE(core().runs.abort("no such run"));
    pump();
    EXPECT_EQ(core().approvals.desk().find(pending[0].id)->status, approval::Status::cancelled);
    ASSERT_NE(platform.find(platform.messages[0].delivery_id), nullptr);
    EXPECT_THAT(platform.messages[0].markdown, HasSubstr("Withdrawn"));
    EXPECT_TRUE(platform.messages[0].buttons.empty());

    platform.write("ann", "and now?");
    pump();
    ASSERT_THAT(core().runs.active(kSession), SizeIs(1));
    core().runs.abort(core().runs.active(kSession)[0]);
    pump();
    EXPECT_THAT(states(), ElementsAre("aborted", "aborted"));
    EXPECT_THAT(transcript(kSession), ElementsAre("user: restart", "user: and now?", "assistant: half an ans"));
    EXPECT_THAT(platform.in("D1"), SizeIs(1)) << "nobody is sent half an answer";
    EXPECT_EQ(tools.calls_of("infra__restart"), 0u);
}

TEST_F(Runs, an_abort_after_a_change_began_says_that_its_outcome_is_unknown) {
    add_change();
    io::Event never(runtime);
    tools.hold("infra__restart", never);
    scripted.then(call_reply("infra__restart", object("{}")));
    platform.write("ann", "restart");
    pump();
    approve();
    ASSERT_EQ(tools.calls_of("infra__restart"), 1u);
    core().runs.abort(core().runs.active(kSession).at(0));
    pump();
    EXPECT_THAT(transcript(kSession).back(), HasSubstr("infra__restart had begun already, and its outcome is unknown"));
    EXPECT_THAT(platform.messages.back().markdown, HasSubstr("outcome is unknown"));
    EXPECT_THAT(states(), ElementsAre("aborted"));
}

TEST_F(Runs, a_failure_is_told_and_closes_the_run) {
    scripted.then(Error(ErrorCode::unavailable, "model away"));  // the built-in responder takes over
    platform.write("ann", "hello");
    pump();
    ASSERT_THAT(platform.messages, SizeIs(1));
    EXPECT_THAT(platform.messages[0].markdown, HasSubstr("model away"));
    // A gate that cannot ask: the plan is not one that anybody here has seen.
    add_change();
    scripted.then(call_reply("infra__restart", object(R"({"plan_digest":"abc"})")));
    platform.write("ann", "apply it");
    pump();
    EXPECT_THAT(platform.messages.back().markdown,
                HasSubstr("no plan with the digest abc was made in this conversation"));
    EXPECT_THAT(query("SELECT state FROM runs ORDER BY state"), ElementsAre("failed", "finished"));
    EXPECT_EQ(tools.calls_of("infra__restart"), 0u);
    EXPECT_THAT(core().approvals.desk().pending(), SizeIs(0));
    ASSERT_TRUE(restart());
    EXPECT_THAT(platform.messages, SizeIs(2));
}

TEST_F(Runs, a_begun_change_whose_tool_is_gone_after_a_restart_is_not_called_undone) {
    add_change();
    io::Event never(runtime);
    tools.hold("infra__restart", never);
    scripted.then(call_reply("infra__restart", object("{}")));
    platform.write("ann", "restart");
    pump();
    approve();
    crash();
    tools = agent::testing::ScriptedTools();  // the server does not come back
    scripted.then(text_reply("I do not know how it ended."));
    ASSERT_TRUE(start());
    pump();
    ASSERT_THAT(scripted.asked, SizeIs(2));
    EXPECT_THAT(scripted.asked[1].messages.back().text, HasSubstr("outcome is unknown"));
    EXPECT_THAT(scripted.asked[1].messages.back().text, Not(HasSubstr("nothing was changed")));
    EXPECT_THAT(platform.messages.back().markdown, "I do not know how it ended.");
}

TEST_F(Runs, a_question_is_still_seen_by_its_run_after_much_was_said_meanwhile) {
    add_change();
    scripted.then(call_reply("infra__restart", object("{}")));
    platform.write("ann", "restart the web server");
    pump();
    for (int i = 0; i < 60; ++i) scripted.then(text_reply("yes"));
    for (int i = 0; i < 60; ++i) {
        platform.write("ann", "still there?");
        pump(60);
    }
    pump();
    scripted.then(text_reply("done"));
    approve();
    const auto& seen = scripted.asked.back().messages;
    EXPECT_TRUE(std::any_of(seen.begin(), seen.end(),
                            [](const agent::Message& m) { return m.text == "restart the web server"; }));
    EXPECT_EQ(seen.back().role, agent::Role::tool);
    EXPECT_EQ(platform.messages.back().markdown, "done");
}

TEST_F(Runs, a_grant_is_fresh_when_the_turn_comes_however_long_that_took) {
    add_change();
    io::Event release(runtime);
    tools.add(read_tool("infra__look"), text_result("seen"));
    tools.hold("infra__look", release);
    scripted.then(call_reply("infra__restart", object("{}")))
        .then(call_reply("infra__look", object("{}")))
        .then(text_reply("seen"))
        .then(text_reply("done"));
    platform.write("ann", "restart");
    pump();
    platform.write("ann", "look");  // holds the turn
    pump();
    approve();
    clock.advance(kGrantLife * 2);
    release.set();
    pump();
    ASSERT_EQ(tools.calls_of("infra__restart"), 1u);
    const std::string payload =
        *from_base64(tools.contexts.back().grant.substr(0, tools.contexts.back().grant.find('.')));
    const auto expires = json::int_at(object(payload), "expiresAt");
    ASSERT_TRUE(expires) << payload;
    EXPECT_EQ(*expires, to_millis(clock.wall() + kGrantLife));
}

TEST_F(Runs, events_of_a_turn_come_in_order) {
    std::vector<std::string> seen;
    auto listening = core().events.subscribe([&](const Event& event) {
        const json::object payload = object(*event.payload);
        std::string line = event.name;
        for (const char* key : {"state", "stream", "reason"}) {
            if (const auto value = json::string_at(payload, key)) line += fmt::format(" {}", *value);
        }
        if (seen.empty() || seen.back() != line) seen.push_back(line);
    });
    scripted.streaming("Hel").then(text_reply("Hello"));
    platform.write("ann", "hi");
    pump();
    EXPECT_THAT(seen, ElementsAre("sessions.changed send", "session.message", "chat status", "agent lifecycle",
                                  "agent assistant", "chat delta", "agent assistant", "chat delta", "session.message",
                                  "chat final", "agent lifecycle", "sessions.changed agent.input.settled"))
        << "the first piece at once, the rest together, since no time has passed";
}

TEST_F(Runs, nothing_leaves_for_a_hosted_model_before_its_record_is_in_the_chain) {
    stop();
    agent::testing::ScriptedModel hosted("far/away", false);
    hosted.then(text_reply("Hello."));
    model = &hosted;
    ASSERT_TRUE(start());
    int records = 0;
    power.fails_at = [&](std::string_view step) {
        return step == "chain.before" && ++records == 2;
    };  // the first: the question
    platform.write("ann", "hi");
    pump();
    ASSERT_FALSE(power.on());
    EXPECT_THAT(hosted.asked, SizeIs(0));
    power.fails_at = nullptr;
    crash();
    ASSERT_TRUE(start());
    pump();
    EXPECT_THAT(hosted.asked, SizeIs(1));
    const auto left = audit_records("model.egress");
    ASSERT_THAT(left, SizeIs(1));
    EXPECT_EQ(json::string_or(*json::object_at(left[0], "body"), "model"), "far/away");
    EXPECT_THAT(transcript(kSession), ElementsAre("user: hi", "assistant: Hello."));
    stop();  // before the model goes
}

// The Gateway comes back, the server of the tool does not: what waits for a person is not the server's to withdraw.
class ServerAway : public Runs {
protected:
    void wait_and_restart_without_the_server() {
        add_change("infra__status");
        tools.add(read_tool("infra__status"), text_result("it was restarted"));
        scripted.then(call_reply("infra__restart", object("{}")));
        platform.write("ann", "restart");
        pump();
        ASSERT_THAT(core().approvals.desk().pending(), SizeIs(1));
        crash();
        tools.away = {"infra__restart", "infra__status"};
        ASSERT_TRUE(start());
        pump();
    }
};

TEST_F(ServerAway, an_approval_stays_and_the_change_is_made_once_the_server_is_back) {
    wait_and_restart_without_the_server();
    io::Event back(runtime);
    tools.back = &back;
    ASSERT_THAT(core().approvals.desk().pending(), SizeIs(1));
    EXPECT_EQ(platform.messages.size(), 1u) << "one card, still with its buttons";
    advance(Millis(60'000));
    approve();
    EXPECT_THAT(tools.calls, SizeIs(0));
    scripted.then(text_reply("Hello."));
    platform.write("ann", "are you there?");
    pump();
    EXPECT_EQ(platform.messages.back().markdown, "Hello.") << "the conversation goes on meanwhile";
    scripted.then(text_reply("Restarted it."));
    back.set();
    pump();
    EXPECT_EQ(tools.calls_of("infra__restart"), 1u);
    EXPECT_FALSE(tools.contexts[0].grant.empty());
    EXPECT_EQ(platform.messages.back().markdown, "Restarted it.");
    EXPECT_THAT(states(), ElementsAre("finished", "finished"));
}

TEST_F(ServerAway, an_approved_change_that_could_not_be_sent_is_said_to_have_changed_nothing) {
    wait_and_restart_without_the_server();
    scripted.then(text_reply("It could not be applied."));
    approve();  // no `back`: the wait for the server ends without it
    EXPECT_THAT(tools.calls, SizeIs(0));
    EXPECT_EQ(scripted.asked.back().messages.back().text,
              "infra__restart could not be applied: MCP server \"infra\" is not reachable; nothing was changed.");
    EXPECT_THAT(query("SELECT count(*) FROM begun_calls"), ElementsAre("0"));
    EXPECT_THAT(audit_records("grant.issued"), SizeIs(0)) << "no permission for what was not to be done";
    EXPECT_THAT(states(), ElementsAre("finished"));
    ASSERT_TRUE(restart());
    EXPECT_EQ(platform.messages.back().markdown, "It could not be applied.");
}

TEST_F(ServerAway, an_approval_expires_at_its_own_time_and_a_denial_is_a_denial) {
    wait_and_restart_without_the_server();
    scripted.then(text_reply("Expired."));
    advance(Millis(29 * 60'000));
    ASSERT_THAT(core().approvals.desk().pending(), SizeIs(1));
    advance(Millis(2 * 60'000));
    EXPECT_THAT(core().approvals.desk().pending(), SizeIs(0));
    EXPECT_THAT(scripted.asked.back().messages.back().text, HasSubstr("The approval expired."));
    EXPECT_THAT(tools.reached_for, SizeIs(0));
}

TEST_F(ServerAway, what_had_begun_is_settled_by_reading_when_the_server_is_back) {
    add_change("infra__status");
    tools.add(read_tool("infra__status"), text_result("it was restarted"));
    io::Event never(runtime);
    tools.hold("infra__restart", never);
    scripted.then(call_reply("infra__restart", object("{}")));
    platform.write("ann", "restart");
    pump();
    approve();
    ASSERT_EQ(tools.calls_of("infra__restart"), 1u);
    crash();
    io::Event back(runtime);
    tools.away = {"infra__restart", "infra__status"};
    tools.back = &back;
    ASSERT_TRUE(start());
    pump();
    EXPECT_EQ(scripted.asked.size(), 1u) << "it waits";
    scripted.then(text_reply("It was restarted."));
    back.set();
    pump();
    EXPECT_EQ(tools.calls_of("infra__restart"), 1u);
    EXPECT_EQ(tools.calls_of("infra__status"), 1u);
    EXPECT_EQ(platform.messages.back().markdown, "It was restarted.");
}

}  // namespace
}  // namespace pincer::gateway
