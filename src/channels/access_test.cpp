#include "channels/access.hpp"

#include <gtest/gtest.h>

namespace pincer::channels {
namespace {

using enum Verdict;
constexpr auto kDirect = ConversationType::direct;
constexpr auto kGroup = ConversationType::group;
constexpr auto kRoom = ConversationType::room;

AccessQuestion ask(ConversationType type, std::string sender, std::string conversation = "G1") {
    return {
        .type = type, .sender_id = std::move(sender), .conversation_id = std::move(conversation), .mentions_us = true};
}

// One row for each DM policy and list; columns are a listed, a paired and an unknown sender.
TEST(Access, direct_messages) {
    struct Row {
        DmPolicy policy;
        std::vector<std::string> allow_from;
        Verdict listed, paired, stranger;
    };
    const Row rows[] = {
        {DmPolicy::pairing, {"listed"}, allow, allow, pair},
        {DmPolicy::pairing, {}, pair, allow, pair},
        {DmPolicy::pairing, {"*"}, pair, allow, pair},
        {DmPolicy::allowlist, {"listed"}, allow, deny, deny},
        {DmPolicy::allowlist, {}, deny, deny, deny},
        {DmPolicy::allowlist, {"*"}, deny, deny, deny},
        {DmPolicy::open, {"*"}, allow, allow, allow},
        {DmPolicy::open, {"listed"}, allow, deny, deny},
        {DmPolicy::open, {}, deny, deny, deny},
        {DmPolicy::disabled, {"listed", "*"}, ignore, ignore, ignore},
    };
    for (const auto& row : rows) {
        const AccessPolicy policy{.dm = row.policy, .allow_from = row.allow_from};
        SCOPED_TRACE(testing::Message() << "policy " << int(row.policy) << " list of " << row.allow_from.size());
        EXPECT_EQ(decide(policy, {"paired"}, ask(kDirect, "listed")), row.listed);
        EXPECT_EQ(decide(policy, {"paired"}, ask(kDirect, "paired")), row.paired);
        EXPECT_EQ(decide(policy, {"paired"}, ask(kDirect, "stranger")), row.stranger);
        EXPECT_EQ(decide(policy, {"paired", "*"}, ask(kDirect, "*")), row.policy == DmPolicy::disabled  ? ignore
                                                                      : row.policy == DmPolicy::open    ? row.stranger
                                                                      : row.policy == DmPolicy::pairing ? allow
                                                                                                        : deny);
    }
}

TEST(Access, groups_and_rooms) {
    struct Row {
        GroupPolicy policy;
        std::vector<std::string> groups, senders;
        Verdict listed, stranger, listed_elsewhere;
    };
    const Row rows[] = {
        {GroupPolicy::allowlist, {"G1"}, {"listed"}, allow, deny, deny},
        {GroupPolicy::allowlist, {"G1"}, {}, deny, deny, deny},
        {GroupPolicy::allowlist, {}, {"listed"}, deny, deny, deny},
        {GroupPolicy::allowlist, {}, {}, deny, deny, deny},
        {GroupPolicy::allowlist, {"*"}, {"*"}, deny, deny, deny},
        {GroupPolicy::open, {}, {}, allow, allow, allow},
        {GroupPolicy::open, {"*"}, {"*"}, allow, allow, allow},
        {GroupPolicy::open, {"G1"}, {}, allow, allow, deny},
        {GroupPolicy::open, {}, {"listed"}, allow, deny, allow},
        {GroupPolicy::disabled, {"G1", "*"}, {"listed", "*"}, ignore, ignore, ignore},
    };
    for (const auto type : {kGroup, kRoom}) {
        for (std::size_t i = 0; i < std::size(rows); ++i) {
            SCOPED_TRACE(testing::Message() << "type " << int(type) << " row " << i);
            const AccessPolicy policy{.dm = DmPolicy::pairing,
                                      .group = rows[i].policy,
                                      .groups = rows[i].groups,
                                      .group_allow_from = rows[i].senders};
            EXPECT_EQ(decide(policy, {}, ask(type, "listed")), rows[i].listed);
            EXPECT_EQ(decide(policy, {}, ask(type, "stranger")), rows[i].stranger);
            EXPECT_EQ(decide(policy, {}, ask(type, "listed", "G2")), rows[i].listed_elsewhere);
            // Having paired, or being on the DM list, changes nothing in a group.
            EXPECT_EQ(decide(policy, {"stranger"}, ask(type, "stranger")), rows[i].stranger);
            auto with_dm_list = policy;
            with_dm_list.allow_from = {"stranger"};
            EXPECT_EQ(decide(with_dm_list, {}, ask(type, "stranger")), rows[i].stranger);
        }
    }
}

TEST(Access, a_group_must_mention_us_unless_it_is_excepted_or_in_our_thread) {
    AccessPolicy policy{.groups = {"G1"}, .group_allow_from = {"a"}};
    auto question = ask(kRoom, "a");
    question.mentions_us = false;
    EXPECT_EQ(decide(policy, {}, question), ignore);
    question.in_our_thread = true;
    EXPECT_EQ(decide(policy, {}, question), allow);
    question.in_our_thread = false;
    policy.mention_optional = {"G1"};
    EXPECT_EQ(decide(policy, {}, question), allow);
    policy.mention_optional = {};
    policy.require_mention = false;
    EXPECT_EQ(decide(policy, {}, question), allow);
    question.sender_id = "b";
    EXPECT_EQ(decide(policy, {}, question), deny);
}

TEST(Access, bots_and_the_nameless_are_ignored_everywhere) {
    const AccessPolicy policy{.dm = DmPolicy::open, .allow_from = {"*", "robot"}, .group = GroupPolicy::open};
    for (const auto type : {kDirect, kGroup, kRoom}) {
        auto question = ask(type, "robot");
        question.is_bot = true;
        EXPECT_EQ(decide(policy, {"robot"}, question), ignore);
        EXPECT_EQ(decide(policy, {""}, ask(type, "")), ignore);
    }
}

AccessPolicy configured(std::string_view text) {
    return AccessPolicy::from_config(json::parse_object(text).value()).value();
}

TEST(Access, defaults_are_closed) {
    const auto policy = configured("{}");
    EXPECT_EQ(policy.dm, DmPolicy::pairing);
    EXPECT_EQ(policy.group, GroupPolicy::allowlist);
    EXPECT_TRUE(policy.require_mention);
    EXPECT_TRUE(policy.allow_from.empty() && policy.groups.empty() && policy.group_allow_from.empty());
}

TEST(Access, reads_the_keys_of_openclaw) {
    const auto policy =
        configured(R"({"dmPolicy": "allowlist", "allowFrom": [99, "tg:100", "T1.U1"], "groupPolicy": "allowlist",
        "groups": {"-1001": {"requireMention": false}, "-1002": {"enabled": false}, "-1003": {}}, "groupAllowFrom": ["99"]})");
    EXPECT_EQ(policy.dm, DmPolicy::allowlist);
    EXPECT_EQ(policy.allow_from, (std::vector<std::string>{"99", "100", "T1.U1"}));
    EXPECT_EQ(policy.groups, (std::vector<std::string>{"-1001", "-1003"}));
    EXPECT_EQ(policy.mention_optional, std::vector<std::string>{"-1001"});
    EXPECT_TRUE(policy.require_mention);

