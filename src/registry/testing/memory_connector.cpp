#include "registry/testing/memory_connector.hpp"

#include "mcp/stdio_server.hpp"
#include "mcp/testing/line_pipe.hpp"

namespace pincer::registry::testing {

class MemoryConnector::MemoryConnection final : public Connection {
public:
    MemoryConnection(io::Runtime& runtime, mcp::Server& server, Entry& entry)
        : runtime_(runtime), server_(server), entry_(entry), tasks_(runtime) {
        entry_.open.push_back(this);
    }
    ~MemoryConnection() override { std::erase(entry_.open, this); }

    Task<Result<>> open(mcp::ClientOptions options) {
        auto pipe = mcp::testing::make_line_pipe(runtime_);
        tasks_.spawn(serve(std::move(pipe.left)));
        auto client = co_await mcp::Client::over_stdio(runtime_, std::move(pipe.right), std::move(options));
        if (!client) co_return Failure(std::move(client).error());
        client_ = std::move(*client);
        co_return Result<>();
    }
    void cut() { tasks_.cancel(); }

    mcp::Client& client() override { return *client_; }
    int pid() const override { return 4711; }
    Task<> shut_down() override {
        if (client_) co_await client_->close();
        co_await tasks_.stop();
    }

private:
    Task<> serve(std::unique_ptr<io::LineStream> stream) {
        (void)co_await mcp::serve_stdio(runtime_, server_, *stream, Millis(10));
    }

    io::Runtime& runtime_;
    mcp::Server& server_;
    Entry& entry_;
    std::unique_ptr<mcp::Client> client_;
    io::TaskGroup tasks_;
};

MemoryConnector::MemoryConnector(io::Runtime& runtime) : runtime_(runtime) {}
MemoryConnector::~MemoryConnector() = default;

void MemoryConnector::provide(std::string name, mcp::Server& server) {
    Entry& entry = entries_[std::move(name)];
    entry.server = &server;
    entry.refusal.reset();
}

void MemoryConnector::refuse(std::string name, Error error) { entries_[std::move(name)].refusal = std::move(error); }

void MemoryConnector::crash(std::string name) {
    for (MemoryConnection* connection : entries_[std::move(name)].open) connection->cut();
}

std::size_t MemoryConnector::connects(const std::string& name) const {
    const auto found = entries_.find(name);
    return found == entries_.end() ? 0 : found->second.connects;
}

Task<Result<std::unique_ptr<Connection>>> MemoryConnector::connect(ServerDefinition definition,
                                                                   mcp::ClientOptions options) {
    Entry& entry = entries_[definition.name];
    ++entry.connects;
    if (entry.refusal) co_return Failure(*entry.refusal);
    if (!entry.server) co_return PINCER_FAIL(not_found, "no server named {} in memory", definition.name);
    auto connection = std::make_unique<MemoryConnection>(runtime_, *entry.server, entry);
    const Result<> opened = co_await connection->open(std::move(options));
    if (!opened) {
        co_await connection->shut_down();
        co_return Failure(opened.error());
    }
    co_return std::unique_ptr<Connection>(std::move(connection));
}

}  // namespace pincer::registry::testing
