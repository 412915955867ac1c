#include "apps/openclaw/gateway_main.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "agent/model.hpp"
#include "base/environment_references.hpp"
#include "base/json5.hpp"
#include "base/log.hpp"
#include "gateway/gateway.hpp"
#include "io/files.hpp"
#include "wire/paths.hpp"

namespace pincer {
std::span<const gateway::WebAsset> web_assets();  // generated from web/
}

namespace pincer::openclaw {
namespace {

constexpr std::size_t kMaxConfigBytes = 4u << 20;
constexpr std::size_t kMaxTokenBytes = 4096;

int complain(const Error& error, int code) {
    std::fprintf(stderr, "openclaw gateway: %s\n", error.message().c_str());
    return code;
}

int exit_code(const Error& error) {
    switch (error.code()) {
        case ErrorCode::invalid_argument: return 2;
        case ErrorCode::refused: return 5;
        default: return 1;
    }
}

// "gateway.port: must be ..." becomes "openclaw.json, line 12: gateway.port: must be ...".
Error with_line(Error error, const json5::Document& document, const std::string& file) {
    const auto path = json5::path_of(error.message().substr(0, error.message().find(':')));
    return std::move(error).context(fmt::format("{}, {}", file, document.line_of(path)));
}

Result<gateway::GatewayConfig> load_config(const wire::Paths& paths, const wire::Environment& environment) {
    if (!std::filesystem::exists(paths.config)) return gateway::GatewayConfig::from_json({});
    const std::string file = paths.config.string();
    PINCER_TRY(std::string text, io::read_file(paths.config, kMaxConfigBytes));
    auto document = json5::Document::parse(std::move(text));
    if (!document) return Failure(std::move(document).error().context(file));
    if (!document->root().is_object()) return PINCER_FAIL(invalid_argument, "{}: must hold one object", file);
    json::value root = document->root();
    auto expanded = expand_references(root, environment);
    if (!expanded) return Failure(with_line(std::move(expanded).error(), *document, file));
    auto config = gateway::GatewayConfig::from_json(root.get_object());
    if (!config) return Failure(with_line(std::move(config).error(), *document, file));
    return config;
}

// Flags over environment over file. A Gateway without any secret makes one for itself, in its state folder.
Result<> complete(gateway::GatewayConfig& config, const GatewayFlags& flags, const wire::Paths& paths,
                  const wire::Environment& environment) {
    if (const auto port = environment("OPENCLAW_GATEWAY_PORT")) {
        PINCER_TRY(config.port, wire::parse_port(*port));
    }
    if (flags.port) config.port = *flags.port;
    if (flags.bind)
        config.bind_address = *flags.bind == "loopback" ? "127.0.0.1" : *flags.bind == "lan" ? "0.0.0.0" : *flags.bind;
    if (const auto token = environment("OPENCLAW_GATEWAY_TOKEN")) config.auth.token = Secret(*token);
    if (const auto password = environment("OPENCLAW_GATEWAY_PASSWORD");
        password && config.auth.mode == gateway::AuthMode::password)
        config.auth.password = Secret(*password);
    if (flags.token) config.auth.token = Secret(*flags.token);
    PINCER_CHECK(config.check_exposure());
    if (config.auth.mode != gateway::AuthMode::token || !config.auth.token.empty()) return {};
    const std::filesystem::path file = paths.state_dir / "gateway-token";
    if (!std::filesystem::exists(file)) {
        crypto::SystemRandom random;
        PINCER_CHECK(io::write_file_atomically(file, random.token()));
    }
    PINCER_TRY(std::string token, io::read_file(file, kMaxTokenBytes));
    config.auth.token = Secret(std::move(token));
    return {};
}

// Loopback model endpoints are named by the configuration, so the guard lets exactly those hosts through.
io::EgressPolicy egress_for(const gateway::GatewayConfig& config) {
    io::EgressPolicy policy;
    if (auto url = io::parse_url(config.model.config.base_url)) policy.allow_hosts.push_back(url->host);
    for (const gateway::ChannelConfig& channel : config.channels) {
        for (const char* key : {"apiRoot", "apiUrl"}) {
            const auto root = json::string_at(channel.account.values, key);
            if (auto url = io::parse_url(root.value_or("")); root && url) policy.allow_hosts.push_back(url->host);
        }
    }
    return policy;
}

Result<std::unique_ptr<agent::Model>> make_model(const gateway::GatewayConfig& config, io::HttpClient& http) {
    if (config.model.api.empty()) return agent::make_builtin_responder();
    std::string known;
    for (const agent::ModelApi& api : agent::all_model_apis()) {
        if (api.id == config.model.api) return api.make(config.model.config, http);
        known += fmt::format("{}{}", known.empty() ? "" : ", ", api.id);
    }
    return PINCER_FAIL(invalid_argument, "models.providers.{}.api: \"{}\" is not one of {}",
                       config.model.config.provider, config.model.api, known);
}

// Debian gives a process 1024 descriptors unless it asks for more, and the port admits more connections than that.
void raise_descriptor_limit() {
    constexpr rlim_t kWanted = 16'384;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kWanted) return;
    limit.rlim_cur = std::min(limit.rlim_max, kWanted);
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

class Daemon {
public:
    Daemon(const GatewayFlags& flags, wire::Environment environment)
        : flags_(flags), environment_(std::move(environment)) {}

    Task<int> run(io::Runtime& runtime) {
        auto paths = wire::resolve_paths(environment_);
        if (!paths) co_return complain(paths.error(), exit_code(paths.error()));
        auto made = io::make_private_directory(paths->state_dir);
        if (!made) co_return complain(made.error(), 1);
        auto config = load_config(*paths, environment_);
        if (!config) co_return complain(config.error(), exit_code(config.error()));
        auto completed = complete(*config, flags_, *paths, environment_);
        if (!completed) co_return complain(completed.error(), exit_code(completed.error()));
        co_return co_await serve(runtime, *paths, *std::move(config));
    }

private:
    Task<int> serve(io::Runtime& runtime, wire::Paths paths, gateway::GatewayConfig config) {
        SystemClock clock;
        crypto::SystemRandom random;
        io::HttpClientOptions http_options;
        http_options.egress = egress_for(config);
        http_options.user_agent = "openclaw/" PINCER_VERSION;
        const auto http = io::make_http_client(runtime, http_options);
        const auto websockets = io::make_websocket_connector(runtime);
        registry::ConnectorOptions connector_options;
        for (const char* name : {"HOME", "USER", "LANG", "LC_ALL", "TERM", "TMPDIR"}) {
            if (auto value = environment_(name)) connector_options.base_environment.emplace_back(name, *value);
        }
        if (auto path = environment_("PATH")) connector_options.path_list = *path;
        const auto connector = registry::make_connector(runtime, std::move(connector_options));
        auto model = make_model(config, *http);
        if (!model) co_return complain(model.error(), exit_code(model.error()));
        const auto fallback = agent::make_builtin_responder();

        gateway::GatewayOptions options;
        options.config = std::move(config);
        options.state_directory = paths.state_dir;
        options.config_path = paths.config.string();
        options.version = PINCER_VERSION;
        options.assets = web_assets();
        gateway::GatewayEnvironment environment{runtime,     clock,      random,  *http,
                                                *websockets, *connector, **model, *fallback};
        auto gateway = co_await gateway::Gateway::start(std::move(options), environment);
        if (!gateway) co_return complain(gateway.error(), exit_code(gateway.error()));
        log::info("gateway.listening", {{"port", (*gateway)->port()}, {"state", paths.state_dir.string()}});

        auto signal = co_await wait_and_reload(paths, **gateway);
        co_await (*gateway)->stop();
        co_return signal ? 0 : complain(signal.error(), 1);
    }

    // SIGHUP reads the configuration again; the first SIGINT or SIGTERM ends it.
    Task<Result<int>> wait_and_reload(wire::Paths paths, gateway::Gateway& gateway) {
        for (;;) {
            PINCER_CO_TRY(const int signal, co_await io::wait_for_signal({SIGINT, SIGTERM, SIGHUP}));
            if (signal != SIGHUP) co_return signal;
            auto config = load_config(paths, environment_);
            if (!config) {
                log::failure(log::Level::error, "gateway.reload", config.error());
                continue;
            }
            auto reloaded = co_await gateway.reload(*std::move(config));
            if (!reloaded) log::failure(log::Level::error, "gateway.reload", reloaded.error());
        }
    }

    const GatewayFlags& flags_;
    wire::Environment environment_;
};

}  // namespace

int run_gateway(const GatewayFlags& flags) {
    if (flags.json_log) log::set_format(log::Format::json);
    if (flags.verbose) log::set_level(log::Level::debug);
    raise_descriptor_limit();
    io::Runtime runtime;
    Daemon daemon(flags, wire::process_environment());
    return runtime.run(daemon.run(runtime));
}

}  // namespace pincer::openclaw
