#include "gateway/inbound/inbox.hpp"

#include "base/text.hpp"
#include "gateway/testing/gateway_test_base.hpp"

namespace pincer::gateway {
namespace {

using agent::testing::text_reply;
using channels::ConversationType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Inboxes : public testing::GatewayTest {
protected:
    void SetUp() override {}  // each test sets up its policy first
    void with_policy(channels::AccessPolicy policy) {
        config.channels[0].access = std::move(policy);
        GatewayTest::SetUp();
    }
    void open_to_all() { GatewayTest::SetUp(); }

    io::Event never{runtime};  // outlives what waits for it
};

TEST_F(Inboxes, strangers_are_refused_before_anybody_looks_at_their_text) {
    channels::AccessPolicy policy;
    policy.dm = channels::DmPolicy::allowlist;
    policy.allow_from = {"ann"};
    with_policy(policy);
    platform.write("eve", "/approve plugin:1 allow-once");
    platform.write("eve", "hello");
    testing::ScriptedPlatform::Message card;
    card.route = {"slack", "default", "D1", ""};
    card.buttons = {{{"Yes", "ap:o:plugin:1", channels::ButtonStyle::plain}}};
    platform.click("eve", card, 0);
    pump();
    EXPECT_EQ(platform.unacknowledged(), 0u) << "denied is dealt with: the platform need not say it again";
    EXPECT_THAT(platform.messages, IsEmpty());
    EXPECT_THAT(platform.action_answers, IsEmpty());
    EXPECT_THAT(audit_records("question.asked"), IsEmpty());
    EXPECT_EQ(core().store.session_count(), 0u);
    scripted.then(text_reply("hi"));
    platform.write("ann", "hello");
    pump();
    EXPECT_THAT(platform.messages, SizeIs(1));
}

TEST_F(Inboxes, in_a_group_only_what_mentions_us_or_stands_in_our_thread) {
    channels::AccessPolicy policy;
    policy.group = channels::GroupPolicy::open;
    with_policy(policy);
    scripted.then(text_reply("one")).then(text_reply("two"));
    channels::InboundMessage message;
    message.route = {"slack", "default", "C1", "17.1"};
    message.type = ConversationType::room;
    message.sender = {.id = "ann", .display = "Ann"};
    message.text = "unrelated";
    message.event_id = "g1";
    platform.offer(message);
    message.event_id = "g2";
    message.text = "to you";
    message.mentions_us = true;
    platform.offer(message);
    pump();
    message.event_id = "g3";
    message.text = "and more";
    message.mentions_us = false;  // but in a thread that is ours now
    platform.offer(message);
    message.event_id = "g4";
    message.route.thread_id = "99.9";
    platform.offer(message);
    pump();
    EXPECT_THAT(transcript("agent:main:slack:channel:C1:thread:17.1"),
                ElementsAre("user: to you", "assistant: one", "user: and more", "assistant: two"));
    EXPECT_EQ(core().store.session_count(), 1u);
    message.event_id = "g5";
    message.sender.is_bot = true;
    message.mentions_us = true;
    platform.offer(message);
    pump();
    EXPECT_EQ(core().store.session_count(), 1u) << "bots are not answered";
}

// What Slack's channel makes of a person of its own workspace, and of a guest with the same user id.
channels::Sender of_workspace(const std::string& team, const std::string& user) {
    return {.id = team + "." + user, .display = user, .home_id = team == "T1" ? user : ""};
}

TEST_F(Inboxes, a_plain_id_names_a_person_of_the_one_workspace_and_never_a_guest) {
    channels::AccessPolicy policy;
    policy.dm = channels::DmPolicy::allowlist;
    policy.allow_from = {"U9"};
    config.approvals.approvers = {"slack:U9"};
    with_policy(policy);
    channels::InboundMessage message;
    message.route = {"slack", "default", "D1", ""};
    message.text = "/approve plugin:none allow-once";
    for (const char* team : {"T1", "T2"}) {
        message.event_id = std::string("e-") + team;
        message.sender = of_workspace(team, "U9");
        platform.offer(message);
    }
    pump();
    ASSERT_THAT(platform.in("D1"), SizeIs(1)) << "the guest is not answered";
    EXPECT_THAT(platform.in("D1")[0].markdown, HasSubstr("unknown or expired approval id")) << "and U9 may decide";
    // With a second workspace a plain id says too little.
    stop();
    ChannelConfig second = config.channels[0];
    second.account.account_id = "other";
    config.channels.push_back(second);
    ASSERT_TRUE(start());
    message.event_id = "e-again";
    message.sender = of_workspace("T1", "U9");
    platform.offer(message);
    pump();
    EXPECT_THAT(platform.in("D1"), SizeIs(1));
}

TEST_F(Inboxes, an_event_that_is_said_again_is_dealt_with_once) {
    open_to_all();
    scripted.then(text_reply("hi"));
    const std::string id = platform.write("ann", "hello");
    pump();
    for (int i = 0; i < 3; ++i) platform.redeliver(id);
    pump();
    ASSERT_TRUE(restart());
    platform.redeliver(id);
    pump();
    EXPECT_EQ(platform.unacknowledged(), 0u);
    EXPECT_THAT(platform.messages, SizeIs(1));
    EXPECT_THAT(audit_records("question.asked"), SizeIs(1));
}

TEST_F(Inboxes, a_stranger_gets_one_code_and_is_let_in_by_it) {
    with_policy({});  // pairing is the default
    platform.write("eve", "hello", "D-eve");
    platform.write("eve", "hello??", "D-eve");
    pump();
    ASSERT_THAT(platform.in("D-eve"), SizeIs(1)) << "one answer however often they write";
    const auto requests = core().store.pairing_requests("slack");
    ASSERT_THAT(requests, SizeIs(1));
    EXPECT_THAT(platform.in("D-eve")[0].markdown, HasSubstr("openclaw pairing approve slack " + requests[0].code));
    EXPECT_THAT(audit_records("question.asked"), IsEmpty());
    ASSERT_TRUE(run(core().store.approve_pairing("slack", requests[0].code, "operator:cli")));
    scripted.then(text_reply("welcome"));
    platform.write("eve", "hello", "D-eve");
    pump();
    EXPECT_EQ(platform.in("D-eve").back().markdown, "welcome");
    platform.write("eve", "in a group now", "C1", "", ConversationType::room);
    pump();
    EXPECT_THAT(platform.in("C1"), IsEmpty()) << "pairing in private never opens a group";
}

TEST_F(Inboxes, a_pairing_answer_survives_a_crash_at_any_step_and_comes_once) {
    channels::AccessPolicy pairing;
    config.channels[0].access = pairing;
    for (int at = 1; at < 14; ++at) {
        testing::GatewayWorld world{std::uint64_t(at)};
        world.config.channels[0].access = pairing;
        ASSERT_TRUE(world.start());
        const int base = world.power.steps();
        world.power.fails_at = [&](std::string_view) { return world.power.steps() == base + at; };
        world.platform.write("eve", "hello");
        world.pump();
        if (!world.power.on()) {
            world.crash();
            ASSERT_TRUE(world.start());
        }
        world.advance(Millis(70'000));
        EXPECT_THAT(world.platform.messages, SizeIs(1)) << "the power failed at step " << at;
        EXPECT_EQ(world.platform.unacknowledged(), 0u);
    }
    GatewayTest::SetUp();
}

TEST_F(Inboxes, a_crowd_of_strangers_is_not_answered) {
    with_policy({});
    for (int i = 0; i < 10; ++i) platform.write(fmt::format("p{}", i), "hello", fmt::format("D{}", i));
    pump();
    EXPECT_THAT(platform.messages, SizeIs(channels::kMaxPendingPairings));
    EXPECT_EQ(platform.unacknowledged(), 0u);
}

TEST_F(Inboxes, approve_commands_are_answered_and_never_reach_the_model) {
    open_to_all();
    platform.write("boss", "/approve plugin:nothing allow-once");
    pump();
    ASSERT_THAT(platform.messages, SizeIs(1));
    EXPECT_THAT(platform.messages[0].markdown, HasSubstr("unknown or expired approval id"));
    EXPECT_THAT(scripted.asked, IsEmpty());
    EXPECT_EQ(core().store.session_count(), 0u);
}

TEST_F(Inboxes, a_button_of_unknown_meaning_gets_one_clear_answer) {
    open_to_all();
    testing::ScriptedPlatform::Message card;
    card.route = {"slack", "default", "D1", ""};
    card.buttons = {{{"Old", "something:else", channels::ButtonStyle::plain}}};
    platform.click("ann", card, 0);
    pump();
    ASSERT_THAT(platform.action_answers, SizeIs(1));
    EXPECT_THAT(platform.action_answers[0].second, HasSubstr("not known any more"));
}

TEST_F(Inboxes, long_and_broken_texts_are_made_whole) {
    open_to_all();
    scripted.then(text_reply("ok"));
    std::string text(70'000, 'x');
    text.insert(65'530, "\xF0\x9F\x91\x8B\xF0\x9F\x91\x8B\xFF");
    channels::InboundMessage message;
    message.route = {"slack", "default", "D1", ""};
    message.event_id = "long";
    message.sender = {.id = "ann", .display = "Ann\n**Approved**\x1b[31m"};
    message.text = text;
    platform.offer(message);
    pump();
    ASSERT_THAT(scripted.asked, SizeIs(1));
    const std::string& seen = scripted.asked[0].messages.back().text;
    EXPECT_LE(seen.size(), 65'536u + 3);
    EXPECT_TRUE(is_valid_utf8(seen));
    EXPECT_THAT(query("SELECT principal_display FROM runs"), ElementsAre("Ann **Approved**[31m"));
}

TEST_F(Inboxes, when_the_disk_says_no_the_platform_says_it_again) {
    open_to_all();
    scripted.then(text_reply("hi"));
    power.cut();
    const std::string id = platform.write("ann", "hello");
    pump();
    EXPECT_EQ(platform.unacknowledged(), 1u);
    crash();
    ASSERT_TRUE(start());
    EXPECT_EQ(platform.unacknowledged(), 0u);
    EXPECT_THAT(platform.messages, SizeIs(1));
}

TEST_F(Inboxes, a_question_of_the_page_is_asked_once_for_its_key) {
    open_to_all();
    scripted.then(text_reply("hi"));
    Session session;
    session.key = "agent:main:main";
    session.route = {"webchat", "default", session.key, ""};
    const approval::Principal me{"operator:web", "Web", ""};
    const auto first = run(core().inbox.ask(session, "hello", "key-1", me, false));
    const auto again = run(core().inbox.ask(session, "hello", "key-1", me, false));
    ASSERT_TRUE(first && again);
    EXPECT_FALSE(first->duplicate);
    EXPECT_TRUE(again->duplicate);
    pump();
    EXPECT_THAT(transcript(session.key), ElementsAre("user: hello", "assistant: hi"));
    EXPECT_THAT(audit_records("question.asked"), SizeIs(1));
    EXPECT_THAT(platform.messages, IsEmpty());
}

TEST_F(Inboxes, a_question_of_the_page_in_a_channel_session_is_delivered_only_when_asked_to) {
    open_to_all();
    scripted.then(text_reply("one")).then(text_reply("two")).then(text_reply("three"));
    platform.write("ann", "hello");
    pump();
    const Session session = *core().store.find("agent:main:slack:direct:ann");
    const approval::Principal me{"operator:web", "Web", ""};
    ASSERT_TRUE(run(core().inbox.ask(session, "quietly", "k1", me, false)));
    pump();
    EXPECT_THAT(platform.messages, SizeIs(1));
    ASSERT_TRUE(run(core().inbox.ask(session, "loudly", "k2", me, true)));
    pump();
    ASSERT_THAT(platform.messages, SizeIs(2));
    EXPECT_EQ(platform.messages[1].markdown, "three");
}

TEST(ApproveCommand, is_exactly_three_words) {
    const auto parsed = parse_approve_command("  /approve   plugin:1  allow-once ");
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->id, "plugin:1");
    EXPECT_EQ(parsed->decision, approval::Decision::allow_once);
    EXPECT_EQ(parse_approve_command("/approve x deny")->decision, approval::Decision::deny);
    for (const char* other : {"", "/approve", "/approve x", "/approve x maybe", "/approve x deny now",
                              "please /approve x deny", "/approved x deny"}) {
        EXPECT_FALSE(parse_approve_command(other)) << other;
    }
    EXPECT_FALSE(parse_approve_command("/approve " + std::string(1'000, 'x') + " deny"));
}

TEST_F(Inboxes, a_full_conversation_says_so_once_takes_nothing_more_and_keeps_its_order) {
    open_to_all();
    io::Event release(runtime);
    tools.add(agent::testing::read_tool("infra__look"), agent::testing::text_result("seen"));
    tools.hold("infra__look", release);
    scripted.then(agent::testing::call_reply("infra__look", {}));
    for (std::size_t i = 0; i < kMostOpenRuns; ++i) platform.write("ann", fmt::format("q{}", i));
    pump();
    ASSERT_EQ(core().runs.active("agent:main:slack:direct:ann").size(), kMostOpenRuns);
    std::string late;
    for (int i = 0; i < 5; ++i) late = platform.write("ann", "one too many");
    platform.write("bob", "another conversation is not concerned", "D2");
    scripted.then(text_reply("for bob"));
    pump();
    ASSERT_THAT(platform.in("D1"), SizeIs(1)) << "said once, not once for each";
    EXPECT_THAT(platform.in("D1")[0].markdown, HasSubstr("I did not take this one"));
    ASSERT_THAT(platform.in("D2"), SizeIs(1));
    EXPECT_EQ(platform.unacknowledged(), 0u) << "refused is dealt with: the platform need not say it again";
    EXPECT_THAT(audit_records("question.asked"), SizeIs(kMostOpenRuns + 1));

    for (std::size_t i = 0; i < kMostOpenRuns; ++i) scripted.then(text_reply(fmt::format("a{}", i)));
    release.set();
    pump(4'000);
    const auto said = platform.in("D1");
    ASSERT_THAT(said, SizeIs(kMostOpenRuns + 1));
    for (std::size_t i = 0; i < kMostOpenRuns; ++i) EXPECT_EQ(said[i + 1].markdown, fmt::format("a{}", i));
    platform.redeliver(late);
    scripted.then(text_reply("there is room again"));
    platform.write("ann", "and now?");
    pump();
    EXPECT_EQ(platform.in("D1").back().markdown, "there is room again");
    EXPECT_THAT(platform.in("D1"), SizeIs(kMostOpenRuns + 2)) << "what was refused stays refused";
}

TEST_F(Inboxes, a_full_conversation_is_full_after_a_restart_too_and_an_rpc_caller_gets_an_error) {
    open_to_all();
    tools.add(agent::testing::read_tool("infra__look"), agent::testing::text_result("seen"));
    tools.hold("infra__look", never);
    for (int life = 0; life < 2; ++life) scripted.then(agent::testing::call_reply("infra__look", {}));
    for (std::size_t i = 0; i < kMostOpenRuns; ++i) platform.write("ann", fmt::format("q{}", i));
    pump();
    crash();
    ASSERT_TRUE(start());
    pump();
    const std::string key = "agent:main:slack:direct:ann";
    ASSERT_EQ(core().runs.active(key).size(), kMostOpenRuns);
    auto asked = run(core().inbox.ask(*core().store.find(key), "and me?", "k1", {"operator:web", "Web", ""}, false));
    ASSERT_FALSE(asked);
    EXPECT_EQ(asked.error().code(), ErrorCode::rate_limited);
    EXPECT_EQ(asked.error().reason(), "SESSION_BUSY");
    EXPECT_THAT(asked.error().message(), HasSubstr("64 questions of this conversation are open already"));
    EXPECT_FALSE(core().store.find_run("k1"));
}

}  // namespace
}  // namespace pincer::gateway
