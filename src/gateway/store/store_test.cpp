#include "gateway/store/store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/fake_clock.hpp"
#include "channels/access.hpp"
#include "crypto/testing/seeded_random.hpp"
#include "gateway/store/conversation.hpp"
#include "gateway/store/schema.hpp"
#include "storage/testing/scratch.hpp"

namespace pincer::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kKey = "agent:main:slack:direct:ann";

Arrival arrival(std::string event_id, std::string text, std::string key = kKey) {
    Arrival a;
    a.channel = "slack";
    a.account_id = "default";
    a.event_id = std::move(event_id);
    a.session.key = std::move(key);
    a.session.route = {"slack", "default", "D1", ""};
    a.text = std::move(text);
    a.run_id = "run-" + a.event_id;
    a.principal = "slack:ann";
    a.principal_display = "Ann";
    a.reply_to = a.session.route;
    return a;
}

agent::Message says(std::string text) {
    agent::Message m;
    m.role = agent::Role::assistant;
    m.text = std::move(text);
    return m;
}

agent::Message calls(std::string id, std::string text = "") {
    agent::Message m = says(std::move(text));
    m.tool_calls.push_back({std::move(id), "infra__look", {}, ""});
    return m;
}

agent::Message result(std::string id) {
    agent::Message m;
    m.role = agent::Role::tool;
    m.tool_call_id = std::move(id);
    m.text = "seen";
    return m;
}

// On the real database, fsync and all.
class Stores : public ::testing::Test {
protected:
    void SetUp() override { open(); }
    void open() {
        store.reset();
        db.reset();
        auto opened = storage::Database::open(runtime, scratch / "state.sqlite", migrations());
        ASSERT_TRUE(opened) << opened.error().message();
        db = *std::move(opened);
        auto made = Store::open(*db, clock, random);
        ASSERT_TRUE(made);
        store = *std::move(made);
    }
    template <class T>
    T run(Task<T> task) {
        return runtime.run_until_done(std::move(task));
    }
    Accepted accept(Arrival a) {
        auto accepted = run(store->accept(std::move(a)));
        EXPECT_TRUE(accepted) << accepted.error().message();
        return accepted.value_or(Accepted{});
    }
    std::vector<std::string> texts(const std::vector<agent::Message>& messages) {
        std::vector<std::string> out;
        for (const auto& m : messages) out.push_back(m.text);
        return out;
    }

    io::Runtime runtime;
    ::pincer::testing::Scratch scratch;
    ::pincer::testing::FakeClock clock;
    ::pincer::testing::SeededRandom random{1};
    std::unique_ptr<storage::Database> db;
    std::unique_ptr<Store> store;
};

TEST_F(Stores, an_event_is_accepted_once_also_after_reopening) {
    EXPECT_FALSE(accept(arrival("e1", "hello")).duplicate);
    EXPECT_TRUE(accept(arrival("e1", "hello again")).duplicate);
    Arrival other_account = arrival("e1", "another account's event");
    other_account.account_id = "work";
    other_account.run_id = "other";
    EXPECT_FALSE(accept(other_account).duplicate);
    open();
    EXPECT_TRUE(store->seen("slack", "default", "e1"));
    EXPECT_TRUE(accept(arrival("e1", "hello once more")).duplicate);
    EXPECT_THAT(*store->tail(kKey, 10, true), SizeIs(2));
    EXPECT_THAT(*store->open_runs(), SizeIs(2));
    EXPECT_FALSE(*run(store->remember_event("slack", "default", "e1")));
}

TEST_F(Stores, event_ids_make_room_when_no_platform_will_say_them_again) {
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(*run(store->remember_event("slack", "default", fmt::format("old-{}", i))));
    clock.advance(kEventIdLife + Millis(1));
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(*run(store->remember_event("slack", "default", fmt::format("new-{}", i))));
    int left = 0;
    ASSERT_TRUE(db->read([&](storage::Connection& c) {
        return c.query("SELECT count(*) FROM inbound_events", {},
                       [&](const storage::Row& row) { return (left = int(row.integer(0))) < 0; });
    }));
    EXPECT_EQ(left, 4);
}

