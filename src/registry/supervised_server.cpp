#include "registry/detail/supervised_server.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace pincer::registry {
namespace {

constexpr Millis kShortPause{1'000};

SteadyTime steady_now() { return std::chrono::steady_clock::now(); }

ToolInfo describe(const ServerDefinition& definition, const mcp::ToolInfo& tool) {
    const bool believed = definition.trust == Trust::annotations;
    ToolInfo out{.name = definition.name + "__" + tool.name,
                 .server = definition.name,
                 .tool = tool.name,
                 .title = tool.title,
                 .description = tool.description,
                 .input_schema = tool.input_schema};
    out.read_only =
        believed && tool.annotations.read_only.value_or(false) && !tool.annotations.destructive.value_or(false);
    out.destructive = !out.read_only && !(believed && tool.annotations.destructive == false);
    return out;
}

}  // namespace

SupervisedServer::SupervisedServer(ServiceSet& services, ServerDefinition definition)
    : services_(services), definition_(std::move(definition)), settled_(services.runtime), tasks_(services.runtime) {
    settled_.set();
}

SupervisedServer::~SupervisedServer() = default;

void SupervisedServer::update(ServerDefinition definition) {
    definition_ = std::move(definition);
    publish();
}

Failure SupervisedServer::unavailable(std::string_view why) const {
    return PINCER_FAIL(unavailable, "MCP server \"{}\" {}", definition_.name, why);
}

// --- tools

void SupervisedServer::publish() {
    tools_.clear();
    for (const mcp::ToolInfo& tool : listed_tools_) {
        if (definition_.tool_filter.admits(tool.name)) tools_.push_back(describe(definition_, tool));
    }
    if (definition_.trust != Trust::annotations) return;
    for (const mcp::ToolInfo& tool : listed_tools_) {
        const std::string settler = json::string_or(tool.meta, "io.pincer/settledBy");
        if (settler.empty()) continue;
        const auto by_tool = [](const std::string& name) {
            return [&name](const ToolInfo& t) { return t.tool == name; };
        };
        const auto reader = std::find_if(tools_.begin(), tools_.end(), by_tool(settler));
        const auto target = std::find_if(tools_.begin(), tools_.end(), by_tool(tool.name));
        if (target != tools_.end() && reader != tools_.end() && reader->read_only) target->settled_by = reader->name;
    }
}

Task<Result<>> SupervisedServer::list(ConnectionRef connection, Deadline deadline) {
    auto listed = co_await connection->client().list_tools(deadline);
    if (!listed) co_return Failure(std::move(listed).error());
    listed_tools_ = std::move(*listed);
    listed_ = true;
    publish();
    if (services_.options.on_tools_changed) services_.options.on_tools_changed();
    co_return Result<>();
}

Task<> SupervisedServer::list_again() {
    while (std::exchange(relisting_, false) && connection_) {
        const ConnectionRef connection = connection_;
        const Deadline deadline = Deadline::after(definition_.request_timeout);
        const Result<> listed = co_await list(connection, deadline);
        if (!listed) log::failure(log::Level::warn, "registry.tools_not_listed", listed.error());
    }
}

Task<Result<>> SupervisedServer::load_tools(Deadline deadline) {
    auto connection = co_await connected(deadline);
    if (!connection) co_return Failure(std::move(connection).error());
    co_return Result<>();  // a connection counts only once its tools are listed
}

Task<Result<mcp::ToolResult>> SupervisedServer::call(std::string tool, json::object arguments, CallOptions options) {
    if (!definition_.tool_filter.admits(tool)) {
        co_return PINCER_FAIL(forbidden, "MCP server \"{}\", tool \"{}\": its toolFilter does not admit it",
                              definition_.name, tool);
    }
    auto connection = co_await connected(options.deadline);
    if (!connection) co_return Failure(std::move(connection).error());
    const auto known =
        std::any_of(listed_tools_.begin(), listed_tools_.end(), [&](const auto& t) { return t.name == tool; });
    if (!known) co_return PINCER_FAIL(not_found, "MCP server \"{}\" has no tool \"{}\"", definition_.name, tool);
    mcp::CallOptions call{
        .deadline = options.deadline, .meta = std::move(options.meta), .on_progress = std::move(options.on_progress)};
    ++in_flight_;
    auto result = co_await (*connection)->client().call_tool(std::move(tool), std::move(arguments), std::move(call));
    --in_flight_;
    last_used_ = steady_now();
    if (result) {
        failures_ = 0;
        last_error_.clear();
    } else if (result.error().code() != ErrorCode::cancelled) {
        last_error_ = result.error().message();
    }
    co_return result;
}

// --- the connection

Result<> SupervisedServer::may_start() const {
    if (stopping_) return unavailable("is being stopped");
    if (!definition_.enabled) return unavailable("is disabled");
    const SteadyTime now = steady_now();
    if (now >= retry_at_) return {};
    const auto wait = std::chrono::ceil<Millis>(retry_at_ - now);
    Failure refused =
        unavailable(fmt::format("is not available, next try in {}: {}", format_duration(wait), last_error_));
    return Failure(std::move(refused.error()).with_retry_after(wait));
}

Task<Result<SupervisedServer::ConnectionRef>> SupervisedServer::connected(Deadline deadline) {
    if (connection_ && connection_->client().is_open() && !stopping_) co_return connection_;
    // A short pause is sat out here rather than reported: one crash should not fail the next call.
    while (!starting_ && !stopping_ && retry_at_ > steady_now() && retry_at_ - steady_now() <= kShortPause &&
           retry_at_ < deadline.at()) {
        PINCER_CO_CHECK(co_await io::sleep_until(Deadline(retry_at_)));
        if (connection_ && connection_->client().is_open()) co_return connection_;
    }
    if (!starting_) {
        PINCER_CO_CHECK(may_start());
        starting_ = true;
        settled_.reset();
        tasks_.spawn(start());
    }
    const Result<> settled = co_await settled_.wait(deadline);
    if (!settled && settled.error().code() == ErrorCode::timed_out) {
        co_return PINCER_FAIL(timed_out, "MCP server \"{}\" was still starting when the caller's deadline passed",
                              definition_.name);
    }
    if (!settled) co_return Failure(settled.error());
    if (connection_) co_return connection_;
    if (stopping_) co_return unavailable("is being stopped");
    co_return unavailable(fmt::format("could not be started: {}", last_error_));
}

mcp::ClientOptions SupervisedServer::client_options() {
    mcp::ClientOptions options{.server_name = definition_.name, .implementation = services_.options.implementation};
    options.timeouts.connect = definition_.connection_timeout;
    options.timeouts.request = definition_.request_timeout;
    options.timeouts.idle = definition_.request_timeout;
    options.timeouts.total = std::max(options.timeouts.total, definition_.request_timeout);
    options.on_tools_changed = [this] {
        if (!connection_ || std::exchange(relisting_, true)) return;
        tasks_.spawn(list_again());
    };
    return options;
}

Task<> SupervisedServer::start() {
    const Result<> started = co_await try_start();
    if (!started && started.error().code() != ErrorCode::cancelled) failed(started.error());
    last_start_failed_ = !started;
    starting_ = false;
    settled_.set();
}

Task<Result<>> SupervisedServer::try_start() {
    // A connection that broke while nobody looked is cleared away before its successor comes.
    if (const ConnectionRef old = std::exchange(connection_, nullptr)) co_await old->shut_down();
    log::info("registry.server_starting", {{"server", definition_.name}, {"launch", definition_.launch()}});
    ServerDefinition definition = definition_;
    mcp::ClientOptions options = client_options();
    auto opened = co_await services_.connector.connect(std::move(definition), std::move(options));
    if (!opened) co_return Failure(std::move(opened).error());
    const ConnectionRef connection = std::move(*opened);
    const Deadline deadline = Deadline::after(definition_.connection_timeout);
    const Result<> listed = co_await list(connection, deadline);
    if (!listed) {
        co_await connection->shut_down();
        co_return Failure(listed.error());
    }
    connection_ = connection;
    facts_ = connection->client().server();
    last_used_ = steady_now();
    last_error_.clear();
    log::info("registry.server_ready",
              {{"server", definition_.name}, {"protocol", facts_.version}, {"tools", tools_.size()}});
    tasks_.spawn(watch(connection));
    if (services_.options.session_idle > Millis(0)) tasks_.spawn(stop_when_idle(connection));
    co_return Result<>();
}

Task<> SupervisedServer::watch(ConnectionRef connection) {
    co_await connection->client().wait_closed();
    if (stopping_ || connection_ != connection) co_return;
    connection_ = nullptr;
    failed(Error(ErrorCode::unavailable, fmt::format("MCP server \"{}\" closed the connection", definition_.name)));
    co_await connection->shut_down();
}

Task<> SupervisedServer::stop_when_idle(ConnectionRef connection) {
    while (connection_ == connection) {
        const SteadyTime idle_at = last_used_ + services_.options.session_idle;
        if (in_flight_ == 0 && steady_now() >= idle_at) break;
        const Deadline next = Deadline::after(std::max(Millis(1), std::chrono::ceil<Millis>(idle_at - steady_now())));
        const Result<> slept = co_await io::sleep_until(Deadline(std::max(next.at(), idle_at)));
        if (!slept) co_return;
        if (in_flight_ > 0) last_used_ = steady_now();
    }
    if (connection_ != connection) co_return;
    connection_ = nullptr;  // before the waiting, so that watch() takes it for intended
    log::info("registry.server_idle", {{"server", definition_.name}});
    co_await connection->shut_down();
}

// Pauses double from the first to the longest, each somewhere in its upper half, so that many do not come back at once.
void SupervisedServer::failed(const Error& error) {
    last_error_ = error.message();
    ++failures_;
    log::failure(log::Level::warn, "registry.server_failed", error);
    const auto& options = services_.options;
    const std::size_t doublings = std::min<std::size_t>(failures_ - 1, 20);
    const std::int64_t full =
        std::min<std::int64_t>(options.backoff_first.count() << doublings, options.backoff_most.count());
    const std::int64_t half = std::max<std::int64_t>(1, full / 2);
    retry_at_ = steady_now() + Millis(full - half + std::int64_t(services_.random.below(std::uint64_t(half) + 1)));
}

void SupervisedServer::forget_failures() {
    failures_ = 0;
    retry_at_ = {};
}

ServerStatus SupervisedServer::status() const {
    ServerStatus out{.name = definition_.name,
                     .enabled = definition_.enabled,
                     .transport = definition_.transport,
                     .launch = definition_.launch(),
                     .last_error = last_error_,
                     .tools = tools_.size(),
                     .restarts = failures_};
    const bool open = connection_ && connection_->client().is_open();
    const SteadyTime now = steady_now();
    if (!definition_.enabled)
        out.health = Health::disabled;
    else if (starting_)
        out.health = Health::starting;
    else if (open)
        out.health = Health::ready;
    else if (now < retry_at_)
        out.health = Health::backing_off;
    else
        out.health = last_start_failed_ ? Health::failed : Health::idle;
    if (out.health == Health::backing_off)
        out.retry_at = services_.clock.wall() + std::chrono::ceil<Millis>(retry_at_ - now);
    if (open) {
        out.pid = connection_->pid();
        out.protocol_version = facts_.version;
        out.implementation = facts_.implementation;
    }
    return out;
}

Task<> SupervisedServer::stop() {
    stopping_ = true;
    tasks_.cancel();
    if (const ConnectionRef connection = std::exchange(connection_, nullptr)) co_await connection->shut_down();
    co_await tasks_.stop();
    // A start that was under way may have got through before it heard of the end.
    if (const ConnectionRef connection = std::exchange(connection_, nullptr)) co_await connection->shut_down();
    settled_.set();
}

}  // namespace pincer::registry
