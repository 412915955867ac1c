#include "agent/models/conversation.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "crypto/hash.hpp"

namespace pincer::agent {
namespace {

constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxCallId = 40;

bool is_wire_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool fits(std::string_view text, std::size_t limit) {
    return !text.empty() && text.size() <= limit && std::ranges::all_of(text, is_wire_char);
}

std::string squeeze(std::string_view text, std::size_t limit) {
    if (fits(text, limit)) return std::string(text);
    std::string out;
    for (const char c : text.substr(0, limit - 11)) out += is_wire_char(c) ? c : '_';
    return out + "_" + crypto::sha256_hex(text).substr(0, 10);
}

Message missing_result(const ToolCall& call, std::int64_t timestamp_ms) {
    Message message;
    message.role = Role::tool;
    message.tool_call_id = call.id;
    message.tool_name = call.name;
    message.is_error = true;
    message.text = "No result of this call was recorded: the run ended before it came.";
    message.timestamp_ms = timestamp_ms;
    return message;
}

}  // namespace

std::vector<Message> complete_turns(std::vector<Message> messages) {
    std::vector<Message> out;
    out.reserve(messages.size());
    for (std::size_t i = 0; i < messages.size();) {
        Message message = std::move(messages[i++]);
        if (message.role == Role::tool) continue;  // its call is not in front of it
        const std::vector<ToolCall> calls = message.tool_calls;
        const std::int64_t when = message.timestamp_ms;
        out.push_back(std::move(message));
        if (calls.empty()) continue;
        std::size_t end = i;
        while (end < messages.size() && messages[end].role == Role::tool) ++end;
        for (const ToolCall& call : calls) {
            const auto first = messages.begin() + std::ptrdiff_t(i), last = messages.begin() + std::ptrdiff_t(end);
            const auto found = std::find_if(first, last, [&](const Message& m) { return m.tool_call_id == call.id; });
            out.push_back(found == last ? missing_result(call, when) : *found);
        }
        i = end;
    }
    return out;
}

WireNames::WireNames(const std::vector<ToolSpec>& tools) {
    for (const ToolSpec& tool : tools) real_.emplace(to_wire(tool.name), tool.name);
}

std::string WireNames::to_wire(const std::string& name) const { return squeeze(name, kMaxName); }

std::string WireNames::from_wire(const std::string& wire) const {
    const auto at = real_.find(wire);
    return at == real_.end() ? wire : at->second;
}

std::string wire_call_id(const std::string& id) { return squeeze(id, kMaxCallId); }

void set_arguments(ToolCall& call, std::string text) {
    if (trim(text).empty()) return;
    if (auto parsed = json::parse_object(text)) {
        call.arguments = *std::move(parsed);
    } else {
        call.malformed_arguments = std::move(text);
    }
}

std::size_t output_limit(const ModelConfig& config, const ModelRequest& request) {
    return request.max_output_tokens == 0 ? config.max_tokens : std::min(request.max_output_tokens, config.max_tokens);
}

std::int64_t token_count(const json::object& usage, std::string_view key, std::int64_t otherwise) {
    return std::clamp<std::int64_t>(json::int_at(usage, key).value_or(otherwise), 0, 1'000'000'000);
}

std::string tool_text(const Message& message) {
    if (!message.text.empty() || message.structured.empty()) return message.text;
    return json::write(message.structured);
}

}  // namespace pincer::agent