TEST_F(Stores, a_transcript_has_no_gaps_whatever_fails_in_between) {
    accept(arrival("e1", "one"));
    ASSERT_TRUE(run(store->append(kKey, "run-e1", calls("c1"), false)));
    EXPECT_FALSE(run(store->append("agent:main:nobody", "r", says("lost"), true)));
    Delivery delivery;
    delivery.out.delivery_id = "d1";
    delivery.out.route = {"slack", "default", "D1", ""};
    ASSERT_TRUE(run(store->enqueue(delivery)));
    // The delivery id is taken, so neither the answer nor the end of the run is written.
    EXPECT_EQ(run(store->append_answer(kKey, "run-e1", says("half"), delivery, RunState::finished)).error().code(),
              ErrorCode::already_exists);
    EXPECT_TRUE(store->find_run("run-e1")->live());
    EXPECT_THAT(*store->tail(kKey, 10, true), SizeIs(1));
    delivery.out.delivery_id = "d2";
    ASSERT_TRUE(run(store->append_answer(kKey, "run-e1", says("whole"), delivery, RunState::finished)));
    EXPECT_EQ(store->find_run("run-e1")->state, RunState::finished);
    EXPECT_THAT(*store->open_runs(), IsEmpty());
    EXPECT_THAT(*store->open_deliveries(), SizeIs(2));
    std::int64_t expected = 0;
    const auto entries = store->tail(kKey, 10, false);
    for (const Entry& entry : *entries) EXPECT_EQ(entry.seq, ++expected);
    EXPECT_EQ(expected, 3);
    EXPECT_EQ(store->find(kKey)->last_seq, 3);
    EXPECT_EQ(store->find(kKey)->title, "one");
    EXPECT_EQ(store->find(kKey)->preview, "whole");
}

TEST_F(Stores, many_writers_of_one_transcript_share_commits_and_leave_no_gap) {
    accept(arrival("e0", "zero"));
    io::TaskGroup group(runtime);
    struct One {
        static Task<> write(Store& store, int i, int& left, io::Event& done) {
            auto written = co_await store.append(kKey, "", says(std::to_string(i)), true);
            EXPECT_TRUE(written);
            if (--left == 0) done.set();
        }
    };
    int left = 200;
    io::Event done(runtime);
    for (int i = 0; i < 200; ++i) group.spawn(One::write(*store, i, left, done));
    ASSERT_TRUE(run(done.wait()));
    run(group.stop());
    const auto entries = store->tail(kKey, 500, false);
    ASSERT_THAT(*entries, SizeIs(201));
    for (std::size_t i = 0; i < entries->size(); ++i) EXPECT_EQ((*entries)[i].seq, std::int64_t(i + 1));
    EXPECT_EQ((*entries)[7].message.text, "6") << "in the order in which they were asked for";
}

TEST_F(Stores, a_run_keeps_where_its_answer_goes) {
    Arrival a = arrival("e1", "one");
    a.reply_to = {"slack", "work", "C7", "17.1"};
    accept(a);
    open();
    EXPECT_EQ(store->find_run("run-e1")->reply_to, (channels::Route{"slack", "work", "C7", "17.1"}));
    EXPECT_TRUE(store->find_run("run-e1")->answers_in_channel());
    EXPECT_FALSE(store->find_run("nothing"));
}

TEST_F(Stores, an_arrival_that_does_not_move_the_session_leaves_its_route) {
    accept(arrival("e1", "from slack"));
    Arrival web = arrival("e2", "from the web page");
    web.session.route = {"webchat", "default", kKey, ""};
    web.moves_session = false;
    accept(web);
    EXPECT_EQ(store->find(kKey)->route.channel, "slack");
    web.event_id = "e3";
    web.run_id = "run-e3";
    web.moves_session = true;
    accept(web);
    EXPECT_EQ(store->find(kKey)->route.channel, "webchat");
}

