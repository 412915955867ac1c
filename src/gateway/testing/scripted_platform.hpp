// A chat platform in memory, and the channel that serves it: it keeps what was delivered, says an event again until it
// is acknowledged, and fails when told to. It outlives the Gateway, as Slack does.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "channels/channel.hpp"
#include "gateway/testing/power.hpp"

namespace pincer::gateway::testing {

class ScriptedPlatform {
public:
    struct Message {
        std::string ref;
        std::string delivery_id;
        channels::Route route;
        std::string markdown;
        std::vector<std::vector<channels::Button>> buttons;
        int edits = 0;
    };
    using Event = std::variant<channels::InboundMessage, channels::InboundAction>;

    // `name`: its channel id ("slack", "telegram": one that has a ChannelType), which routes and principals carry.
    ScriptedPlatform(io::Runtime& runtime, Power& power, std::string name = "slack");
    ~ScriptedPlatform();

    const channels::ChannelType& type() const { return type_; }
    const std::string& key() const { return key_; }  // AccountConfig::values["platform"] names it

    // People. The event waits until a channel takes and acknowledges it.
    std::string write(std::string sender, std::string text, std::string to = "D1", std::string thread = "",
                      channels::ConversationType kind = channels::ConversationType::direct);
    std::string click(std::string sender, const Message& message, std::size_t button,
                      channels::ConversationType kind = channels::ConversationType::direct);
    void offer(Event event);                      // as it is; its event id may be one that was offered before
    void redeliver(const std::string& event_id);  // an acknowledged event once more

    std::size_t unacknowledged() const { return waiting_.size(); }
    std::vector<Message> in(const std::string& to) const;     // what a conversation shows
    const Message* find(std::string_view delivery_id) const;  // the first of that id
    const Message* card() const;                              // the newest with buttons

    // How it behaves.
    channels::Capabilities capabilities{.threads = true, .buttons = true, .edits = true, .settles_deliveries = true};
    struct Trouble {
        Error error;
        bool arrives = false;  // the message arrives all the same
    };
    std::deque<Trouble> troubles;       // of the next sends
    std::deque<Error> settle_troubles;  // of the next find_delivery calls
    std::deque<Error> end_run;          // what run() ends with, once each
    std::vector<Message> messages;
    std::vector<std::pair<std::string, std::string>> action_answers;  // event id, text
    int sends = 0;

private:
    friend class ScriptedChannel;
    static std::string id_of(const Event& event);

    Power& power_;
    std::string name_;
    std::string key_;
    channels::ChannelType type_;
    std::deque<Event> waiting_;
    std::map<std::string, Event> acknowledged_;
    std::unique_ptr<io::Event> news_;
    int next_event_ = 1;
    int next_ref_ = 1;
};

}  // namespace pincer::gateway::testing
