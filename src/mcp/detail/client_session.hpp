// The client's side of one conversation, sans-IO: it writes requests as the era wants them and sorts what comes back.
#pragma once

#include "jsonrpc/peer.hpp"
#include "mcp/client.hpp"

namespace pincer::mcp {

using Outcome = std::expected<json::value, jsonrpc::RpcError>;

class ClientSession {
public:
    ClientSession(Implementation implementation, std::size_t max_message_bytes);

    // What is known of the server. Before either is called, requests are written for the modern era (the probe).
    void use_modern() { era_ = Era::modern; }
    void use_legacy(std::string version);  // "" while `initialize` is on its way
    Era era() const { return era_; }
    const std::string& version() const { return version_; }

    struct Prepared {
        jsonrpc::RequestId id;
        std::string text;
        json::object params;  // as sent: HTTP mirrors some of it in headers
    };
    // `meta` goes into `_meta` beside the protocol's keys, which win. With progress the id is the progress token.
    Result<Prepared> prepare(std::string_view method, json::object params, const json::object& meta,
                             bool wants_progress);
    std::string notification(std::string_view method, const json::object& params) const;
    std::string cancellation(const jsonrpc::RequestId& id, std::string_view reason) const;
    bool abandon(const jsonrpc::RequestId& id) { return peer_.abandon(id); }

    struct Answer {
        jsonrpc::RequestId id;
        Outcome outcome;
    };
    struct ProgressOf {
        jsonrpc::RequestId id;
        Progress progress;
    };
    struct Notice {
        std::string method;
        json::object params;
    };
    struct Reply {  // write it: the server asked us something
        std::string text;
    };
    using Event = std::variant<Answer, ProgressOf, Notice, Reply>;
    void receive(std::string_view text, std::vector<Event>& out);

private:
    void take_request(const jsonrpc::Request& request, std::vector<Event>& out);
    void take_notification(jsonrpc::Notification& note, std::vector<Event>& out);

    Implementation implementation_;
    jsonrpc::Peer peer_;
    Era era_ = Era::modern;
    std::string version_{kModernVersion};
};

}  // namespace pincer::mcp
