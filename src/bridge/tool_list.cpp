#include "bridge/tool_list.hpp"

#include "base/assert.hpp"

namespace pincer::bridge {
namespace {

// As captured: one line a tool.
constexpr std::string_view kTools = R"json([
{"name":"conversations_list","description":"List OpenClaw channel-backed conversations available through session routes.",
 "inputSchema":{"$schema":"http://json-schema.org/draft-07/schema#","type":"object",
  "properties":{"limit":{"type":"integer","minimum":1,"maximum":500},"search":{"type":"string"},"channel":{"type":"string"},"includeDerivedTitles":{"type":"boolean"},"includeLastMessage":{"type":"boolean"}}},
 "execution":{"taskSupport":"forbidden"}},
{"name":"conversation_get","description":"Get one OpenClaw conversation by session key.",
 "inputSchema":{"$schema":"http://json-schema.org/draft-07/schema#","type":"object",
  "properties":{"session_key":{"type":"string","minLength":1}},"required":["session_key"]},
 "execution":{"taskSupport":"forbidden"}},
{"name":"messages_read","description":"Read recent messages for one OpenClaw conversation.",
 "inputSchema":{"$schema":"http://json-schema.org/draft-07/schema#","type":"object",
  "properties":{"session_key":{"type":"string","minLength":1},"limit":{"type":"integer","minimum":1,"maximum":200}},"required":["session_key"]},
 "execution":{"taskSupport":"forbidden"}},
{"name":"attachments_fetch","description":"List non-text attachments for a message in one OpenClaw conversation.",
 "inputSchema":{"$schema":"http://json-schema.org/draft-07/schema#","type":"object",
  "properties":{"session_key":{"type":"string","minLength":1},"message_id":{"type":"string","minLength":1},"limit":{"type":"integer","minimum":1,"maximum":200}},"required":["session_key","message_id"]},
 "execution":{"taskSupport":"forbidden"}},
{"name":"events_poll","description":"Poll queued OpenClaw conversation events since a cursor.",
 "inputSchema":{"$schema":"http://json-schema.org/draft-07/schema#","type":"object",
  "properties":{"after_cursor":{"type":"integer","minimum":0,"maximum":9007199254740991},"session_key":{"type":"string"},"limit":{"type":"integer","minimum":1,"maximum":200}}},
 "execution":{"taskSupport":"forbidden"}},
{"name":"events_wait","description":"Wait for the next queued OpenClaw conversation event.",
 "inputSchema":{"$schema":"http://json-schema.org/draft-07/schema#","type":"object",
  "properties":{"after_cursor":{"type":"integer","minimum":0,"maximum":9007199254740991},"session_key":{"type":"string"},"timeout_ms":{"type":"integer","minimum":1,"maximum":300000}}},
 "execution":{"taskSupport":"forbidden"}},
{"name":"messages_send","description":"Send a message back through the same OpenClaw conversation route.",
 "inputSchema":{"$schema":"http://json-schema.org/draft-07/schema#","type":"object",
  "properties":{"session_key":{"type":"string","minLength":1},"text":{"type":"string","minLength":1}},"required":["session_key","text"]},
 "execution":{"taskSupport":"forbidden"}},
{"name":"permissions_list_open","description":"List open OpenClaw exec or plugin approval requests visible through the Gateway.",
 "inputSchema":{"$schema":"http://json-schema.org/draft-07/schema#","type":"object",
  "properties":{}},
 "execution":{"taskSupport":"forbidden"}},
{"name":"permissions_respond","description":"Allow or deny one pending OpenClaw exec or plugin approval request.",
 "inputSchema":{"$schema":"http://json-schema.org/draft-07/schema#","type":"object",
  "properties":{"kind":{"type":"string","enum":["exec","plugin"]},"id":{"type":"string","minLength":1},"decision":{"type":"string","enum":["allow-once","allow-always","deny"]}},"required":["kind","id","decision"]},
 "execution":{"taskSupport":"forbidden"}}
])json";

}  // namespace

std::vector<mcp::ToolInfo> tool_list() {
    const auto parsed = json::parse(kTools);
    PINCER_ASSERT(parsed && parsed->is_array(), "the tool list is a constant");
    std::vector<mcp::ToolInfo> tools;
    for (const json::value& entry : parsed->get_array()) {
        auto tool = mcp::ToolInfo::from_json(entry.get_object());
        PINCER_ASSERT(tool.has_value(), "the tool list is a constant");
        tools.push_back(std::move(*tool));
    }
    return tools;
}

}  // namespace pincer::bridge
