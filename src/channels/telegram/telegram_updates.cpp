// Update JSON to what the Gateway knows. Every kind of update is named here: what is not, does not speak.
#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "channels/markdown/document.hpp"
#include "channels/telegram/telegram_wire.hpp"

namespace pincer::channels::telegram {
namespace {

// Kinds that never carry a command. An edit is one of them: what was approved or asked cannot be changed afterwards.
constexpr std::array kSilentKinds = std::to_array<std::string_view>({"edited_message",
                                                                     "channel_post",
                                                                     "edited_channel_post",
                                                                     "business_connection",
                                                                     "business_message",
                                                                     "edited_business_message",
                                                                     "deleted_business_messages",
                                                                     "guest_message",
                                                                     "message_reaction",
                                                                     "message_reaction_count",
                                                                     "inline_query",
                                                                     "chosen_inline_result",
                                                                     "shipping_query",
                                                                     "pre_checkout_query",
                                                                     "purchased_paid_media",
                                                                     "poll",
                                                                     "poll_answer",
                                                                     "my_chat_member",
                                                                     "chat_member",
                                                                     "chat_join_request",
                                                                     "chat_boost",
                                                                     "removed_chat_boost",
                                                                     "managed_bot"});

constexpr std::size_t kMaxEntities = 200;

struct Range {
    std::size_t begin = 0, end = 0;  // bytes
};

// Entities are measured in UTF-16 units; the text is UTF-8.
std::optional<Range> byte_range(std::string_view text, std::int64_t offset, std::int64_t length) {
    if (offset < 0 || length <= 0 || offset > std::int64_t(text.size()) || length > std::int64_t(text.size()))
        return std::nullopt;
    std::int64_t units = 0;
    Range range{text.size(), text.size()};
    bool begun = false;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        const auto byte = i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
        if (i < text.size() && (byte & 0xC0) == 0x80) continue;
        if (!begun && units >= offset) {
            range.begin = i;
            begun = true;
        }
        if (units >= offset + length) {
            range.end = i;
            break;
        }
        units += byte >= 0xF0 ? 2 : 1;
    }
    if (!begun || range.begin >= range.end) return std::nullopt;
    return range;
}

struct Addressed {
    std::string text;
    bool mentions_us = false;
};

// What of the entity names us: all of "@our_bot", the tail of "/command@our_bot", all of a mention by id.
std::optional<Range> mention_of(const json::object& entity, std::string_view text, const Bot& bot) {
    const auto range =
        byte_range(text, json::int_at(entity, "offset").value_or(-1), json::int_at(entity, "length").value_or(0));
    if (!range) return std::nullopt;
    const auto type = json::string_or(entity, "type");
    const auto name = text.substr(range->begin, range->end - range->begin);
    const auto ours = "@" + bot.username;
    if (type == "mention" && iequals(name, ours)) return range;
    if (type == "bot_command") {
        const auto at = name.find('@');
        if (at != std::string_view::npos && iequals(name.substr(at), ours)) return Range{range->begin + at, range->end};
    }
    if (type == "text_mention") {
        const auto* user = json::object_at(entity, "user");
        if (user && json::int_at(*user, "id") == bot.id) return range;
    }
    return std::nullopt;
}

Addressed strip_mentions(std::string_view text, const json::array* entities, const Bot& bot) {
    std::vector<Range> ours;
    for (std::size_t i = 0; entities && i < std::min(entities->size(), kMaxEntities); ++i) {
        const auto& entity = (*entities)[i];
        if (!entity.is_object()) continue;
        if (const auto range = mention_of(entity.get_object(), text, bot)) ours.push_back(*range);
    }
    std::ranges::sort(ours, {}, &Range::begin);
    std::string out;
    std::size_t from = 0;
    for (const auto& range : ours) {
        if (range.begin < from) continue;
        out += text.substr(from, range.begin - from);
        from = range.end;
        if (out.empty() || out.ends_with(' ')) from = std::min(text.find_first_not_of(' ', from), text.size());
    }
    out += text.substr(from);
    return {std::string(trim(out)), !ours.empty()};
}

std::optional<Sender> sender_of(const json::object& from) {
    const auto id = json::int_at(from, "id");
    if (!id) return std::nullopt;
    const auto last = json::string_or(from, "last_name");
    Sender sender{.id = std::to_string(*id), .display = json::string_or(from, "first_name")};
    if (!last.empty()) sender.display += " " + last;
    sender.username = json::string_or(from, "username");
    sender.is_bot = json::bool_at(from, "is_bot").value_or(false);
    return sender;
}

struct Place {
    Route route;
    ConversationType type = ConversationType::direct;
};

std::optional<Place> place_of(const json::object& message, const std::string& account) {
    const auto* chat = json::object_at(message, "chat");
    const auto id = chat ? json::int_at(*chat, "id") : std::nullopt;
    if (!id) return std::nullopt;
    const auto type = json::string_or(*chat, "type");
    Place place{.route = {.channel = "telegram", .account_id = account, .to = std::to_string(*id)}};
    if (type == "private")
        place.type = ConversationType::direct;
    else if (type == "group" || type == "supergroup")
        place.type = ConversationType::group;
    else
        return std::nullopt;
    // Outside forums message_thread_id only counts replies, and cannot be sent to.
    const auto thread = json::int_at(message, "message_thread_id");
    if (thread && json::bool_at(message, "is_topic_message").value_or(false))
        place.route.thread_id = std::to_string(*thread);
    return place;
}

Attachment attachment_of(std::string_view kind, const json::object& file) {
    return {.kind = std::string(kind),
            .content_type = json::string_or(file, "mime_type"),
            .file_name = json::string_or(file, "file_name"),
            .reference = json::string_or(file, "file_id"),
            .size_bytes = json::int_at(file, "file_size").value_or(0)};
}

std::vector<Attachment> attachments_of(const json::object& message) {
    constexpr std::pair<std::string_view, std::string_view> kFiles[] = {
        {"document", "document"}, {"audio", "audio"}, {"voice", "audio"}, {"video", "video"}, {"video_note", "video"}};
    std::vector<Attachment> out;
    if (const auto* sizes = json::array_at(message, "photo"); sizes && !sizes->empty() && sizes->back().is_object()) {
        out.push_back(attachment_of("image", sizes->back().get_object()));  // sizes ascend
    }
    for (const auto& [key, kind] : kFiles) {
        if (const auto* file = json::object_at(message, key)) out.push_back(attachment_of(kind, *file));
    }
    return out;
}

bool answers_us(const json::object& message, const Bot& bot) {
    const auto* question = json::object_at(message, "reply_to_message");
    const auto* author = question ? json::object_at(*question, "from") : nullptr;
    return author && json::int_at(*author, "id") == bot.id;
}

std::variant<Ignored, InboundMessage, InboundAction> message_of(const json::object& message, const Bot& bot,
                                                                const std::string& account) {
    const auto* from = json::object_at(message, "from");
    const auto id = json::int_at(message, "message_id");
    const auto place = place_of(message, account);
    if (!from || !id || !place) return Ignored{"message without sender, id or chat"};
    // Written in the name of a chat, or chosen from another bot: `from` is not who wrote it.
    if (message.contains("sender_chat")) return Ignored{"message on behalf of a chat"};
    if (message.contains("via_bot")) return Ignored{"message by way of a bot"};
    auto sender = sender_of(*from);
    if (!sender) return Ignored{"message without sender"};

    const bool captioned = !message.contains("text");
    const auto text = json::string_or(message, captioned ? "caption" : "text");
    auto addressed = strip_mentions(text, json::array_at(message, captioned ? "caption_entities" : "entities"), bot);
    InboundMessage out{.event_id = fmt::format("message:{}:{}", place->route.to, *id),
                       .route = place->route,
                       .type = place->type,
                       .sender = *std::move(sender),
                       .message_id = std::to_string(*id),
                       .text = std::move(addressed.text),
                       .mentions_us = addressed.mentions_us || answers_us(message, bot),
                       .attachments = attachments_of(message)};
    if (text.empty() && out.attachments.empty()) return Ignored{"message without text or file"};
    out.at = WallTime(
        std::chrono::seconds(std::clamp<std::int64_t>(json::int_at(message, "date").value_or(0), 0, 1ll << 40)));
    return out;
}

std::variant<Ignored, InboundMessage, InboundAction> action_of(const json::object& query, const std::string& account) {
    const auto* from = json::object_at(query, "from");
    const auto* message = json::object_at(query, "message");
    const auto id = json::string_or(query, "id");
    const auto token = json::string_or(query, "data");
    if (!from || !message || id.empty() || token.empty()) return Ignored{"callback without sender, message or data"};
    auto sender = sender_of(*from);
    const auto place = place_of(*message, account);
    const auto message_id = json::int_at(*message, "message_id");
    if (!sender || !place || !message_id) return Ignored{"callback without sender, chat or message"};
    return InboundAction{.event_id = "callback:" + id,
                         .route = place->route,
                         .type = place->type,
                         .sender = *std::move(sender),
                         .message_ref = std::to_string(*message_id),
                         .token = token,
                         .answer_handle = id};
}

std::variant<Ignored, InboundMessage, InboundAction> content_of(const json::object& update, const Bot& bot,
                                                                const std::string& account) {
    for (const auto kind : kSilentKinds) {
        if (update.contains(kind)) return Ignored{std::string(kind)};
    }
    if (const auto* message = json::object_at(update, "message")) return message_of(*message, bot, account);
    if (const auto* query = json::object_at(update, "callback_query")) return action_of(*query, account);
    return Ignored{"unknown kind"};
}

}  // namespace

Result<std::vector<Update>> parse_updates(const json::value& result, const Bot& bot, const std::string& account) {
    if (!result.is_array()) return PINCER_FAIL(protocol, "Telegram's getUpdates holds no list");
    std::vector<Update> updates;
    for (const auto& element : result.get_array()) {
        if (!element.is_object()) continue;
        const auto id = json::int_at(element.get_object(), "update_id");
        if (!id || *id < 0 || *id == std::numeric_limits<std::int64_t>::max()) continue;
        updates.push_back({*id, content_of(element.get_object(), bot, account)});
    }
    std::ranges::sort(updates, {}, &Update::id);
    return updates;
}

}  // namespace pincer::channels::telegram
