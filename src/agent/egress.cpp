#include "agent/egress.hpp"

#include <algorithm>
#include <array>

#include "agent/redaction/redactor.hpp"
#include "base/text.hpp"
#include "crypto/hash.hpp"

namespace pincer::agent {
namespace {

constexpr std::size_t kSummaryBytes = 600;

constexpr std::array<std::pair<std::string_view, ToolResultEgress>, 4> kLevels{{
    {"full", ToolResultEgress::full},
    {"redacted", ToolResultEgress::redacted},
    {"summary_only", ToolResultEgress::summary_only},
    {"none", ToolResultEgress::none},
}};

Result<ToolResultEgress> level_from(const json::value& v, std::string_view key) {
    if (const auto* text = v.if_string()) {
        for (const auto& [name, level] : kLevels) {
            if (name == std::string_view(text->data(), text->size())) return level;
        }
    }
    return PINCER_FAIL(invalid_argument, "\"{}\" must be \"full\", \"redacted\", \"summary_only\" or \"none\"", key);
}

Result<> read_per_tool(const json::value& v, ModelEgressPolicy& policy) {
    const json::object* o = v.if_object();
    if (!o) return PINCER_FAIL(invalid_argument, "\"perTool\" must be an object");
    for (const auto& member : *o) {
        const std::string name(member.key());
        PINCER_TRY(const ToolResultEgress level, level_from(member.value(), "perTool." + name));
        policy.per_tool.emplace_back(name, level);
    }
    return {};
}

Result<> read_patterns(const json::value& v, ModelEgressPolicy& policy) {
    const json::array* list = v.if_array();
    if (!list) return PINCER_FAIL(invalid_argument, "\"extraPatterns\" must be a list of texts");
    for (const json::value& element : *list) {
        const auto* text = element.if_string();
        if (!text || text->size() < 3)
            return PINCER_FAIL(invalid_argument, "\"extraPatterns\" must hold texts of at least 3 characters");
        policy.extra_patterns.emplace_back(*text);
    }
    return {};
}

// What a model or a person wrote may quote a tool's result, so it goes no fuller than those do.
ToolResultEgress quoting_level(const ModelEgressPolicy& policy) {
    const bool all_full =
        policy.tool_results == ToolResultEgress::full &&
        std::ranges::all_of(policy.per_tool, [](const auto& entry) { return entry.second == ToolResultEgress::full; });
    return all_full ? ToolResultEgress::full : ToolResultEgress::redacted;
}

std::string first_paragraph(std::string_view text) {
    text = trim(text);
    return truncate_utf8(text.substr(0, text.find("\n\n")), kSummaryBytes);
}

// Text that is JSON is walked as JSON: the keys tell more than the characters do.
std::string redact_result(Redactor& redactor, const Message& message, ToolResultEgress level) {
    if (message.text.empty() && !message.structured.empty()) {
        json::object structured = message.structured;
        redactor.json(structured, level);
        return json::write(structured);
    }
    const std::string_view text = trim(message.text);
    if (text.starts_with('{') || text.starts_with('[')) {
        if (auto parsed = json::parse(text)) {
            redactor.json(*parsed, level);
            return json::write(*parsed);
        }
    }
    return redactor.text(message.text, level);
}

void redact_tool_message(Redactor& redactor, Message& message, const ModelEgressPolicy& policy, EgressReport& report) {
    const ToolResultEgress level = policy.level_of(message.tool_name);
    if (level == ToolResultEgress::none) {
        report.withheld_tools.push_back(message.tool_name);
        message.text =
            fmt::format("({} answered. By policy its result stays on this machine and is not shown to you; say so.)",
                        message.tool_name);
    } else if (level == ToolResultEgress::summary_only) {
        const std::size_t whole = message.text.size();
        Message summary = message;
        summary.structured = {};
        const std::string redacted = redact_result(redactor, summary, level);
        message.text = first_paragraph(redacted);
        message.text += fmt::format("\n(Only this summary of {} bytes is shown to you, by policy.)", whole);
    } else {
        message.text = redact_result(redactor, message, level);
    }
    message.structured = {};  // never sent as such
}

void redact_message(Redactor& redactor, Message& message, const ModelEgressPolicy& policy, EgressReport& report) {
    switch (message.role) {
        case Role::user: message.text = redactor.text(message.text, ToolResultEgress::full); break;
        case Role::assistant:
            message.text = redactor.text(message.text, quoting_level(policy));
            for (ToolCall& call : message.tool_calls) {
                redactor.json(call.arguments, quoting_level(policy));
                call.malformed_arguments = redactor.text(call.malformed_arguments, quoting_level(policy));
            }
            break;
        case Role::tool: redact_tool_message(redactor, message, policy, report); break;
    }
}

std::string canonical(const ModelRequest& request) {
    json::object o;
    o["system"] = request.system;
    json::array messages;
    for (const Message& message : request.messages) messages.push_back(to_json(message));
    o["messages"] = std::move(messages);
    json::array tools;
    for (const ToolSpec& tool : request.tools) {
        json::object t;
        t["name"] = tool.name;
        t["description"] = tool.description;
        t["inputSchema"] = tool.input_schema;
        tools.push_back(std::move(t));
    }
    o["tools"] = std::move(tools);
    return json::write_canonical(o);
}

}  // namespace

Result<ModelEgressPolicy> ModelEgressPolicy::from_config(const json::object& o) {
    ModelEgressPolicy policy;
    for (const auto& member : o) {
        const std::string_view key(member.key().data(), member.key().size());
        if (key == "toolResults") {
            PINCER_TRY(policy.tool_results, level_from(member.value(), key));
        } else if (key == "perTool") {
            PINCER_CHECK(read_per_tool(member.value(), policy));
        } else if (key == "extraPatterns") {
            PINCER_CHECK(read_patterns(member.value(), policy));
        } else {
            return PINCER_FAIL(invalid_argument,
                               "\"{}\" is not a key of an egress policy: toolResults, perTool, extraPatterns", key);
        }
    }
    return policy;
}

ToolResultEgress ModelEgressPolicy::level_of(std::string_view tool) const {
    std::size_t longest = 0;
    ToolResultEgress level = tool_results;
    for (const auto& [name, own] : per_tool) {
        if (name == tool) return own;
        if (!name.ends_with('*') || name.size() <= longest) continue;
        if (!tool.starts_with(std::string_view(name).substr(0, name.size() - 1))) continue;
        longest = name.size();
        level = own;
    }
    return level;
}

std::string redact(std::string_view text, ToolResultEgress level, const ModelEgressPolicy& policy,
                   std::vector<Redaction>& counts) {
    Redactor redactor(policy);
    std::string out = redactor.text(text, level);
    counts = redactor.counts();
    return out;
}

std::string restore(std::string_view text, const Placeholders& placeholders) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        std::size_t taken = 0;
        if (text[i] == '<') {
            for (const auto& [name, value] : placeholders) {
                if (!text.substr(i).starts_with(name)) continue;
                out += value;
                taken = name.size();
                break;
            }
        }
        if (taken == 0) out += text[i++];
        i += taken;
    }
    return out;
}