TEST_F(Stores, a_conversation_hides_other_runs_until_they_are_whole) {
    accept(arrival("a", "restart it"));
    ASSERT_TRUE(run(store->append(kKey, "run-a", calls("call-a", "I will"), false)));
    accept(arrival("b", "hello?"));
    const gateway::Run a = *store->find_run("run-a"), b = *store->find_run("run-b");
    EXPECT_THAT(texts(*store->conversation_for(b, 80)), ElementsAre("hello?"));
    ASSERT_TRUE(run(store->append_answer(kKey, "run-b", says("hi"), std::nullopt, RunState::finished)));
    EXPECT_THAT(texts(*store->conversation_for(a, 80)), ElementsAre("hello?", "hi", "restart it", "I will"));
    ASSERT_TRUE(run(store->append(kKey, "run-a", result("call-a"), false)));
    ASSERT_TRUE(run(store->append_answer(kKey, "run-a", says("done"), std::nullopt, RunState::finished)));
    accept(arrival("c", "thanks"));
    EXPECT_THAT(texts(*store->conversation_for(*store->find_run("run-c"), 80)),
                ElementsAre("restart it", "I will", "seen", "done", "hello?", "hi", "thanks"))
        << "whole turns, in the order in which they began";
}

TEST_F(Stores, half_a_turn_is_never_given_to_a_model) {
    const auto entry = [](std::string run, agent::Message m) {
        Entry e;
        e.run_id = std::move(run);
        e.message = std::move(m);
        return e;
    };
    agent::Message question;
    question.text = "q";
    EXPECT_THAT(whole_turns({entry("cut", result("c0")), entry("cut", says("old answer"))}), IsEmpty());
    EXPECT_THAT(whole_turns({entry("cut", says("old answer")), entry("r", question), entry("r", says("a"))}), SizeIs(2))
        << "begins with a person";
    const auto aborted = whole_turns(
        {entry("r", question), entry("r", calls("c1", "let me see")), entry("r", calls("c2")), entry("n", question)});
    ASSERT_THAT(aborted, SizeIs(3));
    EXPECT_EQ(aborted[1].text, "let me see");
    EXPECT_THAT(aborted[1].tool_calls, IsEmpty());
    EXPECT_THAT(whole_turns({entry("r", question), entry("", says("a note")), entry("", says("another"))}), SizeIs(3));
    EXPECT_THAT(whole_turns({entry("r", question), entry("r", result("orphan")), entry("r", says("a"))}), SizeIs(2));
}

TEST_F(Stores, a_session_goes_with_all_that_is_its_own_but_not_while_a_run_is_open) {
    accept(arrival("e1", "one"));
    EXPECT_EQ(run(store->remove_session(kKey)).error().code(), ErrorCode::conflict);
    ASSERT_TRUE(*run(store->mark_call_begun("run-e1", "c1", "infra__restart")));
    EXPECT_FALSE(*run(store->mark_call_begun("run-e1", "c1", "infra__restart")));
    EXPECT_THAT(*store->unsettled_calls(*store->find_run("run-e1")), SizeIs(1));
    ASSERT_TRUE(run(store->append(kKey, "run-e1", result("c1"), false)));
    EXPECT_THAT(*store->unsettled_calls(*store->find_run("run-e1")), IsEmpty());
    ASSERT_TRUE(run(store->set_run_state("run-e1", RunState::aborted)));
    EXPECT_TRUE(*run(store->remove_session(kKey)));
    EXPECT_FALSE(*run(store->remove_session(kKey)));
    EXPECT_EQ(store->find(kKey), nullptr);
    EXPECT_FALSE(store->find_run("run-e1"));
    EXPECT_EQ(store->list({}).total, 0u);
    open();
    EXPECT_EQ(store->session_count(), 0u);
    EXPECT_TRUE(accept(arrival("e1", "one")).duplicate) << "what was said is not said again";
}

