// Slack's Web API and Socket Mode (docs.slack.dev/apis) as values. Pure.
#pragma once

#include <map>
#include <variant>

#include "channels/channel.hpp"
#include "channels/endpoint.hpp"

namespace pincer::channels::slack {

inline constexpr std::size_t kMaxTextUnits = 3900;     // chat.postMessage: text is best below 4000
inline constexpr std::size_t kMaxSectionUnits = 2950;  // section block: text has at most 3000 characters
inline constexpr std::size_t kMaxLabelUnits = 75;      // button: text
inline constexpr std::size_t kMaxButtonsInRow = 25;    // actions block: elements
inline constexpr std::size_t kMaxRows = 45;            // 50 blocks in a message

// Who we are there (auth.test).
struct Self {
    std::string team_id;
    std::string user_id;
    std::string bot_id;
};

struct Ignored {
    std::string reason;
};
using Inbound = std::variant<Ignored, InboundMessage, InboundAction>;

// One frame of Socket Mode.
struct Hello {};
struct Disconnect {
    std::string reason;  // warning, refresh_requested, link_disabled
};
struct Envelope {
    std::string id;  // to acknowledge with
    Inbound content;
};
using Frame = std::variant<Hello, Disconnect, Envelope>;

// Errors: protocol. What has an envelope id but is no command to us is an Envelope with Ignored: it is acknowledged.
Result<Frame> parse_frame(std::string_view text, const Self& self, const std::string& account);
std::string acknowledgement(const std::string& envelope_id);

enum class Token { bot, app };
struct Call {
    std::string method;
    json::object parameters;
    Effect effect = Effect::none;
    Token token = Token::bot;
};

// The whole answer, which said ok. Errors by the contract of Channel::send(): unauthenticated, forbidden, not_found,
// invalid_argument, rate_limited with retry_after, unavailable, outcome_unknown, protocol. The reason is Slack's own
// word, in upper case.
Result<json::object> parse_reply(const Call& call, int status, const io::Headers& headers, std::string_view body);

Call auth_test();
Call open_connection();
Result<Self> parse_self(const json::object& auth_test);
Result<std::string> parse_connection(const json::object& opened);

struct OutgoingPart {
    std::string mrkdwn;
    std::size_t index = 0;
    std::size_t count = 1;
};
// chat.update for the first part of an edit, else chat.postMessage. The last part carries the buttons.
Call send_part(const Outgoing& message, const OutgoingPart& part);
// Shown to the one person alone, in the thread of the button.
Call answer(const InboundAction& action, std::string_view text);
// A page of the conversation in which the delivery would stand, newest threads' replies last.
Call read_page(const Outgoing& message, const std::string& cursor);
std::string next_cursor(const json::object& page);

// What of a delivery stands in the pages read so far: part index to ts. Only messages of our own count.
struct Sightings {
    std::map<std::size_t, std::string> refs;
    std::size_t count = 0;  // how many parts there are to be
    bool complete() const { return count > 0 && refs.size() == count; }
};
void look_for(const std::string& delivery_id, const json::object& page, const Self& self, Sightings& found);

Result<> check_outgoing(const Outgoing& message);

}  // namespace pincer::channels::slack
