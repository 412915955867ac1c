#include "registry/definition.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace pincer::registry {
namespace {

constexpr std::array<std::string_view, 25> kKnownKeys = {"command",
                                                         "args",
                                                         "env",
                                                         "cwd",
                                                         "workingDirectory",
                                                         "url",
                                                         "transport",
                                                         "type",
                                                         "headers",
                                                         "requestTimeoutMs",
                                                         "connectionTimeoutMs",
                                                         "enabled",
                                                         "auth",
                                                         "oauth",
                                                         "sslVerify",
                                                         "clientCert",
                                                         "clientKey",
                                                         "supportsParallelToolCalls",
                                                         "toolFilter",
                                                         "codex",
                                                         "trust",
                                                         "maxMemoryMb",
                                                         "description",
                                                         "name",
                                                         "title"};
// Right in the original, accepted here, and not acted on: the CLI says so when such a definition is saved.
constexpr std::array<std::string_view, 6> kUnsupportedKeys = {"auth",       "oauth",     "sslVerify",
                                                              "clientCert", "clientKey", "codex"};
constexpr std::int64_t kLongestTimeoutMs = 24 * 3600 * 1000;
constexpr std::size_t kMaxListLength = 256;
constexpr std::int64_t kLeastMemoryMb = 16;
constexpr std::int64_t kMostMemoryMb = 1 << 20;

bool matches(std::string_view pattern, std::string_view text) {
    // '*' stands for any characters. Greedy with one point to go back to: linear in practice, never exponential.
    std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() && pattern[p] == text[t]) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    return std::all_of(pattern.begin() + std::ptrdiff_t(p), pattern.end(), [](char c) { return c == '*'; });
}

// Reads one definition; every complaint starts with "mcp.servers.<name>".
class Reader {
public:
    Reader(std::string_view name, const json::object& o) : o_(o) { out_.name = std::string(name); }

    Result<ServerDefinition> read() {
        PINCER_CHECK(check_name());
        PINCER_CHECK(check_keys());
        PINCER_CHECK(read_flag("enabled", out_.enabled));
        PINCER_CHECK(read_flag("supportsParallelToolCalls", out_.supports_parallel_tool_calls));
        PINCER_CHECK(read_millis("connectionTimeoutMs", out_.connection_timeout));
        PINCER_CHECK(read_millis("requestTimeoutMs", out_.request_timeout));
        PINCER_CHECK(read_memory());
        PINCER_CHECK(read_launch());
        PINCER_CHECK(read_filter());
        return std::move(out_);
    }

private:
    Failure wrong(std::string_view key, std::string_view why) const {
        return PINCER_FAIL(invalid_argument, "mcp.servers.{}{}{}: {}", out_.name, key.empty() ? "" : ".", key, why);
    }