std::string StreamRestorer::feed(std::string_view piece) {
    constexpr std::size_t kLongestPlaceholder = 24;
    held_ += piece;
    const std::size_t open = held_.rfind('<');
    const bool may_go_on = open != std::string::npos && held_.find('>', open) == std::string::npos &&
                           held_.size() - open < kLongestPlaceholder;
    const std::size_t ready = may_go_on && !placeholders_.empty() ? open : held_.size();
    std::string out = restore(std::string_view(held_).substr(0, ready), placeholders_);
    held_.erase(0, ready);
    return out;
}

std::string StreamRestorer::finish() { return restore(std::exchange(held_, {}), placeholders_); }

Outbound apply_egress(ModelRequest request, const Model& model, const ModelEgressPolicy& policy) {
    Outbound out{.request = std::move(request), .report = {}, .placeholders = {}};
    out.report.model = model.id();
    if (model.is_local()) return out;
    Redactor redactor(policy);
    out.request.system = redactor.text(out.request.system, ToolResultEgress::full);
    for (ToolSpec& tool : out.request.tools) tool.description = redactor.text(tool.description, ToolResultEgress::full);
    for (Message& message : out.request.messages) redact_message(redactor, message, policy, out.report);
    const std::string bytes = canonical(out.request);
    out.report.bytes = bytes.size();
    out.report.request_digest = crypto::sha256_hex(bytes);
    out.report.redactions = redactor.counts();
    out.placeholders = redactor.placeholders();
    return out;
}

}  // namespace pincer::agent
