#include "bridge/bridge.hpp"

#include <csignal>

#include "base/assert.hpp"
#include "bridge/tool_list.hpp"
#include "bridge/tools.hpp"
#include "mcp/stdio_server.hpp"
#include "mcp/zod_wording.hpp"

namespace pincer::bridge {
namespace {

constexpr std::int64_t kReplayPage = 500;
constexpr std::size_t kMaxHeld = 4000;
constexpr std::int64_t kMaxSafeInteger = 9'007'199'254'740'991;

mcp::ServerOptions server_options(const BridgeOptions& options, const ClaudeChannel& claude) {
    return {.implementation = {.name = "openclaw", .version = options.version},
            .experimental = claude.experimental_capabilities(),
            .tools_list_changed = true,
            .argument_wording = mcp::zod_argument_wording,
            .unknown_tool = mcp::UnknownTool::tool_result};
}

wire::ClientOptions client_options(const BridgeOptions& options) {
    wire::ClientOptions out = options.client;
    out.connect.client = {.id = "cli",
                          .mode = "cli",
                          .version = options.version,
                          .platform = "linux",
                          .display_name = "OpenClaw MCP",
                          .device_family = "Linux"};
    out.connect.caps = {"approvals"};
    out.connect.scopes = {"operator.read", "operator.write", "operator.approvals"};
    return out;
}

std::optional<std::int64_t> event_id_of(const json::value& payload) {
    const json::value* id = json::find_path(payload, {"__openclaw", "eventId"});
    return id && id->is_int64() ? std::optional(id->get_int64()) : std::nullopt;
}

}  // namespace

Bridge::Bridge(io::Runtime& runtime, io::WebSocketConnector& connector, const Clock& clock, crypto::Random& random,
               BridgeOptions options)
    : options_(std::move(options)),
      clock_(clock),
      random_(random),
      server_(server_options(options_, ClaudeChannel(options_.claude))),
      claude_(options_.claude),
      news_(runtime),
      client_(runtime, connector, clock, random, client_options(options_), *this) {
    add_tools();
    if (!options_.state_dir.empty()) open_log();
    server_.on_notification("notifications/claude/channel/permission_request", [this](const json::object& params) {
        if (auto event = claude_.on_permission_request(params, clock_.wall()))
            push(std::move(*event), "", std::nullopt);
    });
}

Bridge::~Bridge() = default;

void Bridge::open_log() {
    auto opened = EventLog::open(options_.state_dir);
    if (!opened) return say(fmt::format("cursors will not outlive this process: {}", opened.error().message()));
    log_ = std::move(*opened);
    last_event_id_ = log_->restore(queue_);
}

void Bridge::say(std::string line) const {
    if (options_.say) options_.say("openclaw mcp serve: " + line);
}

void Bridge::say_final(const Error& error) const {
    const std::string where = options_.client.url.origin();
    say(fmt::format("the Gateway at {} refuses this bridge: {}{}", where, error.message(),
                    error.reason().empty() ? "" : " [" + error.reason() + "]"));
}

void Bridge::add_tools() {
    using Method = Answer (Bridge::*)(mcp::ToolCall);
    const std::map<std::string, Method> handlers = {{"conversations_list", &Bridge::conversations_list},
                                                    {"conversation_get", &Bridge::conversation_get},
                                                    {"messages_read", &Bridge::messages_read},
                                                    {"attachments_fetch", &Bridge::attachments_fetch},
                                                    {"events_poll", &Bridge::events_poll},
                                                    {"events_wait", &Bridge::events_wait},
                                                    {"messages_send", &Bridge::messages_send},
                                                    {"permissions_list_open", &Bridge::permissions_list_open},
                                                    {"permissions_respond", &Bridge::permissions_respond}};
    for (mcp::ToolInfo& info : tool_list()) {
        const Method method = handlers.at(info.name);
        auto run = [this, method](mcp::ToolCall call) { return (this->*method)(std::move(call)); };
        const auto added = server_.add_tool({.info = std::move(info), .run = std::move(run)});
        PINCER_ASSERT(added.has_value(), "the tool list is a constant");
    }
}

// --- tools

Task<Result<json::object>> Bridge::ask(std::string method, json::object params) {
    PINCER_CO_CHECK(co_await client_.ready(Deadline::after(options_.ready_within)));
    json::value value(std::move(params));
    PINCER_CO_TRY(json::value payload,
                  co_await client_.call(std::move(method), std::move(value), Deadline::after(options_.call_timeout)));
    if (!payload.is_object()) co_return PINCER_FAIL(protocol, "the Gateway's answer is not an object");
    co_return std::move(payload.get_object());
}

Bridge::Answer Bridge::conversations_list(mcp::ToolCall call) {
    json::object params{{"limit", json::int_at(call.arguments, "limit").value_or(50)}};
    if (const auto search = json::string_at(call.arguments, "search")) params["search"] = *search;
    params["includeDerivedTitles"] = json::bool_at(call.arguments, "includeDerivedTitles").value_or(true);
    params["includeLastMessage"] = json::bool_at(call.arguments, "includeLastMessage").value_or(true);
    PINCER_CO_TRY(const json::object payload, co_await ask("sessions.list", std::move(params)));
    const json::array none;
    const json::array* rows = json::array_at(payload, "sessions");
    co_return conversations_result(rows ? *rows : none, json::string_or(call.arguments, "channel"));
}

Bridge::Answer Bridge::conversation_get(mcp::ToolCall call) {
    const std::string key = json::string_or(call.arguments, "session_key");
    json::object params{{"key", key}, {"includeDerivedTitles", true}, {"includeLastMessage", true}};
    PINCER_CO_TRY(const json::object payload, co_await ask("sessions.describe", std::move(params)));
    const json::value* session = json::find(payload, "session");
    co_return conversation_result(key, session ? *session : json::value(nullptr));
}

Bridge::Answer Bridge::messages_read(mcp::ToolCall call) {
    json::object params{{"key", json::string_or(call.arguments, "session_key")},
                        {"limit", json::int_at(call.arguments, "limit").value_or(20)}};
    PINCER_CO_TRY(json::object payload, co_await ask("sessions.get", std::move(params)));
    co_return messages_result(std::move(payload["messages"]));
}

Task<Result<json::object>> Bridge::find_message(std::string key, std::string id, std::int64_t limit) {
    const Error missing(ErrorCode::not_found, fmt::format("message not found: {}", id));
    PINCER_CO_CHECK(co_await client_.ready(Deadline::after(options_.ready_within)));
    if (client_.hello().offers("chat.message.get")) {
        json::object params{{"sessionKey", key}, {"messageId", id}};
        PINCER_CO_TRY(const json::object payload, co_await ask("chat.message.get", std::move(params)));
        const json::object* message = json::object_at(payload, "message");
        if (!json::bool_at(payload, "ok").value_or(false) || !message) co_return Failure(missing);
        co_return *message;
    }
    json::object params{{"key", key}, {"limit", limit}};
    PINCER_CO_TRY(const json::object payload, co_await ask("sessions.get", std::move(params)));
    const json::array* messages = json::array_at(payload, "messages");
    for (std::size_t i = 0; messages && i < messages->size(); ++i) {
        const json::object* message = (*messages)[i].if_object();
        if (message && id_of_message(*message) == id) co_return *message;
    }
    co_return Failure(missing);
}

Bridge::Answer Bridge::attachments_fetch(mcp::ToolCall call) {
    std::string key = json::string_or(call.arguments, "session_key");
    std::string id = json::string_or(call.arguments, "message_id");
    const std::int64_t limit = json::int_at(call.arguments, "limit").value_or(100);
    PINCER_CO_TRY(json::object message, co_await find_message(std::move(key), std::move(id), limit));
    co_return attachments_result(std::move(message));
}

Bridge::Answer Bridge::events_poll(mcp::ToolCall call) {
    PINCER_CO_CHECK(co_await client_.ready(Deadline::after(options_.ready_within)));
    const auto limit = std::size_t(json::int_at(call.arguments, "limit").value_or(20));
    co_return events_result(queue_.poll(json::int_at(call.arguments, "after_cursor").value_or(0),
                                        json::string_or(call.arguments, "session_key"), limit));
}

Bridge::Answer Bridge::events_wait(mcp::ToolCall call) {
    PINCER_CO_CHECK(co_await client_.ready(Deadline::after(options_.ready_within)));
    const std::int64_t after = json::int_at(call.arguments, "after_cursor").value_or(0);
    const std::string key = json::string_or(call.arguments, "session_key");
    const Deadline deadline = Deadline::after(Millis(json::int_at(call.arguments, "timeout_ms").value_or(30'000)));
    while (true) {
        const EventQueue::Page page = queue_.poll(after, key, 1);
        if (page.gap || !page.events.empty()) co_return event_result(page);
        news_.reset();
        const Result<> waited = co_await news_.wait(deadline);
        if (waited) continue;
        if (waited.error().code() == ErrorCode::timed_out) co_return event_result({});
        co_return Failure(waited.error());
    }
}

Bridge::Answer Bridge::messages_send(mcp::ToolCall call) {
    const std::string key = json::string_or(call.arguments, "session_key");
    json::object describe{{"key", key}, {"includeDerivedTitles", true}, {"includeLastMessage", true}};
    PINCER_CO_TRY(const json::object described, co_await ask("sessions.describe", std::move(describe)));
    const json::object* row = json::object_at(described, "session");
    const std::optional<Route> route = row ? route_of(*row) : std::nullopt;
    if (!route) co_return mcp::ToolResult::error(fmt::format("Conversation not found for session {}", key));
    json::object params = send_params(*route, key, json::string_or(call.arguments, "text"), random_.uuid());
    PINCER_CO_TRY(json::object sent, co_await ask("send", std::move(params)));
    co_return plain_result("sent", std::move(sent));
}

Bridge::Answer Bridge::permissions_list_open(mcp::ToolCall) {
    PINCER_CO_CHECK(co_await client_.ready(Deadline::after(options_.ready_within)));
    co_return approvals_result(approvals_.list(clock_.wall()));
}

Bridge::Answer Bridge::permissions_respond(mcp::ToolCall call) {
    const std::string id = json::string_or(call.arguments, "id");
    const bool exec = json::string_or(call.arguments, "kind") == "exec";
    json::object params{{"id", id}, {"decision", json::string_or(call.arguments, "decision")}};
    std::string method = exec ? "exec.approval.resolve" : "plugin.approval.resolve";
    PINCER_CO_TRY(json::object resolved, co_await ask(std::move(method), std::move(params)));
    approvals_.on_resolved(id);
    co_return plain_result("approval resolved", std::move(resolved));
}

// --- the Gateway's side

Task<Result<>> Bridge::on_connected(const wire::Hello& hello) {
    json::object none;
    PINCER_CO_CHECK(
        co_await client_.call("sessions.subscribe", std::move(none), Deadline::after(options_.call_timeout)));
    if (hello.offers("events.replay")) co_await catch_up();
    if (hello.offers("exec.approval.list")) co_await refresh_approvals("exec");
    if (hello.offers("plugin.approval.list")) co_await refresh_approvals("plugin");
    if (outage_told_ || options_.verbose)
        say(fmt::format("connected to the Gateway (version {})", hello.server_version));
    outage_told_ = false;
    co_return Result<>();
}

void Bridge::on_down(const Error& error, Millis again_in) {
    if (!outage_told_ || options_.verbose)
        say(fmt::format("the Gateway is not there: {}; trying again in {}", error.message(),
                        format_duration(again_in)));
    outage_told_ = true;
}

// What happened while we were away: from the Gateway's own log, if it keeps one. Live events wait meanwhile.
Task<> Bridge::catch_up() {
    replaying_ = true;
    const Result<> replayed = co_await replay();
    replaying_ = false;
    if (!replayed) lose(replayed.error().message());
    if (std::exchange(held_back_too_much_, false)) lose("more came at once than could be held");
    for (Incoming& incoming : std::exchange(held_, {})) accept(std::move(incoming));
}

Task<Result<>> Bridge::replay() {
    const bool first_time = !last_event_id_;
    while (true) {
        json::object params{{"afterEventId", last_event_id_.value_or(kMaxSafeInteger)},
                            {"limit", first_time ? 1 : kReplayPage}};
        json::value value(std::move(params));
        PINCER_CO_TRY(const json::value payload,
                      co_await client_.call("events.replay", std::move(value), Deadline::after(options_.call_timeout)));
        const json::object* page = payload.if_object();
        const json::array* events = page ? json::array_at(*page, "events") : nullptr;
        if (!events) co_return PINCER_FAIL(protocol, "the Gateway's replay has no events");
        const std::int64_t newest = json::int_at(*page, "newestId").value_or(0);
        // A Gateway whose log begins anew counts from one again.
        if (first_time || newest < *last_event_id_) {
            if (!first_time) lose("the Gateway's log has begun anew");
            last_event_id_ = newest;
            co_return Result<>();
        }
        const std::int64_t oldest = json::int_at(*page, "oldestId").value_or(0);
        if (oldest > *last_event_id_ + 1) {
            lose("the Gateway no longer keeps them");
            last_event_id_ = oldest - 1;
        }
        for (const json::value& item : *events) {
            const json::object* entry = item.if_object();
            const auto id = entry ? json::int_at(*entry, "id") : std::nullopt;
            const json::value* body = entry ? json::find(*entry, "payload") : nullptr;
            if (id && body) accept({json::string_or(*entry, "event"), *body, id});
        }
        // A page may be empty since we may not see what is on it; numbers are consecutive, so this is the next one.
        if (events->empty()) last_event_id_ = std::min(newest, *last_event_id_ + kReplayPage);
        if (*last_event_id_ >= newest) co_return Result<>();
    }
}

Task<> Bridge::refresh_approvals(std::string kind) {
    std::string method = kind + ".approval.list";
    json::object none;
    const auto listed =
        co_await client_.call(std::move(method), std::move(none), Deadline::after(options_.call_timeout));
    if (listed && listed->is_array()) approvals_.replace(kind, listed->get_array(), clock_.wall());
}

void Bridge::on_event(const wire::EventFrame& event) {
    Incoming incoming{event.event, event.payload, event_id_of(event.payload)};
    if (!replaying_) return accept(std::move(incoming));
    if (held_.size() < kMaxHeld)
        held_.push_back(std::move(incoming));
    else
        held_back_too_much_ = true;
}

void Bridge::accept(Incoming incoming) {
    if (incoming.id) {
        if (last_event_id_ && *incoming.id <= *last_event_id_) return;  // seen in the replay already
        last_event_id_ = incoming.id;
    }
    const json::object* payload = incoming.payload.if_object();
    if (!payload) return;
    if (incoming.name == "session.message") return accept_message(*payload, incoming.id);
    if (incoming.name == "exec.approval.requested") return accept_approval("exec", true, *payload, incoming.id);
    if (incoming.name == "exec.approval.resolved") return accept_approval("exec", false, *payload, incoming.id);
    if (incoming.name == "plugin.approval.requested") return accept_approval("plugin", true, *payload, incoming.id);
    if (incoming.name == "plugin.approval.resolved") return accept_approval("plugin", false, *payload, incoming.id);
}

void Bridge::accept_message(const json::object& payload, std::optional<std::int64_t> id) {
    auto event = message_event_of(payload);
    if (!event) return;
    ClaudeChannel::Reaction reaction = claude_.on_message(*event, clock_.wall());
    if (reaction.queued) {
        const std::string key = json::string_or(*event, "sessionKey");
        push(std::move(*event), key, id);
    } else {
        mark_seen(id);
    }
    if (reaction.notify) server_.notify(std::move(reaction.notify->method), std::move(reaction.notify->params));
}

void Bridge::accept_approval(std::string_view kind, bool requested, const json::object& payload,
                             std::optional<std::int64_t> id) {
    if (requested) {
        approvals_.on_requested(kind, payload, clock_.wall());
    } else {
        approvals_.on_resolved(json::string_or(payload, "id"));
    }
    push({{"type", fmt::format("{}_approval_{}", kind, requested ? "requested" : "resolved")}, {"raw", payload}}, "",
         id);
}

void Bridge::push(json::object event, std::string_view session_key, std::optional<std::int64_t> id) {
    const QueuedEvent& queued = queue_.push(std::move(event), session_key);
    if (log_) {
        if (auto kept = log_->append(queued, id, queue_); !kept) {
            say(fmt::format("cursors will not outlive this process: {}", kept.error().message()));
            log_.reset();
        }
    }
    news_.set();
}

void Bridge::mark_seen(std::optional<std::int64_t> id) {
    if (!log_ || !id) return;
    if (auto kept = log_->mark_seen(*id, queue_); !kept) log_.reset();
}

void Bridge::lose(std::string_view why) {
    say(fmt::format("events of the time without connection are missing: {}", why));
    const std::int64_t cursor = queue_.lose();
    if (log_) {
        if (auto kept = log_->mark_lost(cursor, queue_); !kept) log_.reset();
    }
    news_.set();
}

// --- the program

namespace {

enum class Ending { none, input, signal, gateway };

struct Outcome {
    explicit Outcome(io::Runtime& runtime) : settled(runtime) {}
    io::Event settled;
    Ending ending = Ending::none;
    Result<> result;

    void settle(Ending how, Result<> with) {
        if (ending != Ending::none) return;
        ending = how;
        result = std::move(with);
        settled.set();
    }
};

Task<> serve_input(io::Runtime& runtime, Bridge& bridge, io::LineStream& stream, Outcome& outcome) {
    Result<> served = co_await mcp::serve_stdio(runtime, bridge.server(), stream);
    outcome.settle(Ending::input, std::move(served));
}

Task<> serve_gateway(Bridge& bridge, Outcome& outcome) {
    Result<> ran = co_await bridge.run();
    if (!ran && ran.error().code() != ErrorCode::cancelled) outcome.settle(Ending::gateway, std::move(ran));
}

Task<> watch_signals(Outcome& outcome) {
    const auto signal = co_await io::wait_for_signal({SIGINT, SIGTERM});
    if (signal) outcome.settle(Ending::signal, {});
}

}  // namespace

Task<int> serve(io::Runtime& runtime, io::LineStream& stream, io::WebSocketConnector& connector, const Clock& clock,
                crypto::Random& random, BridgeOptions options) {
    Bridge bridge(runtime, connector, clock, random, std::move(options));
    Outcome outcome(runtime);
    io::TaskGroup tasks(runtime);
    tasks.spawn(serve_input(runtime, bridge, stream, outcome));
    tasks.spawn(watch_signals(outcome));
    tasks.spawn(serve_gateway(bridge, outcome));
    (void)co_await outcome.settled.wait();
    bridge.stop();
    co_await tasks.stop();
    if (outcome.ending == Ending::gateway) bridge.say_final(outcome.result.error());
    co_return outcome.ending == Ending::gateway || !outcome.result ? 1 : 0;
}

}  // namespace pincer::bridge
