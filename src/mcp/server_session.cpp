#include "mcp/server_session.hpp"

#include <algorithm>
#include <cmath>

#include "base/log.hpp"
#include "base/text.hpp"

namespace pincer::mcp {
namespace {

using jsonrpc::RequestId;
using jsonrpc::RpcError;

constexpr std::array<std::string_view, 8> kLogLevels = {"debug", "info",     "notice", "warning",
                                                        "error", "critical", "alert",  "emergency"};
constexpr std::size_t kInfo = 1;
constexpr std::size_t kMaxBatch = 64;

std::optional<std::size_t> log_level(std::string_view name) {
    const auto found = std::find(kLogLevels.begin(), kLogLevels.end(), name);
    if (found == kLogLevels.end()) return std::nullopt;
    return std::size_t(found - kLogLevels.begin());
}

// 2 and not 2E0, which is the same number and looks like a mistake.
json::value plain_number(double d) {
    if (std::nearbyint(d) == d && std::abs(d) < 9007199254740992.0) return std::int64_t(d);
    return d;
}

RpcError invalid_params(std::string message) { return {jsonrpc::kInvalidParams, std::move(message), std::nullopt}; }
RpcError method_not_found() { return {jsonrpc::kMethodNotFound, "Method not found", std::nullopt}; }

RpcError unsupported_version(std::string_view requested) {
    json::object data{{"supported", json::array{kModernVersion}}, {"requested", requested}};
    return {kUnsupportedVersion, "Unsupported protocol version", json::value(std::move(data))};
}

}  // namespace

class ServerSession::Impl : public std::enable_shared_from_this<Impl> {
public:
    Impl(Server& server, Principal principal)
        : server(server),
          principal(std::move(principal)),
          peer({.max_incoming = server.options().max_calls_in_flight}) {}

    class Channel;
    struct Running {
        RequestId id;
        Era era;
        std::shared_ptr<Channel> channel;
        std::shared_ptr<const Server::CompiledTool> tool;
    };
    struct Subscription {
        bool tools_list_changed = false;
    };

    template <class Input>
    void receive(Input&& input, Output& out) {
        events.clear();
        peer.receive(std::forward<Input>(input), events);
        for (auto& event : events) {
            if (auto* request = std::get_if<jsonrpc::Request>(&event)) {
                take_request(*request, out);
            } else if (auto* note = std::get_if<jsonrpc::Notification>(&event)) {
                take_notification(*note, out);
            } else if (auto* reply = std::get_if<jsonrpc::Peer::Reply>(&event)) {
                out.send.push_back({std::move(reply->text), std::move(reply->id), true, reply->code});
            } else if (auto* ignored = std::get_if<jsonrpc::Peer::Ignored>(&event)) {
                log::debug("mcp.server.ignored", {{"why", ignored->why}});
            }  // Answered cannot be: we ask nothing
        }
    }

    void take_request(jsonrpc::Request& request, Output& out) {
        const json::object* meta = json::object_at(request.params, "_meta");
        const bool claims_modern = server.options().modern && meta && json::find(*meta, meta::kProtocolVersion);
        if (claims_modern) return take_modern(request, *meta, out);
        const bool legacy =
            !version.empty() || request.method == "initialize" || request.method == "ping" || !server.options().modern;
        if (legacy) return take_legacy(request, out);
        fail(request.id,
             invalid_params(fmt::format("Invalid params: _meta[\"{}\"] is missing, and the session is not initialized",
                                        meta::kProtocolVersion)),
             out);
    }

    // --- 2024-11-05 to 2025-11-25
    void take_legacy(jsonrpc::Request& request, Output& out) {
        const std::string& method = request.method;
        if (method == "tools/call") return call_tool(request, Era::legacy, out);
        if (method == "tools/list") return list_tools(request, Era::legacy, out);
        if (method == "ping") return answer_text(request.id, "{}", out);
        if (method == "initialize") return initialize(request, out);
        if (method == "logging/setLevel" && server.options().logging) return set_level(request, out);
        fail(request.id, method_not_found(), out);
    }

