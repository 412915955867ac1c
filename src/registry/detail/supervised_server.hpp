// One outbound server and its connection: started when needed, watched while it lives, not tried too often after it
// failed.
#pragma once

#include <memory>

#include "registry/registry.hpp"

namespace pincer::registry {

struct ServiceSet {
    io::Runtime& runtime;
    Connector& connector;
    const Clock& clock;
    crypto::Random& random;
    RegistryOptions options;
};

class SupervisedServer {
public:
    // `services` outlives it. stop() before it is dropped.
    SupervisedServer(ServiceSet& services, ServerDefinition definition);
    ~SupervisedServer();

    const ServerDefinition& definition() const { return definition_; }
    void update(ServerDefinition definition);  // same connection, other trust or filter

    Task<Result<>> load_tools(Deadline deadline);
    bool knows_tools() const { return listed_; }
    const std::vector<ToolInfo>& tools() const { return tools_; }
    Task<Result<mcp::ToolResult>> call(std::string tool, json::object arguments, CallOptions options);

    ServerStatus status() const;
    SteadyTime retry_at() const { return retry_at_; }  // before this no start is tried
    const std::string& last_error() const { return last_error_; }
    void forget_failures();  // the next use tries at once
    void refuse_calls() { stopping_ = true; }
    Task<> stop();

private:
    using ConnectionRef =
        std::shared_ptr<Connection>;  // shared by the calls on it, which may outlast its being current

    Task<Result<ConnectionRef>> connected(Deadline deadline);
    Result<> may_start() const;
    Task<> start();
    Task<Result<>> try_start();
    Task<> watch(ConnectionRef connection);
    Task<> stop_when_idle(ConnectionRef connection);
    Task<Result<>> list(ConnectionRef connection, Deadline deadline);
    Task<> list_again();
    void publish();
    void failed(const Error& error);
    mcp::ClientOptions client_options();
    Failure unavailable(std::string_view why) const;

    ServiceSet& services_;
    ServerDefinition definition_;
    ConnectionRef connection_;
    std::vector<mcp::ToolInfo> listed_tools_;  // as the server gave them
    std::vector<ToolInfo> tools_;              // as the filter and the trust let them appear
    bool listed_ = false;
    bool starting_ = false;
    bool relisting_ = false;
    bool stopping_ = false;
    std::size_t failures_ = 0;  // in a row
    std::size_t in_flight_ = 0;
    SteadyTime retry_at_{};
    SteadyTime last_used_{};
    std::string last_error_;
    bool last_start_failed_ = false;
    mcp::ServerFacts facts_;
    io::Event settled_;  // set while no start is under way
    io::TaskGroup tasks_;
};

}  // namespace pincer::registry
