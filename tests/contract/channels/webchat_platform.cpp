#include <map>

#include "channels/webchat/webchat.hpp"
#include "tests/contract/channels/platform.hpp"

namespace pincer::channels::contract {
namespace {

class NoWebSockets final : public io::WebSocketConnector {
    Task<Result<std::unique_ptr<io::WebSocket>>> connect(io::Url, io::WsConnectOptions, Deadline) override {
        co_return PINCER_FAIL(unsupported, "no WebSockets here");
    }
};

// The Gateway's page, which shows a delivery once however often it is told.
class WebchatPlatform final : public Platform, public webchat::WebchatSink {
public:
    explicit WebchatPlatform(io::Runtime& runtime) : runtime_(runtime), http_(&no_http) {}
    AccountConfig config() const override { return {}; }
    Services services() override { return {runtime_, http_, no_websockets_, clock_, random_, this}; }
    Route route() const override { return {"webchat", "default", "session-1", ""}; }
    std::size_t longest_part() const override { return 1u << 20; }
    bool speaks() const override { return false; }
    void says(int, std::string) override {}
    void presses(int, std::string, std::string) override {}
    bool acknowledged(int) const override { return true; }
    void lose_next_answer() override { lose_ = true; }
    bool has_tokens() const override { return false; }
    void refuse_tokens() override {}

    Task<Result<Delivered>> show(Outgoing message) override {
        ++requests;
        if (const auto delay = take_limit()) {
            co_return Failure(Error(ErrorCode::rate_limited, "too many messages").with_retry_after(*delay));
        }
        auto& ref = shown_[message.delivery_id];
        if (ref.empty()) {
            ref = message.edit_of.empty() ? "page-" + std::to_string(seen.size()) : message.edit_of;
            Seen line{ref, message.markdown, {}};
            for (const auto& row : message.buttons) {
                for (const auto& button : row) line.tokens.push_back(button.token);
            }
            if (message.edit_of.empty())
                seen.push_back(std::move(line));
            else
                std::ranges::find(seen, ref, &Seen::ref)->operator=(std::move(line));
        }
        if (std::exchange(lose_, false)) co_return PINCER_FAIL(outcome_unknown, "the page went away");
        Delivered delivered;
        delivered.message_refs.push_back(ref);
        co_return delivered;
    }

    Task<Result<std::optional<Delivered>>> find(std::string delivery_id) override {
        const auto found = shown_.find(delivery_id);
        if (found == shown_.end()) co_return std::optional<Delivered>();
        Delivered delivered;
        delivered.message_refs.push_back(found->second);
        co_return std::optional<Delivered>(std::move(delivered));
    }

    Task<Result<>> answer(InboundAction, std::string text) override {
        ++requests;
        answers.push_back(std::move(text));
        co_return Result<>();
    }

private:
    static Task<Result<io::HttpResponse>> no_http(io::HttpRequest) {
        co_return PINCER_FAIL(unsupported, "no HTTP here");
    }

    io::Runtime& runtime_;
    FunctionHttp http_;
    NoWebSockets no_websockets_;
    SystemClock clock_;
    pincer::testing::SeededRandom random_{1};
    std::map<std::string, std::string> shown_;
    bool lose_ = false;
};

}  // namespace

std::unique_ptr<Platform> make_webchat_platform(io::Runtime& runtime) {
    return std::make_unique<WebchatPlatform>(runtime);
}

}  // namespace pincer::channels::contract
