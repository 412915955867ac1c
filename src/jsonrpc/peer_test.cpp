#include "jsonrpc/peer.hpp"

#include <gtest/gtest.h>

namespace pincer::jsonrpc {
namespace {

Peer::Event one(Peer& peer, std::string_view text) {
    std::vector<Peer::Event> events;
    peer.receive(text, events);
    EXPECT_EQ(events.size(), 1u);
    return std::move(events.front());
}

std::string request(int id) { return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"method":"m"})"; }

TEST(Peer, matches_an_answer_to_its_request_once) {
    Peer peer;
    auto asked = peer.request("ping", {});
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->text, R"({"jsonrpc":"2.0","id":1,"method":"ping"})");

    const std::string answer = R"({"jsonrpc":"2.0","id":1,"result":{}})";
    EXPECT_EQ(std::get<Peer::Answered>(one(peer, answer)).id, asked->id);
    EXPECT_TRUE(std::holds_alternative<Peer::Ignored>(one(peer, answer)));
    EXPECT_EQ(peer.outgoing(), 0u);
}

TEST(Peer, ignores_late_answers_strange_ids_and_broken_responses) {
    Peer peer;
    auto asked = peer.request("m", {});
    EXPECT_TRUE(peer.abandon(asked->id));
    EXPECT_FALSE(peer.abandon(asked->id));
    for (const char* text :
         {R"({"jsonrpc":"2.0","id":1,"result":{}})", R"({"jsonrpc":"2.0","id":"1","result":{}})",
          R"({"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"?"}})", R"({"jsonrpc":"2.0","id":1,"error":1})"}) {
        EXPECT_TRUE(std::holds_alternative<Peer::Ignored>(one(peer, text))) << text;
    }
}

TEST(Peer, answers_each_request_once_and_a_dropped_one_never) {
    Peer peer;
    EXPECT_TRUE(std::holds_alternative<Request>(one(peer, request(1))));
    EXPECT_TRUE(std::holds_alternative<Request>(one(peer, request(2))));
    EXPECT_EQ(peer.answer(1, {}), R"({"jsonrpc":"2.0","id":1,"result":{}})");
    EXPECT_FALSE(peer.answer(1, {}));
    EXPECT_TRUE(peer.drop(2).was_known);
    EXPECT_FALSE(peer.drop(2).was_known);
    EXPECT_FALSE(peer.fail(2, {}));
    EXPECT_FALSE(peer.answer(9, {}));
}

TEST(Peer, refuses_an_id_in_use_and_more_work_than_allowed) {
    Peer peer({.max_outgoing = 1, .max_incoming = 2, .busy_code = -32001});
    one(peer, request(1));
    const auto twice = one(peer, request(1));
    EXPECT_NE(std::get<Peer::Reply>(twice).text.find("-32600"), std::string::npos);
    one(peer, request(2));
    const auto busy = one(peer, request(3));
    EXPECT_NE(std::get<Peer::Reply>(busy).text.find("-32001"), std::string::npos);
    EXPECT_EQ(peer.incoming(), 2u);

    EXPECT_TRUE(peer.request("a", {}));
    EXPECT_EQ(peer.request("b", {}).error().code(), ErrorCode::rate_limited);
}

TEST(Peer, answers_a_batch_in_one_text_when_its_last_member_is_answered) {
    Peer peer({.limits = {.batch = 10}});
    std::vector<Peer::Event> events;
    peer.receive("[" + request(1) + R"(,{"jsonrpc":"2.0","method":"n"},7,)" + request(2) + "," + request(3) + "]",
                 events);
    ASSERT_EQ(events.size(), 5u);
    EXPECT_TRUE(std::holds_alternative<Peer::Ignored>(events[2]));  // its error waits for the others
    EXPECT_FALSE(peer.answer(2, {}));
    EXPECT_FALSE(peer.drop(1).text);
    const auto text = peer.answer(3, {{"x", 1}});
    ASSERT_TRUE(text);
    const auto answers = json::parse(*text);
    ASSERT_TRUE(answers) << *text;
    EXPECT_EQ(answers->as_array().size(), 3u);
}

TEST(Peer, a_batch_of_notifications_or_of_dropped_requests_is_not_answered) {
    Peer peer({.limits = {.batch = 10}});
    std::vector<Peer::Event> events;
    peer.receive(R"([{"jsonrpc":"2.0","method":"n"},{"jsonrpc":"2.0","method":"n"}])", events);
    EXPECT_EQ(events.size(), 2u);
    peer.receive("[" + request(1) + "]", events);
    const auto dropped = peer.drop(1);
    EXPECT_TRUE(dropped.was_known);
    EXPECT_FALSE(dropped.text);
}

TEST(Peer, abandon_all_gives_back_what_waited) {
    Peer peer;
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(peer.request("m", {}));
    EXPECT_EQ(peer.abandon_all(), (std::vector<RequestId>{1, 2, 3}));
    EXPECT_EQ(peer.outgoing(), 0u);
}

}  // namespace
}  // namespace pincer::jsonrpc
