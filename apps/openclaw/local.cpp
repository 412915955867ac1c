#include "apps/openclaw/local.hpp"

#include "base/environment_references.hpp"
#include "base/text.hpp"
#include "io/files.hpp"

namespace pincer::openclaw {
namespace {

constexpr std::size_t kMaxConfigBytes = 4u << 20;
constexpr std::size_t kMaxSecretBytes = 64u << 10;

Result<Secret> secret_from(const std::string& flag, const std::string& file, std::string_view what) {
    if (!flag.empty() && !file.empty())
        return PINCER_FAIL(invalid_argument, "give --{0} or --{0}-file, not both", what);
    if (file.empty()) return Secret(flag);
    auto text = io::read_file(file, kMaxSecretBytes);
    if (!text) return Failure(std::move(text).error().context(fmt::format("--{}-file", what)));
    const std::string secret(trim(*text));
    if (secret.empty()) return PINCER_FAIL(invalid_argument, "--{}-file: {} is empty", what, file);
    return Secret(secret);
}

// With ${NAME} put in, as the Gateway reads it.
Result<std::string> text_at(const json5::Document& document, const std::string& dotted,
                            const wire::Environment& environment) {
    const json::value* found = document.find(json5::path_of(dotted));
    if (!found || !found->is_string()) return std::string();
    json::value value = *found;
    auto expanded = expand_references(value, environment);
    if (!expanded) return Failure(std::move(expanded).error().context(dotted));
    return std::string(value.get_string());
}

Secret own_token(const Local& local) {
    const auto text = io::read_file(local.paths.state_dir / "gateway-token", kMaxSecretBytes);
    return text ? Secret(std::string(trim(*text))) : Secret();
}

}  // namespace

Result<std::optional<json5::Document>> load_config(const Local& local) {
    std::error_code ec;
    if (!std::filesystem::exists(local.paths.config, ec)) return std::optional<json5::Document>();
    PINCER_TRY(std::string text, io::read_file(local.paths.config, kMaxConfigBytes));
    auto document = json5::Document::parse(std::move(text));
    if (!document) return Failure(std::move(document).error().context(local.paths.config.string()));
    return std::optional<json5::Document>(std::move(*document));
}

Result<wire::GatewayTarget> find_gateway(const Local& local, const Arguments& arguments) {
    wire::TargetHints hints{.url = arguments.url};
    PINCER_TRY(hints.token, secret_from(arguments.token, arguments.token_file, "token"));
    PINCER_TRY(hints.password, secret_from(arguments.password, arguments.password_file, "password"));
    PINCER_TRY(const auto document, load_config(local));
    if (document) {
        const json::value* port = document->find(json5::path_of("gateway.port"));
        if (port && port->is_int64() && port->get_int64() > 0 && port->get_int64() < 65536)
            hints.config_port = std::uint16_t(port->get_int64());
        PINCER_TRY(std::string token, text_at(*document, "gateway.auth.token", local.environment));
        PINCER_TRY(std::string password, text_at(*document, "gateway.auth.password", local.environment));
        hints.config_token = Secret(std::move(token));
        hints.config_password = Secret(std::move(password));
    }
    if (hints.config_token.empty()) hints.config_token = own_token(local);
    return wire::resolve_target(local.environment, hints);
}

}  // namespace pincer::openclaw