    void initialize(const jsonrpc::Request& request, Output& out) {
        const auto requested = json::string_at(request.params, "protocolVersion");
        if (!server.options().legacy) return fail(request.id, unsupported_version(requested.value_or("")), out);
        if (!requested)
            return fail(request.id, invalid_params("Invalid params: protocolVersion must be a string"), out);
        if (!version.empty())
            return fail(request.id, {jsonrpc::kInvalidRequest, "Invalid Request: already initialized", std::nullopt},
                        out);
        version = is_legacy_version(*requested) ? *requested : kNewestLegacyVersion;
        if (version <= "2025-03-26") peer.set_batch_limit(kMaxBatch);  // 2025-06-18 took batches away
        if (const auto* info = json::object_at(request.params, "clientInfo")) client = Implementation::from_json(*info);
        if (const auto* declared = json::object_at(request.params, "capabilities")) client_capabilities = *declared;
        json::object result{{"protocolVersion", version},
                            {"capabilities", server.capabilities(Era::legacy)},
                            {"serverInfo", server.options().implementation.to_json()}};
        if (!server.options().instructions.empty()) result["instructions"] = server.options().instructions;
        answer(request.id, result, out);
    }

    void set_level(const jsonrpc::Request& request, Output& out) {
        const auto level = log_level(json::string_or(request.params, "level"));
        if (!level) return fail(request.id, invalid_params("Invalid params: unknown log level"), out);
        legacy_log_level = *level;
        answer_text(request.id, "{}", out);
    }

    // --- 2026-07-28
    void take_modern(jsonrpc::Request& request, const json::object& meta, Output& out) {
        const auto requested = json::string_at(meta, meta::kProtocolVersion);
        if (!requested)
            return fail(
                request.id,
                invalid_params(fmt::format("Invalid params: _meta[\"{}\"] must be a string", meta::kProtocolVersion)),
                out);
        if (*requested != kModernVersion) return fail(request.id, unsupported_version(*requested), out);
        if (!json::object_at(meta, meta::kClientCapabilities)) {
            return fail(request.id,
                        invalid_params(
                            fmt::format("Invalid params: _meta[\"{}\"] must be an object", meta::kClientCapabilities)),
                        out);
        }
        const std::string& method = request.method;
        if (method == "tools/call") return call_tool(request, Era::modern, out);
        if (method == "tools/list") return list_tools(request, Era::modern, out);
        if (method == "server/discover") return discover(request, out);
        if (method == "subscriptions/listen") return listen(request, out);
        fail(request.id, method_not_found(), out);
    }

    // What every modern result carries; goes inside the result object, after its own members.
    std::string modern_tail(bool cacheable) {
        if (server_info_text.empty()) server_info_text = json::write(server.options().implementation.to_json());
        std::string out = R"("resultType":"complete",)";
        if (cacheable) out += fmt::format(R"("ttlMs":{},"cacheScope":"private",)", server.options().list_ttl.count());
        return out + fmt::format(R"("_meta":{{"{}":{}}}}})", meta::kServerInfo, server_info_text);
    }

    void discover(const jsonrpc::Request& request, Output& out) {
        json::object result{{"supportedVersions", json::array{kModernVersion}},
                            {"capabilities", server.capabilities(Era::modern)}};
        if (!server.options().instructions.empty()) result["instructions"] = server.options().instructions;
        std::string text = json::write(result);
        text.back() = ',';
        answer_text(request.id, text + modern_tail(true), out);
    }

    void listen(const jsonrpc::Request& request, Output& out) {
        const auto* wanted = json::object_at(request.params, "notifications");
        if (!wanted) return fail(request.id, invalid_params("Invalid params: notifications must be an object"), out);
        Subscription subscription;
        json::object agreed;
        if (json::bool_at(*wanted, "toolsListChanged").value_or(false) && server.options().tools_list_changed) {
            subscription.tools_list_changed = true;
            agreed["toolsListChanged"] = true;
        }
        subscriptions.emplace(request.id, subscription);
        json::object params{{"_meta", json::object{{meta::kSubscriptionId, request.id.to_json()}}},
                            {"notifications", std::move(agreed)}};
        out.send.push_back(
            {jsonrpc::encode_notification("notifications/subscriptions/acknowledged", params), request.id});
    }

    // --- tools
    void list_tools(const jsonrpc::Request& request, Era era, Output& out) {
        std::size_t from = 0;
        if (const json::value* cursor = json::find(request.params, "cursor")) {
            const auto position =
                cursor->is_string() ? read_cursor(std::string_view(cursor->get_string())) : std::nullopt;
            if (!position) return fail(request.id, invalid_params("Invalid params: unknown cursor"), out);
            from = *position;
        }
        const Server::Page page = server.page(from);
        std::string text = R"({"tools":)" + page.tools_text;
        if (page.next > 0) text += fmt::format(R"(,"nextCursor":"{}")", write_cursor(page.next));
        text += era == Era::modern ? "," + modern_tail(true) : "}";
        answer_text(request.id, text, out);
    }

