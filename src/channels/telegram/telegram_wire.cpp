#include "channels/telegram/telegram_wire.hpp"

#include <charconv>

#include "base/text.hpp"
#include "channels/markdown/render.hpp"

namespace pincer::channels::telegram {
namespace {

constexpr Millis kMaxPoll{50'000};

// Which error code a refusal is. `description` is Telegram's text, the only place where it says more than 400.
Error refusal(const Call& call, std::int64_t code, std::string_view description) {
    const auto says = [text = to_lower(description)](std::string_view part) { return text.contains(part); };
    const auto error = [&](ErrorCode kind, std::string reason = "") {
        return Error(kind, fmt::format("Telegram answered {} to {}", code, call.method)).with_reason(std::move(reason));
    };
    switch (code) {
        case 400:
            if (says("can't parse entities")) return error(ErrorCode::invalid_argument, "BAD_ENTITIES");
            if (says("message is not modified")) return error(ErrorCode::invalid_argument, "NOT_MODIFIED");
            if (says("query is too old") || says("query_id_invalid")) return error(ErrorCode::expired);
            if (says("not found") || says("upgraded to a supergroup")) return error(ErrorCode::not_found);
            return error(ErrorCode::invalid_argument);
        case 401: return error(ErrorCode::unauthenticated, "BAD_TOKEN");
        case 403: return error(ErrorCode::forbidden);
        case 404: return error(ErrorCode::unauthenticated, "BAD_TOKEN");  // the path holds the token: no such bot
        case 409: return error(ErrorCode::conflict, says("webhook") ? "WEBHOOK_ACTIVE" : "OTHER_POLLER");
        case 429: return error(ErrorCode::rate_limited);
        case 503: return error(ErrorCode::unavailable);
        default: break;
    }
    if (code < 500) return error(ErrorCode::protocol);
    return error(call.effect == Effect::delivers ? ErrorCode::outcome_unknown : ErrorCode::unavailable);
}

json::object reply_markup(const std::vector<std::vector<Button>>& rows) {
    json::array keyboard;
    for (const auto& row : rows) {
        json::array line;
        for (const auto& button : row)
            line.push_back(json::object{{"text", button.label}, {"callback_data", button.token}});
        keyboard.push_back(std::move(line));
    }
    return {{"inline_keyboard", std::move(keyboard)}};
}

std::optional<std::int64_t> to_number(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

// A chat is a number, or the "@name" of a public channel.
json::value chat_id(const std::string& to) {
    if (const auto number = to_number(to)) return *number;
    return json::value(to);
}

}  // namespace

Result<json::value> parse_reply(const Call& call, int status, std::string_view body) {
    auto parsed = json::parse_object(body);
    if (!parsed) {
        if (status >= 400) return Failure(refusal(call, status, ""));
        if (call.effect == Effect::delivers)
            return PINCER_FAIL(outcome_unknown, "Telegram's answer to {} does not parse", call.method);
        return PINCER_FAIL(protocol, "Telegram's answer to {} does not parse", call.method);
    }
    if (json::bool_at(*parsed, "ok").value_or(false)) {
        const auto* result = json::find(*parsed, "result");
        return result ? *result : json::value(nullptr);
    }
    const auto description = json::string_or(*parsed, "description");
    auto error =
        refusal(call, json::int_at(*parsed, "error_code").value_or(status), description).with_foreign(description);
    if (error.code() == ErrorCode::rate_limited) {
        const auto* parameters = json::object_at(*parsed, "parameters");
        const auto seconds = parameters ? json::int_at(*parameters, "retry_after").value_or(1) : 1;
        const auto delay =
            std::chrono::seconds(std::clamp<std::int64_t>(seconds, 1, kMaxRetryAfter / std::chrono::seconds(1)));
        error = std::move(error).with_retry_after(delay);
    }
    return Failure(std::move(error));
}

Result<Bot> parse_bot(const json::value& result) {
    if (!result.is_object()) return PINCER_FAIL(protocol, "Telegram's getMe holds no object");
    const auto& me = result.get_object();
    const auto id = json::int_at(me, "id");
    if (!id) return PINCER_FAIL(protocol, "Telegram's getMe holds no id");
    return Bot{*id, json::string_or(me, "username")};
}

Call get_me() { return {.method = "getMe"}; }
Call delete_webhook() { return {.method = "deleteWebhook", .parameters = {{"drop_pending_updates", false}}}; }

Call get_updates(std::int64_t offset, Millis timeout) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(std::min(timeout, kMaxPoll)).count();
    json::object parameters{
        {"timeout", seconds}, {"limit", 100}, {"allowed_updates", json::array{"message", "callback_query"}}};
    if (offset > 0) parameters["offset"] = offset;
    return {.method = "getUpdates", .parameters = std::move(parameters)};
}

Call send_part(const Outgoing& message, const OutgoingPart& part) {
    json::object parameters{{"chat_id", chat_id(message.route.to)},
                            {"text", part.text},
                            {"link_preview_options", json::object{{"is_disabled", true}}}};
    if (part.form == TextForm::html) parameters["parse_mode"] = "HTML";
    if (part.last && !message.buttons.empty()) parameters["reply_markup"] = reply_markup(message.buttons);
    if (part.first && !message.edit_of.empty()) {
        parameters["message_id"] = to_number(message.edit_of).value_or(0);
        return {.method = "editMessageText", .parameters = std::move(parameters)};  // twice is as good as once
    }
    if (const auto thread = to_number(message.route.thread_id)) parameters["message_thread_id"] = *thread;
    if (const auto question = to_number(message.reply_to); part.first && question) {
        parameters["reply_parameters"] = json::object{{"message_id", *question}, {"allow_sending_without_reply", true}};
    }
    return {.method = "sendMessage", .parameters = std::move(parameters), .effect = Effect::delivers};
}

Call answer_callback(const InboundAction& action, std::string_view text) {
    auto shown = std::string(text);
    for (auto bytes = shown.size(); markdown::utf16_length(shown) > kMaxAnswerUnits; bytes /= 2) {
        shown = truncate_utf8(text, std::min<std::size_t>(bytes, kMaxAnswerUnits));
    }
    json::object parameters{{"callback_query_id", action.answer_handle}, {"text", shown}, {"show_alert", true}};
    return {.method = "answerCallbackQuery", .parameters = std::move(parameters)};
}

Result<> check_outgoing(const Outgoing& message) {
    const auto& to = message.route.to;
    if (!to_number(to) && !(to.starts_with('@') && to.size() > 1)) {
        return PINCER_FAIL(invalid_argument, "a Telegram chat is a number or an @name");
    }
    if (!message.route.thread_id.empty() && !to_number(message.route.thread_id)) {
        return PINCER_FAIL(invalid_argument, "a Telegram thread is a number");
    }
    if (!message.edit_of.empty() && !to_number(message.edit_of)) {
        return PINCER_FAIL(invalid_argument, "a Telegram message is named by a number");
    }
    std::size_t buttons = 0;
    for (const auto& row : message.buttons) {
        for (const auto& button : row) {
            ++buttons;
            if (button.label.empty()) return PINCER_FAIL(invalid_argument, "a button needs a label");
            if (button.token.empty() || button.token.size() > kMaxCallbackBytes) {
                return PINCER_FAIL(invalid_argument, "a button's token has 1 to {} bytes", kMaxCallbackBytes);
            }
        }
    }
    if (buttons > kMaxButtons) return PINCER_FAIL(invalid_argument, "at most {} buttons", kMaxButtons);
    if (trim(message.markdown).empty()) return PINCER_FAIL(invalid_argument, "a message needs text");
    return {};
}

}  // namespace pincer::channels::telegram
