#include "channels/slack/slack.hpp"

#include "base/log.hpp"
#include "channels/link.hpp"
#include "channels/markdown/render.hpp"
#include "channels/outbound.hpp"
#include "channels/slack/slack_session.hpp"

namespace pincer::channels::slack {
namespace {

constexpr std::size_t kMaxPages = 25;  // of 200 messages: what find_delivery() reads at most

struct Tokens {
    Secret bot;
    Secret app;
};

class Slack final : public Channel {
public:
    Slack(std::string account, Tokens tokens, io::Url root, Services services)
        : account_(std::move(account)),
          tokens_(std::move(tokens)),
          root_(std::move(root)),
          services_(services),
          link_(services.clock) {}

    std::string_view id() const override { return kType.id; }
    const std::string& account() const override { return account_; }
    Health health() const override { return link_.health(); }
    Capabilities capabilities() const override {
        return {.threads = true,
                .buttons = true,
                .edits = true,
                .media = true,
                .settles_deliveries = true,
                .max_message_units = kMaxTextUnits};
    }

    Task<Result<>> run(Inbox& inbox) override {
        link_.start();
        auto ended = co_await listen(inbox);
        socket_.reset();
        if (!ended) link_.stop(ended.error());
        co_return ended;
    }

    Task<Result<Delivered>> send(Outgoing message, Deadline deadline) override {
        PINCER_CO_CHECK(link_.may_send());
        PINCER_CO_CHECK(check_outgoing(message));
        PINCER_CO_CHECK(outbound_.ready(message.route.to, services_.clock.steady()));
        const auto limit = message.buttons.empty() ? kMaxTextUnits : kMaxSectionUnits;
        const auto parts = markdown::split(markdown::parse(message.markdown), limit, markdown::slack_cost);
        for (auto i = outbound_.sent(message.delivery_id).size(); i < parts.size(); ++i) {
            const OutgoingPart part{markdown::render_slack_mrkdwn(parts[i]), i, parts.size()};
            auto reply = co_await exchange(send_part(message, part), deadline);
            if (!reply) {
                const auto wait = reply.error().retry_after();
                if (wait) outbound_.hold(message.route.to, *wait, services_.clock.steady());
                co_return Failure(std::move(reply).error());
            }
            outbound_.record(message.delivery_id, json::string_or(*reply, "ts"));
        }
        co_return Delivered{outbound_.finish(message.delivery_id)};
    }

    Task<Result<std::optional<Delivered>>> find_delivery(Outgoing message, Deadline deadline) override {
        PINCER_CO_CHECK(link_.may_send());
        if (self_.user_id.empty()) co_return PINCER_FAIL(unavailable, "not connected to Slack yet");
        Sightings found;
        std::string cursor;
        for (std::size_t page = 0; page < kMaxPages && !found.complete(); ++page) {
            const auto call = read_page(message, cursor);
            PINCER_CO_TRY(const auto reply, co_await exchange(call, deadline));
            look_for(message.delivery_id, reply, self_, found);
            cursor = next_cursor(reply);
            if (cursor.empty()) break;
        }
        if (!found.complete() && !cursor.empty()) {
            co_return PINCER_FAIL(outcome_unknown, "the conversation is longer than {} pages", kMaxPages);
        }
        co_return settle(message.delivery_id, found);
    }

    Task<Result<>> answer_action(InboundAction action, std::string text, Deadline deadline) override {
        PINCER_CO_CHECK(link_.may_send());
        const auto call = answer(action, text);
        PINCER_CO_CHECK(co_await exchange(call, deadline));
        co_return Result<>();
    }

private:
    // Parts that did arrive are not sent again: send() goes on after them.
    std::optional<Delivered> settle(const std::string& delivery_id, const Sightings& found) {
        Delivered delivered;
        for (const auto& [index, ref] : found.refs) {
            if (index != delivered.message_refs.size()) break;
            delivered.message_refs.push_back(ref);
        }
        outbound_.restore(delivery_id, delivered.message_refs);
        if (!found.complete()) return std::nullopt;
        outbound_.finish(delivery_id);
        return delivered;
    }

    Task<Result<>> listen(Inbox& inbox) {
        Session session(account_, services_.clock, services_.random);
        for (;;) {
            const auto step = session.next();
            self_ = session.self();
            link_.set(session.link(), session.detail());
            if (const auto* stop = std::get_if<DoStop>(&step)) co_return Failure(stop->error);
            const auto done = co_await carry_out(step, session, inbox);
            if (!done) co_return done;
        }
    }

