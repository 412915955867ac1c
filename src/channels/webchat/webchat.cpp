#include "channels/webchat/webchat.hpp"

#include "base/text.hpp"
#include "channels/link.hpp"

namespace pincer::channels::webchat {
namespace {

class Webchat final : public Channel {
public:
    Webchat(std::string account, WebchatSink& sink, const Clock& clock)
        : account_(std::move(account)), sink_(sink), link_(clock) {}

    std::string_view id() const override { return kType.id; }
    const std::string& account() const override { return account_; }
    Health health() const override { return link_.health(); }
    Capabilities capabilities() const override {
        return {.buttons = true, .edits = true, .settles_deliveries = true, .max_message_units = 1u << 20};
    }

    Task<Result<>> run(Inbox&) override {
        link_.start();
        link_.set(LinkState::connected);
        auto ended = co_await io::sleep_until(Deadline::never());
        if (!ended) link_.stop(ended.error());
        co_return ended;
    }

    Task<Result<Delivered>> send(Outgoing message, Deadline) override {
        PINCER_CO_CHECK(link_.may_send());
        if (trim(message.markdown).empty()) co_return PINCER_FAIL(invalid_argument, "a message needs text");
        co_return co_await sink_.show(std::move(message));
    }

    Task<Result<std::optional<Delivered>>> find_delivery(Outgoing message, Deadline) override {
        co_return co_await sink_.find(std::move(message.delivery_id));
    }

    Task<Result<>> answer_action(InboundAction action, std::string text, Deadline) override {
        PINCER_CO_CHECK(link_.may_send());
        co_return co_await sink_.answer(std::move(action), std::move(text));
    }

private:
    std::string account_;
    WebchatSink& sink_;
    Link link_;
};

}  // namespace

Result<std::unique_ptr<Channel>> make(const AccountConfig& config, Services services) {
    if (!services.webchat) return PINCER_FAIL(unsupported, "there is no page here to chat on");
    return std::make_unique<Webchat>(config.account_id, *services.webchat, services.clock);
}

}  // namespace pincer::channels::webchat
