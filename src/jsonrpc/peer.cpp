#include "jsonrpc/peer.hpp"

#include <algorithm>
#include <utility>

namespace pincer::jsonrpc {

Result<Peer::Outgoing> Peer::request(std::string_view method, const json::object& params) {
    if (outgoing_.size() >= options_.max_outgoing) {
        return PINCER_FAIL(rate_limited, "{} requests are waiting for an answer already", outgoing_.size());
    }
    const std::int64_t number = next_id_++;
    outgoing_.insert(number);
    return Outgoing{RequestId(number), encode_request(RequestId(number), method, params)};
}

bool Peer::abandon(const RequestId& id) { return id.is_number() && outgoing_.erase(id.number()) > 0; }

std::vector<RequestId> Peer::abandon_all() {
    std::vector<std::int64_t> numbers(outgoing_.begin(), outgoing_.end());
    std::sort(numbers.begin(), numbers.end());
    outgoing_.clear();
    return {numbers.begin(), numbers.end()};
}

void Peer::receive(std::string_view text, std::vector<Event>& out) { receive(decode(text, options_.limits), out); }

void Peer::receive(Decoded&& decoded, std::vector<Event>& out) {
    if (auto* message = std::get_if<Message>(&decoded)) {
        out.push_back(take(std::move(*message), nullptr));
    } else if (auto* bad = std::get_if<Malformed>(&decoded)) {
        out.push_back(take(std::move(*bad), nullptr));
    } else {
        // Every request of the batch is counted before the first is taken, so that an answer given at once cannot close
        // it.
        auto& items = std::get<Batch>(decoded).items;
        if (items.size() > options_.limits.batch) {
            const RpcError refusal{kInvalidRequest, "Invalid Request: batches are not supported", std::nullopt};
            return out.push_back(Reply{encode_error(std::nullopt, refusal), refusal.code});
        }
        const BatchRef batch = std::make_shared<BatchAnswer>();
        batch->open = std::size_t(std::count_if(items.begin(), items.end(), [](const Item& item) {
            if (const auto* broken = std::get_if<Malformed>(&item)) return broken->answerable;
            return std::holds_alternative<Request>(std::get<Message>(item));
        }));
        for (Item& item : items) out.push_back(take(std::move(item), batch));
    }
}

Peer::Event Peer::take(Item&& item, const BatchRef& batch) {
    if (auto* bad = std::get_if<Malformed>(&item)) {
        if (!bad->answerable) return Ignored{bad->error.message};
        auto text = settle(batch, encode_error(bad->id, bad->error));
        return text ? Event(Reply{std::move(*text), bad->error.code, bad->id}) : Event(Ignored{bad->error.message});
    }
    auto& message = std::get<Message>(item);
    if (auto* request = std::get_if<Request>(&message)) return take_request(std::move(*request), batch);
    if (auto* note = std::get_if<Notification>(&message)) return std::move(*note);
    return take_response(std::move(std::get<Response>(message)));
}

Peer::Event Peer::take_request(Request&& request, const BatchRef& batch) {
    RpcError refusal;
    if (incoming_.contains(request.id)) {
        refusal = {kInvalidRequest, "Invalid Request: id " + request.id.str() + " is in use already", std::nullopt};
    } else if (incoming_.size() >= options_.max_incoming) {
        refusal = {options_.busy_code, fmt::format("Too many requests at once: the limit is {}", options_.max_incoming),
                   std::nullopt};
    } else {
        incoming_.emplace(request.id, batch);
        return std::move(request);
    }
    auto text = settle(batch, encode_error(request.id, refusal));
    // The id is not repeated in the event: it belongs to the request that is still being worked on.
    return text ? Event(Reply{std::move(*text), refusal.code}) : Event(Ignored{refusal.message});
}

Peer::Event Peer::take_response(Response&& response) {
    if (!response.id) {
        return Ignored{"an error without an id: " +
                       (response.outcome ? std::string() : response.outcome.error().message)};
    }
    if (!abandon(*response.id)) return Ignored{"an answer to " + response.id->str() + ", which nobody waits for"};
    return Answered{std::move(*response.id), std::move(response.outcome)};
}

std::optional<std::string> Peer::settle(const BatchRef& batch, std::string text) {
    if (!batch) return text;
    if (!text.empty()) batch->text += (batch->text.empty() ? "[" : ",") + text;
    if (--batch->open > 0 || batch->text.empty()) return std::nullopt;
    return std::move(batch->text) + "]";
}

std::optional<std::string> Peer::answer(const RequestId& id, const json::object& result) {
    return answer_text(id, json::write(result));
}

std::optional<std::string> Peer::answer_text(const RequestId& id, std::string_view result_text) {
    auto node = incoming_.extract(id);
    if (node.empty()) return std::nullopt;
    return settle(node.mapped(), encode_result_text(id, result_text));
}

std::optional<std::string> Peer::fail(const RequestId& id, const RpcError& error) {
    auto node = incoming_.extract(id);
    if (node.empty()) return std::nullopt;
    return settle(node.mapped(), encode_error(id, error));
}

Peer::Dropped Peer::drop(const RequestId& id) {
    auto node = incoming_.extract(id);
    if (node.empty()) return {};
    return {true, node.mapped() ? settle(node.mapped(), "") : std::nullopt};
}

}  // namespace pincer::jsonrpc
