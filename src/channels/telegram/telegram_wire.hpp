// Telegram's Bot API (core.telegram.org/bots/api, 9.x) as values: what it says to us and what we say to it. Pure.
#pragma once

#include <span>
#include <string>
#include <variant>
#include <vector>

#include "channels/channel.hpp"
#include "channels/endpoint.hpp"

namespace pincer::channels::telegram {

inline constexpr std::size_t kMaxTextUnits = 4096;    // sendMessage: text, after entities parsing
inline constexpr std::size_t kMaxCallbackBytes = 64;  // InlineKeyboardButton: callback_data
inline constexpr std::size_t kMaxAnswerUnits = 200;   // answerCallbackQuery: text
inline constexpr std::size_t kMaxButtons = 100;

struct Bot {
    std::int64_t id = 0;
    std::string username;
};

// An update that is no command to us, and why: an edit, a reaction, a service message ...
struct Ignored {
    std::string reason;
};

struct Update {
    std::int64_t id = 0;
    std::variant<Ignored, InboundMessage, InboundAction> content;
};

// One method call: POST /bot<token>/<method> with these parameters.
struct Call {
    std::string method;
    json::object parameters;
    Effect effect = Effect::none;
};

// The `result` of an answer. Errors by the contract of Channel::send(): unauthenticated (401, and 404: no such bot),
// conflict (409: another poller, or with reason WEBHOOK_ACTIVE), rate_limited with retry_after, not_found, forbidden,
// invalid_argument (with reason BAD_ENTITIES or NOT_MODIFIED where it is that), expired (a button press answered too
// late), unavailable, outcome_unknown (5xx to what delivers), protocol.
Result<json::value> parse_reply(const Call& call, int status, std::string_view body);

Result<Bot> parse_bot(const json::value& get_me);
// The updates in order. One without an update_id is dropped; one that does not parse is Ignored, so that it is
// acknowledged and never seen again. Only `message` and `callback_query` speak; every other kind is Ignored by name.
Result<std::vector<Update>> parse_updates(const json::value& result, const Bot& bot, const std::string& account);

Call get_me();
Call delete_webhook();
// Long poll: answers at once when there is something, else after `timeout`.
Call get_updates(std::int64_t offset, Millis timeout);
enum class TextForm { html, plain };
struct OutgoingPart {
    std::string text;
    TextForm form = TextForm::html;
    bool first = false;  // carries reply_to, or replaces edit_of
    bool last = false;   // carries the buttons
};
Call send_part(const Outgoing& message, const OutgoingPart& part);
Call answer_callback(const InboundAction& action, std::string_view text);

// Errors: invalid_argument for what Telegram would never take (a token over 64 bytes, no chat, a thread that is no
// number).
Result<> check_outgoing(const Outgoing& message);

}  // namespace pincer::channels::telegram
