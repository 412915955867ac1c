#include <map>

#include "base/text.hpp"
#include "tests/contract/channels/platform.hpp"

namespace pincer::channels::contract {
namespace {

class NoWebSockets final : public io::WebSocketConnector {
    Task<Result<std::unique_ptr<io::WebSocket>>> connect(io::Url, io::WsConnectOptions, Deadline) override {
        co_return PINCER_FAIL(unsupported, "no WebSockets here");
    }
};

constexpr std::int64_t kChat = 99;

// What a reader sees of parse_mode HTML; entities do not occur in the suite's texts.
std::string without_tags(std::string_view html) {
    std::string out;
    bool inside = false;
    for (const char c : html) {
        if (c == '<') inside = true;
        if (!inside) out += c;
        if (c == '>') inside = false;
    }
    return out;
}

class TelegramPlatform final : public Platform {
public:
    explicit TelegramPlatform(io::Runtime& runtime)
        : runtime_(runtime),
          changed_(runtime),
          http_([this](io::HttpRequest request) { return serve(std::move(request)); }) {}

    AccountConfig config() const override {
        AccountConfig config;
        config.secrets.emplace_back("botToken", Secret("123456:" + std::string(kCanary)));
        return config;
    }
    Services services() override { return {runtime_, http_, no_websockets_, clock_, random_}; }
    Route route() const override { return {"telegram", "default", std::to_string(kChat), ""}; }
    std::size_t longest_part() const override { return 4096; }

    void says(int id, std::string text) override {
        push(
            id,
            {{"message",
              json::object{
                  {"message_id", id}, {"date", 1'700'000'000}, {"text", text}, {"from", person()}, {"chat", chat()}}}});
    }
    void presses(int id, std::string message_ref, std::string token) override {
        const json::object message{{"message_id", std::stoll(message_ref)}, {"chat", chat()}};
        push(id,
             {{"callback_query",
               json::object{{"id", std::to_string(id)}, {"from", person()}, {"data", token}, {"message", message}}}});
    }
    // A next poll with a higher offset is how a bot says that it has an update.
    bool acknowledged(int id) const override { return acknowledged_below_ > 1000 + id; }
    void lose_next_answer() override { lose_ = true; }
    void refuse_tokens() override {
        refusing_ = true;
        changed_.set();
    }

private:
    static json::object person() { return {{"id", kChat}, {"is_bot", false}, {"first_name", "Ada"}}; }
    static json::object chat() { return {{"id", kChat}, {"type", "private"}}; }
    void push(int id, json::object update) {
        update["update_id"] = 1000 + id;
        updates_.push_back(std::move(update));
        changed_.set();
    }

    static io::HttpResponse answer(int status, json::object body) {
        return {.status = status, .body = json::write(body)};
    }
    static io::HttpResponse ok(json::value result) {
        return answer(200, {{"ok", true}, {"result", std::move(result)}});
    }
    static io::HttpResponse refuse(int code, std::string_view why) {
        return answer(code, {{"ok", false}, {"error_code", code}, {"description", why}});
    }

    Task<Result<io::HttpResponse>> serve(io::HttpRequest request) {
        ++requests;
        const auto method = request.url.target.substr(request.url.target.rfind('/') + 1);
        const auto body = json::parse_object(request.body).value();
        if (!request.url.target.starts_with("/bot123456:" + std::string(kCanary) + "/"))
            co_return refuse(404, "Not Found");
        if (refusing_) co_return refuse(401, "Unauthorized: bot123456:" + std::string(kCanary));
        if (method == "getMe") co_return ok(json::object{{"id", 123456}, {"is_bot", true}, {"username", "pincer_bot"}});
        if (method == "getUpdates") co_return co_await poll(json::int_at(body, "offset").value_or(0));
        if (method == "answerCallbackQuery") {
            answers.push_back(json::string_or(body, "text"));
            co_return ok(true);
        }
        co_return send(method, body);
    }

    Task<Result<io::HttpResponse>> poll(std::int64_t offset) {
        acknowledged_below_ = std::max(acknowledged_below_, offset);
        std::erase_if(updates_,
                      [offset](const json::object& update) { return update.at("update_id").as_int64() < offset; });
        while (updates_.empty() && !refusing_) {
            changed_.reset();
            PINCER_CO_CHECK(co_await changed_.wait());
        }
        if (refusing_) co_return refuse(401, "Unauthorized");
        json::array all;
        for (const auto& update : updates_) all.push_back(update);
        co_return ok(std::move(all));
    }

    Result<io::HttpResponse> send(const std::string& method, const json::object& body) {
        if (const auto delay = take_limit()) {
            const auto seconds = std::chrono::ceil<std::chrono::seconds>(*delay).count();
            return answer(429,
                          {{"ok", false}, {"error_code", 429}, {"parameters", json::object{{"retry_after", seconds}}}});
        }
        Seen message{std::to_string(json::int_at(body, "message_id").value_or(500 + std::int64_t(seen.size()))),
                     without_tags(json::string_or(body, "text")),
                     {}};
        if (const auto* markup = json::object_at(body, "reply_markup")) {
            for (const auto& row : *json::array_at(*markup, "inline_keyboard")) {
                for (const auto& button : row.as_array())
                    message.tokens.emplace_back(button.at("callback_data").as_string());
            }
        }
        const json::object result{{"message_id", std::stoll(message.ref)}};
        if (method == "editMessageText")
            *std::ranges::find(seen, message.ref, &Seen::ref) = std::move(message);
        else
            seen.push_back(std::move(message));
        if (std::exchange(lose_, false))
            return PINCER_FAIL(io, "reset while reading the answer of /bot123456:{}/{}", kCanary, method);
        return ok(result);
    }

    io::Runtime& runtime_;
    io::Event changed_;
    FunctionHttp http_;
    NoWebSockets no_websockets_;
    SystemClock clock_;
    pincer::testing::SeededRandom random_{1};
    std::vector<json::object> updates_;
    std::int64_t acknowledged_below_ = 0;
    bool lose_ = false;
    bool refusing_ = false;
};

}  // namespace

std::unique_ptr<Platform> make_telegram_platform(io::Runtime& runtime) {
    return std::make_unique<TelegramPlatform>(runtime);
}

}  // namespace pincer::channels::contract
