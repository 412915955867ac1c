#include "gateway/methods/approval_snapshot.hpp"

#include "base/text.hpp"
#include "gateway/approvals/card.hpp"

namespace pincer::gateway {
namespace {

constexpr std::size_t kMostDetailBytes = 16'000;  // published: 16384 characters

void put_name(json::object& o, std::string_view key, const json::object& from) {
    const std::string text = json::string_or(from, key);
    if (!text.empty()) o[key] = text;
}

json::object presentation_of(const approval::Record& record) {
    const json::object& shown = record.request.presentation;
    json::object o{{"kind", record.request.kind}, {"allowedDecisions", decisions_of(record)}};
    put_name(o, "agentId", shown);
    if (record.request.kind == "exec") {
        o["commandText"] = json::string_or(shown, "command", "(no command)");
        put_name(o, "warningText", shown);
        put_name(o, "host", shown);
        return o;
    }
    o["title"] = json::string_or(shown, "title", "Approval");
    o["description"] = json::string_or(shown, "description", "-");
    o["severity"] = json::string_or(shown, "severity", "warning");
    o["detail"] = truncate_utf8(card_markdown(record), kMostDetailBytes);
    put_name(o, "pluginId", shown);
    put_name(o, "toolName", shown);
    return o;
}

std::string_view resolver_kind(const approval::Record& record) {
    if (!record.decided_by) return "system";
    return record.decided_by->id.starts_with("operator:") ? "device" : "channel";
}

std::string_view reason_of(approval::Status status) {
    switch (status) {
        case approval::Status::expired: return "timeout";
        case approval::Status::cancelled: return "run-aborted";
        default: return "user";
    }
}

}  // namespace

json::array decisions_of(const approval::Record& record) {
    json::array decisions;
    for (const approval::Decision decision : record.request.allowed)
        decisions.push_back(json::value(approval::name_of(decision)));
    return decisions;
}

json::object approval_snapshot(const approval::Record& record) {
    json::object o{
        {"id", record.id.str()},
        {"urlPath", "/#approval/" + record.id.str()},
        {"createdAtMs", to_millis(record.created_at)},
        {"expiresAtMs", to_millis(record.expires_at)},
        {"presentation", presentation_of(record)},
        {"status", approval::name_of(record.status)},
    };
    if (record.status == approval::Status::pending) {
        if (!record.request.session_key.empty()) o["sourceSessionKey"] = record.request.session_key;
        return o;
    }
    o["resolvedAtMs"] = to_millis(record.decided_at.value_or(record.expires_at));
    o["reason"] = reason_of(record.status);
    json::object resolver{{"kind", resolver_kind(record)}};
    if (record.decided_by) resolver["id"] = record.decided_by->id;
    o["resolver"] = std::move(resolver);
    if (record.decision && record.status != approval::Status::expired && record.status != approval::Status::cancelled)
        o["decision"] = approval::name_of(*record.decision);
    if (!record.request.session_key.empty()) o["source"] = json::object{{"sessionKey", record.request.session_key}};
    return o;
}

}  // namespace pincer::gateway
