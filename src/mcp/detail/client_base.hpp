// What both transports of the client share: the handshake, the tool methods, and the words of the errors.
#pragma once

#include "mcp/client.hpp"
#include "mcp/detail/client_session.hpp"
#include "mcp/detail/patience.hpp"

namespace pincer::mcp {

// One request on its way: what it is, for whom, and how patient we are.
struct Ask {
    std::string method;
    json::object params;
    json::object meta;
    std::string tool;  // for the error's words
    std::function<void(const Progress&)> on_progress;
    Patience patience;
};

class ClientBase : public Client {
public:
    explicit ClientBase(ClientOptions options);

    const ServerFacts& server() const override { return facts_; }
    Task<Result<std::vector<ToolInfo>>> list_tools(Deadline deadline) override;
    Task<Result<ToolResult>> call_tool(std::string name, json::object arguments, CallOptions options) override;
    Task<Result<json::object>> request(std::string method, json::object params, CallOptions options) override;
    Task<Result<>> ping(Deadline deadline) override;

    // Finds out the era and opens the session. Bounded by the connect timeout.
    Task<Result<>> handshake();

protected:
    // Errors: timed_out as fail_timeout() words it; unavailable when it was certainly not processed; outcome_unknown
    // when it may have been; cancelled. The server's own "no" is in the Outcome.
    virtual Task<Result<Outcome>> exchange(Ask ask) = 0;
    virtual Task<Result<>> tell(std::string method, json::object params) = 0;
    // Whether this tool of a list can be used over this transport; the reason why not.
    virtual Result<> admit(const ToolInfo&) { return {}; }
    // After the handshake: asks to be told of changes, if anybody wants to know.
    virtual void start_listening() = 0;
    bool wants_changes() const;

    Failure fail_timeout(const Limit& limit, const std::string& tool) const;
    Failure fail_lost(bool may_be_processed, const std::string& tool) const;
    std::string subject(const std::string& tool) const;  // MCP server "x", tool "y"
    Error refused(const jsonrpc::RpcError& error, const std::string& tool) const;
    void take_notice(const ClientSession::Notice& notice);

    ClientOptions options_;
    ClientSession session_;
    ServerFacts facts_;

private:
    Task<Result<bool>> probe(SteadyTime give_up);  // true: modern, and facts_ are filled
    Task<Result<>> initialize(SteadyTime give_up);
    Result<json::object> read_result(Result<Outcome> outcome, const std::string& tool) const;
};

}  // namespace pincer::mcp