    Result<> check_name() const {
        const std::string& name = out_.name;
        const auto allowed = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; };
        if (name.empty() || name.size() > 64 || !std::all_of(name.begin(), name.end(), allowed)) {
            return PINCER_FAIL(invalid_argument, "mcp.servers: the name \"{}\" is not 1 to 64 of A-Z a-z 0-9 _ -",
                               strip_control(truncate_utf8(name, 80)));
        }
        if (name.find("__") != std::string::npos || name.ends_with('_')) {
            return wrong("", "\"__\" separates server and tool: a name may not hold it, nor end in \"_\"");
        }
        return {};
    }

    Result<> check_keys() {
        for (const auto& field : o_) {
            const std::string_view key(field.key());
            if (std::find(kKnownKeys.begin(), kKnownKeys.end(), key) == kKnownKeys.end()) {
                const std::string_view near = key == "timeout"          ? "requestTimeoutMs"
                                              : key == "connectTimeout" ? "connectionTimeoutMs"
                                                                        : nearest(key, kKnownKeys);
                return wrong("", fmt::format("Unrecognized key: \"{}\"{}", key,
                                             near.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", near)));
            }
            if (std::find(kUnsupportedKeys.begin(), kUnsupportedKeys.end(), key) != kUnsupportedKeys.end())
                out_.unsupported.emplace_back(key);
        }
        return {};
    }

    Result<> read_flag(std::string_view key, bool& out) const {
        const json::value* v = json::find(o_, key);
        if (v && !v->is_bool()) return wrong(key, "true or false is expected");
        if (v) out = v->get_bool();
        return {};
    }

    Result<> read_millis(std::string_view key, Millis& out) const {
        if (!json::find(o_, key)) return {};
        const auto n = json::int_at(o_, key);
        if (!n || *n < 1 || *n > kLongestTimeoutMs)
            return wrong(key, fmt::format("milliseconds from 1 to {} are expected", kLongestTimeoutMs));
        out = Millis(*n);
        return {};
    }

    Result<> read_memory() {
        if (!json::find(o_, "maxMemoryMb")) return {};
        const auto n = json::int_at(o_, "maxMemoryMb");
        if (!n || *n < 0 || (*n > 0 && *n < kLeastMemoryMb) || *n > kMostMemoryMb) {
            return wrong("maxMemoryMb", fmt::format("megabytes from {} to {} are expected, or 0 for no limit",
                                                    kLeastMemoryMb, kMostMemoryMb));
        }
        out_.max_memory_bytes = std::size_t(*n) << 20;
        return {};
    }

    Result<std::string> read_text(std::string_view key) const {
        const json::value* v = json::find(o_, key);
        if (!v) return std::string();
        if (!v->is_string() || v->get_string().empty()) return wrong(key, "a text is expected");
        const std::string text(v->get_string());
        if (text.find('\0') != std::string::npos) return wrong(key, "a NUL character");
        return text;
    }

    Result<std::vector<std::string>> read_list(const json::object& o, std::string_view key,
                                               std::string_view place) const {
        std::vector<std::string> out;
        const json::value* v = json::find(o, key);
        if (!v) return out;
        if (!v->is_array() || v->get_array().size() > kMaxListLength)
            return wrong(place, fmt::format("a list of at most {} texts is expected", kMaxListLength));
        for (const json::value& item : v->get_array()) {
            if (!item.is_string() || item.get_string().find('\0') != boost::json::string::npos)
                return wrong(place, "a list of texts is expected");
            out.emplace_back(item.get_string());
        }
        return out;
    }

    // Names with texts (numbers and flags are written out, as the original does).
    Result<std::vector<std::pair<std::string, Secret>>> read_secrets(std::string_view key, bool header) const {
        std::vector<std::pair<std::string, Secret>> out;
        const json::value* v = json::find(o_, key);
        if (!v) return out;
        if (!v->is_object() || v->get_object().size() > kMaxListLength)
            return wrong(key, "an object of texts is expected");
        for (const auto& field : v->get_object()) {
            const std::string name(field.key());
            const json::value& value = field.value();
            if (!value.is_string() && !value.is_number() && !value.is_bool())
                return wrong(fmt::format("{}.{}", key, name), "a text is expected");
            std::string text = value.is_string() ? std::string(value.get_string()) : json::write(value);
            const bool bad_name =
                name.empty() || name.find_first_of(header ? std::string_view(":\r\n\0 ", 5)
                                                          : std::string_view("=\0", 2)) != std::string::npos;
            const bool bad_value = text.find_first_of(header ? std::string_view("\r\n\0", 3)
                                                             : std::string_view("\0", 1)) != std::string::npos;
            if (bad_name || bad_value)
                return wrong(fmt::format("{}.{}", key, strip_control(name)), "a character that may not stand there");
            out.emplace_back(name, Secret(std::move(text)));
        }
        return out;
    }

    Result<> read_launch() {
        PINCER_TRY(out_.command, read_text("command"));
        PINCER_TRY(std::string url, read_text("url"));
        if (out_.command.empty() && url.empty()) return wrong("", "its command is missing and its url is missing");
        if (!out_.command.empty() && !url.empty()) return wrong("", "either command or url, not both");
        PINCER_TRY(out_.args, read_list(o_, "args", "args"));
        PINCER_TRY(out_.env, read_secrets("env", false));
        PINCER_TRY(out_.headers, read_secrets("headers", true));
        PINCER_TRY(const std::string cwd, read_text("cwd"));
        PINCER_TRY(const std::string directory, read_text("workingDirectory"));
        if (!cwd.empty() && !directory.empty() && cwd != directory)
            return wrong("cwd", "differs from workingDirectory");
        out_.working_directory = cwd.empty() ? directory : cwd;
        PINCER_CHECK(read_transport(url));
        out_.url = Secret(std::move(url));
        return {};
    }

    Result<> read_transport(const std::string& url) {
        PINCER_TRY(const std::string type, read_text("type"));
        PINCER_TRY(const std::string transport, read_text("transport"));
        const std::string_view said = transport.empty() ? std::string_view(type) : transport;
        if (url.empty()) {
            if (!said.empty() && said != "stdio")
                return wrong(transport.empty() ? "type" : "transport", "a command is started over stdio");
            out_.transport = Transport::stdio;
            return {};
        }
        if (!url.starts_with("http://") && !url.starts_with("https://"))
            return wrong("url", "http:// or https:// is expected");
        if (said.empty())
            out_.transport = Transport::probe;
        else if (said == "streamable-http" || said == "http")
            out_.transport = Transport::streamable_http;
        else if (said == "sse")
            out_.transport = Transport::sse;
        else
            return wrong(transport.empty() ? "type" : "transport",
                         fmt::format("\"{}\" is neither streamable-http nor sse", strip_control(said)));
        return {};
    }

    Result<> read_filter() {
        if (const json::value* v = json::find(o_, "toolFilter")) {
            if (!v->is_object()) return wrong("toolFilter", "an object is expected");
            for (const auto& field : v->get_object()) {
                if (field.key() != "include" && field.key() != "exclude")
                    return wrong("toolFilter", fmt::format("Unrecognized key: \"{}\"", std::string_view(field.key())));
            }
            PINCER_TRY(out_.tool_filter.include, read_list(v->get_object(), "include", "toolFilter.include"));
            PINCER_TRY(out_.tool_filter.exclude, read_list(v->get_object(), "exclude", "toolFilter.exclude"));
        }
        PINCER_TRY(const std::string trust, read_text("trust"));
        if (trust == "annotations")
            out_.trust = Trust::annotations;
        else if (!trust.empty() && trust != "none")
            return wrong("trust", "\"annotations\" or \"none\" is expected");
        return {};
    }

    const json::object& o_;
    ServerDefinition out_;
};

bool same_secrets(const std::vector<std::pair<std::string, Secret>>& a,
                  const std::vector<std::pair<std::string, Secret>>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
        return x.first == y.first && x.second.reveal() == y.second.reveal();
    });
}

}  // namespace

