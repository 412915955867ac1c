// The approval requests that wait for somebody, as far as this bridge was told of them. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/json.hpp"

namespace pincer::bridge {

class OpenApprovals {
public:
    static constexpr Millis kDefaultTtl{1'800'000};  // when a request does not say when it expires
    static constexpr std::size_t kMaxOpen = 1000;

    // kind: "exec" or "plugin"; payload: of KIND.approval.requested, or a row of KIND.approval.list.
    void on_requested(std::string_view kind, const json::object& payload, WallTime now);
    void on_resolved(std::string_view id) { open_.erase(std::string(id)); }
    // After a reconnect: these are all of that kind, whatever was thought before.
    void replace(std::string_view kind, const json::array& rows, WallTime now);
    void sweep(WallTime now);
    // {kind, id, request, createdAtMs, expiresAtMs}, oldest first.
    json::array list(WallTime now);

private:
    struct Entry {
        std::string kind;
        json::value request;
        std::optional<std::int64_t> created_at_ms;
        std::optional<std::int64_t> expires_at_ms;
        WallTime gone_at;
    };
    std::map<std::string, Entry> open_;
};

}  // namespace pincer::bridge