    // Fails only when we are cancelled; every other failure is the session's to judge.
    Task<Result<>> carry_out(const Step& step, Session& session, Inbox& inbox) {
        if (const auto* call = std::get_if<DoCall>(&step)) {
            const auto reply = co_await exchange(call->call, Deadline::after(kCallTimeout));
            if (is_cancelled(reply)) co_return Failure(reply.error());
            session.on_reply(reply);
        } else if (const auto* connection = std::get_if<DoConnect>(&step)) {
            const auto connected = co_await connect(connection->url);
            if (is_cancelled(connected)) co_return connected;
            session.on_connected(connected);
        } else if (const auto* receive = std::get_if<DoReceive>(&step)) {
            const auto text = co_await receive_text(receive->hello);
            if (is_cancelled(text)) co_return Failure(text.error());
            session.on_text(text);
        } else if (const auto* handle = std::get_if<DoHandle>(&step)) {
            const auto handled = co_await hand_over(inbox, handle->content);
            if (is_cancelled(handled)) co_return handled;
            session.on_handled(handled);
        } else if (const auto* acknowledge = std::get_if<DoAcknowledge>(&step)) {
            const auto sent = co_await socket_->send(acknowledge->text);
            if (is_cancelled(sent)) co_return sent;
            session.on_acknowledged(sent);
        } else if (const auto* pause = std::get_if<DoPause>(&step)) {
            log::warn("slack.waiting",
                      {{"account", account_}, {"why", session.detail()}, {"ms", pause->delay.count()}});
            PINCER_CO_CHECK(co_await io::sleep_for(pause->delay));
            session.on_paused();
        }
        co_return Result<>();
    }

    template <class T>
    static bool is_cancelled(const Result<T>& result) {
        return !result && result.error().code() == ErrorCode::cancelled;
    }

    Task<Result<>> connect(std::string address) {
        socket_.reset();
        auto url = io::parse_url(address);
        const bool local = is_loopback(root_);
        if (!url || !(url->scheme == "wss" || (url->scheme == "ws" && local && is_loopback(*url)))) {
            co_return PINCER_FAIL(protocol, "Slack gave an address that is no wss address");
        }
        io::WsConnectOptions options;
        if (local) options.egress = io::EgressPolicy::named(url->host);
        options.max_message_bytes = 1u << 20;
        auto socket = co_await services_.websockets.connect(*url, std::move(options), Deadline::after(kCallTimeout));
        // The address holds a ticket, so nothing of the error but its kind is passed on.
        if (!socket) co_return Failure(Error(socket.error().code(), "connecting to Slack's Socket Mode failed"));
        socket_ = *std::move(socket);
        socket_->keep_alive(Millis(20'000), Millis(10'000));
        co_return Result<>();
    }

    Task<Result<std::string>> receive_text(bool hello) {
        const auto deadline = hello ? Deadline::after(kHelloTimeout) : Deadline::never();
        auto message = co_await socket_->receive(deadline);
        if (!message) co_return Failure(std::move(message).error());
        co_return std::move(message->data);
    }

    Task<Result<>> hand_over(Inbox& inbox, Inbound content) {
        link_.saw_event();
        if (auto* action = std::get_if<InboundAction>(&content)) co_return co_await inbox.action(std::move(*action));
        co_return co_await inbox.message(std::get<InboundMessage>(std::move(content)));
    }

    Task<Result<json::object>> exchange(Call call, Deadline deadline) {
        const auto& token = call.token == Token::app ? tokens_.app : tokens_.bot;
        auto request = json_post(root_, "/" + call.method, call.parameters);
        request.headers.set("Authorization", "Bearer " + token.reveal());
        const auto response = co_await services_.http.send(std::move(request), deadline.at_most(kCallTimeout));
        if (!response) co_return Failure(transport_error(response.error(), call.effect, token));
        co_return parse_reply(call, response->status, response->headers, response->body);
    }

    std::string account_;
    Tokens tokens_;
    io::Url root_;
    Services services_;
    Link link_;
    Outbound outbound_;
    Self self_;
    std::unique_ptr<io::WebSocket> socket_;
};

Result<Secret> read_token(const AccountConfig& config, std::string_view key, std::string_view prefix) {
    const auto* token = config.secret(key);
    if (!token) return PINCER_FAIL(invalid_argument, "slack needs {}", key);
    const auto& text = token->reveal();
    const bool printable = std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
    if (!text.starts_with(prefix) || !printable)
        return PINCER_FAIL(invalid_argument, "slack's {} must begin with {}", key, prefix);
    return *token;
}

}  // namespace

Result<std::unique_ptr<Channel>> make(const AccountConfig& config, Services services) {
    if (json::string_or(config.values, "mode", "socket") != "socket") {
        return PINCER_FAIL(invalid_argument, "slack's mode must be \"socket\"");
    }
    PINCER_TRY(auto bot, read_token(config, "botToken", "xox"));
    PINCER_TRY(auto app, read_token(config, "appToken", "xapp-"));
    PINCER_TRY(auto root, parse_api_root(json::string_or(config.values, "apiUrl", "https://slack.com/api"), "apiUrl"));
    return std::make_unique<Slack>(config.account_id, Tokens{std::move(bot), std::move(app)}, std::move(root),
                                   services);
}

}  // namespace pincer::channels::slack
