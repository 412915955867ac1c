#include "jsonrpc/message.hpp"

#include <cmath>

namespace pincer::jsonrpc {
namespace {

constexpr std::size_t kMaxIdBytes = 256;
constexpr double kExactIntegers = 9007199254740992.0;  // 2^53: beyond it a double no longer names one integer

}  // namespace

std::optional<RequestId> RequestId::from_json(const json::value& v) {
    if (const auto* number = v.if_int64()) return RequestId(*number);
    if (const auto* text = v.if_string(); text && text->size() <= kMaxIdBytes) return RequestId(std::string(*text));
    if (const auto* d = v.if_double(); d && std::nearbyint(*d) == *d && std::abs(*d) < kExactIntegers) {
        return RequestId(std::int64_t(*d));
    }
    return std::nullopt;
}

json::value RequestId::to_json() const {
    if (is_number()) return json::value(number());
    return json::value(text());
}

std::string RequestId::str() const { return is_number() ? std::to_string(number()) : '"' + text() + '"'; }

}  // namespace pincer::jsonrpc
