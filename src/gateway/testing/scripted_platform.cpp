#include "gateway/testing/scripted_platform.hpp"

#include <algorithm>

namespace pincer::gateway::testing {
namespace {

// A ChannelType makes its channel from values alone, so the platforms of this process are found by their key.
std::map<std::string, ScriptedPlatform*>& platforms() {
    static std::map<std::string, ScriptedPlatform*> all;
    return all;
}

}  // namespace

class ScriptedChannel final : public channels::Channel {
public:
    ScriptedChannel(ScriptedPlatform& platform, std::string account)
        : platform_(platform), account_(std::move(account)) {}

    std::string_view id() const override { return platform_.name_; }
    const std::string& account() const override { return account_; }
    channels::Capabilities capabilities() const override { return platform_.capabilities; }
    channels::Health health() const override {
        return {.state = running_ ? channels::LinkState::connected : channels::LinkState::stopped,
                .detail = "",
                .last_event = std::nullopt,
                .connected_since = std::nullopt};
    }

    Task<Result<>> run(channels::Inbox& inbox) override {
        if (!platform_.end_run.empty()) {
            Error why = platform_.end_run.front();
            platform_.end_run.pop_front();
            co_return Failure(std::move(why));
        }
        running_ = true;
        auto ended = co_await take_events(inbox);
        running_ = false;
        co_return ended;
    }

    Task<Result<channels::Delivered>> send(channels::Outgoing message, Deadline) override {
        co_await io::yield();
        if (!platform_.power_.step("send.before")) co_return PINCER_FAIL(unavailable, "no power");
        ++platform_.sends;
        if (!platform_.troubles.empty()) {
            const ScriptedPlatform::Trouble trouble = platform_.troubles.front();
            platform_.troubles.pop_front();
            if (trouble.arrives) take(message);
            co_return Failure(trouble.error);
        }
        channels::Delivered delivered = take(message);
        if (!platform_.power_.step("send.after")) co_return PINCER_FAIL(outcome_unknown, "no power");
        co_return delivered;
    }

    Task<Result<std::optional<channels::Delivered>>> find_delivery(channels::Outgoing message, Deadline) override {
        co_await io::yield();
        if (!platform_.power_.step("find")) co_return PINCER_FAIL(unavailable, "no power");
        if (!platform_.settle_troubles.empty()) {
            Error why = platform_.settle_troubles.front();
            platform_.settle_troubles.pop_front();
            co_return Failure(std::move(why));
        }
        std::optional<channels::Delivered> found;
        for (const auto& m : platform_.messages) {
            if (m.delivery_id == message.delivery_id) found = channels::Delivered{{m.ref}};
        }
        if (std::find(edits_.begin(), edits_.end(), message.delivery_id) != edits_.end())
            found = channels::Delivered{{message.edit_of}};
        co_return found;
    }

    Task<Result<>> answer_action(channels::InboundAction action, std::string text, Deadline) override {
        co_await io::yield();
        if (!platform_.power_.step("answer")) co_return PINCER_FAIL(unavailable, "no power");
        platform_.action_answers.emplace_back(action.event_id, std::move(text));
        co_return Result<>{};
    }

private:
    Task<Result<>> take_events(channels::Inbox& inbox) {
        for (;;) {
            std::deque<ScriptedPlatform::Event> round = platform_.waiting_;
            bool taken_any = false;
            for (ScriptedPlatform::Event& event : round) {
                auto taken = co_await hand_in(inbox, event);
                if (!taken && taken.error().code() == ErrorCode::cancelled) co_return taken;
                if (!taken || !platform_.power_.step("ack")) continue;  // said again
                taken_any = true;
                const std::string id = ScriptedPlatform::id_of(event);
                const auto same = [&](const ScriptedPlatform::Event& e) { return ScriptedPlatform::id_of(e) == id; };
                if (const auto at = std::find_if(platform_.waiting_.begin(), platform_.waiting_.end(), same);
                    at != platform_.waiting_.end())
                    platform_.waiting_.erase(at);
                platform_.acknowledged_.insert_or_assign(id, event);
            }
            if (taken_any && !platform_.waiting_.empty()) continue;
            platform_.news_->reset();
            PINCER_CO_CHECK(co_await platform_.news_->wait());
        }
    }

