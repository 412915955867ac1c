#include "agent/models/hosted_model.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"
#include "io/runtime.hpp"
#include "io/sse.hpp"

namespace pincer::agent {
namespace {

constexpr std::size_t kMaxErrorBody = 64u << 10;
constexpr std::size_t kMaxEventBytes = 4u << 20;

bool worth_another_try(const Error& error) {
    return error.code() == ErrorCode::unavailable ||
           (error.code() == ErrorCode::rate_limited && error.reason() != "NO_CREDIT");
}

class HostedModel final : public Model {
public:
    HostedModel(ModelConfig config, io::Url base, std::unique_ptr<WireFormat> format, io::HttpClient& http,
                HostedModelPolicy policy)
        : config_(std::move(config)),
          base_(std::move(base)),
          id_(config_.provider + "/" + config_.model),
          format_(std::move(format)),
          http_(http),
          policy_(policy) {}

    std::string_view id() const override { return id_; }
    // Only what cannot leave the machine is local; a private network is somebody else's machine too.
    bool is_local() const override {
        if (base_.host == "localhost") return true;
        const auto kind = io::classify_address(base_.host);
        return kind && *kind == io::AddressKind::loopback;
    }

    Task<Result<ModelReply>> respond(ModelRequest request, DeltaSink on_delta, Deadline deadline) override {
        bool spoke = false;
        DeltaSink sink = [&spoke, &on_delta](std::string_view delta) {
            spoke = true;
            if (on_delta) on_delta(delta);
        };
        for (int attempt = 1;; ++attempt) {
            auto reply = co_await attempt_once(request, sink, deadline);
            if (reply || spoke || attempt >= policy_.attempts || !worth_another_try(reply.error())) co_return reply;
            const Millis delay = reply.error().retry_after().value_or(delay_before(attempt + 1));
            // A wait that cannot end in time is not begun: the caller can do something better with it.
            if (delay > policy_.longest_delay || delay >= deadline.left()) co_return reply;
            log::info("model.retry", {{"model", id_},
                                      {"attempt", attempt},
                                      {"delay_ms", delay.count()},
                                      {"error", name_of(reply.error().code())}});
            PINCER_CO_CHECK(co_await io::sleep_for(delay));
        }
    }

private:
    Task<Result<ModelReply>> attempt_once(const ModelRequest& request, const DeltaSink& sink, Deadline deadline) {
        WireCall call = format_->make_call(config_, request);
        io::HttpRequest http = http_request(call);
        const Deadline first_byte = deadline.at_most(policy_.first_byte);
        auto opened = co_await http_.open(std::move(http), first_byte);
        if (!opened) co_return Failure(std::move(opened).error().context(fmt::format("asking {}", id_)));
        std::unique_ptr<io::HttpStream> stream = *std::move(opened);
        if (stream->status() != 200) co_return co_await read_error(*stream, first_byte);
        co_return co_await read_answer(*stream, *call.reader, sink, deadline);
    }

    io::HttpRequest http_request(WireCall& call) const {
        io::HttpRequest http;
        http.method = "POST";
        http.url = base_;
        http.url.target = (base_.target == "/" ? "" : base_.target) + call.path;
        http.headers = std::move(call.headers);
        http.headers.set("Content-Type", "application/json");
        http.headers.set("Accept", "text/event-stream");
        for (const auto& [name, value] : config_.headers) http.headers.set(name, value);
        http.body = std::move(call.body);
        http.max_response_bytes = 4 * kMaxAnswerBytes;  // the events around the text weigh more than the text
        return http;
    }

    Task<Result<ModelReply>> read_error(io::HttpStream& stream, Deadline deadline) {
        std::string body;
        while (body.size() < kMaxErrorBody) {
            auto piece = co_await stream.read_some(deadline);
            if (!piece || piece->empty()) break;  // the status says enough
            body += *piece;
        }
        co_return Failure(error_of_answer(config_, stream.status(), stream.headers(), body));
    }

    Task<Result<ModelReply>> read_answer(io::HttpStream& stream, StreamReader& reader, const DeltaSink& sink,
                                         Deadline deadline) {
        const std::string_view type = stream.headers().get("content-type").value_or("");
        if (!to_lower(type).contains("text/event-stream")) {
            co_return PINCER_FAIL(protocol,
                                  "{} did not answer with an event stream: models.providers.{}.baseUrl may not be an "
                                  "endpoint of this API",
                                  id_, config_.provider);
        }
        io::SseParser parser(kMaxEventBytes);
        std::vector<io::SseEvent> events;
        bool first = true;
        while (!reader.done()) {
            const Millis wait = first ? policy_.first_byte : policy_.idle;
            auto piece = co_await stream.read_some(deadline.at_most(wait));
            if (!piece) co_return Failure(read_failure(std::move(piece).error(), first, deadline, wait));
            if (piece->empty()) break;
            first = false;
            events.clear();
            if (auto fed = parser.feed(*piece, events); !fed)
                co_return PINCER_FAIL(protocol, "{} sent an event over {} bytes", id_, kMaxEventBytes);
            for (const io::SseEvent& event : events) {
                PINCER_CO_TRY(const std::string delta, reader.take(event.type, event.data));
                if (!delta.empty()) sink(delta);
            }
        }
        co_return reader.finish();
    }

    Error read_failure(Error error, bool first, Deadline deadline, Millis wait) const {
        if (error.code() == ErrorCode::cancelled || error.code() == ErrorCode::protocol) return error;
        if (error.code() != ErrorCode::timed_out) {
            return Error(ErrorCode::unavailable, fmt::format("{} broke off in the middle of its answer", id_))
                .with_foreign(error.message());
        }
        if (deadline.passed())
            return Error(ErrorCode::timed_out,
                         fmt::format("{} did not finish its answer in the time of this run", id_));
        if (first)
            return Error(ErrorCode::timed_out,
                         fmt::format("{} sent no first byte within {}", id_, format_duration(wait)));
        return Error(ErrorCode::timed_out,
                     fmt::format("{} fell silent for {} in the middle of its answer", id_, format_duration(wait)));
    }

    // The half more is taken from the address of this object: gateways that fail together do not come back together.
    Millis delay_before(int attempt) const {
        const Millis delay = policy_.first_delay * (1 << std::min(attempt - 2, 10));
        const auto jitter =
            Millis(std::int64_t(std::hash<const void*>{}(this) >> 4) % std::max<std::int64_t>(1, delay.count() / 2));
        return std::min(delay + jitter, policy_.longest_delay);
    }

    ModelConfig config_;
    io::Url base_;
    std::string id_;
    std::unique_ptr<WireFormat> format_;
    io::HttpClient& http_;
    HostedModelPolicy policy_;
};

}  // namespace

Result<std::unique_ptr<Model>> make_hosted_model(ModelConfig config, std::unique_ptr<WireFormat> format,
                                                 io::HttpClient& http, HostedModelPolicy policy) {
    if (config.model.empty())
        return PINCER_FAIL(invalid_argument, "models.providers.{}.models: a model has no id", config.provider);
    while (config.base_url.ends_with('/')) config.base_url.pop_back();
    auto base = io::parse_url(config.base_url);
    if (!base)
        return Failure(std::move(base).error().context(fmt::format("models.providers.{}.baseUrl", config.provider)));
    if (base->scheme != "http" && base->scheme != "https") {
        return PINCER_FAIL(invalid_argument, "models.providers.{}.baseUrl must begin with http:// or https://",
                           config.provider);
    }
    return std::make_unique<HostedModel>(std::move(config), *std::move(base), std::move(format), http, policy);
}

}  // namespace pincer::agent