TEST_F(Stores, sessions_are_listed_newest_first_and_found_by_what_people_see) {
    for (int i = 0; i < 5; ++i) {
        clock.advance(Millis(10));
        accept(arrival(fmt::format("e{}", i), fmt::format("question {}", i),
                       fmt::format("agent:main:slack:direct:u{}", i)));
    }
    clock.advance(Millis(10));
    accept(arrival("again", "more", "agent:main:slack:direct:u1"));
    SessionFilter filter;
    filter.limit = 2;
    auto page = store->list(filter);
    ASSERT_THAT(page.rows, SizeIs(2));
    EXPECT_EQ(page.total, 5u);
    EXPECT_EQ(page.rows[0]->key, "agent:main:slack:direct:u1");
    EXPECT_EQ(page.rows[1]->key, "agent:main:slack:direct:u4");
    filter.offset = 4;
    EXPECT_EQ(store->list(filter).rows.at(0)->key, "agent:main:slack:direct:u0");
    filter = {};
    filter.search = "QUESTION 3";
    EXPECT_EQ(store->list(filter).total, 1u);
    filter = {};
    filter.channel = "telegram";
    EXPECT_EQ(store->list(filter).total, 0u);
}

TEST_F(Stores, a_pairing_code_works_once_until_it_expires_for_one_sender) {
    const auto first = run(store->request_pairing("slack", "default", "eve", "Eve"));
    ASSERT_TRUE(first);
    EXPECT_EQ(first->code.size(), channels::kPairingCodeLength);
    EXPECT_EQ(run(store->request_pairing("slack", "default", "eve", "Eve"))->code, first->code)
        << "the same code while it lives";
    EXPECT_EQ(run(store->approve_pairing("slack", "WRONGXXX", "cli")).error().code(), ErrorCode::not_found);
    EXPECT_EQ(run(store->approve_pairing("telegram", first->code, "cli")).error().code(), ErrorCode::not_found);
    std::string lower = first->code;
    for (char& c : lower) c = char(std::tolower(c));
    const auto taken = run(store->approve_pairing("slack", lower, "cli"));
    ASSERT_TRUE(taken) << "typed in lower case";
    EXPECT_EQ(taken->sender_id, "eve");
    EXPECT_EQ(run(store->approve_pairing("slack", first->code, "cli")).error().code(), ErrorCode::not_found) << "once";
    EXPECT_THAT(store->paired("slack", "default"), ElementsAre("eve"));
    EXPECT_THAT(store->paired("slack", "work"), IsEmpty());

    const auto late = run(store->request_pairing("slack", "default", "bob", "Bob"));
    clock.advance(channels::kPairingTtl + Millis(1));
    EXPECT_EQ(run(store->approve_pairing("slack", late->code, "cli")).error().code(), ErrorCode::expired);
    EXPECT_THAT(store->pairing_requests("slack"), IsEmpty());
    EXPECT_NE(run(store->request_pairing("slack", "default", "bob", "Bob"))->code, late->code);
    for (std::size_t i = 1; i < channels::kMaxPendingPairings; ++i)
        ASSERT_TRUE(run(store->request_pairing("slack", "default", fmt::format("p{}", i), "P")));
    EXPECT_EQ(run(store->request_pairing("slack", "default", "crowd", "C")).error().code(), ErrorCode::rate_limited);
    EXPECT_TRUE(run(store->request_pairing("slack", "work", "crowd", "C"))) << "another account has room";
    open();
    EXPECT_THAT(store->paired("slack", "default"), ElementsAre("eve"));
    EXPECT_THAT(store->pairing_requests(""), SizeIs(channels::kMaxPendingPairings + 1));
}

TEST_F(Stores, the_event_log_is_trimmed_and_replays_from_any_place) {
    accept(arrival("e1", "one"));
    const auto [oldest, newest] = store->event_range();
    EXPECT_EQ(oldest, 1);
    EXPECT_EQ(newest, 1);
    ASSERT_TRUE(db != nullptr);
    // Most of it in one transaction, as nothing but the count matters here.
    std::function<Result<>(storage::Connection&)> fill = [](storage::Connection& c) -> Result<> {
        for (std::int64_t i = 2; i <= kKeptEvents + 500; ++i)
            PINCER_CHECK(c.execute("INSERT INTO events (name, payload, at) VALUES ('x', '{}', 0)"));
        return {};
    };
    ASSERT_TRUE(run(db->write(fill)));
    open();
    std::int64_t id = 0;
    while (id % 256 != 0 || id == 0) id = *run(store->log_event("health", "{}"));
    EXPECT_EQ(store->event_range().second, id);
    EXPECT_EQ(store->event_range().first, id - kKeptEvents + 1);
    const auto first = store->events_after(0, 1);
    ASSERT_THAT(*first, SizeIs(1));
    EXPECT_EQ((*first)[0].id, store->event_range().first) << "what is told is what is there";
    EXPECT_THAT(*store->events_after(id - 3, 100), SizeIs(3));
    EXPECT_THAT(*store->events_after(id, 100), IsEmpty());
    EXPECT_THAT(*store->events_after(0, 10), SizeIs(10));
}

