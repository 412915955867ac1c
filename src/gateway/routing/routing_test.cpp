#include "gateway/routing/routing.hpp"

#include <gtest/gtest.h>

namespace pincer::gateway {
namespace {

using channels::ConversationType;

channels::InboundMessage message(std::string channel, ConversationType type, std::string to, std::string thread,
                                 std::string sender) {
    channels::InboundMessage m;
    m.route = {std::move(channel), "work", std::move(to), std::move(thread)};
    m.type = type;
    m.sender = {.id = std::move(sender), .display = "Ann", .username = "ann"};
    return m;
}

TEST(Routing, every_conversation_has_its_key) {
    struct Row {
        const char* channel;
        ConversationType type;
        const char* thread;
        DmScope scope;
        const char* key;
    };
    const Row rows[] = {
        {"slack", ConversationType::direct, "", DmScope::main, "agent:main:main"},
        {"slack", ConversationType::direct, "9.1", DmScope::main, "agent:main:main"},
        {"slack", ConversationType::direct, "", DmScope::per_peer, "agent:main:direct:T1.U2"},
        {"slack", ConversationType::direct, "", DmScope::per_channel_peer, "agent:main:slack:direct:T1.U2"},
        {"slack", ConversationType::direct, "9.1", DmScope::per_channel_peer,
         "agent:main:slack:direct:T1.U2:thread:9.1"},
        {"slack", ConversationType::direct, "", DmScope::per_account_channel_peer,
         "agent:main:slack:work:direct:T1.U2"},
        {"slack", ConversationType::room, "", DmScope::per_channel_peer, "agent:main:slack:channel:C3"},
        {"slack", ConversationType::room, "9.1", DmScope::main, "agent:main:slack:channel:C3:thread:9.1"},
        {"slack", ConversationType::group, "", DmScope::main, "agent:main:slack:group:C3"},
        {"telegram", ConversationType::direct, "", DmScope::per_channel_peer, "agent:main:telegram:direct:T1.U2"},
        {"telegram", ConversationType::group, "", DmScope::per_peer, "agent:main:telegram:group:C3"},
        {"telegram", ConversationType::group, "42", DmScope::per_peer, "agent:main:telegram:group:C3:topic:42"},
        {"telegram", ConversationType::room, "42", DmScope::per_peer, "agent:main:telegram:channel:C3:topic:42"},
        {"webchat", ConversationType::direct, "", DmScope::per_channel_peer, "agent:main:webchat:direct:T1.U2"},
    };
    for (const Row& row : rows) {
        RoutingConfig config;
        config.dm_scope = row.scope;
        const auto m = message(row.channel, row.type, "C3", row.thread, "T1.U2");
        const Session session = session_for(config, m);
        EXPECT_EQ(session.key, row.key);
        EXPECT_EQ(session.route, m.route) << row.key;
        EXPECT_EQ(session.kind, row.type == ConversationType::direct ? SessionKind::direct : SessionKind::group)
            << row.key;
        EXPECT_EQ(session.display_name, row.type == ConversationType::direct ? "Ann" : "") << row.key;
    }
}

TEST(Routing, linked_accounts_of_one_human_share_a_conversation) {
    RoutingConfig config;
    config.dm_scope = DmScope::per_peer;
    config.identity_links["ann"] = {"slack:T1.U2", "telegram:99"};
    const auto slack = session_for(config, message("slack", ConversationType::direct, "D1", "", "T1.U2"));
    const auto telegram = session_for(config, message("telegram", ConversationType::direct, "99", "", "99"));
    EXPECT_EQ(slack.key, "agent:main:direct:ann");
    EXPECT_EQ(telegram.key, slack.key);
    EXPECT_EQ(config.human_of("slack:T1.U2"), "ann");
    EXPECT_EQ(config.human_of("slack:T1.U3"), "");
    EXPECT_EQ(session_for(config, message("telegram", ConversationType::direct, "7", "", "7")).key,
              "agent:main:direct:7");
}

TEST(Routing, a_principal_is_channel_and_stable_id_never_a_name) {
    EXPECT_EQ(principal_of({"slack", "work", "C1", ""}, {.id = "T1.U2", .display = "slack:T9.U9", .username = "boss"}),
              "slack:T1.U2");
}

}  // namespace
}  // namespace pincer::gateway
