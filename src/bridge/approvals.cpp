#include "bridge/approvals.hpp"

#include <algorithm>
#include <vector>

namespace pincer::bridge {

void OpenApprovals::on_requested(std::string_view kind, const json::object& payload, WallTime now) {
    const std::string id = json::string_or(payload, "id");
    if (id.empty()) return;
    if (open_.size() >= kMaxOpen) sweep(now);
    if (open_.size() >= kMaxOpen) return;
    Entry entry{.kind = std::string(kind),
                .created_at_ms = json::int_at(payload, "createdAtMs"),
                .expires_at_ms = json::int_at(payload, "expiresAtMs")};
    if (const json::value* request = json::find(payload, "request")) entry.request = *request;
    entry.gone_at = entry.expires_at_ms ? from_millis(*entry.expires_at_ms) : now + kDefaultTtl;
    if (entry.gone_at > now) open_[id] = std::move(entry);
}

void OpenApprovals::replace(std::string_view kind, const json::array& rows, WallTime now) {
    std::erase_if(open_, [&](const auto& item) { return item.second.kind == kind; });
    for (const json::value& row : rows) {
        if (row.is_object()) on_requested(kind, row.get_object(), now);
    }
}

void OpenApprovals::sweep(WallTime now) {
    std::erase_if(open_, [&](const auto& item) { return item.second.gone_at <= now; });
}

json::array OpenApprovals::list(WallTime now) {
    sweep(now);
    std::vector<std::pair<const std::string, Entry>*> order;
    for (auto& item : open_) order.push_back(&item);
    const auto age = [](const auto* item) {
        return std::pair(item->second.created_at_ms.value_or(0), std::string_view(item->first));
    };
    std::sort(order.begin(), order.end(), [&](const auto* a, const auto* b) { return age(a) < age(b); });
    json::array out;
    for (const auto* item : order) {
        json::object row{{"kind", item->second.kind}, {"id", item->first}};
        if (!item->second.request.is_null()) row["request"] = item->second.request;
        if (item->second.created_at_ms) row["createdAtMs"] = *item->second.created_at_ms;
        if (item->second.expires_at_ms) row["expiresAtMs"] = *item->second.expires_at_ms;
        out.push_back(std::move(row));
    }
    return out;
}

}  // namespace pincer::bridge
