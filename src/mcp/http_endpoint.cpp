#include "mcp/http_endpoint.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "mcp/detail/conversation.hpp"
#include "mcp/detail/header_mirror.hpp"

namespace pincer::mcp {
namespace {

using ExchangeRef = std::shared_ptr<io::Exchange>;

constexpr int kRefused = -32000;  // implementation-defined range: errors of the HTTP layer

io::ServerResponse error_response(int status, int code, std::string message,
                                  const std::optional<jsonrpc::RequestId>& id = std::nullopt) {
    return io::ServerResponse::json(status, jsonrpc::encode_error(id, {code, std::move(message), std::nullopt}));
}

// "localhost:8080" -> "localhost", "[::1]:80" -> "[::1]"
std::string host_of(std::string_view authority) {
    if (authority.starts_with('[')) return to_lower(authority.substr(0, authority.find(']') + 1));
    return to_lower(authority.substr(0, authority.find(':')));
}

bool is_loopback_name(std::string_view host) { return host == "localhost" || host == "127.0.0.1" || host == "[::1]"; }

struct Accepts {
    bool json = true;
    bool events = true;
};
Accepts read_accept(const io::Headers& headers) {
    const auto accept = headers.get("Accept");
    if (!accept) return {};
    const std::string text = to_lower(*accept);
    const auto has = [&](std::string_view type) { return text.find(type) != std::string::npos; };
    const bool any = has("*/*");
    return {any || has("application/json") || has("application/*"), any || has("text/event-stream") || has("text/*")};
}

const io::Headers& event_stream_headers() {
    static const io::Headers headers{{"Content-Type", "text/event-stream"},
                                     {"Cache-Control", "no-cache, no-transform"},
                                     {"X-Accel-Buffering", "no"}};
    return headers;
}

int status_of(const ServerSession::Message& answer, Era era) {
    switch (answer.error_code) {
        case 0: return 200;
        case jsonrpc::kMethodNotFound: return era == Era::modern ? 404 : 200;
        case jsonrpc::kParseError:
        case jsonrpc::kInvalidRequest:
        case kHeaderMismatch:
        case kMissingClientCapability:
        case kUnsupportedVersion: return 400;
        default: return 200;
    }
}

}  // namespace

// A legacy session. Shared by the table and the exchanges that work on it.
struct LegacySession {
    LegacySession(io::Runtime& runtime, Server& server, Principal who, std::string session_id)
        : id(std::move(session_id)), principal(std::move(who)), conversation(runtime, server, principal) {}

    std::string id;
    Principal principal;
    Conversation conversation;
    std::map<std::string, StreamRef> streams;  // by stream id, for Last-Event-ID; oldest first by number
    std::uint64_t next_stream = 1;
    SteadyTime last_used;
    std::size_t exchanges = 0;
    bool ended = false;
};
using SessionRef = std::shared_ptr<LegacySession>;

class HttpEndpoint::Impl {
public:
    Impl(io::Runtime& runtime, Server& server, crypto::Random& random, const Clock& clock, Authenticator* authenticator,
         HttpEndpointOptions options)
        : runtime(runtime),
          server(server),
          random(random),
          clock(clock),
          authenticator(authenticator),
          options(std::move(options)),
          tasks(runtime) {}

    Task<> handle(ExchangeRef exchange);
    Task<> stop();

    // --- before the protocol
    std::optional<io::ServerResponse> refuse_origin(const io::ServerRequest& request) const;
    Task<> post(ExchangeRef exchange, Principal principal);
    Task<> get(ExchangeRef exchange, Principal principal);
    Task<> end_session(ExchangeRef exchange, Principal principal);

    // --- modern
    Task<> post_modern(ExchangeRef exchange, Principal principal, jsonrpc::Decoded message, Accepts accepts);
    std::optional<io::ServerResponse> refuse_modern(const io::Headers& headers, const jsonrpc::Decoded& message) const;

    // --- legacy
    Task<> post_legacy(ExchangeRef exchange, Principal principal, jsonrpc::Decoded message, Accepts accepts);
    SessionRef find_session(const io::Headers& headers, const Principal& principal);
    Result<SessionRef> open_session(Principal principal);
    StreamRef new_stream(LegacySession& session);
    Task<> finish_session(SessionRef session);
    void sweep();