    static std::string write_cursor(std::size_t position) { return to_base64url(fmt::format("tools:{}", position)); }

    std::optional<std::size_t> read_cursor(std::string_view cursor) const {
        const std::size_t page_size = server.options().page_size;
        const auto plain = from_base64(cursor);
        if (page_size == 0 || !plain || !plain->starts_with("tools:") || plain->size() > 16) return std::nullopt;
        const std::string_view digits = std::string_view(*plain).substr(6);
        if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
        const std::size_t position = std::stoul(std::string(digits));
        if (position % page_size != 0) return std::nullopt;
        return position;  // past the end is an empty page: tools may have gone since
    }

    void call_tool(jsonrpc::Request& request, Era era, Output& out) {
        const auto name = json::string_at(request.params, "name");
        if (!name) return fail(request.id, invalid_params("Invalid params: name must be a string"), out);
        json::object arguments;
        if (json::value* given = request.params.if_contains("arguments"); given && !given->is_null()) {
            if (!given->is_object())
                return fail(request.id, invalid_params("Invalid params: arguments must be an object"), out);
            arguments = std::move(given->get_object());
        }
        auto tool = server.find_tool(*name);
        if (!tool) return refuse_unknown_tool(request.id, *name, era, out);
        json::value to_check(std::move(arguments));
        if (!tool->input.accepts(to_check)) {
            const auto violations = tool->input.check(to_check);
            const auto& wording = server.options().argument_wording;
            return answer_tool(request.id, ToolResult::error(wording(*name, violations)), era, out);
        }
        if (const auto error = missing_capability(*tool, request, era)) return fail(request.id, *error, out);
        start(request, std::move(tool), std::move(to_check.get_object()), era, out);
    }

    std::optional<RpcError> missing_capability(const Server::CompiledTool& tool, const jsonrpc::Request& request,
                                               Era era) const {
        const json::object& needed = tool.tool.required_client_capabilities;
        const json::object* meta = era == Era::modern ? json::object_at(request.params, "_meta") : nullptr;
        const json::object* declared = meta ? json::object_at(*meta, meta::kClientCapabilities) : &client_capabilities;
        const bool all = std::all_of(needed.begin(), needed.end(),
                                     [&](const auto& field) { return declared->contains(field.key()); });
        if (all) return std::nullopt;
        return RpcError{kMissingClientCapability, "Missing required client capability",
                        json::object{{"requiredCapabilities", needed}}};
    }

    void refuse_unknown_tool(const RequestId& id, std::string_view name, Era era, Output& out) {
        if (server.options().unknown_tool == UnknownTool::protocol_error) {
            return fail(id, invalid_params(fmt::format("Unknown tool: {}", truncate_utf8(name, 200))), out);
        }
        answer_tool(id, ToolResult::error(fmt::format("MCP error -32602: Tool {} not found", truncate_utf8(name, 200))),
                    era, out);
    }

    void start(jsonrpc::Request& request, std::shared_ptr<const Server::CompiledTool> tool, json::object arguments,
               Era era, Output& out);

    void finish(CallKey key, Result<ToolResult> result, Output& out);

    // An error of ours becomes what the specification wants: a tool result that the model can read.
    static ToolResult checked(const Server::CompiledTool& tool, Result<ToolResult> result) {
        if (!result) {
            log::failure(log::Level::debug, "mcp.server.tool_failed", result.error());
            return ToolResult::error(result.error().message());
        }
        if (!tool.output || result->is_error) return std::move(*result);
        if (!result->structured)
            return ToolResult::error(fmt::format("tool {} gave no structured content", tool.tool.info.name));
        if (tool.output->accepts(*result->structured)) return std::move(*result);
        log::warn("mcp.server.output_schema_broken", {{"tool", tool.tool.info.name}});
        return ToolResult::error(
            fmt::format("tool {} gave a result that breaks its own output schema", tool.tool.info.name));
    }

    void answer_tool(const RequestId& id, const ToolResult& result, Era era, Output& out) {
        json::object beside;
        if (era == Era::modern) {
            beside["resultType"] = "complete";
            json::object meta = result.meta;
            meta[meta::kServerInfo] = server.options().implementation.to_json();
            beside["_meta"] = std::move(meta);
        }
        answer_text(id, result.write(beside), out);
    }