    const auto slack = configured(
        R"({"dm": {"policy": "open", "allowFrom": ["*"]}, "channels": {"C1": {"allow": true}, "*": {"requireMention": false}}})");
    EXPECT_EQ(slack.dm, DmPolicy::open);
    EXPECT_EQ(slack.groups, (std::vector<std::string>{"C1", "*"}));
    EXPECT_FALSE(slack.require_mention);
    EXPECT_EQ(configured(R"({"dm": {"enabled": false}})").dm, DmPolicy::disabled);
}

TEST(Access, a_wrong_value_is_named) {
    const std::pair<std::string_view, std::string_view> rows[] = {
        {R"({"dmPolicy": "everyone"})", "dmPolicy must be one of pairing, allowlist, open, disabled"},
        {R"({"dmPolicy": "open"})", "dmPolicy \"open\" needs \"*\" in allowFrom"},
        {R"({"dmPolicy": "open", "allowFrom": ["99"]})", "needs \"*\""},
        {R"({"allowFrom": "99"})", "allowFrom must be a list"},
        {R"({"allowFrom": [1.5]})", "allowFrom must hold ids"},
        {R"({"allowFrom": [""]})", "empty id"},
        {R"({"groupPolicy": 1})", "groupPolicy must be one of allowlist, open, disabled"},
        {R"({"groups": ["-1001"]})", "groups must be an object"},
        {R"({"channels": {"C1": true}})", "channels.C1 must be an object"},
    };
    for (const auto& [text, message] : rows) {
        const auto policy = AccessPolicy::from_config(json::parse_object(text).value());
        ASSERT_FALSE(policy) << text;
        EXPECT_EQ(policy.error().code(), ErrorCode::invalid_argument);
        EXPECT_NE(policy.error().message().find(message), std::string::npos) << policy.error().message();
    }
}

TEST(Access, an_id_within_the_own_workspace_counts_like_the_full_one) {
    const AccessPolicy policy{.dm = DmPolicy::pairing,
                              .allow_from = {"U9"},
                              .group = GroupPolicy::allowlist,
                              .groups = {"G1"},
                              .group_allow_from = {"U9", "*"}};
    for (const auto type : {kDirect, kGroup}) {
        AccessQuestion question = ask(type, "T1.U9");
        question.sender_home_id = "U9";
        EXPECT_EQ(decide(policy, {}, question), allow);
        question.sender_id = "T2.U9";  // somebody of another workspace who has the same user id
        question.sender_home_id = "";
        EXPECT_EQ(decide(policy, {}, question), type == kDirect ? pair : deny);
        question.sender_home_id = "*";
        EXPECT_EQ(decide(policy, {}, question), type == kDirect ? pair : deny);
    }
}

}  // namespace
}  // namespace pincer::channels
