#include "mcp/detail/client_session.hpp"

#include "base/log.hpp"

namespace pincer::mcp {

ClientSession::ClientSession(Implementation implementation, std::size_t max_message_bytes)
    : implementation_(std::move(implementation)), peer_({.limits = {.bytes = max_message_bytes, .batch = 64}}) {}

void ClientSession::use_legacy(std::string version) {
    era_ = Era::legacy;
    version_ = std::move(version);
}

Result<ClientSession::Prepared> ClientSession::prepare(std::string_view method, json::object params,
                                                       const json::object& extra, bool wants_progress) {
    json::object all_meta = extra;
    if (era_ == Era::modern) {
        all_meta[meta::kProtocolVersion] = kModernVersion;
        all_meta[meta::kClientInfo] = implementation_.to_json();
        all_meta[meta::kClientCapabilities] = json::object();
    }
    if (wants_progress) all_meta["progressToken"] = peer_.next_id().to_json();
    if (!all_meta.empty()) params["_meta"] = std::move(all_meta);
    PINCER_TRY(auto outgoing, peer_.request(method, params));
    return Prepared{std::move(outgoing.id), std::move(outgoing.text), std::move(params)};
}

std::string ClientSession::notification(std::string_view method, const json::object& params) const {
    return jsonrpc::encode_notification(method, params);
}

std::string ClientSession::cancellation(const jsonrpc::RequestId& id, std::string_view reason) const {
    return jsonrpc::encode_notification("notifications/cancelled", {{"requestId", id.to_json()}, {"reason", reason}});
}

void ClientSession::receive(std::string_view text, std::vector<Event>& out) {
    std::vector<jsonrpc::Peer::Event> events;
    peer_.receive(text, events);
    for (auto& event : events) {
        if (auto* answered = std::get_if<jsonrpc::Peer::Answered>(&event)) {
            out.push_back(Answer{std::move(answered->id), std::move(answered->outcome)});
        } else if (auto* note = std::get_if<jsonrpc::Notification>(&event)) {
            take_notification(*note, out);
        } else if (auto* request = std::get_if<jsonrpc::Request>(&event)) {
            take_request(*request, out);
        } else if (auto* ignored = std::get_if<jsonrpc::Peer::Ignored>(&event)) {
            log::debug("mcp.client.ignored", {{"why", ignored->why}});
        } else {
            // What we cannot read is not argued about: some servers print their log on stdout.
            log::debug("mcp.client.ignored", {{"why", "not a message"}});
        }
    }
}

void ClientSession::take_request(const jsonrpc::Request& request, std::vector<Event>& out) {
    if (era_ == Era::modern) {  // there, servers ask by input_required and clients send no responses
        peer_.drop(request.id);
        log::debug("mcp.client.ignored", {{"why", "a request from a modern server"}, {"method", request.method}});
        return;
    }
    // We declare no roots, sampling or elicitation, so ping is all that may be asked.
    const jsonrpc::RpcError unknown{jsonrpc::kMethodNotFound, "Method not found", std::nullopt};
    auto text = request.method == "ping" ? peer_.answer(request.id, {}) : peer_.fail(request.id, unknown);
    if (text) out.push_back(Reply{std::move(*text)});
}

void ClientSession::take_notification(jsonrpc::Notification& note, std::vector<Event>& out) {
    if (note.method != "notifications/progress") {
        out.push_back(Notice{std::move(note.method), std::move(note.params)});
        return;
    }
    const json::value* token = json::find(note.params, "progressToken");
    const auto id = token ? jsonrpc::RequestId::from_json(*token) : std::nullopt;
    const auto done = json::number_at(note.params, "progress");
    if (!id || !done) return;
    out.push_back(
        ProgressOf{*id, {*done, json::number_at(note.params, "total"), json::string_or(note.params, "message")}});
}

}  // namespace pincer::mcp
