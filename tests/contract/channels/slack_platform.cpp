#include <deque>
#include <set>

#include "tests/contract/channels/platform.hpp"

namespace pincer::channels::contract {
namespace {

// What the app and Slack share of a connection; it outlives both.
struct Wire {
    explicit Wire(io::Runtime& runtime) : changed(runtime) {}
    io::Event changed;
    std::deque<std::string> frames;
    std::set<std::string> acknowledged;
};

class FakeSocket final : public io::WebSocket {
public:
    explicit FakeSocket(std::shared_ptr<Wire> wire) : wire_(std::move(wire)) {}
    Task<Result<io::WsMessage>> receive(Deadline deadline) override {
        while (wire_->frames.empty()) {
            wire_->changed.reset();
            PINCER_CO_CHECK(co_await wire_->changed.wait(deadline));
        }
        io::WsMessage message;
        message.data = std::move(wire_->frames.front());
        wire_->frames.pop_front();
        co_return message;
    }
    Task<Result<>> send(std::string text) override {
        wire_->acknowledged.insert(json::string_or(json::parse_object(text).value(), "envelope_id"));
        co_return Result<>();
    }
    Result<> post(std::shared_ptr<const std::string>) override { return {}; }
    Task<> close(std::uint16_t, std::string) override { co_return; }
    io::WsClose close_status() const override { return {}; }
    std::size_t buffered_bytes() const override { return 0; }
    void set_max_message_bytes(std::size_t) override {}
    void set_max_buffered_bytes(std::size_t) override {}
    void keep_alive(Millis, Millis) override {}
    std::string remote_address() const override { return "127.0.0.1"; }

private:
    std::shared_ptr<Wire> wire_;
};

class FakeConnector final : public io::WebSocketConnector {
public:
    explicit FakeConnector(std::shared_ptr<Wire> wire) : wire_(std::move(wire)) {}
    Task<Result<std::unique_ptr<io::WebSocket>>> connect(io::Url, io::WsConnectOptions, Deadline) override {
        wire_->frames.push_front(R"({"type":"hello"})");
        co_return std::make_unique<FakeSocket>(wire_);
    }

private:
    std::shared_ptr<Wire> wire_;
};

class SlackPlatform final : public Platform {
public:
    explicit SlackPlatform(io::Runtime& runtime)
        : runtime_(runtime),
          wire_(std::make_shared<Wire>(runtime)),
          connector_(wire_),
          http_([this](io::HttpRequest request) { return serve(std::move(request)); }) {}

    AccountConfig config() const override {
        AccountConfig config;
        config.secrets.emplace_back("botToken", Secret("xoxb-" + std::string(kCanary)));
        config.secrets.emplace_back("appToken", Secret("xapp-" + std::string(kCanary)));
        return config;
    }
    Services services() override { return {runtime_, http_, connector_, clock_, random_}; }
    Route route() const override { return {"slack", "default", "C1", "1.0"}; }
    std::size_t longest_part() const override { return 4000; }

    void says(int id, std::string text) override {
        const json::object event{{"type", "message"},  {"channel", "C1"}, {"channel_type", "channel"},
                                 {"user", "U9"},       {"team", "T1"},    {"ts", "2." + std::to_string(id)},
                                 {"thread_ts", "1.0"}, {"text", text}};
        push(id, "events_api", {{"team_id", "T1"}, {"event", event}});
    }
    void presses(int id, std::string message_ref, std::string token) override {
        const json::object container{{"channel_id", "C1"}, {"message_ts", message_ref}, {"thread_ts", "1.0"}};
        const json::array actions{json::object{{"value", token}, {"action_ts", "3." + std::to_string(id)}}};
        push(id, "interactive",
             {{"type", "block_actions"},
              {"user", json::object{{"id", "U9"}, {"team_id", "T1"}}},
              {"container", container},
              {"actions", actions}});
    }
    bool acknowledged(int id) const override { return wire_->acknowledged.contains("env-" + std::to_string(id)); }
    void lose_next_answer() override { lose_ = true; }
    void refuse_tokens() override { refusing_ = true; }

private:
    void push(int id, std::string_view type, json::object payload) {
        wire_->frames.push_back(json::write(json::object{
            {"envelope_id", "env-" + std::to_string(id)}, {"type", type}, {"payload", std::move(payload)}}));
        wire_->changed.set();
    }

    static io::HttpResponse ok(json::object body) {
        body["ok"] = true;
        return {.status = 200, .body = json::write(body)};
    }

    Task<Result<io::HttpResponse>> serve(io::HttpRequest request) {
        ++requests;
        const auto method = request.url.target.substr(request.url.target.rfind('/') + 1);
        const auto body = json::parse_object(request.body).value();
        const std::string expected = method == "apps.connections.open" ? "Bearer xapp-" : "Bearer xoxb-";
        const bool known = request.headers.get("Authorization") == expected + std::string(kCanary);
        if (refusing_ || !known)
            co_return io::HttpResponse{.status = 200, .body = R"({"ok":false,"error":"invalid_auth"})"};
        if (method == "auth.test") co_return ok({{"team_id", "T1"}, {"user_id", "UBOT"}, {"bot_id", "BBOT"}});
        if (method == "apps.connections.open")
            co_return ok({{"url", "wss://wss.slack.test/?ticket=" + std::string(kCanary)}});
        if (method == "conversations.replies") co_return ok({{"messages", stored_}});
        if (method == "chat.postEphemeral") {
            answers.push_back(json::string_or(body, "text"));
            co_return ok({});
        }
        co_return send(method, body);
    }

    Result<io::HttpResponse> send(const std::string& method, const json::object& body) {
        if (const auto delay = take_limit()) {
            const auto seconds = std::chrono::ceil<std::chrono::seconds>(*delay).count();
            return io::HttpResponse{.status = 429, .headers = {{"Retry-After", std::to_string(seconds)}}};
        }
        Seen message{
            json::string_or(body, "ts", "5." + std::to_string(seen.size())), json::string_or(body, "text"), {}};
        if (const auto* blocks = json::array_at(body, "blocks")) {
            for (const auto& block : *blocks) {
                if (block.at("type").as_string() != "actions") continue;
                for (const auto& button : block.at("elements").as_array())
                    message.tokens.emplace_back(button.at("value").as_string());
            }
        }
        stored_.push_back(json::object{{"user", "UBOT"}, {"ts", message.ref}, {"metadata", body.at("metadata")}});
        const json::object result{{"ts", message.ref}};
        if (method == "chat.update")
            *std::ranges::find(seen, message.ref, &Seen::ref) = std::move(message);
        else
            seen.push_back(std::move(message));
        if (std::exchange(lose_, false))
            return PINCER_FAIL(io, "reset while reading, Authorization: Bearer xoxb-{}", kCanary);
        return ok(result);
    }

    io::Runtime& runtime_;
    std::shared_ptr<Wire> wire_;
    FakeConnector connector_;
    FunctionHttp http_;
    SystemClock clock_;
    pincer::testing::SeededRandom random_{1};
    json::array stored_;
    bool lose_ = false;
    bool refusing_ = false;
};

}  // namespace

std::unique_ptr<Platform> make_slack_platform(io::Runtime& runtime) { return std::make_unique<SlackPlatform>(runtime); }

}  // namespace pincer::channels::contract
