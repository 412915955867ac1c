#include "channels/telegram/telegram.hpp"

#include <charconv>

#include "base/log.hpp"
#include "base/text.hpp"
#include "channels/link.hpp"
#include "channels/markdown/render.hpp"
#include "channels/outbound.hpp"
#include "channels/telegram/telegram_session.hpp"
#include "io/files.hpp"

namespace pincer::channels::telegram {
namespace {

class Telegram final : public Channel {
public:
    Telegram(std::string account, Secret token, io::Url root, Services services)
        : account_(std::move(account)),
          token_(std::move(token)),
          root_(std::move(root)),
          services_(services),
          link_(services.clock) {}

    std::string_view id() const override { return kType.id; }
    const std::string& account() const override { return account_; }
    Health health() const override { return link_.health(); }
    Capabilities capabilities() const override {
        return {.threads = true, .buttons = true, .edits = true, .media = true, .max_message_units = kMaxTextUnits};
    }

    Task<Result<>> run(Inbox& inbox) override {
        link_.start();
        auto ended = co_await poll(inbox);
        if (!ended) link_.stop(ended.error());
        co_return ended;
    }

    Task<Result<Delivered>> send(Outgoing message, Deadline deadline) override {
        PINCER_CO_CHECK(link_.may_send());
        PINCER_CO_CHECK(check_outgoing(message));
        PINCER_CO_CHECK(outbound_.ready(message.route.to, services_.clock.steady()));
        const auto parts = markdown::split(markdown::parse(message.markdown), kMaxTextUnits, markdown::telegram_cost);
        for (auto i = outbound_.sent(message.delivery_id).size(); i < parts.size(); ++i) {
            const OutgoingPart place{.first = i == 0, .last = i + 1 == parts.size()};
            auto ref = co_await send_document(message, parts[i], place, deadline);
            if (!ref) {
                const auto wait = ref.error().retry_after();
                if (wait) outbound_.hold(message.route.to, *wait, services_.clock.steady());
                co_return Failure(std::move(ref).error());
            }
            outbound_.record(message.delivery_id, *std::move(ref));
        }
        co_return Delivered{outbound_.finish(message.delivery_id)};
    }

    Task<Result<>> answer_action(InboundAction action, std::string text, Deadline deadline) override {
        PINCER_CO_CHECK(link_.may_send());
        const auto call = answer_callback(action, text);
        PINCER_CO_CHECK(co_await exchange(call, deadline.at_most(kCallTimeout)));
        co_return Result<>();
    }

private:
    Task<Result<>> poll(Inbox& inbox) {
        Session session(account_, saved_offset(inbox), services_.random);
        for (;;) {
            auto step = session.next();
            link_.set(session.link(), session.detail());
            if (auto* call = std::get_if<DoCall>(&step)) {
                const auto reply = co_await exchange(call->call, Deadline::after(call->timeout));
                if (!reply && reply.error().code() == ErrorCode::cancelled) co_return Failure(reply.error());
                session.on_reply(reply);
            } else if (auto* handle = std::get_if<DoHandle>(&step)) {
                const auto handled = co_await hand_over(inbox, std::move(handle->update));
                if (!handled && handled.error().code() == ErrorCode::cancelled) co_return Failure(handled.error());
                session.on_handled(handled);
            } else if (auto* save = std::get_if<DoSave>(&step)) {
                const auto saved = co_await inbox.save_cursor("telegram", account_, std::to_string(save->offset));
                if (!saved && saved.error().code() == ErrorCode::cancelled) co_return Failure(saved.error());
                if (!saved) log::failure(log::Level::warn, "telegram.offset_not_saved", saved.error());
                session.on_saved();
            } else if (auto* pause = std::get_if<DoPause>(&step)) {
                log::warn("telegram.waiting",
                          {{"account", account_}, {"why", session.detail()}, {"ms", pause->delay.count()}});
                PINCER_CO_CHECK(co_await io::sleep_for(pause->delay));
                session.on_paused();
            } else {
                co_return Failure(std::get<DoStop>(step).error);
            }
        }
    }

