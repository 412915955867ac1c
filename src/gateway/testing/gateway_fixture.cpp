#include "gateway/testing/gateway_fixture.hpp"

#include <unistd.h>

#include <fstream>

#include "base/assert.hpp"

namespace pincer::gateway::testing {
namespace {

Task<> turns_of(int turns) {
    for (int i = 0; i < turns; ++i) co_await io::yield();
}

}  // namespace

json::object object(std::string_view text) {
    auto parsed = json::parse_object(text);
    PINCER_ASSERT(parsed.has_value(), "the JSON of a test parses");
    return *std::move(parsed);
}

std::filesystem::path fast_folder() {
    const std::filesystem::path memory = "/dev/shm";
    return ::access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path();
}

// There are no MCP servers here: the tools are scripted.
class GatewayWorld::NoServers final : public registry::Connector {
public:
    Task<Result<std::unique_ptr<registry::Connection>>> connect(registry::ServerDefinition,
                                                                mcp::ClientOptions) override {
        co_return PINCER_FAIL(unavailable, "no servers in this test");
    }
};

GatewayWorld::GatewayWorld(std::uint64_t seed, std::filesystem::path parent)
    : random(seed),
      pauses(runtime),
      platform(runtime, power),
      scratch_(std::make_unique<::pincer::testing::Scratch>(std::move(parent))),
      state_(scratch_->path() / "state"),
      fallback_(agent::make_builtin_responder()),
      http_(io::make_http_client(runtime, {})),
      websockets_(io::make_websocket_connector(runtime)),
      connector_(std::make_unique<NoServers>()) {
    config.port = 0;
    config.auth.token = Secret(kToken);
    ChannelConfig channel;
    channel.type = &platform.type();
    channel.account.account_id = "default";
    channel.account.values = {{"platform", platform.key()}};
    channel.access.dm = channels::DmPolicy::open;
    channel.access.allow_from = {"*"};
    channel.access.group = channels::GroupPolicy::open;
    config.channels.push_back(std::move(channel));
    config.approvals.approvers = {"slack:boss"};
}

GatewayWorld::~GatewayWorld() { stop(); }

Result<> GatewayWorld::start() {
    GatewayOptions options;
    options.config = config;
    options.state_directory = state_;
    options.version = "0.0-test";
    GatewayEnvironment environment{runtime, clock, random, *http_, *websockets_, *connector_, *model, *fallback_, {}};
    environment.doubles.tools = &tools;
    environment.doubles.pauses = &pauses;
    environment.doubles.open_database = [this](const std::filesystem::path& file,
                                               std::span<const storage::Migration> steps) {
        return open_inline_database(file, steps, power);
    };
    environment.doubles.open_chain = [this](const std::filesystem::path& directory, const std::string& name) {
        return open_inline_chain(directory, name, clock, power);
    };
    PINCER_TRY(gateway_, runtime.run_until_done(Gateway::start(std::move(options), std::move(environment))));
    pump();
    return {};
}

void GatewayWorld::stop() {
    if (!gateway_) return;
    runtime.run_until_done(gateway_->stop());
    gateway_.reset();
}

void GatewayWorld::crash() {
    power.cut();
    stop();
    power.restore();
}

Result<> GatewayWorld::restart() {
    stop();
    return start();
}

void GatewayWorld::pump(int turns) { runtime.run_until_done(turns_of(turns)); }

void GatewayWorld::advance(Millis by) {
    clock.advance(by);
    pauses.advance(by);
    pump();
}

std::vector<std::string> GatewayWorld::transcript(const std::string& key) {
    std::vector<std::string> lines;
    auto entries = core().store.tail(key, 1'000, true);
    if (!entries) return {entries.error().message()};
    for (const Entry& entry : *entries)
        lines.push_back((entry.message.role == agent::Role::user ? "user: " : "assistant: ") + entry.message.text);
    return lines;
}

std::vector<json::object> GatewayWorld::audit_records(std::string_view kind) const {
    std::vector<json::object> records;
    std::ifstream file(state_ / "audit/audit.jsonl");
    for (std::string line; std::getline(file, line);) {
        auto record = json::parse_object(line);
        if (record && (kind.empty() || json::string_or(*record, "kind") == kind)) records.push_back(*std::move(record));
    }
    return records;
}

std::string GatewayWorld::audit_faults() const {
    auto verified = audit::verify({state_ / "audit"});
    if (!verified) return verified.error().message();
    std::string faults;
    for (const auto& chain : *verified) {
        for (const auto& finding : chain.findings) faults += finding.problem + "\n";
    }
    return faults;
}

std::vector<std::string> GatewayWorld::query(std::string_view sql) {
    Power spare;
    std::vector<std::string> found;
    auto side = open_inline_database(state_ / "state/openclaw.sqlite", migrations(), spare);
    PINCER_ASSERT(side.has_value(), "the database can be read on the side");
    auto read = (*side)->read([&](storage::Connection& c) {
        return c.query(sql, {}, [&](const storage::Row& row) {
            found.push_back(row.text(0));
            return true;
        });
    });
    PINCER_ASSERT(read.has_value(), "the statement of a test is right");
    return found;
}

}  // namespace pincer::gateway::testing
