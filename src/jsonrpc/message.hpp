// JSON-RPC 2.0 messages (https://www.jsonrpc.org/specification), as MCP uses them: parameters are by name, ids are
// strings or integers, and null is no id.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "base/json.hpp"

namespace pincer::jsonrpc {

// Codes of the specification. Protocols built on it have their own beside these.
inline constexpr int kParseError = -32700;
inline constexpr int kInvalidRequest = -32600;
inline constexpr int kMethodNotFound = -32601;
inline constexpr int kInvalidParams = -32602;
inline constexpr int kInternalError = -32603;

// 1 and "1" are two ids, and each is sent back as the kind it came as.
class RequestId {
public:
    RequestId() = default;
    RequestId(std::int64_t number) : value_(number) {}
    RequestId(std::string text) : value_(std::move(text)) {}

    // Integers (also written as 7.0) and strings of at most 256 bytes; nothing for all else.
    static std::optional<RequestId> from_json(const json::value& v);
    json::value to_json() const;
    std::string str() const;  // for people: 7 or "seven"

    bool is_number() const { return value_.index() == 0; }
    std::int64_t number() const { return std::get<0>(value_); }
    const std::string& text() const { return std::get<1>(value_); }

    friend auto operator<=>(const RequestId&, const RequestId&) = default;

private:
    std::variant<std::int64_t, std::string> value_;
};

struct RpcError {
    int code = kInternalError;
    std::string message;
    std::optional<json::value> data = std::nullopt;
};

struct Request {
    RequestId id;
    std::string method;
    json::object params;  // empty when absent: no protocol here tells the two apart
};

struct Notification {
    std::string method;
    json::object params;
};

struct Response {
    std::optional<RequestId> id;  // nothing: an error that could not be matched to a request
    std::expected<json::value, RpcError> outcome;
};

using Message = std::variant<Request, Notification, Response>;

}  // namespace pincer::jsonrpc

template <>
struct std::hash<pincer::jsonrpc::RequestId> {
    std::size_t operator()(const pincer::jsonrpc::RequestId& id) const noexcept {
        return id.is_number() ? std::hash<std::int64_t>{}(id.number()) : std::hash<std::string>{}(id.text());
    }
};
