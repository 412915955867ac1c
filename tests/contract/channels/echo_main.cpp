// Our channels as a bot that answers each message with an echo and two buttons, and each press with a word: what
// tests/doubles runs against the doubles, with real sockets.
//
//     channels_echo telegram '{"apiRoot": "http://127.0.0.1:8081"}' botToken=123456:x
#include <cstdio>
#include <set>

#include "channels/channel.hpp"

namespace pincer::channels {
namespace {

class Echo final : public Inbox {
public:
    explicit Echo(io::Runtime& runtime) : tasks_(runtime) {}
    void answer_through(Channel& channel) { channel_ = &channel; }

    Task<Result<>> message(InboundMessage message) override {
        if (known_.insert(message.event_id).second) tasks_.spawn(echo(std::move(message)), "echo");
        co_return Result<>();
    }
    Task<Result<>> action(InboundAction action) override {
        if (known_.insert(action.event_id).second) tasks_.spawn(settle(std::move(action)), "settle");
        co_return Result<>();
    }
    std::optional<std::string> cursor(const std::string&, const std::string&) override { return std::nullopt; }
    Task<Result<>> save_cursor(std::string, std::string, std::string) override { co_return Result<>(); }
    Task<> stop() { return tasks_.stop(); }

private:
    Task<Result<>> echo(InboundMessage message) {
        Outgoing answer{
            .delivery_id = "answer " + message.event_id,
            .route = message.route,
            .markdown = "**echo** " + message.text,
            .buttons = {{{"Approve", "approve:1", ButtonStyle::primary}, {"Deny", "deny:1", ButtonStyle::danger}}}};
        for (;;) {
            const auto sent = co_await channel_->send(answer, Deadline::after(Millis(10'000)));
            if (sent) co_return Result<>();
            if (sent.error().code() == ErrorCode::outcome_unknown) {
                const auto found = co_await channel_->find_delivery(answer, Deadline::after(Millis(10'000)));
                if (!found || *found) co_return Result<>();
                continue;
            }
            if (!sent.error().retry_after()) co_return Failure(sent.error());
            PINCER_CO_CHECK(co_await io::sleep_for(*sent.error().retry_after()));
        }
    }

    Task<Result<>> settle(InboundAction action) {
        PINCER_CO_CHECK(
            co_await channel_->answer_action(action, "done by " + action.sender.id, Deadline::after(Millis(10'000))));
        Outgoing settled{.delivery_id = "settled " + action.event_id,
                         .route = action.route,
                         .markdown = "settled " + action.token,
                         .edit_of = action.message_ref};
        PINCER_CO_CHECK(co_await channel_->send(settled, Deadline::after(Millis(10'000))));
        co_return Result<>();
    }

    Channel* channel_ = nullptr;
    io::TaskGroup tasks_;
    std::set<std::string> known_;
};

Task<int> serve(Channel& channel, Echo& echo) {
    echo.answer_through(channel);
    const auto ended = co_await channel.run(echo);
    co_await echo.stop();
    std::printf("{\"ended\": \"%s\"}\n", ended ? "ok" : std::string(name_of(ended.error().code())).c_str());
    co_return 1;
}

int run(const ChannelType& type, const AccountConfig& config) {
    io::Runtime runtime;
    io::HttpClientOptions options;
    options.egress = io::EgressPolicy::named("127.0.0.1");
    const auto http = io::make_http_client(runtime, options);
    const auto websockets = io::make_websocket_connector(runtime);
    const SystemClock clock;
    crypto::SystemRandom random;
    const auto channel = type.make(config, Services{runtime, *http, *websockets, clock, random});
    if (!channel) {
        std::fprintf(stderr, "%s\n", channel.error().message().c_str());
        return 2;
    }
    Echo echo(runtime);
    std::printf("{\"ready\": true}\n");
    std::fflush(stdout);
    return runtime.run(serve(**channel, echo));
}

}  // namespace
}  // namespace pincer::channels

int main(int argc, char** argv) {
    using namespace pincer;
    if (argc < 3) return 2;
    channels::AccountConfig config;
    auto values = json::parse_object(argv[2]);
    if (!values) return 2;
    config.values = *std::move(values);
    for (int i = 3; i < argc; ++i) {
        const std::string_view pair = argv[i];
        const auto equals = std::min(pair.find('='), pair.size() - 1);
        config.secrets.emplace_back(pair.substr(0, equals), Secret(std::string(pair.substr(equals + 1))));
    }
    for (const auto& type : channels::all_channels()) {
        if (type.id == argv[1]) return channels::run(type, config);
    }
    return 2;
}