    // --- notifications, both ways
    void take_notification(const jsonrpc::Notification& note, Output& out) {
        if (note.method == "notifications/initialized") {
            client_ready = !version.empty();
        } else if (note.method == "notifications/cancelled") {
            const json::value* target = json::find(note.params, "requestId");
            if (const auto id = target ? RequestId::from_json(*target) : std::nullopt) drop(*id, out);
        } else {
            server.dispatch_notification(note.method, note.params);
        }
    }

    void notify(const ServerNotification& notification, Output& out) {
        if (client_ready)
            out.send.push_back({jsonrpc::encode_notification(notification.method, notification.params), std::nullopt});
        if (notification.method != "notifications/tools/list_changed") return;
        for (const auto& [id, subscription] : subscriptions) {
            if (!subscription.tools_list_changed) continue;
            json::object params = notification.params;
            params["_meta"] = json::object{{meta::kSubscriptionId, id.to_json()}};
            out.send.push_back({jsonrpc::encode_notification(notification.method, params), id});
        }
    }

    void drop(const RequestId& id, Output& out);

    void end_subscriptions(Output& out) {
        for (const auto& [id, subscription] : std::exchange(subscriptions, {})) {
            json::object meta{{meta::kSubscriptionId, id.to_json()},
                              {meta::kServerInfo, server.options().implementation.to_json()}};
            answer(id, {{"resultType", "complete"}, {"_meta", std::move(meta)}}, out);
        }
    }

    // --- writing
    void answer(const RequestId& id, const json::object& result, Output& out) {
        answer_text(id, json::write(result), out);
    }

    void answer_text(const RequestId& id, std::string_view text, Output& out) {
        if (auto line = peer.answer_text(id, text)) out.send.push_back({std::move(*line), id, true});
    }

    void fail(const RequestId& id, const RpcError& error, Output& out) {
        if (auto line = peer.fail(id, error)) out.send.push_back({std::move(*line), id, true, error.code});
    }

    void say(Message message) {
        const bool was_empty = outbox.empty();
        outbox.push_back(std::move(message));
        if (was_empty && on_outbox) on_outbox();
    }

    void take_outbox(Output& out) {
        std::move(outbox.begin(), outbox.end(), std::back_inserter(out.send));
        outbox.clear();
    }

    Server& server;
    Principal principal;
    jsonrpc::Peer peer;
    std::vector<jsonrpc::Peer::Event> events;  // kept for its memory
    std::string version;                       // legacy, once initialized
    bool client_ready = false;                 // it said notifications/initialized
    Implementation client;
    json::object client_capabilities;
    std::size_t legacy_log_level = kInfo;
    std::unordered_map<CallKey, Running> calls;
    std::unordered_map<RequestId, CallKey> by_id;
    std::map<RequestId, Subscription> subscriptions;
    std::vector<Message> outbox;
    std::function<void()> on_outbox;
    std::string server_info_text;
    CallKey next_key = 1;
};

// What a running tool holds. It may outlive both the call and the session.
class ServerSession::Impl::Channel final : public CallChannel {
public:
    Channel(std::weak_ptr<Impl> session, RequestId id, std::optional<json::value> token,
            std::optional<std::size_t> level)
        : session_(std::move(session)), id_(std::move(id)), token_(std::move(token)), level_(level) {}

    void progress(const Progress& progress) override {
        const auto session = open_session();
        if (!session || !token_ || (said_any_ && progress.done <= last_))
            return;  // must increase with every notification
        said_any_ = true;
        last_ = progress.done;
        json::object params{{"progressToken", *token_}, {"progress", plain_number(progress.done)}};
        if (progress.total) params["total"] = plain_number(*progress.total);
        if (!progress.message.empty()) params["message"] = progress.message;
        session->say({jsonrpc::encode_notification("notifications/progress", params), id_});
    }

    void log(std::string_view level, json::value data) override {
        const auto session = open_session();
        const auto rank = log_level(level);
        if (!session || !rank || !level_ || *rank < *level_) return;
        session->say(
            {jsonrpc::encode_notification("notifications/message", {{"level", level}, {"data", std::move(data)}}),
             id_});
    }

    void close() { closed_ = true; }

private:
    std::shared_ptr<Impl> open_session() const { return closed_ ? nullptr : session_.lock(); }

