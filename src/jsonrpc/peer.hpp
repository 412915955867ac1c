// One end of a JSON-RPC conversation, sans-IO: it numbers what goes out, matches what comes back, and remembers which
// requests of the other side are being worked on, so that each is answered exactly once and a cancelled one never.
//
//     auto out = peer.request("tools/list", {});   // write out->text, wait for out->id
//     peer.receive(text, events);                  // act on each event
//     auto line = peer.answer(id, result);         // nothing to write when it was cancelled meanwhile
#pragma once

#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "jsonrpc/codec.hpp"

namespace pincer::jsonrpc {

struct PeerOptions {
    Limits limits;
    std::size_t max_outgoing = 1024;  // requests of ours without an answer; more are refused
    std::size_t max_incoming = 1024;  // requests of theirs being worked on; more are answered with an error
    int busy_code = -32000;           // of that error; the protocol on top may have its own
};

class Peer {
public:
    explicit Peer(PeerOptions options = {}) : options_(options) {}

    // --- what we ask
    struct Outgoing {
        RequestId id;
        std::string text;
    };
    // Error: rate_limited when too many are waiting. Ids are 1, 2, 3 ... and never used twice.
    Result<Outgoing> request(std::string_view method, const json::object& params);
    RequestId next_id() const { return next_id_; }  // of the next request()
    // Forgets it: a late answer is then ignored. False when it was answered already or never asked.
    bool abandon(const RequestId& id);
    std::size_t outgoing() const { return outgoing_.size(); }
    // Forgets and returns all that are waiting: the conversation is over.
    std::vector<RequestId> abandon_all();

    // --- what comes in
    struct Answered {  // to a request of ours, once
        RequestId id;
        std::expected<json::value, RpcError> outcome;
    };
    struct Ignored {  // nothing to do; `why` is for the debug log
        std::string why;
    };
    struct Reply {  // write this text (an error response, or the batch that it closes) and go on
        std::string text;
        int code = 0;  // of the error
        std::optional<RequestId> id = std::nullopt;
    };
    using Event = std::variant<Request, Notification, Answered, Reply, Ignored>;
    // Appends one event for a single message, one for each member of a batch.
    void receive(std::string_view text, std::vector<Event>& out);
    void receive(Decoded&& decoded, std::vector<Event>& out);  // what an edge has decoded already, to look at it first

    // --- how we answer: the text to write. Nothing when the request was cancelled or is unknown, and nothing while
    // other members of its batch are still open; the last of them gives the text of the whole batch.
    std::optional<std::string> answer(const RequestId& id, const json::object& result);
    std::optional<std::string> answer_text(const RequestId& id, std::string_view result_text);
    std::optional<std::string> fail(const RequestId& id, const RpcError& error);
    // They no longer want it: it will not be answered. The text is that of its batch, if it was the last one open.
    struct Dropped {
        bool was_known = false;
        std::optional<std::string> text;
    };
    Dropped drop(const RequestId& id);
    std::size_t incoming() const { return incoming_.size(); }

    // Batches may come from now on (or, with 0, no longer): some revisions of a protocol have them and others not.
    void set_batch_limit(std::size_t messages) { options_.limits.batch = messages; }

private:
    struct BatchAnswer {  // what has been answered of one batch so far
        std::size_t open = 0;
        std::string text;
    };
    using BatchRef = std::shared_ptr<BatchAnswer>;  // shared by the requests of one batch; null for a single message

    Event take(Item&& item, const BatchRef& batch);
    Event take_request(Request&& request, const BatchRef& batch);
    Event take_response(Response&& response);
    std::optional<std::string> settle(const BatchRef& batch, std::string text);

    PeerOptions options_;
    std::int64_t next_id_ = 1;
    std::unordered_set<std::int64_t> outgoing_;
    std::unordered_map<RequestId, BatchRef> incoming_;
};

}  // namespace pincer::jsonrpc
