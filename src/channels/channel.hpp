// The channel contract: what Slack, Telegram, the web chat and twenty others look like from the Gateway.
//
// A channel turns a platform's events into InboundMessage and InboundAction and hands them to the Inbox. When the Inbox
// has answered, the event is on disk, and only then does the channel acknowledge it to the platform (Slack's envelope,
// Telegram's offset), so that nothing is lost; the Inbox knows events by (channel, account, event id), so that nothing
// is doubled when the platform says it again. A channel never decides who may speak: it reports stable ids, and the one
// gate (access.hpp) decides before anything else looks at the text.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/secret.hpp"
#include "crypto/random.hpp"
#include "io/http_client.hpp"
#include "io/runtime.hpp"
#include "io/websocket.hpp"

namespace pincer::channels {

enum class ConversationType { direct, group, room };  // one person; a private group; a public channel

// Where an answer goes. All four as OpenClaw's deliveryContext has them; thread_id is "" outside threads.
struct Route {
    std::string channel;     // "slack", "telegram", "webchat"
    std::string account_id;  // which of our accounts there: "default" when only one is configured
    std::string to;          // Slack: channel id; Telegram: chat id; webchat: session id
    std::string thread_id;   // Slack: thread_ts; Telegram: message_thread_id
    bool complete() const { return !channel.empty() && !to.empty(); }
    friend bool operator==(const Route&, const Route&) = default;
};

struct Sender {
    std::string id;       // stable id on the platform (never a name): Slack "T024.U0G9", Telegram "99"
    std::string display;  // for people
    std::string username;
    // The id within the account's own workspace, where `id` names one: Slack "U0G9"; "" for a guest of another.
    std::string home_id = {};
    bool is_bot = false;
};

struct Attachment {
    std::string kind;  // image, audio, video, document
    std::string content_type;
    std::string file_name;
    std::string reference;  // platform's own id or url; bytes are fetched on demand
    std::int64_t size_bytes = 0;
};

struct InboundMessage {
    std::string event_id;  // unique per (channel, account): the de-duplication key
    Route route;
    ConversationType type = ConversationType::direct;
    Sender sender;
    std::string message_id;
    std::string text;  // plain, with the mention of us removed
    bool mentions_us = false;
    std::vector<Attachment> attachments;
    WallTime at{};
};

// A button was pressed.
struct InboundAction {
    std::string event_id;
    Route route;
    ConversationType type = ConversationType::direct;
    Sender sender;
    std::string message_ref;    // the message that carries the button
    std::string token;          // Button::token, as we sent it
    std::string answer_handle;  // what answer_action() needs (Telegram callback_query id, Slack response_url)
    WallTime at{};
};

class Inbox {
public:
    virtual ~Inbox() = default;
    // On disk when it answers ok; a repeated event id answers ok as well and does nothing.
    virtual Task<Result<>> message(InboundMessage message) = 0;
    virtual Task<Result<>> action(InboundAction action) = 0;
    // A channel's own durable position, e.g. Telegram's next offset.
    virtual std::optional<std::string> cursor(const std::string& channel, const std::string& account) = 0;
    virtual Task<Result<>> save_cursor(std::string channel, std::string account, std::string position) = 0;
};

enum class ButtonStyle { plain, primary, danger };
struct Button {
    std::string label;
    std::string token;  // at most 64 bytes (Telegram's callback_data), no secret: what it means is looked up
    ButtonStyle style = ButtonStyle::plain;
};

struct Outgoing {
    std::string delivery_id;  // ours; a platform that can carry it back does, so that a cut-off send can be settled
    Route route;
    std::string markdown;                      // CommonMark subset; each channel renders and splits it by its own rules
    std::vector<std::vector<Button>> buttons;  // rows
    std::string edit_of;                       // message_ref of a message of ours to replace instead of sending
    std::string reply_to;                      // message id
};

struct Delivered {
    std::vector<std::string> message_refs;  // one per part, in order
};

enum class LinkState { stopped, connecting, connected, failing };
struct Health {
    LinkState state = LinkState::stopped;
    std::string detail;  // "invalid_auth", "rate limited for 30 s"
    std::optional<WallTime> last_event;
    std::optional<WallTime> connected_since;
};

struct Capabilities {
    bool threads = false;
    bool buttons = false;
    bool edits = false;
    bool media = false;
    bool settles_deliveries = false;       // find_delivery() can tell whether a cut-off send arrived
    std::size_t max_message_units = 4000;  // in the platform's own unit; render() splits by it
};

class Channel {
public:
    virtual ~Channel() = default;
    virtual std::string_view id() const = 0;
    virtual const std::string& account() const = 0;
    virtual Capabilities capabilities() const = 0;
    // Until cancelled; reconnects inside, with backoff. An error means it cannot work at all (bad token): shown in
    // status.
    virtual Task<Result<>> run(Inbox& inbox) = 0;
    // Errors: rate_limited (retry_after set), unavailable and timed_out (nothing left: try again), outcome_unknown (the
    // request left but no answer came), forbidden/not_found/invalid_argument (will never work). A long message leaves
    // in parts: called again with the same delivery_id in the life of this object it goes on after the last part that
    // arrived. The caller sends one message at a time for a route, so that their order holds.
    virtual Task<Result<Delivered>> send(Outgoing message, Deadline deadline) = 0;
    // Did a send with this delivery id arrive? Only with capabilities().settles_deliveries.
    virtual Task<Result<std::optional<Delivered>>> find_delivery(Outgoing message, Deadline deadline);
    // The one clear answer to a button press, shown to the person who pressed.
    virtual Task<Result<>> answer_action(InboundAction action, std::string text, Deadline deadline) = 0;
    virtual Health health() const = 0;
};

namespace webchat {
class WebchatSink;
}

// What a channel is given; all of it outlives the channel.
struct Services {
    io::Runtime& runtime;
    io::HttpClient& http;
    io::WebSocketConnector& websockets;
    const Clock& clock;
    crypto::Random& random;
    webchat::WebchatSink* webchat = nullptr;  // where the web chat shows its messages; null: there is no web chat here
};

// One configured account of a channel: `channels.<id>` or `channels.<id>.accounts.<account>` of openclaw.json.
struct AccountConfig {
    std::string account_id = "default";
    json::object values;                                  // validated against the type's schema; no secrets in it
    std::vector<std::pair<std::string, Secret>> secrets;  // botToken, appToken ... by config key
    const Secret* secret(std::string_view key) const;
};

enum class FieldKind { text, secret, boolean, number, text_list, object };
struct ConfigField {
    std::string_view key;
    FieldKind kind;
    std::string_view help;
    bool required = false;
};

struct ChannelType {
    std::string_view id;     // config key, folder name, Route::channel
    std::string_view label;  // "Slack"
    std::span<const ConfigField> fields;
    Result<std::unique_ptr<Channel>> (*make)(const AccountConfig& config, Services services);
};

// Every channel there is, in alphabetical order (all.cpp): adding one is one folder and one line.
std::span<const ChannelType> all_channels();

}  // namespace pincer::channels
