#include "apps/openclaw/commands.hpp"
#include "bridge/bridge.hpp"
#include "io/stdio.hpp"

namespace pincer::openclaw {
namespace {

constexpr std::size_t kMaxLineBytes = 16u << 20;

void warn_about_argv(const Arguments& arguments) {
    if (!arguments.token.empty())
        say("Warning: --token can be exposed via process listings. Prefer --token-file or environment variables.");
    if (!arguments.password.empty())
        say("Warning: --password can be exposed via process listings. Prefer --password-file or environment "
            "variables.");
}

}  // namespace

ExitCode mcp_serve(const Local& local, const Arguments& arguments) {
    warn_about_argv(arguments);
    const auto target = find_gateway(local, arguments);
    if (!target) return tell(target.error());
    auto url = io::parse_url(target->url);
    if (!url) return tell(url.error());
    crypto::SystemRandom random;
    auto identity = wire::DeviceIdentity::load_or_make(local.paths.state_dir, random);
    if (!identity) return tell(identity.error());

    bridge::BridgeOptions options;
    options.client.url = std::move(*url);
    options.client.egress = io::EgressPolicy::named(options.client.url.host);
    options.client.token = target->token;
    options.client.password = target->password;
    options.client.device = &*identity;
    options.claude = arguments.claude_channel_mode == "off" ? bridge::ClaudeMode::off : bridge::ClaudeMode::on;
    options.version = PINCER_VERSION;
    options.state_dir = arguments.state_dir;
    options.say = [](std::string_view line) { say(std::string(line)); };
    options.verbose = arguments.verbose;

    io::Runtime runtime;
    const auto stream = io::make_stdio_stream(runtime, kMaxLineBytes);
    const auto connector = io::make_websocket_connector(runtime);
    const SystemClock clock;
    return ExitCode(runtime.run(bridge::serve(runtime, *stream, *connector, clock, random, std::move(options))));
}

}  // namespace pincer::openclaw
