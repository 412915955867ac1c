#include "bridge/queue.hpp"

#include <gtest/gtest.h>

namespace pincer::bridge {
namespace {

json::object event(std::string_view text) { return {{"type", "message"}, {"text", text}}; }

TEST(EventQueue, counts_from_one_and_consumes_nothing) {
    EventQueue queue;
    EXPECT_EQ(queue.poll(0, "", 20).next_cursor, 0);
    EXPECT_EQ(queue.push(event("a"), "k").text, R"({"cursor":1,"type":"message","text":"a"})");
    queue.push(event("b"), "other");
    for (int i = 0; i < 2; ++i) {
        const auto page = queue.poll(0, "", 20);
        EXPECT_EQ(page.events.size(), 2u);
        EXPECT_EQ(page.next_cursor, 2);
        EXPECT_FALSE(page.gap);
    }
    EXPECT_EQ(queue.poll(0, "", 1).next_cursor, 1);
    EXPECT_EQ(queue.poll(0, "other", 20).events.front()->cursor, 2);
    EXPECT_EQ(queue.poll(2, "", 20).next_cursor, 2);
}

TEST(EventQueue, drops_the_oldest_and_reports_the_gap) {
    EventQueue queue;
    for (int i = 0; i < 1005; ++i) queue.push(event("x"), i % 2 ? "odd" : "even");
    EXPECT_EQ(queue.size(), 1000u);
    const auto page = queue.poll(3, "", 1);
    ASSERT_TRUE(page.gap);
    EXPECT_EQ(json::write(page.gap->to_json()), R"({"requested_after_cursor":3,"oldest_available_cursor":6})");
    EXPECT_FALSE(queue.poll(5, "", 1).gap);
    EXPECT_EQ(queue.poll(0, "nobody", 5).next_cursor, 5);  // behind the gap
}

TEST(EventQueue, a_huge_event_keeps_its_place_and_loses_its_body) {
    EventQueue queue;
    const auto& queued =
        queue.push({{"type", "message"}, {"messageId", "m"}, {"text", std::string(5u << 20, 'x')}}, "k");
    EXPECT_EQ(queued.text, R"({"cursor":1,"type":"message","messageId":"m","truncated":true})");
}

TEST(EventQueue, goes_on_counting_after_what_was_restored) {
    EventQueue queue;
    queue.restore({41, "k", R"({"cursor":41})"});
    queue.restore({40, "k", R"({"cursor":40})"});  // out of order: passed over
    EXPECT_EQ(queue.size(), 1u);
    EXPECT_EQ(queue.push(event("a"), "k").cursor, 42);
}

TEST(EventQueue, tells_of_what_was_missed_between_two_events) {
    EventQueue queue;
    queue.push(event("a"), "k");
    EXPECT_EQ(queue.lose(), 2);
    // Nothing has come since: the gap is told all the same, once.
    auto page = queue.poll(1, "", 20);
    ASSERT_TRUE(page.gap);
    EXPECT_EQ(json::write(page.gap->to_json()), R"({"requested_after_cursor":1,"oldest_available_cursor":3})");
    EXPECT_EQ(page.next_cursor, 2);
    EXPECT_FALSE(queue.poll(2, "", 20).gap);
    EXPECT_EQ(queue.push(event("b"), "k").cursor, 3);
    // From before it: first what there is, then the gap with what comes after.
    page = queue.poll(0, "", 20);
    ASSERT_EQ(page.events.size(), 1u);
    EXPECT_FALSE(page.gap);
    EXPECT_EQ(page.next_cursor, 1);
    page = queue.poll(1, "", 20);
    ASSERT_TRUE(page.gap);
    EXPECT_EQ(page.gap->oldest_available_cursor, 3);
    ASSERT_EQ(page.events.size(), 1u);
    EXPECT_EQ(page.next_cursor, 3);
    // Who waits for one conversation only must hear of it too: it may have been theirs.
    EXPECT_TRUE(queue.poll(0, "nobody", 20).gap);
    EXPECT_EQ(queue.poll(0, "nobody", 20).next_cursor, 2);
    EXPECT_FALSE(queue.poll(2, "nobody", 20).gap);
}

TEST(EventQueue, remembers_what_was_missed_when_it_is_restored) {
    EventQueue queue;
    queue.restore({1, "k", R"({"cursor":1})"});
    queue.restore_lost(2);
    EXPECT_TRUE(queue.poll(1, "", 20).gap);
    EXPECT_EQ(queue.push(event("a"), "k").cursor, 3);
}

}  // namespace
}  // namespace pincer::bridge
