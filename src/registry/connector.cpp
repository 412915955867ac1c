#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "base/text.hpp"
#include "io/http_client.hpp"
#include "io/process.hpp"
#include "registry/registry.hpp"

namespace pincer::registry {
namespace {

constexpr std::size_t kMaxLineBytes = 16u << 20;
constexpr std::array<std::string_view, 6> kInherited = {"HOME", "USER", "LOGNAME", "LANG", "TERM", "TMPDIR"};

// Generous for a server written in Node, small against a leak that takes the machine along. A sanitizer's shadow counts
// as memory of the child, so sanitized builds, whose servers are sanitized too, set none by themselves.
#if defined(__SANITIZE_ADDRESS__) || (defined(__has_feature) && __has_feature(address_sanitizer))
constexpr std::size_t kDefaultMaxMemory = 0;
#else
constexpr std::size_t kDefaultMaxMemory = 2ull << 30;
#endif

// --- stdio

class ProcessConnection final : public Connection {
public:
    ProcessConnection(io::Runtime& runtime, std::unique_ptr<io::Process> process, std::string server,
                      ConnectorOptions options)
        : server_(std::move(server)), options_(std::move(options)), process_(std::move(process)), tasks_(runtime) {
        tasks_.spawn(log_stderr());
    }

    Task<Result<>> open(io::Runtime& runtime, mcp::ClientOptions options) {
        auto stream = io::make_process_stream(*process_, kMaxLineBytes);
        auto client = co_await mcp::Client::over_stdio(runtime, std::move(stream), std::move(options));
        if (!client) co_return Failure(std::move(client).error().with_foreign(last_stderr_));
        client_ = std::move(*client);
        co_return Result<>();
    }

    mcp::Client& client() override { return *client_; }
    int pid() const override { return process_->pid(); }

    Task<> shut_down() override {
        if (std::exchange(down_, true)) co_return;
        if (client_) co_await client_->close();
        co_await process_->shut_down(options_.shutdown_grace);
        co_await tasks_.stop();
    }

private:
    // Whole lines, cut at the limit; what a server prints is somebody else's text and shows at debug only.
    Task<> log_stderr() {
        std::string rest;
        while (true) {
            auto piece = co_await process_->read_stderr();
            if (!piece || piece->empty()) break;
            rest += *piece;
            for (auto end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
                log_line(std::string_view(rest).substr(0, end));
                rest.erase(0, end + 1);
            }
            if (rest.size() > options_.max_stderr_line) {
                log_line(rest);
                rest.clear();
            }
        }
        if (!rest.empty()) log_line(rest);
    }

    void log_line(std::string_view line) {
        last_stderr_ = truncate_utf8(sanitize_utf8(line), options_.max_stderr_line);
        log::debug("registry.server_stderr", {{"server", server_}, {"line", strip_control(last_stderr_)}});
    }

    std::string server_;
    ConnectorOptions options_;
    std::unique_ptr<io::Process> process_;
    std::unique_ptr<mcp::Client> client_;
    std::string last_stderr_;
    bool down_ = false;
    io::TaskGroup tasks_;
};

// --- HTTP

class HttpConnection final : public Connection {
public:
    HttpConnection(std::unique_ptr<io::HttpClient> http) : http_(std::move(http)) {}

    Task<Result<>> open(io::Runtime& runtime, mcp::HttpTarget target, mcp::ClientOptions options) {
        auto client = co_await mcp::Client::over_http(runtime, *http_, std::move(target), std::move(options));
        if (!client) co_return Failure(std::move(client).error());
        client_ = std::move(*client);
        co_return Result<>();
    }

    mcp::Client& client() override { return *client_; }
    Task<> shut_down() override {
        if (client_ && !std::exchange(down_, true)) co_await client_->close();
    }

private:
    std::unique_ptr<io::HttpClient> http_;
    std::unique_ptr<mcp::Client> client_;
    bool down_ = false;
};

// "https://user:pass@host/..." is a URL without them and a header with them.
Result<mcp::HttpTarget> http_target(const ServerDefinition& definition) {
    std::string url = definition.url.reveal();
    mcp::HttpTarget target;
    const auto start = url.find("://") + 3;
    const auto end = url.find_first_of("/?#", start);
    const auto at = url.substr(0, end).rfind('@');
    if (at != std::string::npos && at >= start) {
        PINCER_TRY(const std::string user, io::percent_decode(std::string_view(url).substr(start, at - start)));
        target.headers.set("Authorization", "Basic " + to_base64(user));
        url.erase(start, at + 1 - start);
    }
    auto parsed = io::parse_url(url);
    wipe(url);
    if (!parsed)
        return PINCER_FAIL(invalid_argument, "mcp.servers.{}.url: not a URL that can be dialled", definition.name);
    target.url = std::move(*parsed);
    for (const auto& [name, value] : definition.headers) target.headers.set(name, value.reveal());
    return target;
}

class SystemConnector final : public Connector {
public:
    SystemConnector(io::Runtime& runtime, ConnectorOptions options) : runtime_(runtime), options_(std::move(options)) {}