TEST_F(Stores, a_note_is_said_once_for_each_key) {
    accept(arrival("e1", "one"));
    Delivery delivery;
    delivery.purpose = "send";
    delivery.out.delivery_id = "send:slack:k1";
    delivery.out.route = {"slack", "default", "D1", ""};
    const auto said = run(store->say("slack", "k1", kKey, says("note"), delivery));
    ASSERT_TRUE(said);
    EXPECT_FALSE(said->duplicate);
    ASSERT_TRUE(said->entry);
    EXPECT_GT(said->entry->event_id, 0);
    EXPECT_TRUE(run(store->say("slack", "k1", kKey, says("note"), delivery))->duplicate);
    EXPECT_THAT(*store->open_deliveries(), SizeIs(1));
    // When any part of it cannot be written none is, and the key stays free.
    EXPECT_FALSE(run(store->say("slack", "k2", "agent:main:nobody", says("note"), std::nullopt)));
    EXPECT_FALSE(run(store->say("slack", "k2", "", says("note"), std::nullopt))->duplicate);
}

TEST_F(Stores, cards_are_known_until_they_are_rewritten) {
    Delivery card;
    card.purpose = "approval";
    card.subject = "plugin:1";
    card.out.delivery_id = "card";
    card.out.route = {"slack", "default", "D1", ""};
    ASSERT_TRUE(run(store->enqueue(card)));
    EXPECT_THAT(*store->cards_without_outcome(), IsEmpty()) << "not yet there";
    ASSERT_TRUE(run(store->set_delivery("card", DeliveryState::sent, 1, {"ref-1"}, "")));
    ASSERT_THAT(*store->cards_without_outcome(), SizeIs(1));
    EXPECT_EQ((*store->cards_without_outcome())[0].refs, (std::vector<std::string>{"ref-1"}));
    card.purpose = "approval-outcome";
    card.out.delivery_id = "outcome:card";
    ASSERT_TRUE(run(store->enqueue(card)));
    EXPECT_THAT(*store->cards_without_outcome(), IsEmpty());
    EXPECT_THAT(*store->deliveries_of("plugin:1"), SizeIs(2));
    EXPECT_THAT(*store->deliveries_of(""), IsEmpty());
}

TEST_F(Stores, a_delivery_comes_back_from_disk_as_it_was) {
    Delivery d;
    d.purpose = "approval";
    d.out.delivery_id = "d1";
    d.out.route = {"telegram", "bot", "-100", "7"};
    d.out.markdown = "**hi** \xF0\x9F\x91\x8B";
    d.out.buttons = {
        {{"Yes", "ap:o:1", channels::ButtonStyle::primary}, {"No", "ap:d:1", channels::ButtonStyle::danger}}};
    d.out.edit_of = "ref";
    d.out.reply_to = "m1";
    ASSERT_TRUE(run(store->enqueue(d)));
    open();
    const auto open_ones = store->open_deliveries();
    ASSERT_THAT(*open_ones, SizeIs(1));
    const Delivery& back = (*open_ones)[0];
    EXPECT_EQ(back.out.route, d.out.route);
    EXPECT_EQ(back.out.markdown, d.out.markdown);
    EXPECT_EQ(back.out.edit_of, "ref");
    EXPECT_EQ(back.out.reply_to, "m1");
    ASSERT_EQ(back.out.buttons.size(), 1u);
    EXPECT_EQ(back.out.buttons[0][1].token, "ap:d:1");
    EXPECT_EQ(back.out.buttons[0][1].style, channels::ButtonStyle::danger);
    EXPECT_EQ(back.created_at, clock.wall());
}

}  // namespace
}  // namespace pincer::gateway
