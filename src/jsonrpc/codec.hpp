// Text to messages and back. Nothing here fails for want of a Result: what cannot be read becomes a Malformed, which
// says what to answer, because in JSON-RPC a bad message is answered and not just refused.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "jsonrpc/message.hpp"

namespace pincer::jsonrpc {

struct Limits {
    std::size_t bytes = 4u << 20;  // of one text; checked before it is parsed
    std::size_t depth = 64;
    std::size_t batch = 0;  // messages in a batch; 0: a batch is an invalid request
};

struct Malformed {
    std::optional<RequestId> id;  // as far as it could be read
    RpcError error;               // parse error, invalid request or invalid params
    bool answerable = true;       // false for a broken response: answering it could start a ping-pong
};

using Item = std::variant<Message, Malformed>;
struct Batch {
    std::vector<Item> items;  // never empty
};
using Decoded = std::variant<Message, Malformed, Batch>;

// Unknown members are ignored, a member of a wrong type is not. An object with "result" or "error" is a response.
Decoded decode(std::string_view text, const Limits& limits = {});
// The same for JSON that was parsed elsewhere.
Item classify(json::value&& v);

// One line without a line feed. Errors without an id are written with "id":null, as the specification asks.
std::string encode(const Message& message);
std::string encode_request(const RequestId& id, std::string_view method, const json::object& params);
std::string encode_notification(std::string_view method, const json::object& params);
std::string encode_result(const RequestId& id, const json::object& result);
std::string encode_error(const std::optional<RequestId>& id, const RpcError& error);
// `result_text` is JSON already: for answers that are prepared once and sent often.
std::string encode_result_text(const RequestId& id, std::string_view result_text);

}  // namespace pincer::jsonrpc
