#include "mcp/detail/client_base.hpp"

#include <unordered_set>

#include "base/log.hpp"
#include "base/text.hpp"

namespace pincer::mcp {
namespace {

SteadyTime steady_now() { return std::chrono::steady_clock::now(); }
Millis until(SteadyTime at) { return std::max(Millis(0), std::chrono::ceil<Millis>(at - steady_now())); }

bool contains(const json::array* versions, std::string_view version) {
    if (!versions) return false;
    for (const json::value& v : *versions) {
        if (v.is_string() && std::string_view(v.get_string()) == version) return true;
    }
    return false;
}

bool is_modern_error(int code) {
    return code == kHeaderMismatch || code == kMissingClientCapability || code == kUnsupportedVersion;
}

const json::array* supported_versions(const jsonrpc::RpcError& error) {
    const json::object* data = error.data ? error.data->if_object() : nullptr;
    return data ? json::array_at(*data, "supported") : nullptr;
}

}  // namespace

ClientBase::ClientBase(ClientOptions options)
    : options_(std::move(options)), session_(options_.implementation, options_.max_message_bytes) {}

// --- words

std::string ClientBase::subject(const std::string& tool) const {
    std::string out = fmt::format("MCP server \"{}\"", options_.server_name);
    if (!tool.empty()) out += fmt::format(", tool \"{}\"", tool);
    return out;
}

Failure ClientBase::fail_timeout(const Limit& limit, const std::string& tool) const {
    const std::string which =
        limit.name == "deadline" ? "deadline of the caller" : fmt::format("{} timeout", limit.name);
    const std::string_view what = limit.name == "idle"      ? "no sign of life for"
                                  : limit.name == "connect" ? "not connected within"
                                                            : "no answer within";
    Error error(ErrorCode::timed_out,
                fmt::format("{}: {} {} ({})", subject(tool), what, format_duration(limit.allowed), which));
    std::string token(limit.name);
    for (char& c : token) c = char(std::toupper(static_cast<unsigned char>(c)));
    return Failure(std::move(error).with_reason("MCP_TIMEOUT_" + token));
}

Failure ClientBase::fail_lost(bool may_be_processed, const std::string& tool) const {
    if (!may_be_processed) return PINCER_FAIL(unavailable, "{}: the connection is closed", subject(tool));
    return PINCER_FAIL(outcome_unknown,
                       "{}: the connection broke before the answer came; it may or may not have been done",
                       subject(tool));
}

Error ClientBase::refused(const jsonrpc::RpcError& error, const std::string& tool) const {
    ErrorCode code = ErrorCode::unavailable;
    std::string_view what = "the server answered with an error";
    switch (error.code) {
        case jsonrpc::kInvalidParams:
            code = ErrorCode::invalid_argument;
            what = "the server does not accept the request";
            break;
        case jsonrpc::kMethodNotFound:
            code = ErrorCode::unsupported;
            what = "the server does not know this method";
            break;
        case kMissingClientCapability:
            code = ErrorCode::unsupported;
            what = "the server wants a capability that we do not have";
            break;
        case kUnsupportedVersion:
            code = ErrorCode::unsupported;
            what = "no common protocol version";
            break;
        case jsonrpc::kParseError:
        case jsonrpc::kInvalidRequest:
        case kHeaderMismatch:
            code = ErrorCode::protocol;
            what = "the server could not read the request";
            break;
        default: break;
    }
    return Error(code, fmt::format("{}: {} ({})", subject(tool), what, error.code))
        .with_reason(fmt::format("MCP_ERROR_{}", error.code))
        .with_foreign(error.message);
}

void ClientBase::take_notice(const ClientSession::Notice& notice) {
    if (notice.method == "notifications/tools/list_changed" && options_.on_tools_changed) options_.on_tools_changed();
    if (options_.on_notification) options_.on_notification(notice.method, notice.params);
}

bool ClientBase::wants_changes() const {
    const json::object* tools = json::object_at(facts_.capabilities, "tools");
    return options_.on_tools_changed && tools && json::bool_at(*tools, "listChanged").value_or(false);
}

// --- handshake

Task<Result<>> ClientBase::handshake() {
    const SteadyTime give_up = steady_now() + options_.timeouts.connect;
    if (options_.era != EraChoice::legacy) {
        PINCER_CO_TRY(const bool modern, co_await probe(give_up));
        if (modern) start_listening();
        if (modern) co_return Result<>();
        if (options_.era == EraChoice::modern)
            co_return PINCER_FAIL(unsupported, "{} does not speak {}", subject(""), kModernVersion);
    }
    PINCER_CO_CHECK(co_await initialize(give_up));
    start_listening();
    co_return Result<>();
}

Task<Result<bool>> ClientBase::probe(SteadyTime give_up) {
    const bool may_fall_back = options_.era == EraChoice::automatic;
    const Millis patience = may_fall_back ? std::min(options_.timeouts.probe, until(give_up)) : until(give_up);
    Ask ask{.method = "server/discover", .patience = Patience::connecting(patience, steady_now())};
    Result<Outcome> outcome = co_await exchange(std::move(ask));
    if (!outcome) {
        const bool silent = outcome.error().code() == ErrorCode::timed_out;
        if (silent && may_fall_back && until(give_up) > Millis(0)) co_return false;
        co_return Failure(std::move(outcome).error());
    }
    if (!*outcome) {
        const jsonrpc::RpcError& error = outcome->error();
        // A modern server that does not have our revision: never initialize, unless it says that it can do that, too.
        const json::array* supported = supported_versions(error);
        bool any_legacy = false;
        for (std::string_view version : kLegacyVersions) any_legacy = any_legacy || contains(supported, version);
        if (is_modern_error(error.code) && !any_legacy) co_return Failure(refused(error, ""));
        co_return false;
    }
    const json::object* result = (*outcome)->if_object();
    if (!result) co_return false;
    if (!contains(json::array_at(*result, "supportedVersions"), kModernVersion)) co_return false;
    session_.use_modern();
    facts_ = {.instructions = json::string_or(*result, "instructions"),
              .era = Era::modern,
              .version = std::string(kModernVersion)};
    if (const auto* capabilities = json::object_at(*result, "capabilities")) facts_.capabilities = *capabilities;
    const auto* meta = json::object_at(*result, "_meta");
    if (const auto* info = meta ? json::object_at(*meta, meta::kServerInfo) : nullptr)
        facts_.implementation = Implementation::from_json(*info);
    co_return true;
}

Task<Result<>> ClientBase::initialize(SteadyTime give_up) {
    session_.use_legacy("");
    json::object params{{"protocolVersion", kNewestLegacyVersion},
                        {"capabilities", json::object()},
                        {"clientInfo", options_.implementation.to_json()}};
    Ask ask{.method = "initialize",
            .params = std::move(params),
            .patience = Patience::connecting(until(give_up), steady_now())};
    Result<Outcome> outcome = co_await exchange(std::move(ask));
    if (!outcome) co_return Failure(std::move(outcome).error());
    if (!*outcome) co_return Failure(refused(outcome->error(), ""));
    const json::object* result = (*outcome)->if_object();
    const auto version = result ? json::string_at(*result, "protocolVersion") : std::nullopt;
    if (!version) co_return PINCER_FAIL(protocol, "{}: the answer to initialize names no protocolVersion", subject(""));
    // Older than we know is refused; the four that we know differ in nothing that a client of tools could stumble over.
    if (!is_legacy_version(*version))
        co_return PINCER_FAIL(unsupported, "{} wants protocol version {}", subject(""), truncate_utf8(*version, 40));
    session_.use_legacy(std::string(*version));
    facts_ = {
        .instructions = json::string_or(*result, "instructions"), .era = Era::legacy, .version = std::string(*version)};
    if (const auto* capabilities = json::object_at(*result, "capabilities")) facts_.capabilities = *capabilities;
    if (const auto* info = json::object_at(*result, "serverInfo"))
        facts_.implementation = Implementation::from_json(*info);
    co_return co_await tell("notifications/initialized", {});
}

// --- requests

Result<json::object> ClientBase::read_result(Result<Outcome> outcome, const std::string& tool) const {
    if (!outcome) return Failure(std::move(outcome).error());
    if (!*outcome) return Failure(refused(outcome->error(), tool));
    json::object* result = (*outcome)->if_object();
    if (!result) return PINCER_FAIL(protocol, "{}: the result is not an object", subject(tool));
    const auto type = json::string_at(*result, "resultType");
    if (type && *type != "complete") {
        return PINCER_FAIL(protocol, "{}: the server asks for input ({}) that we did not offer", subject(tool),
                           truncate_utf8(*type, 40));
    }
    return std::move(*result);
}

Task<Result<json::object>> ClientBase::request(std::string method, json::object params, CallOptions options) {
    Ask ask{std::move(method),
            std::move(params),
            std::move(options.meta),
            "",
            std::move(options.on_progress),
            Patience(options_.timeouts, options.deadline, steady_now())};
    Result<Outcome> outcome = co_await exchange(std::move(ask));
    co_return read_result(std::move(outcome), "");
}

Task<Result<ToolResult>> ClientBase::call_tool(std::string name, json::object arguments, CallOptions options) {
    json::object params{{"name", name}, {"arguments", std::move(arguments)}};
    Ask ask{"tools/call",
            std::move(params),
            std::move(options.meta),
            name,
            std::move(options.on_progress),
            Patience(options_.timeouts, options.deadline, steady_now())};
    Result<Outcome> outcome = co_await exchange(std::move(ask));
    auto object = read_result(std::move(outcome), name);
    if (!object) co_return Failure(std::move(object).error());
    auto result = ToolResult::from_json(*object);
    if (!result) co_return Failure(std::move(result).error().context(subject(name)));
    co_return std::move(*result);
}

Task<Result<std::vector<ToolInfo>>> ClientBase::list_tools(Deadline deadline) {
    std::vector<ToolInfo> tools;
    if (!json::find(facts_.capabilities, "tools")) co_return tools;
    std::string cursor;
    for (std::size_t page = 0; page < options_.max_pages; ++page) {
        json::object params;
        if (!cursor.empty()) params["cursor"] = cursor;
        CallOptions options{.deadline = deadline};
        PINCER_CO_TRY(json::object result, co_await request("tools/list", std::move(params), std::move(options)));
        const json::array* list = json::array_at(result, "tools");
        if (!list) co_return PINCER_FAIL(protocol, "{}: tools/list gave no tools", subject(""));
        for (const json::value& entry : *list) {
            const json::object* o = entry.if_object();
            auto tool = o ? ToolInfo::from_json(*o) : PINCER_FAIL(protocol, "a tool that is not an object");
            if (const Result<> usable = tool ? admit(*tool) : Result<>(); !usable) tool = Failure(usable.error());
            if (!tool) {  // one bad entry does not take the others with it
                log::warn("mcp.client.tool_ignored",
                          {{"server", options_.server_name}, {"why", tool.error().message()}});
                continue;
            }
            if (tools.size() >= options_.max_tools)
                co_return PINCER_FAIL(too_large, "{} has more than {} tools", subject(""), options_.max_tools);
            tools.push_back(std::move(*tool));
        }
        std::string next = json::string_or(result, "nextCursor");
        if (next.empty()) co_return tools;
        if (next == cursor) co_return PINCER_FAIL(protocol, "{}: tools/list gives the same cursor again", subject(""));
        cursor = std::move(next);
    }
    co_return PINCER_FAIL(too_large, "{}: tools/list has more than {} pages", subject(""), options_.max_pages);
}

Task<Result<>> ClientBase::ping(Deadline deadline) {
    CallOptions options{.deadline = deadline};
    std::string method = facts_.era == Era::modern ? "server/discover" : "ping";
    json::object none;
    PINCER_CO_CHECK(co_await request(std::move(method), std::move(none), std::move(options)));
    co_return Result<>();
}

}  // namespace pincer::mcp