std::string_view name_of(Transport transport) {
    switch (transport) {
        case Transport::stdio: return "stdio";
        case Transport::streamable_http: return "streamable-http";
        case Transport::sse: return "sse";
        case Transport::probe: return "auto";
    }
    return "";
}

bool ToolFilter::admits(std::string_view tool) const {
    const auto hit = [&](const std::string& pattern) { return matches(pattern, tool); };
    if (std::any_of(exclude.begin(), exclude.end(), hit)) return false;
    return include.empty() || std::any_of(include.begin(), include.end(), hit);
}

std::string ServerDefinition::display_url() const { return redact_url(url.reveal()); }

std::string ServerDefinition::launch() const {
    if (transport != Transport::stdio) return display_url();
    std::string out = command;
    for (const std::string& arg : redact_arguments(args)) out += ' ' + arg;
    return out;
}

bool same_connection(const ServerDefinition& a, const ServerDefinition& b) {
    return a.name == b.name && a.enabled == b.enabled && a.transport == b.transport && a.command == b.command &&
           a.args == b.args && same_secrets(a.env, b.env) && a.working_directory == b.working_directory &&
           a.url.reveal() == b.url.reveal() && same_secrets(a.headers, b.headers) &&
           a.max_memory_bytes == b.max_memory_bytes && a.connection_timeout == b.connection_timeout &&
           a.request_timeout == b.request_timeout;
}

Result<ServerDefinition> parse_definition(std::string_view name, const json::object& definition) {
    return Reader(name, definition).read();
}

Definitions parse_definitions(const json::object& servers) {
    Definitions out;
    for (const auto& field : servers) {
        const std::string name(field.key());
        auto parsed = field.value().is_object()
                          ? parse_definition(name, field.value().get_object())
                          : PINCER_FAIL(invalid_argument, "mcp.servers.{}: an object is expected", strip_control(name));
        if (parsed)
            out.servers.push_back(std::move(*parsed));
        else
            out.problems.push_back({name, std::move(parsed).error()});
    }
    return out;
}

}  // namespace pincer::registry
