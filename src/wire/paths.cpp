#include "wire/paths.hpp"

#include <charconv>
#include <cstdlib>

#include "base/text.hpp"
#include "io/egress.hpp"
#include "io/http.hpp"

namespace pincer::wire {
namespace {

Result<std::filesystem::path> expand(const std::string& text, const std::filesystem::path& home,
                                     std::string_view variable) {
    if (text != "~" && !text.starts_with("~/")) return std::filesystem::path(text).lexically_normal();
    if (home.empty())
        return PINCER_FAIL(invalid_argument, "{} begins with ~, but no home folder is known (set HOME)", variable);
    return (text == "~" ? home : home / text.substr(2)).lexically_normal();
}

bool is_loopback(const std::string& host) {
    if (host == "localhost") return true;
    const auto kind = io::classify_address(host);
    return kind && *kind == io::AddressKind::loopback;
}

Secret first(const Secret& a, const Secret& b) { return a.empty() ? b : a; }

}  // namespace

Environment process_environment() {
    return [](std::string_view name) -> std::optional<std::string> {
        const char* value = std::getenv(std::string(name).c_str());
        if (!value || !*value) return std::nullopt;
        return std::string(value);
    };
}

Result<Paths> resolve_paths(const Environment& environment) {
    const std::filesystem::path user_home = environment("HOME").value_or("");
    Paths paths;
    PINCER_TRY(paths.home,
               expand(environment("OPENCLAW_HOME").value_or(user_home.string()), user_home, "OPENCLAW_HOME"));
    if (const auto state = environment("OPENCLAW_STATE_DIR")) {
        PINCER_TRY(paths.state_dir, expand(*state, paths.home, "OPENCLAW_STATE_DIR"));
    } else {
        if (paths.home.empty())
            return PINCER_FAIL(invalid_argument, "no home folder is known: set HOME or OPENCLAW_STATE_DIR");
        paths.state_dir = paths.home / ".openclaw";
    }
    if (const auto config = environment("OPENCLAW_CONFIG_PATH")) {
        PINCER_TRY(paths.config, expand(*config, paths.home, "OPENCLAW_CONFIG_PATH"));
    } else {
        paths.config = paths.state_dir / "openclaw.json";
    }
    return paths;
}

Result<std::uint16_t> parse_port(std::string_view text) {
    unsigned port = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (ec != std::errc() || end != text.data() + text.size() || port == 0 || port > 65535)
        return PINCER_FAIL(invalid_argument, "\"{}\" is not a port (1 to 65535)", text);
    return std::uint16_t(port);
}

Result<GatewayTarget> resolve_target(const Environment& environment, const TargetHints& hints) {
    GatewayTarget target;
    if (!hints.url.empty()) {
        target = {.url = hints.url, .token = hints.token, .password = hints.password};
    } else {
        std::uint16_t port = hints.config_port.value_or(kDefaultPort);
        if (const auto text = environment("OPENCLAW_GATEWAY_PORT")) {
            auto parsed = parse_port(trim(*text));
            if (!parsed) return Failure(std::move(parsed).error().context("OPENCLAW_GATEWAY_PORT"));
            port = *parsed;
        }
        target.url = fmt::format("ws://127.0.0.1:{}", port);
        target.token =
            first(hints.token, first(Secret(environment("OPENCLAW_GATEWAY_TOKEN").value_or("")), hints.config_token));
        target.password = first(hints.password, first(Secret(environment("OPENCLAW_GATEWAY_PASSWORD").value_or("")),
                                                      hints.config_password));
    }
    PINCER_TRY(const io::Url url, io::parse_url(target.url));
    if (url.scheme != "ws" && url.scheme != "wss")
        return PINCER_FAIL(invalid_argument, "{} must begin with ws:// or wss://", target.url);
    if (url.scheme == "ws" && !is_loopback(url.host)) {
        return PINCER_FAIL(
            invalid_argument,
            "{} would send credentials in the clear: use wss:// for a Gateway that is not on this machine",
            url.origin());
    }
    return target;
}

}  // namespace pincer::wire
