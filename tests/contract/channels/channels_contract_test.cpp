// What every channel keeps, whatever its platform: run over all_channels(), each against a scripted platform of its
// own.
#include <gtest/gtest.h>

#include "channels/channel.hpp"
#include "tests/contract/channels/platform.hpp"

namespace pincer::channels::contract {
namespace {

std::unique_ptr<Platform> platform_of(std::string_view id, io::Runtime& runtime) {
    if (id == "slack") return make_slack_platform(runtime);
    if (id == "telegram") return make_telegram_platform(runtime);
    if (id == "webchat") return make_webchat_platform(runtime);
    return nullptr;
}

// A channel that runs against its platform, and an inbox.
struct Bench {
    io::Runtime runtime;
    std::unique_ptr<Platform> platform;
    std::unique_ptr<Channel> channel;
    FakeInbox inbox{runtime};
    io::TaskGroup tasks{runtime};
    std::optional<Result<>> ended;

    Task<> run_channel() { ended = co_await channel->run(inbox); }
    bool connected() const { return channel->health().state == LinkState::connected; }

    Task<> start() {
        tasks.spawn(run_channel());
        std::function<bool()> up = [this] { return connected(); };
        EXPECT_TRUE(co_await until(std::move(up))) << channel->health().detail;
    }
    Outgoing outgoing(std::string delivery, std::string text) const {
        return {.delivery_id = std::move(delivery), .route = platform->route(), .markdown = std::move(text)};
    }
    Task<Result<Delivered>> send(Outgoing message) {
        return channel->send(std::move(message), Deadline::after(Millis(5000)));
    }
};

class ChannelContract : public ::testing::TestWithParam<const ChannelType*> {
protected:
    void SetUp() override {
        bench.platform = platform_of(GetParam()->id, bench.runtime);
        ASSERT_TRUE(bench.platform) << "add a platform for " << GetParam()->id << " to tests/contract/channels";
        auto made = GetParam()->make(bench.platform->config(), bench.platform->services());
        ASSERT_TRUE(made) << made.error().message();
        bench.channel = *std::move(made);
    }
    using Body = Task<> (*)(Bench&);
    void play(Body body) { bench.runtime.run_until_done(acts(bench, body)); }
    static Task<> acts(Bench& bench, Body body) {
        co_await bench.start();
        co_await body(bench);
        co_await bench.tasks.stop();
    }
    Bench bench;
};

void expect_no_canary(const Error& error) {
    EXPECT_EQ(error.message().find(kCanary), std::string::npos) << error.message();
    EXPECT_EQ(error.foreign().find(kCanary), std::string::npos) << error.foreign();
}

Task<> hears_once(Bench& bench) {
    bench.platform->says(1, "hello");
    bench.platform->says(1, "hello");
    bench.platform->says(2, "and");
    std::function<bool()> acknowledged = [&bench] {
        return bench.platform->acknowledged(1) && bench.platform->acknowledged(2);
    };
    EXPECT_TRUE(co_await until(std::move(acknowledged)));
    EXPECT_EQ(bench.inbox.messages.size(), 2u);
    if (bench.inbox.messages.size() != 2) co_return;
    const auto& first = bench.inbox.messages[0];
    EXPECT_EQ(first.text, "hello");
    EXPECT_EQ(first.route, bench.platform->route());
    EXPECT_TRUE(first.route.complete());
    EXPECT_FALSE(first.sender.id.empty() || first.event_id.empty() || first.message_id.empty());
    EXPECT_EQ(bench.inbox.messages[1].text, "and");
    EXPECT_TRUE(bench.channel->health().last_event.has_value());
}
TEST_P(ChannelContract, an_event_told_twice_has_one_id_and_events_keep_their_order) {
    if (!bench.platform->speaks()) GTEST_SKIP() << "messages come in through the Gateway";
    play(hears_once);
}

Task<> acknowledges_late(Bench& bench) {
    bench.inbox.shut();
    bench.platform->says(1, "hello");
    std::function<bool()> told = [&bench] { return bench.inbox.told == 1; };
    EXPECT_TRUE(co_await until(std::move(told)));
    for (int i = 0; i < 100; ++i) co_await io::yield();
    EXPECT_FALSE(bench.platform->acknowledged(1)) << "acknowledged before it was on disk";
    bench.inbox.reopen();
    std::function<bool()> acknowledged = [&bench] { return bench.platform->acknowledged(1); };
    EXPECT_TRUE(co_await until(std::move(acknowledged)));
    EXPECT_EQ(bench.inbox.messages.size(), 1u);
}
TEST_P(ChannelContract, an_event_is_acknowledged_only_once_the_inbox_has_answered) {
    if (!bench.platform->speaks()) GTEST_SKIP() << "messages come in through the Gateway";
    play(acknowledges_late);
}

Task<> sends_in_order(Bench& bench) {
    for (int i = 0; i < 5; ++i) {
        const auto sent = co_await bench.send(bench.outgoing("d" + std::to_string(i), "message " + std::to_string(i)));
        EXPECT_TRUE(sent && sent->message_refs.size() == 1u);
    }
    EXPECT_EQ(bench.platform->seen.size(), 5u);
    for (std::size_t i = 0; i < bench.platform->seen.size(); ++i)
        EXPECT_EQ(bench.platform->seen[i].text, "message " + std::to_string(i));
}
TEST_P(ChannelContract, messages_arrive_in_the_order_of_sending) { play(sends_in_order); }

Task<> is_limited(Bench& bench) {
    bench.platform->limit_next_send(Millis(1000));
    const auto limited = co_await bench.send(bench.outgoing("d1", "hello"));
    EXPECT_FALSE(limited);
    if (limited) co_return;
    EXPECT_EQ(limited.error().code(), ErrorCode::rate_limited);
    EXPECT_EQ(limited.error().retry_after(), Millis(1000));
    EXPECT_TRUE(bench.platform->seen.empty());
    const auto patience = Deadline::after(Millis(5000));
    for (;;) {
        const auto sent = co_await bench.send(bench.outgoing("d1", "hello"));
        if (sent) break;
        EXPECT_EQ(sent.error().code(), ErrorCode::rate_limited);
        EXPECT_FALSE(patience.passed());
        if (patience.passed()) break;
        co_await io::yield();
    }
    EXPECT_EQ(bench.platform->seen.size(), 1u);
}
TEST_P(ChannelContract, a_rate_limit_says_how_long_and_the_message_arrives_after_it) { play(is_limited); }

Task<> sends_long(Bench& bench) {
    std::string text = "```\n";
    for (int i = 0; i < 2000; ++i) text += "line " + std::to_string(i) + "\n";
    text += "```";
    auto message = bench.outgoing("d1", text);
    message.buttons = {{{"Approve", "a:1"}}};
    const auto sent = co_await bench.send(message);
    EXPECT_TRUE(sent);
    if (!sent) co_return;
    EXPECT_EQ(sent->message_refs.size(), bench.platform->seen.size());
    std::string together;
    for (std::size_t i = 0; i < bench.platform->seen.size(); ++i) {
        const auto& part = bench.platform->seen[i];
        EXPECT_EQ(part.ref, sent->message_refs[i]);
        EXPECT_LE(part.text.size(), bench.platform->longest_part());
        EXPECT_EQ(part.tokens.empty(), i + 1 != bench.platform->seen.size()) << "buttons stand under the last part";
        together += part.text + "\n";
    }
    for (int i = 0; i < 2000; ++i) EXPECT_NE(together.find("line " + std::to_string(i) + "\n"), std::string::npos) << i;
}
TEST_P(ChannelContract, a_long_message_arrives_whole_in_parts) { play(sends_long); }

Task<> goes_on(Bench& bench) {
    const std::string text(12'000, 'x');
    bench.platform->lose_next_answer();
    const auto lost = co_await bench.send(bench.outgoing("d1", text));
    EXPECT_FALSE(lost);
    if (lost) co_return;
    EXPECT_EQ(lost.error().code(), ErrorCode::outcome_unknown);
    expect_no_canary(lost.error());
    if (!bench.channel->capabilities().settles_deliveries) co_return;
    const auto arrived = bench.platform->seen.size();
    const auto found = co_await bench.channel->find_delivery(bench.outgoing("d1", text), Deadline::after(Millis(5000)));
    EXPECT_TRUE(found);
    if (!found) co_return;
    if (!*found) EXPECT_TRUE(co_await bench.send(bench.outgoing("d1", text)));
    std::size_t bytes = 0;
    for (const auto& part : bench.platform->seen) bytes += part.text.size();
    EXPECT_EQ(bytes, text.size()) << "nothing lost and nothing doubled; " << arrived << " had arrived";
    const auto never =
        co_await bench.channel->find_delivery(bench.outgoing("never sent", "x"), Deadline::after(Millis(5000)));
    EXPECT_TRUE(never && !*never);
}
TEST_P(ChannelContract, a_lost_answer_is_an_unknown_outcome_that_reading_settles) { play(goes_on); }

// The second part is refused for a while; coming back with the same delivery goes on there.
Task<> is_limited_in_the_middle(Bench& bench) {
    const std::string text(9'000, 'x');
    bench.platform->limit_send_after(1, Millis(1000));
    const auto limited = co_await bench.send(bench.outgoing("d1", text));
    if (limited) co_return;  // a platform that takes it in one part
    EXPECT_EQ(limited.error().code(), ErrorCode::rate_limited);
    EXPECT_EQ(bench.platform->seen.size(), 1u);
    const auto patience = Deadline::after(Millis(5000));
    Result<Delivered> sent = PINCER_FAIL(rate_limited, "not yet");
    while (!sent && !patience.passed()) {
        sent = co_await bench.send(bench.outgoing("d1", text));
        co_await io::yield();
    }
    EXPECT_TRUE(sent && sent->message_refs.size() == bench.platform->seen.size());
    std::size_t bytes = 0;
    for (const auto& part : bench.platform->seen) bytes += part.text.size();
    EXPECT_EQ(bytes, text.size());
}
TEST_P(ChannelContract, a_message_cut_off_by_a_limit_goes_on_after_the_last_part) { play(is_limited_in_the_middle); }

Task<> presses_button(Bench& bench) {
    auto question = bench.outgoing("d1", "Roll back?");
    question.buttons = {{{"Approve", "approve:1", ButtonStyle::primary}, {"Deny", "deny:1", ButtonStyle::danger}}};
    const auto sent = co_await bench.send(question);
    EXPECT_TRUE(sent && sent->message_refs.size() == 1u);
    if (!sent) co_return;
    EXPECT_EQ(bench.platform->seen.at(0).tokens, (std::vector<std::string>{"approve:1", "deny:1"}));
    InboundAction action{.route = bench.platform->route(), .message_ref = sent->message_refs[0], .token = "approve:1"};
    if (bench.platform->speaks()) {
        bench.platform->presses(7, sent->message_refs[0], "approve:1");
        bench.platform->presses(7, sent->message_refs[0], "approve:1");
        std::function<bool()> acknowledged = [&bench] { return bench.platform->acknowledged(7); };
        EXPECT_TRUE(co_await until(std::move(acknowledged)));
        EXPECT_EQ(bench.inbox.actions.size(), 1u);
        if (bench.inbox.actions.empty()) co_return;
        action = bench.inbox.actions[0];
        EXPECT_EQ(action.token, "approve:1");
        EXPECT_EQ(action.message_ref, sent->message_refs[0]);
        EXPECT_EQ(action.route, bench.platform->route());
        EXPECT_FALSE(action.sender.id.empty());
    }
    EXPECT_TRUE(co_await bench.channel->answer_action(action, "Approved", Deadline::after(Millis(5000))));
    EXPECT_EQ(bench.platform->answers, std::vector<std::string>{"Approved"});

    auto settled = bench.outgoing("d2", "Rolled back");
    settled.edit_of = sent->message_refs[0];
    EXPECT_TRUE(co_await bench.send(settled));
    EXPECT_EQ(bench.platform->seen.size(), 1u) << "an edit replaces";
    EXPECT_EQ(bench.platform->seen[0].text, "Rolled back");
    EXPECT_TRUE(bench.platform->seen[0].tokens.empty()) << "the buttons are gone";
}
TEST_P(ChannelContract, a_button_goes_there_and_back_and_an_edit_takes_it_away) { play(presses_button); }

Task<> refuses(Bench& bench) {
    const auto empty = co_await bench.send(bench.outgoing("d1", " \n"));
    EXPECT_TRUE(!empty && empty.error().code() == ErrorCode::invalid_argument);
    EXPECT_TRUE(bench.platform->seen.empty());
}
TEST_P(ChannelContract, an_empty_message_is_refused_before_it_leaves) { play(refuses); }

Task<> stops(Bench& bench) {
    co_await bench.tasks.stop();
    EXPECT_TRUE(bench.ended.has_value());
    if (!bench.ended) co_return;
    EXPECT_TRUE(!*bench.ended && bench.ended->error().code() == ErrorCode::cancelled);
    EXPECT_EQ(bench.channel->health().state, LinkState::stopped);
    const auto requests = bench.platform->requests;
    const auto sent = co_await bench.send(bench.outgoing("d1", "too late"));
    EXPECT_TRUE(!sent && sent.error().code() == ErrorCode::unavailable);
    EXPECT_EQ(bench.platform->requests, requests) << "something left after the stop";
}
TEST_P(ChannelContract, nothing_is_sent_after_the_stop) { play(stops); }

Task<> is_refused(Bench& bench) {
    bench.platform->refuse_tokens();
    bench.tasks.spawn(bench.run_channel());
    std::function<bool()> over = [&bench] { return bench.ended.has_value(); };
    EXPECT_TRUE(co_await until(std::move(over)));
    if (!bench.ended || *bench.ended) co_return;
    EXPECT_EQ(bench.ended->error().code(), ErrorCode::unauthenticated);
    expect_no_canary(bench.ended->error());
    EXPECT_EQ(bench.channel->health().state, LinkState::failing);
    EXPECT_FALSE(bench.channel->health().detail.empty());
    EXPECT_EQ(bench.channel->health().detail.find(kCanary), std::string::npos);
    const auto sent = co_await bench.send(bench.outgoing("d1", "hello"));
    EXPECT_TRUE(!sent && sent.error().code() == ErrorCode::unauthenticated);
    co_await bench.tasks.stop();
}
TEST_P(ChannelContract, a_refused_token_ends_it_and_shows_in_its_health) {
    if (!bench.platform->has_tokens()) GTEST_SKIP() << "has no tokens";
    bench.runtime.run_until_done(is_refused(bench));
}

TEST_P(ChannelContract, its_description_is_complete) {
    EXPECT_FALSE(GetParam()->label.empty() || GetParam()->fields.empty());
    EXPECT_EQ(bench.channel->id(), GetParam()->id);
    EXPECT_EQ(bench.channel->account(), "default");
    EXPECT_EQ(bench.channel->health().state, LinkState::stopped);
    for (const auto& field : GetParam()->fields) EXPECT_FALSE(field.key.empty() || field.help.empty());
    if (!bench.platform->has_tokens()) return;
    const auto bare = GetParam()->make({}, bench.platform->services());
    ASSERT_FALSE(bare) << "made without its tokens";
    EXPECT_EQ(bare.error().code(), ErrorCode::invalid_argument);
}

TEST(ChannelConfiguration, a_wrong_value_is_named_and_no_token_is_shown) {
    struct Row {
        std::string_view id, values, bot_token, app_token, message;
    };
    const Row rows[] = {
        {"telegram", "{}", "", "", "telegram needs botToken or tokenFile"},
        {"telegram", "{}", "canaryS3cret", "", "botToken is not of the form"},
        {"telegram", "{}", "12:canaryS3cret/../x", "", "botToken is not of the form"},
        {"telegram", R"({"tokenFile": "/nonexistent/token"})", "", "", "/nonexistent/token"},
        {"telegram", R"({"apiRoot": "http://api.telegram.org"})", "12:canaryS3cret", "",
         "apiRoot must be an https address"},
        {"slack", "{}", "", "xapp-canaryS3cret", "slack needs botToken"},
        {"slack", "{}", "xoxb-canaryS3cret", "", "slack needs appToken"},
        {"slack", "{}", "xoxb-canaryS3cret", "xoxb-canaryS3cret", "appToken must begin with xapp-"},
        {"slack", "{}", "xoxb-canaryS3cret\r\nX: y", "xapp-canaryS3cret", "botToken must begin with xox"},
        {"slack", R"({"mode": "http"})", "xoxb-canaryS3cret", "xapp-canaryS3cret", "mode must be \"socket\""},
        {"slack", R"({"apiUrl": "ftp://x"})", "xoxb-canaryS3cret", "xapp-canaryS3cret", "apiUrl"},
    };
    io::Runtime runtime;
    for (const auto& row : rows) {
        const auto type = std::ranges::find(all_channels(), row.id, &ChannelType::id);
        const auto platform = platform_of(row.id, runtime);
        AccountConfig config;
        config.values = json::parse_object(row.values).value();
        config.secrets.emplace_back("botToken", Secret(std::string(row.bot_token)));
        config.secrets.emplace_back("appToken", Secret(std::string(row.app_token)));
        const auto made = type->make(config, platform->services());
        ASSERT_FALSE(made) << row.message;
        EXPECT_NE(made.error().message().find(row.message), std::string::npos) << made.error().message();
        expect_no_canary(made.error());
    }
}

std::vector<const ChannelType*> types() {
    std::vector<const ChannelType*> out;
    for (const auto& type : all_channels()) out.push_back(&type);
    return out;
}
INSTANTIATE_TEST_SUITE_P(All, ChannelContract, ::testing::ValuesIn(types()),
                         [](const auto& info) { return std::string(info.param->id); });

}  // namespace
}  // namespace pincer::channels::contract
