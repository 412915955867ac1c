#include "apps/openclaw/gateway_session.hpp"

#include "wire/client.hpp"

namespace pincer::openclaw {
namespace {

struct Quiet final : wire::ClientObserver {
    Task<Result<>> on_connected(const wire::Hello&) override { co_return Result<>(); }
    void on_event(const wire::EventFrame&) override {}
    void on_down(const Error&, Millis) override {}
};

Task<> run_client(wire::Client& client) { (void)co_await client.run(); }

Task<Result<>> ask_all(wire::Client& client, Deadline deadline, const std::vector<GatewayQuestion>& questions,
                       GatewayAnswers& out) {
    PINCER_CO_CHECK(co_await client.ready(deadline));
    out.version = client.hello().server_version;
    for (const GatewayQuestion& question : questions) {
        json::value params = question.params;
        auto answer = co_await client.call(question.method, std::move(params), deadline);
        out.answers.push_back(std::move(answer));
    }
    co_return Result<>();
}

Task<Result<>> converse(io::Runtime& runtime, wire::Client& client, Deadline deadline,
                        const std::vector<GatewayQuestion>& questions, GatewayAnswers& out) {
    io::TaskGroup tasks(runtime);
    tasks.spawn(run_client(client));
    Result<> asked = co_await ask_all(client, deadline, questions, out);
    client.stop();
    co_await tasks.stop();
    co_return asked;
}

Error with_hint(Error error, const std::string& url) {
    const bool away = error.code() == ErrorCode::unavailable || error.code() == ErrorCode::timed_out;
    return away ? std::move(error).context(
                      fmt::format("no Gateway answers at {} (start one with `openclaw gateway`)", url))
                : error;
}

}  // namespace

Result<GatewayAnswers> ask_gateway(const Local& local, const Arguments& arguments, std::vector<std::string> scopes,
                                   std::vector<GatewayQuestion> questions) {
    PINCER_TRY(const wire::GatewayTarget target, find_gateway(local, arguments));
    crypto::SystemRandom random;
    PINCER_TRY(wire::DeviceIdentity identity, wire::DeviceIdentity::load_or_make(local.paths.state_dir, random));
    wire::ClientOptions options;
    PINCER_TRY(options.url, io::parse_url(target.url));
    options.token = target.token;
    options.password = target.password;
    options.device = &identity;
    options.egress = io::EgressPolicy::named(options.url.host);
    options.connect.client = {.id = "cli",
                              .mode = "cli",
                              .version = PINCER_VERSION,
                              .platform = "linux",
                              .display_name = "OpenClaw CLI",
                              .device_family = "Linux"};
    options.connect.caps = {"approvals"};
    options.connect.scopes = std::move(scopes);
    options.connect_timeout = arguments.timeout;
    options.reconnect = false;

    io::Runtime runtime;
    const auto connector = io::make_websocket_connector(runtime);
    const SystemClock clock;
    Quiet observer;
    wire::Client client(runtime, *connector, clock, random, options, observer);
    GatewayAnswers out{.url = options.url.origin()};
    auto asked = runtime.run_until_done(converse(runtime, client, Deadline::after(arguments.timeout), questions, out));
    if (!asked) return Failure(with_hint(std::move(asked).error(), out.url));
    return out;
}

Result<json::value> ask_gateway(const Local& local, const Arguments& arguments, std::string scope,
                                GatewayQuestion question) {
    std::vector<GatewayQuestion> questions;
    questions.push_back(std::move(question));
    PINCER_TRY(GatewayAnswers answers, ask_gateway(local, arguments, {std::move(scope)}, std::move(questions)));
    return std::move(answers.answers.front());
}

}  // namespace pincer::openclaw
