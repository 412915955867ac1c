#include "channels/slack/slack_wire.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "channels/markdown/render.hpp"

namespace pincer::channels::slack {
namespace {

constexpr std::string_view kMetadataType = "pincer_delivery";

struct Refusal {
    std::string_view word;
    ErrorCode code;
};
// What is not named here is our own mistake: invalid_argument.
constexpr auto kRefusals = std::to_array<Refusal>({
    {"invalid_auth", ErrorCode::unauthenticated},
    {"not_authed", ErrorCode::unauthenticated},
    {"account_inactive", ErrorCode::unauthenticated},
    {"token_revoked", ErrorCode::unauthenticated},
    {"token_expired", ErrorCode::unauthenticated},
    {"org_login_required", ErrorCode::unauthenticated},
    {"not_allowed_token_type", ErrorCode::unauthenticated},
    {"missing_scope", ErrorCode::forbidden},
    {"not_in_channel", ErrorCode::forbidden},
    {"is_archived", ErrorCode::forbidden},
    {"restricted_action", ErrorCode::forbidden},
    {"access_denied", ErrorCode::forbidden},
    {"no_permission", ErrorCode::forbidden},
    {"cant_update_message", ErrorCode::forbidden},
    {"edit_window_closed", ErrorCode::forbidden},
    {"user_not_in_channel", ErrorCode::forbidden},
    {"ekm_access_denied", ErrorCode::forbidden},
    {"channel_not_found", ErrorCode::not_found},
    {"message_not_found", ErrorCode::not_found},
    {"thread_not_found", ErrorCode::not_found},
    {"user_not_found", ErrorCode::not_found},
    {"ratelimited", ErrorCode::rate_limited},
    {"rate_limited", ErrorCode::rate_limited},
    {"service_unavailable", ErrorCode::unavailable},
    {"team_added_to_org", ErrorCode::unavailable},
    // "It is possible that some aspect of the operation succeeded before the error was raised."
    {"internal_error", ErrorCode::outcome_unknown},
    {"fatal_error", ErrorCode::outcome_unknown},
    {"request_timeout", ErrorCode::outcome_unknown},
});

std::string upper(std::string_view text) {
    std::string out(text.substr(0, 64));
    for (char& c : out) c = c >= 'a' && c <= 'z' ? char(c - 32) : c;
    return out;
}

Failure refusal(const Call& call, std::string_view word, const io::Headers& headers) {
    auto code = ErrorCode::invalid_argument;
    for (const auto& known : kRefusals) {
        if (known.word == word) code = known.code;
    }
    if (code == ErrorCode::outcome_unknown && call.effect == Effect::none) code = ErrorCode::unavailable;
    Error error(code, fmt::format("Slack refused {}: {}", call.method, strip_control(word.substr(0, 64))));
    error = std::move(error).with_reason(upper(word));
    if (code == ErrorCode::rate_limited) {
        error = std::move(error).with_retry_after(retry_after(headers).value_or(kDefaultRetryAfter));
    }
    return Failure(std::move(error));
}

json::object button_of(const Button& button, std::size_t row, std::size_t column) {
    json::object out{{"type", "button"},
                     {"text", json::object{{"type", "plain_text"}, {"text", button.label}}},
                     {"value", button.token},
                     {"action_id", fmt::format("pincer_{}_{}", row, column)}};
    if (button.style == ButtonStyle::primary) out["style"] = "primary";
    if (button.style == ButtonStyle::danger) out["style"] = "danger";
    return out;
}

json::array blocks_of(const Outgoing& message, const std::string& mrkdwn) {
    json::array blocks;
    if (message.buttons.empty()) return blocks;
    blocks.push_back(json::object{{"type", "section"}, {"text", json::object{{"type", "mrkdwn"}, {"text", mrkdwn}}}});
    for (std::size_t row = 0; row < message.buttons.size(); ++row) {
        json::array elements;
        for (std::size_t column = 0; column < message.buttons[row].size(); ++column) {
            elements.push_back(button_of(message.buttons[row][column], row, column));
        }
        blocks.push_back(json::object{{"type", "actions"}, {"elements", std::move(elements)}});
    }
    return blocks;
}

}  // namespace

Result<json::object> parse_reply(const Call& call, int status, const io::Headers& headers, std::string_view body) {
    if (status == 429) return refusal(call, "ratelimited", headers);
    auto parsed = json::parse_object(body);
    if (parsed && json::bool_at(*parsed, "ok") == true) return *std::move(parsed);
    if (parsed && parsed->contains("error")) return refusal(call, json::string_or(*parsed, "error"), headers);
    if (status == 503) return refusal(call, "service_unavailable", headers);
    if (status >= 500) return refusal(call, "internal_error", headers);
    if (call.effect == Effect::delivers)
        return PINCER_FAIL(outcome_unknown, "Slack's answer to {} does not parse", call.method);
    return PINCER_FAIL(protocol, "Slack's answer to {} does not parse", call.method);
}

Call auth_test() { return {.method = "auth.test"}; }
Call open_connection() { return {.method = "apps.connections.open", .token = Token::app}; }

Result<Self> parse_self(const json::object& reply) {
    Self self{json::string_or(reply, "team_id"), json::string_or(reply, "user_id"), json::string_or(reply, "bot_id")};
    if (self.team_id.empty() || self.user_id.empty())
        return PINCER_FAIL(protocol, "Slack's auth.test names no team or user");
    return self;
}

Result<std::string> parse_connection(const json::object& reply) { return json::require_string(reply, "url"); }

std::string acknowledgement(const std::string& envelope_id) {
    return json::write(json::object{{"envelope_id", envelope_id}});
}

Call send_part(const Outgoing& message, const OutgoingPart& part) {
    const bool last = part.index + 1 == part.count;
    json::object metadata{
        {"event_type", kMetadataType},
        {"event_payload",
         json::object{{"delivery_id", message.delivery_id}, {"part", part.index}, {"parts", part.count}}}};
    json::object parameters{{"channel", message.route.to}, {"text", part.mrkdwn}, {"metadata", std::move(metadata)}};
    if (part.index == 0 && !message.edit_of.empty()) {
        parameters["ts"] = message.edit_of;
        parameters["blocks"] =
            last ? blocks_of(message, part.mrkdwn) : json::array();             // an empty list takes old buttons away
        return {.method = "chat.update", .parameters = std::move(parameters)};  // twice is as good as once
    }
    if (last && !message.buttons.empty()) parameters["blocks"] = blocks_of(message, part.mrkdwn);
    const auto& thread = message.route.thread_id.empty() ? message.reply_to : message.route.thread_id;
    if (!thread.empty()) parameters["thread_ts"] = thread;
    parameters["unfurl_links"] = false;
    parameters["unfurl_media"] = false;
    return {.method = "chat.postMessage", .parameters = std::move(parameters), .effect = Effect::delivers};
}

Call answer(const InboundAction& action, std::string_view text) {
    json::object parameters{
        {"channel", action.route.to},
        {"user", action.answer_handle},
        {"text", markdown::render_slack_mrkdwn(markdown::parse(truncate_utf8(text, kMaxSectionUnits)))}};
    if (!action.route.thread_id.empty()) parameters["thread_ts"] = action.route.thread_id;
    return {.method = "chat.postEphemeral", .parameters = std::move(parameters)};
}

Call read_page(const Outgoing& message, const std::string& cursor) {
    json::object parameters{{"channel", message.route.to}, {"limit", 200}, {"include_all_metadata", true}};
    if (!cursor.empty()) parameters["cursor"] = cursor;
    const auto& thread = message.route.thread_id.empty() ? message.reply_to : message.route.thread_id;
    if (thread.empty()) return {.method = "conversations.history", .parameters = std::move(parameters)};
    parameters["ts"] = thread;
    return {.method = "conversations.replies", .parameters = std::move(parameters)};
}

std::string next_cursor(const json::object& page) {
    const auto* metadata = json::object_at(page, "response_metadata");
    return metadata ? json::string_or(*metadata, "next_cursor") : "";
}

void look_for(const std::string& delivery_id, const json::object& page, const Self& self, Sightings& found) {
    const auto* messages = json::array_at(page, "messages");
    if (!messages) return;
    for (const auto& element : *messages) {
        if (!element.is_object()) continue;
        const auto& message = element.get_object();
        // Another app could write the same metadata.
        const bool ours = json::string_or(message, "user") == self.user_id ||
                          (!self.bot_id.empty() && json::string_or(message, "bot_id") == self.bot_id);
        const auto* payload = json::find_path(element, {"metadata", "event_payload"});
        if (!ours || !payload || !payload->is_object()) continue;
        if (json::string_at_path(element, {"metadata", "event_type"}) != kMetadataType) continue;
        if (json::string_or(payload->get_object(), "delivery_id") != delivery_id) continue;
        const auto part = json::int_at(payload->get_object(), "part").value_or(-1);
        const auto parts = json::int_at(payload->get_object(), "parts").value_or(0);
        const auto ts = json::string_or(message, "ts");
        if (part < 0 || part >= parts || ts.empty()) continue;
        found.count = std::size_t(parts);
        found.refs.emplace(std::size_t(part), ts);  // the first wins
    }
}

Result<> check_outgoing(const Outgoing& message) {
    if (message.route.to.empty()) return PINCER_FAIL(invalid_argument, "a Slack message needs a channel");
    if (trim(message.markdown).empty()) return PINCER_FAIL(invalid_argument, "a message needs text");
    if (message.buttons.size() > kMaxRows) return PINCER_FAIL(invalid_argument, "at most {} rows of buttons", kMaxRows);
    for (const auto& row : message.buttons) {
        if (row.empty() || row.size() > kMaxButtonsInRow)
            return PINCER_FAIL(invalid_argument, "a row has 1 to {} buttons", kMaxButtonsInRow);
        for (const auto& button : row) {
            const auto label = markdown::utf16_length(button.label);
            if (label == 0 || label > kMaxLabelUnits)
                return PINCER_FAIL(invalid_argument, "a button's label has 1 to {} characters", kMaxLabelUnits);
            if (button.token.empty() || button.token.size() > 64)
                return PINCER_FAIL(invalid_argument, "a button's token has 1 to 64 bytes");
        }
    }
    return {};
}

}  // namespace pincer::channels::slack