    std::int64_t saved_offset(Inbox& inbox) const {
        const auto text = inbox.cursor("telegram", account_).value_or("0");
        std::int64_t offset = 0;
        std::from_chars(text.data(), text.data() + text.size(), offset);
        return offset;
    }

    Task<Result<>> hand_over(Inbox& inbox, Update update) {
        if (auto* ignored = std::get_if<Ignored>(&update.content)) {
            log::debug("telegram.ignored", {{"account", account_}, {"update", update.id}, {"why", ignored->reason}});
            co_return Result<>();
        }
        link_.saw_event();
        if (auto* action = std::get_if<InboundAction>(&update.content)) {
            action->at = services_.clock.wall();  // Telegram does not say when a button was pressed
            co_return co_await inbox.action(std::move(*action));
        }
        co_return co_await inbox.message(std::get<InboundMessage>(std::move(update.content)));
    }

    // As HTML; as plain text when Telegram finds fault with the entities. Gives the message's id.
    Task<Result<std::string>> send_document(const Outgoing& message, const markdown::Document& document,
                                            OutgoingPart part, Deadline deadline) {
        part.text = markdown::render_telegram_html(document);
        const auto as_html = send_part(message, part);
        auto reply = co_await exchange(as_html, deadline.at_most(kCallTimeout));
        if (!reply && reply.error().reason() == "BAD_ENTITIES") {
            log::warn("telegram.sent_as_plain_text", {{"account", account_}});
            part.text = markdown::render_plain(document);
            part.form = TextForm::plain;
            const auto as_plain = send_part(message, part);
            reply = co_await exchange(as_plain, deadline.at_most(kCallTimeout));
        }
        const bool edit = part.first && !message.edit_of.empty();
        if (edit && (reply || reply.error().reason() == "NOT_MODIFIED")) co_return message.edit_of;
        if (!reply) co_return Failure(std::move(reply).error());
        const auto* sent = reply->if_object();
        const auto message_id = sent ? json::int_at(*sent, "message_id") : std::nullopt;
        if (!message_id) co_return PINCER_FAIL(outcome_unknown, "Telegram's answer to sendMessage names no message");
        co_return std::to_string(*message_id);
    }

    Task<Result<json::value>> exchange(const Call& call, Deadline deadline) {
        auto request = json_post(root_, "/bot" + token_.reveal() + "/" + call.method, call.parameters);
        const auto response = co_await services_.http.send(std::move(request), deadline);
        if (!response) co_return Failure(transport_error(response.error(), call.effect, token_));
        co_return parse_reply(call, response->status, response->body);
    }

    std::string account_;
    Secret token_;
    io::Url root_;
    Services services_;
    Link link_;
    Outbound outbound_;
};

// The token stands in the path of every request, so its form is checked before it gets there: "<digits>:<base64url>".
bool looks_like_token(std::string_view token) {
    const auto colon = token.find(':');
    if (colon == 0 || colon == std::string_view::npos || colon + 1 == token.size()) return false;
    return token.substr(0, colon).find_first_not_of("0123456789") == std::string_view::npos &&
           token.substr(colon + 1).find_first_not_of(
               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == std::string_view::npos;
}

Result<Secret> read_token(const AccountConfig& config) {
    if (const auto* token = config.secret("botToken")) return *token;
    const auto file = json::string_or(config.values, "tokenFile");
    if (file.empty()) return PINCER_FAIL(invalid_argument, "telegram needs botToken or tokenFile");
    PINCER_CHECK(io::check_private_file(file));
    PINCER_TRY(auto text, io::read_file(file, 4096));
    return Secret(std::string(trim(text)));
}

}  // namespace

Result<std::unique_ptr<Channel>> make(const AccountConfig& config, Services services) {
    PINCER_TRY(auto token, read_token(config));
    if (!looks_like_token(token.reveal())) {
        return PINCER_FAIL(invalid_argument, "telegram's botToken is not of the form <digits>:<letters>");
    }
    PINCER_TRY(auto root,
               parse_api_root(json::string_or(config.values, "apiRoot", "https://api.telegram.org"), "apiRoot"));
    return std::make_unique<Telegram>(config.account_id, std::move(token), std::move(root), services);
}

}  // namespace pincer::channels::telegram