    std::weak_ptr<Impl> session_;
    RequestId id_;
    std::optional<json::value> token_;
    std::optional<std::size_t> level_;  // nothing: no logging was asked for
    bool said_any_ = false;
    double last_ = 0;
    bool closed_ = false;
};

void ServerSession::Impl::start(jsonrpc::Request& request, std::shared_ptr<const Server::CompiledTool> tool,
                                json::object arguments, Era era, Output& out) {
    ToolCall call{.tool = tool->tool.info.name, .arguments = std::move(arguments), .principal = principal, .era = era};
    if (json::value* meta = request.params.if_contains("_meta"); meta && meta->is_object())
        call.meta = std::move(meta->get_object());
    std::optional<json::value> token;
    if (const json::value* t = json::find(call.meta, "progressToken"); t && (t->is_string() || t->is_number()))
        token = *t;
    std::optional<std::size_t> level;
    if (era == Era::modern) {
        if (const auto* info = json::object_at(call.meta, meta::kClientInfo))
            call.client = Implementation::from_json(*info);
        if (const auto* declared = json::object_at(call.meta, meta::kClientCapabilities))
            call.client_capabilities = *declared;
        if (server.options().logging) level = log_level(json::string_or(call.meta, meta::kLogLevel));
    } else {
        call.client = client;
        call.client_capabilities = client_capabilities;
        if (server.options().logging) level = legacy_log_level;
    }
    auto channel = std::make_shared<Channel>(weak_from_this(), request.id, std::move(token), level);
    call.channel = channel;
    if (tool->tool.now) {
        ToolResult result = checked(*tool, tool->tool.now(call));
        channel->close();
        take_outbox(out);
        return answer_tool(request.id, result, era, out);
    }
    const CallKey key = next_key++;
    calls.emplace(key, Running{request.id, era, std::move(channel), tool});
    by_id.emplace(request.id, key);
    out.start.push_back({key, std::move(tool), std::move(call)});
}

void ServerSession::Impl::finish(CallKey key, Result<ToolResult> result, Output& out) {
    auto node = calls.extract(key);
    if (node.empty()) return;  // cancelled meanwhile
    take_outbox(out);
    Running& run = node.mapped();
    run.channel->close();
    by_id.erase(run.id);
    answer_tool(run.id, checked(*run.tool, std::move(result)), run.era, out);
}

void ServerSession::Impl::drop(const RequestId& id, Output& out) {
    const auto dropped = peer.drop(id);
    if (!dropped.was_known) return;
    subscriptions.erase(id);
    CallKey key = 0;
    if (const auto call = by_id.find(id); call != by_id.end()) {
        key = call->second;
        calls.at(key).channel->close();
        calls.erase(key);
        by_id.erase(call);
        std::erase_if(outbox, [&](const Message& message) { return message.about == id; });
    }
    out.cancel.push_back({key, id});
    if (dropped.text) out.send.push_back({*dropped.text, id, true});
}

void ServerSession::Output::clear() {
    send.clear();
    start.clear();
    cancel.clear();
}

ServerSession::ServerSession(Server& server, Principal principal)
    : impl_(std::make_shared<Impl>(server, std::move(principal))) {}
ServerSession::~ServerSession() = default;

void ServerSession::receive(std::string_view text, Output& out) { impl_->receive(text, out); }
void ServerSession::receive(jsonrpc::Decoded&& decoded, Output& out) { impl_->receive(std::move(decoded), out); }
void ServerSession::finish(CallKey key, Result<ToolResult> result, Output& out) {
    impl_->finish(key, std::move(result), out);
}
void ServerSession::notify(const ServerNotification& notification, Output& out) { impl_->notify(notification, out); }
void ServerSession::drop(const RequestId& id, Output& out) { impl_->drop(id, out); }
void ServerSession::end_subscriptions(Output& out) { impl_->end_subscriptions(out); }
void ServerSession::take_outbox(Output& out) { impl_->take_outbox(out); }
void ServerSession::set_on_outbox(std::function<void()> tell) { impl_->on_outbox = std::move(tell); }
bool ServerSession::initialized() const { return !impl_->version.empty(); }
const std::string& ServerSession::legacy_version() const { return impl_->version; }
std::size_t ServerSession::running() const { return impl_->calls.size(); }
std::size_t ServerSession::subscriptions() const { return impl_->subscriptions.size(); }
const Implementation& ServerSession::client() const { return impl_->client; }

}  // namespace pincer::mcp