    Task<Result<std::unique_ptr<Connection>>> connect(ServerDefinition definition,
                                                      mcp::ClientOptions options) override {
        if (definition.transport == Transport::stdio)
            co_return co_await connect_process(std::move(definition), std::move(options));
        if (definition.transport == Transport::sse) {
            co_return PINCER_FAIL(unsupported,
                                  "MCP server \"{}\": transport \"sse\" (HTTP+SSE of 2024-11-05) is not supported; "
                                  "\"streamable-http\" is",
                                  definition.name);
        }
        co_return co_await connect_http(std::move(definition), std::move(options));
    }

private:
    Task<Result<std::unique_ptr<Connection>>> connect_process(ServerDefinition definition, mcp::ClientOptions options) {
        auto executable = io::find_executable(definition.command, options_.path_list);
        if (!executable) {
            co_return PINCER_FAIL(not_found, "MCP server \"{}\": stdio command not found or not executable: {}",
                                  definition.name, definition.command);
        }
        io::ProcessSpec spec{.executable = std::move(*executable),
                             .arguments = definition.args,
                             .environment = environment(definition),
                             .working_directory = definition.working_directory,
                             .max_memory_bytes = definition.max_memory_bytes.value_or(kDefaultMaxMemory)};
        auto process = io::Process::start(runtime_, std::move(spec));
        if (!process)
            co_return Failure(std::move(process).error().context(fmt::format("MCP server \"{}\"", definition.name)));
        auto connection = std::make_unique<ProcessConnection>(runtime_, std::move(*process), definition.name, options_);
        const Result<> opened = co_await connection->open(runtime_, std::move(options));
        if (!opened) {
            co_await connection->shut_down();
            co_return Failure(opened.error());
        }
        co_return std::unique_ptr<Connection>(std::move(connection));
    }

    Task<Result<std::unique_ptr<Connection>>> connect_http(ServerDefinition definition, mcp::ClientOptions options) {
        PINCER_CO_TRY(mcp::HttpTarget target, http_target(definition));
        io::HttpClientOptions http_options{.egress = io::EgressPolicy::named(target.url.host),
                                           .connect_timeout = definition.connection_timeout};
        auto connection = std::make_unique<HttpConnection>(io::make_http_client(runtime_, std::move(http_options)));
        const Result<> opened = co_await connection->open(runtime_, std::move(target), std::move(options));
        if (!opened) co_return Failure(opened.error());
        co_return std::unique_ptr<Connection>(std::move(connection));
    }

    std::vector<std::pair<std::string, std::string>> environment(const ServerDefinition& definition) const {
        std::vector<std::pair<std::string, std::string>> out{{"PATH", options_.path_list}};
        for (const auto& [name, value] : options_.base_environment) {
            if (std::find(kInherited.begin(), kInherited.end(), name) != kInherited.end())
                out.emplace_back(name, value);
        }
        for (const auto& [name, value] : definition.env) {
            if (is_forbidden_environment(name)) {
                log::warn("registry.environment_dropped", {{"server", definition.name}, {"variable", name}});
                continue;
            }
            std::erase_if(out, [&](const auto& entry) { return entry.first == name; });
            out.emplace_back(name, value.reveal());
        }
        return out;
    }

    io::Runtime& runtime_;
    ConnectorOptions options_;
};

}  // namespace

bool is_forbidden_environment(std::string_view name) {
    constexpr std::array<std::string_view, 26> kNames = {"ZDOTDIR",
                                                         "PROMPT_COMMAND",
                                                         "PS4",
                                                         "OPENSSL_CONF",
                                                         "OPENSSL_ENGINES",
                                                         "OPENSSL_MODULES",
                                                         "GIT_SSH",
                                                         "GIT_SSH_COMMAND",
                                                         "GIT_EXEC_PATH",
                                                         "GIT_EXTERNAL_DIFF",
                                                         "NODE_OPTIONS",
                                                         "NODE_PATH",
                                                         "BASH_ENV",
                                                         "ENV",
                                                         "SHELLOPTS",
                                                         "BASHOPTS",
                                                         "PERL5OPT",
                                                         "PERL5LIB",
                                                         "PERLLIB",
                                                         "RUBYOPT",
                                                         "RUBYLIB",
                                                         "JAVA_TOOL_OPTIONS",
                                                         "_JAVA_OPTIONS",
                                                         "JDK_JAVA_OPTIONS",
                                                         "GCONV_PATH",
                                                         "IFS"};
    constexpr std::array<std::string_view, 6> kPrefixes = {"GIT_CONFIG",     "LD_",       "DYLD_", "PYTHON",
                                                           "GLIBC_TUNABLES", "BASH_FUNC_"};
    return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
           std::any_of(kPrefixes.begin(), kPrefixes.end(),
                       [&](std::string_view prefix) { return name.starts_with(prefix); });
}

std::unique_ptr<Connector> make_connector(io::Runtime& runtime, ConnectorOptions options) {
    return std::make_unique<SystemConnector>(runtime, std::move(options));
}

}  // namespace pincer::registry