    io::Runtime& runtime;
    Server& server;
    crypto::Random& random;
    const Clock& clock;
    Authenticator* authenticator;
    HttpEndpointOptions options;
    std::map<std::string, SessionRef> sessions;
    std::vector<Conversation*> modern;  // those with an open stream, to be ended by stop()
    io::TaskGroup tasks;
    bool stopping = false;
};

static Task<> respond(ExchangeRef exchange, io::ServerResponse response) {
    const Result<> written = co_await exchange->respond(std::move(response));
    if (!written) log::debug("mcp.http.answer_lost", {{"why", written.error().message()}});
}

std::optional<io::ServerResponse> HttpEndpoint::Impl::refuse_origin(const io::ServerRequest& request) const {
    const auto authority = request.headers.get("Host");
    const std::string host = authority ? host_of(*authority) : "";
    const bool known = is_loopback_name(host) || std::find(options.allowed_hosts.begin(), options.allowed_hosts.end(),
                                                           host) != options.allowed_hosts.end();
    if (!known) return error_response(403, kRefused, "Forbidden: this Host is not served here");
    const auto origin = request.headers.get("Origin");
    if (!origin || std::find(options.allowed_origins.begin(), options.allowed_origins.end(), *origin) !=
                       options.allowed_origins.end())
        return std::nullopt;
    // A page from this very machine may call a server on this very machine, whatever the ports.
    const auto scheme_end = origin->find("://");
    const bool local =
        scheme_end != std::string_view::npos && is_loopback_name(host_of(origin->substr(scheme_end + 3)));
    if (local && is_loopback_name(host)) return std::nullopt;
    return error_response(403, kRefused, "Forbidden: this Origin may not call");
}

Task<> HttpEndpoint::Impl::handle(ExchangeRef exchange) {
    const io::ServerRequest& request = exchange->request();
    if (request.path != options.path) co_return co_await respond(exchange, error_response(404, kRefused, "Not Found"));
    if (auto refusal = refuse_origin(request)) co_return co_await respond(exchange, std::move(*refusal));
    Principal principal;
    if (authenticator) {
        auto known = authenticator->authenticate(request);
        if (!known) {
            auto refusal = error_response(known.error().status, kRefused,
                                          known.error().status == 401 ? "Unauthorized" : "Forbidden");
            refusal.headers.set("WWW-Authenticate", known.error().challenge);
            co_return co_await respond(exchange, std::move(refusal));
        }
        principal = std::move(*known);
    }
    if (stopping) co_return co_await respond(exchange, error_response(503, kRefused, "Shutting down"));
    if (request.method == "POST") co_return co_await post(exchange, std::move(principal));
    const bool modern_only = request.headers.get("MCP-Protocol-Version") == kModernVersion || !server.options().legacy;
    if (request.method == "GET" && !modern_only) co_return co_await get(exchange, std::move(principal));
    if (request.method == "DELETE" && !modern_only) co_return co_await end_session(exchange, std::move(principal));
    auto refusal = error_response(405, kRefused, "Method Not Allowed");
    refusal.headers.set("Allow", modern_only ? "POST" : "GET, POST, DELETE");
    co_await respond(exchange, std::move(refusal));
}

Task<> HttpEndpoint::Impl::post(ExchangeRef exchange, Principal principal) {
    const io::ServerRequest& request = exchange->request();
    const auto type = request.headers.get("Content-Type");
    if (!type || !to_lower(*type).starts_with("application/json")) {
        co_return co_await respond(
            exchange, error_response(415, kRefused, "Unsupported Media Type: application/json is expected"));
    }
    const Accepts accepts = read_accept(request.headers);
    if (!accepts.json && !accepts.events) {
        co_return co_await respond(
            exchange, error_response(406, kRefused, "Not Acceptable: accept application/json and text/event-stream"));
    }
    jsonrpc::Decoded message = jsonrpc::decode(request.body, {.batch = 64});
    if (const auto* bad = std::get_if<jsonrpc::Malformed>(&message)) {
        auto refusal = error_response(400, bad->error.code, bad->error.message, bad->id);
        co_return co_await respond(exchange, std::move(refusal));
    }
    // The era of a request is that of its version header; without one, that of its body.
    const auto version = request.headers.get("MCP-Protocol-Version");
    bool is_modern = version && !is_legacy_version(*version);
    if (!version) {
        const auto* single = std::get_if<jsonrpc::Message>(&message);
        const auto* call = single ? std::get_if<jsonrpc::Request>(single) : nullptr;
        const auto* meta = call ? json::object_at(call->params, "_meta") : nullptr;
        is_modern = meta && json::find(*meta, meta::kProtocolVersion);
    }
    if (is_modern && server.options().modern)
        co_return co_await post_modern(exchange, std::move(principal), std::move(message), accepts);
    if (is_modern)
        co_return co_await respond(exchange,
                                   error_response(400, kRefused, "Bad Request: Unsupported protocol version"));
    co_await post_legacy(exchange, std::move(principal), std::move(message), accepts);
}

// --- modern

std::optional<io::ServerResponse> HttpEndpoint::Impl::refuse_modern(const io::Headers& headers,
                                                                    const jsonrpc::Decoded& message) const {
    const auto* single = std::get_if<jsonrpc::Message>(&message);
    if (!single) return error_response(400, jsonrpc::kInvalidRequest, "Invalid Request: batches are not supported");
    if (std::holds_alternative<jsonrpc::Response>(*single))
        return error_response(400, jsonrpc::kInvalidRequest, "Invalid Request: responses are not accepted");
    const auto* request = std::get_if<jsonrpc::Request>(single);
    if (!request) return std::nullopt;
    const json::object* meta = json::object_at(request->params, "_meta");
    const auto in_body = meta ? json::string_at(*meta, meta::kProtocolVersion) : std::nullopt;
    if (!in_body)
        return error_response(400, jsonrpc::kInvalidParams,
                              fmt::format("Invalid params: _meta[\"{}\"] is missing", meta::kProtocolVersion),
                              request->id);
    if (!json::object_at(*meta, meta::kClientCapabilities)) {
        return error_response(400, jsonrpc::kInvalidParams,
                              fmt::format("Invalid params: _meta[\"{}\"] is missing", meta::kClientCapabilities),
                              request->id);
    }
    const auto in_header = headers.get("MCP-Protocol-Version");
    if (in_header != in_body) {
        return error_response(400, kHeaderMismatch,
                              fmt::format("Header mismatch: MCP-Protocol-Version {}",
                                          in_header ? "does not match the body" : "is missing"),
                              request->id);
    }
    if (*in_body != kModernVersion) return std::nullopt;  // the session says which versions there are
    std::vector<MirroredParam> mirrored;
    if (request->method == "tools/call") {
        const auto tool = server.find_tool(json::string_or(request->params, "name"));
        if (auto params = tool ? mirrored_params(tool->tool.info.input_schema) : std::vector<MirroredParam>())
            mirrored = std::move(*params);
    }
    if (auto mismatch = mirror_mismatch(headers, *request, mirrored))
        return error_response(400, kHeaderMismatch, std::move(*mismatch), request->id);
    return std::nullopt;
}

Task<> HttpEndpoint::Impl::post_modern(ExchangeRef exchange, Principal principal, jsonrpc::Decoded message,
                                       Accepts accepts) {
    if (auto refusal = refuse_modern(exchange->request().headers, message))
        co_return co_await respond(exchange, std::move(*refusal));
    Conversation conversation(runtime, server, std::move(principal));
    auto taken = conversation.take(std::move(message));
    if (taken.at_once && accepts.json) {
        const int status = status_of(*taken.at_once, Era::modern);
        co_return co_await respond(exchange, io::ServerResponse::json(status, std::move(taken.at_once->text)));
    }
    if (!taken.at_once && taken.open.empty()) {
        io::ServerResponse accepted{.status = 202};
        co_return co_await respond(exchange, std::move(accepted));
    }
    EventStreamOptions stream_options{.only_last = !accepts.events, .keep_alive = options.keep_alive};
    auto stream = std::make_shared<EventStream>(runtime, std::move(stream_options));
    if (taken.at_once) {
        stream->push(std::move(taken.at_once->text));
        stream->finish();
    }
    conversation.bind(taken.open, stream);
    conversation.hear_notifications();
    conversation.start_calls();
    modern.push_back(&conversation);
    if (accepts.events) {
        io::Headers headers = event_stream_headers();
        auto writer = co_await exchange->start_body(200, std::move(headers));
        if (writer) (void)co_await stream->pump(**writer, 0);
        if (!stream->finished()) conversation.drop(taken.open);  // the stream was closed on us: a cancel
        co_await conversation.stop();
    } else {
        std::string text = co_await stream->wait_last();
        co_await conversation.stop();
        co_await respond(exchange, io::ServerResponse::json(200, std::move(text)));
    }
    std::erase(modern, &conversation);
}

// --- legacy

SessionRef HttpEndpoint::Impl::find_session(const io::Headers& headers, const Principal& principal) {
    const auto id = headers.get("Mcp-Session-Id");
    const auto found = id ? sessions.find(std::string(*id)) : sessions.end();
    // A session id is no credential: it works only for whom it was given to.
    if (found == sessions.end() || found->second->principal.id != principal.id) return nullptr;
    found->second->last_used = clock.steady();
    return found->second;
}

void HttpEndpoint::Impl::sweep() {
    const SteadyTime now = clock.steady();
    const auto idle = [&](const SessionRef& s) { return s->exchanges == 0 && !s->conversation.busy(); };
    SessionRef oldest;
    std::vector<SessionRef> gone;
    for (const auto& [id, session] : sessions) {
        if (!idle(session)) continue;
        if (now - session->last_used > options.session_idle)
            gone.push_back(session);
        else if (!oldest || session->last_used < oldest->last_used)
            oldest = session;
    }
    if (gone.empty() && oldest && sessions.size() >= options.max_sessions) gone.push_back(oldest);
    for (const SessionRef& session : gone) {
        sessions.erase(session->id);
        tasks.spawn(finish_session(session));
    }
}

Result<SessionRef> HttpEndpoint::Impl::open_session(Principal principal) {
    sweep();
    if (sessions.size() >= options.max_sessions)
        return PINCER_FAIL(unavailable, "{} sessions are open already", sessions.size());
    auto session = std::make_shared<LegacySession>(runtime, server, std::move(principal), random.token(24));
    session->last_used = clock.steady();
    session->conversation.hear_notifications();
    EventStreamOptions standing{.id = "s0",
                                .replay_events = options.replay_events,
                                .replay_bytes = options.replay_bytes,
                                .keep_alive = options.keep_alive};
    auto stream = std::make_shared<EventStream>(runtime, std::move(standing));
    session->conversation.set_standing(stream);
    session->streams.emplace(stream->id(), stream);
    return session;
}

StreamRef HttpEndpoint::Impl::new_stream(LegacySession& session) {
    if (session.streams.size() > options.max_streams_per_session) {
        const auto done = std::find_if(session.streams.begin(), session.streams.end(),
                                       [](const auto& s) { return s.second->finished() && !s.second->attached(); });
        if (done != session.streams.end()) session.streams.erase(done);
    }
    EventStreamOptions stream_options{.id = fmt::format("s{}", session.next_stream++),
                                      .replay_events = options.replay_events,
                                      .replay_bytes = options.replay_bytes,
                                      .keep_alive = options.keep_alive,
                                      .priming_event = session.conversation.session().legacy_version() >= "2025-11-25",
                                      .retry = options.retry};
    auto stream = std::make_shared<EventStream>(runtime, std::move(stream_options));
    // Beyond the limit a stream works but cannot be resumed.
    if (session.streams.size() <= options.max_streams_per_session) session.streams.emplace(stream->id(), stream);
    return stream;
}

Task<> HttpEndpoint::Impl::finish_session(SessionRef session) {
    session->ended = true;
    co_await session->conversation.stop();
}

Task<> HttpEndpoint::Impl::post_legacy(ExchangeRef exchange, Principal principal, jsonrpc::Decoded message,
                                       Accepts accepts) {
    const io::Headers& headers = exchange->request().headers;
    const auto* single = std::get_if<jsonrpc::Message>(&message);
    const auto* request = single ? std::get_if<jsonrpc::Request>(single) : nullptr;
    const bool opens = request && request->method == "initialize" && !headers.has("Mcp-Session-Id");
    SessionRef session;
    if (opens) {
        auto opened = open_session(std::move(principal));
        if (!opened) co_return co_await respond(exchange, error_response(503, kRefused, opened.error().message()));
        session = std::move(*opened);
    } else if (!headers.has("Mcp-Session-Id")) {
        co_return co_await respond(exchange,
                                   error_response(400, kRefused, "Bad Request: Mcp-Session-Id header is required"));
    } else {
        session = find_session(headers, principal);
        if (!session) co_return co_await respond(exchange, error_response(404, kRefused, "Session not found"));
    }
    Conversation& conversation = session->conversation;
    auto taken = conversation.take(std::move(message));
    const bool started = conversation.session().initialized();
    if (opens && started) sessions.emplace(session->id, session);
    if (taken.at_once && accepts.json) {
        const int status = status_of(*taken.at_once, Era::legacy);
        auto response = io::ServerResponse::json(status, std::move(taken.at_once->text));
        if (opens && started) response.headers.set("Mcp-Session-Id", session->id);
        if (opens && !started) co_await finish_session(session);
        co_return co_await respond(exchange, std::move(response));
    }
    if (!taken.at_once && taken.open.empty()) {
        conversation.start_calls();  // a cancellation takes effect here
        io::ServerResponse accepted{.status = 202};
        co_return co_await respond(exchange, std::move(accepted));
    }
    ++session->exchanges;
    EventStreamOptions plain{.only_last = true};
    StreamRef stream = accepts.events ? new_stream(*session) : std::make_shared<EventStream>(runtime, std::move(plain));
    if (taken.at_once) {
        stream->push(std::move(taken.at_once->text));
        stream->finish();
    }
    conversation.bind(taken.open, stream);
    conversation.start_calls();
    if (accepts.events) {
        io::Headers stream_headers = event_stream_headers();
        if (opens && started) stream_headers.set("Mcp-Session-Id", session->id);
        auto writer = co_await exchange->start_body(200, std::move(stream_headers));
        if (writer) (void)co_await stream->pump(**writer, 0);  // a broken-off stream goes on without its reader
    } else {
        std::string text = co_await stream->wait_last();
        co_await respond(exchange, io::ServerResponse::json(200, std::move(text)));
    }
    --session->exchanges;
    session->last_used = clock.steady();
}

Task<> HttpEndpoint::Impl::get(ExchangeRef exchange, Principal principal) {
    const io::Headers& headers = exchange->request().headers;
    if (!read_accept(headers).events)
        co_return co_await respond(exchange, error_response(406, kRefused, "Not Acceptable: accept text/event-stream"));
    if (!headers.has("Mcp-Session-Id"))
        co_return co_await respond(exchange,
                                   error_response(400, kRefused, "Bad Request: Mcp-Session-Id header is required"));
    const SessionRef session = find_session(headers, principal);
    if (!session) co_return co_await respond(exchange, error_response(404, kRefused, "Session not found"));
    StreamRef stream = session->conversation.standing();
    std::uint64_t after = 0;
    if (const auto last = headers.get("Last-Event-ID")) {
        const auto parsed = EventStream::parse_event_id(*last);
        const auto found = parsed ? session->streams.find(parsed->first) : session->streams.end();
        if (found == session->streams.end())
            co_return co_await respond(exchange,
                                       error_response(400, kRefused, "Bad Request: this event is no longer known"));
        stream = found->second;
        after = parsed->second;
    } else if (stream->attached()) {
        co_return co_await respond(exchange,
                                   error_response(409, kRefused, "Conflict: the session has its stream already"));
    }
    ++session->exchanges;
    io::Headers stream_headers = event_stream_headers();
    auto writer = co_await exchange->start_body(200, std::move(stream_headers));
    if (writer) (void)co_await stream->pump(**writer, after);
    --session->exchanges;
    session->last_used = clock.steady();
}

Task<> HttpEndpoint::Impl::end_session(ExchangeRef exchange, Principal principal) {
    const io::Headers& headers = exchange->request().headers;
    if (!headers.has("Mcp-Session-Id"))
        co_return co_await respond(exchange,
                                   error_response(400, kRefused, "Bad Request: Mcp-Session-Id header is required"));
    const SessionRef session = find_session(headers, principal);
    if (!session) co_return co_await respond(exchange, error_response(404, kRefused, "Session not found"));
    sessions.erase(session->id);
    co_await finish_session(session);
    io::ServerResponse ended{.status = 200};
    co_await respond(exchange, std::move(ended));
}

Task<> HttpEndpoint::Impl::stop() {
    stopping = true;
    const std::vector<Conversation*> open = modern;
    for (Conversation* conversation : open) conversation->end_now();
    auto all = std::exchange(sessions, {});
    for (auto& [id, session] : all) co_await finish_session(session);
    co_await tasks.stop();
}

HttpEndpoint::HttpEndpoint(io::Runtime& runtime, Server& server, crypto::Random& random, const Clock& clock,
                           Authenticator* authenticator, HttpEndpointOptions options)
    : impl_(std::make_unique<Impl>(runtime, server, random, clock, authenticator, std::move(options))) {}
HttpEndpoint::~HttpEndpoint() {
    PINCER_ASSERT(impl_->sessions.empty() && impl_->modern.empty(), "stop() was awaited, and the HTTP server stopped");
}

Task<> HttpEndpoint::handle(std::shared_ptr<io::Exchange> exchange) { return impl_->handle(std::move(exchange)); }
io::HttpHandler HttpEndpoint::handler() {
    return [this](std::shared_ptr<io::Exchange> exchange) { return handle(std::move(exchange)); };
}
Task<> HttpEndpoint::stop() { return impl_->stop(); }
std::size_t HttpEndpoint::sessions() const { return impl_->sessions.size(); }

}  // namespace pincer::mcp