    static Task<Result<>> hand_in(channels::Inbox& inbox, ScriptedPlatform::Event event) {
        if (auto* message = std::get_if<channels::InboundMessage>(&event)) return inbox.message(std::move(*message));
        return inbox.action(std::get<channels::InboundAction>(std::move(event)));
    }

    channels::Delivered take(const channels::Outgoing& out) {
        if (!out.edit_of.empty()) {
            for (auto& m : platform_.messages) {
                if (m.ref != out.edit_of) continue;
                m.markdown = out.markdown;
                m.buttons = out.buttons;
                ++m.edits;
                edits_.push_back(out.delivery_id);
                return {{m.ref}};
            }
        }
        const std::string ref = "ref-" + std::to_string(platform_.next_ref_++);
        platform_.messages.push_back({ref, out.delivery_id, out.route, out.markdown, out.buttons, 0});
        return {{ref}};
    }

    ScriptedPlatform& platform_;
    std::string account_;
    bool running_ = false;
    std::vector<std::string> edits_;  // delivery ids
};

ScriptedPlatform::ScriptedPlatform(io::Runtime& runtime, Power& power, std::string name)
    : power_(power), name_(std::move(name)), news_(std::make_unique<io::Event>(runtime)) {
    static int made = 0;
    key_ = fmt::format("{}-{}", name_, ++made);
    platforms()[key_] = this;
    type_.id = name_;
    type_.label = "Scripted";
    type_.make = [](const channels::AccountConfig& config,
                    channels::Services) -> Result<std::unique_ptr<channels::Channel>> {
        ScriptedPlatform& platform = *platforms().at(json::string_or(config.values, "platform"));
        return std::unique_ptr<channels::Channel>(std::make_unique<ScriptedChannel>(platform, config.account_id));
    };
}

ScriptedPlatform::~ScriptedPlatform() { platforms().erase(key_); }

std::string ScriptedPlatform::id_of(const Event& event) {
    return std::visit([](const auto& e) { return e.event_id; }, event);
}

void ScriptedPlatform::offer(Event event) {
    waiting_.push_back(std::move(event));
    news_->set();
}

void ScriptedPlatform::redeliver(const std::string& event_id) {
    if (const auto at = acknowledged_.find(event_id); at != acknowledged_.end()) offer(at->second);
}

std::string ScriptedPlatform::write(std::string sender, std::string text, std::string to, std::string thread,
                                    channels::ConversationType kind) {
    channels::InboundMessage message;
    message.event_id = "ev-" + std::to_string(next_event_++);
    message.route = {name_, "default", std::move(to), std::move(thread)};
    message.type = kind;
    message.sender = {.id = sender, .display = "Mr " + sender, .username = sender};
    message.message_id = message.event_id;
    message.text = std::move(text);
    message.mentions_us = true;
    const std::string id = message.event_id;
    offer(std::move(message));
    return id;
}

std::string ScriptedPlatform::click(std::string sender, const Message& message, std::size_t button,
                                    channels::ConversationType kind) {
    channels::InboundAction action;
    action.event_id = "ev-" + std::to_string(next_event_++);
    action.route = message.route;
    action.type = kind;
    action.sender = {.id = sender, .display = "Mr " + sender, .username = sender};
    action.message_ref = message.ref;
    action.token = message.buttons.at(0).at(button).token;
    const std::string id = action.event_id;
    offer(std::move(action));
    return id;
}

std::vector<ScriptedPlatform::Message> ScriptedPlatform::in(const std::string& to) const {
    std::vector<Message> found;
    for (const Message& m : messages) {
        if (m.route.to == to) found.push_back(m);
    }
    return found;
}

const ScriptedPlatform::Message* ScriptedPlatform::find(std::string_view delivery_id) const {
    const auto at =
        std::find_if(messages.begin(), messages.end(), [&](const Message& m) { return m.delivery_id == delivery_id; });
    return at == messages.end() ? nullptr : &*at;
}

const ScriptedPlatform::Message* ScriptedPlatform::card() const {
    const auto at =
        std::find_if(messages.rbegin(), messages.rend(), [](const Message& m) { return !m.buttons.empty(); });
    return at == messages.rend() ? nullptr : &*at;
}

}  // namespace pincer::gateway::testing
