#include "mcp/types.hpp"

#include <algorithm>

namespace pincer::mcp {
namespace {

void put(json::object& o, std::string_view key, const std::string& text) {
    if (!text.empty()) o[key] = text;
}

void put(json::object& o, std::string_view key, const json::object& fields) {
    if (!fields.empty()) o[key] = fields;
}

void put(json::object& o, std::string_view key, const std::optional<bool>& flag) {
    if (flag) o[key] = *flag;
}

json::object object_or_empty(const json::object& o, std::string_view key) {
    const json::object* field = json::object_at(o, key);
    return field ? *field : json::object();
}

}  // namespace

bool is_legacy_version(std::string_view version) {
    return std::find(kLegacyVersions.begin(), kLegacyVersions.end(), version) != kLegacyVersions.end();
}

json::object Implementation::to_json() const {
    json::object o{{"name", name}, {"version", version}};
    put(o, "title", title);
    return o;
}

Implementation Implementation::from_json(const json::object& o) {
    return {json::string_or(o, "name"), json::string_or(o, "version"), json::string_or(o, "title")};
}

json::object ToolAnnotations::to_json() const {
    json::object o;
    put(o, "title", title);
    put(o, "readOnlyHint", read_only);
    put(o, "destructiveHint", destructive);
    put(o, "idempotentHint", idempotent);
    put(o, "openWorldHint", open_world);
    return o;
}

ToolAnnotations ToolAnnotations::from_json(const json::object& o) {
    return {json::string_or(o, "title"), json::bool_at(o, "readOnlyHint"), json::bool_at(o, "destructiveHint"),
            json::bool_at(o, "idempotentHint"), json::bool_at(o, "openWorldHint")};
}

json::object ToolInfo::to_json() const {
    json::object o{{"name", name}};
    put(o, "title", title);
    put(o, "description", description);
    o["inputSchema"] = input_schema.empty() ? json::object{{"type", "object"}} : input_schema;
    put(o, "outputSchema", output_schema);
    put(o, "annotations", annotations.to_json());
    put(o, "execution", execution);
    put(o, "_meta", meta);
    return o;
}

Result<ToolInfo> ToolInfo::from_json(const json::object& o) {
    ToolInfo tool;
    tool.name = json::string_or(o, "name");
    if (tool.name.empty()) return PINCER_FAIL(protocol, "a tool without a name");
    const json::object* schema = json::object_at(o, "inputSchema");
    if (!schema) return PINCER_FAIL(protocol, "tool {} has no inputSchema", tool.name);
    tool.input_schema = *schema;
    tool.title = json::string_or(o, "title");
    tool.description = json::string_or(o, "description");
    tool.output_schema = object_or_empty(o, "outputSchema");
    tool.annotations = ToolAnnotations::from_json(object_or_empty(o, "annotations"));
    tool.execution = object_or_empty(o, "execution");
    tool.meta = object_or_empty(o, "_meta");
    return tool;
}

ToolResult ToolResult::text(std::string text) {
    ToolResult result;
    result.content.push_back(json::object{{"type", "text"}, {"text", text}});
    return result;
}

ToolResult ToolResult::error(std::string text) {
    ToolResult result = ToolResult::text(std::move(text));
    result.is_error = true;
    return result;
}

ToolResult ToolResult::of(json::object structured) {
    std::string text = json::write(structured);
    return of(std::move(structured), std::move(text));
}

ToolResult ToolResult::of(json::object structured, std::string text) {
    ToolResult result = ToolResult::text(std::move(text));
    result.structured = std::move(structured);
    return result;
}

std::string ToolResult::joined_text() const {
    std::string out;
    for (const json::value& block : content) {
        const json::object* o = block.if_object();
        if (!o || json::string_at(*o, "type") != "text") continue;
        if (!out.empty()) out += '\n';
        out += json::string_or(*o, "text");
    }
    return out;
}

json::object ToolResult::to_json() const {
    json::object o{{"content", content}};
    if (structured) o["structuredContent"] = *structured;
    if (is_error) o["isError"] = true;
    put(o, "_meta", meta);
    return o;
}

std::string ToolResult::write(const json::object& beside) const {
    std::string out = R"({"content":)";
    json::append(out, content);
    if (structured) {
        out += R"(,"structuredContent":)";
        json::append(out, *structured);
    }
    if (is_error) out += R"(,"isError":true)";
    json::object more = beside;
    if (!meta.empty() && !more.contains("_meta")) more["_meta"] = meta;
    for (const auto& [key, item] : more) {
        out += ',';
        json::append_string(out, key);
        out += ':';
        json::append(out, item);
    }
    out += '}';
    return out;
}

Result<ToolResult> ToolResult::from_json(const json::object& o) {
    ToolResult result;
    const json::value* content = json::find(o, "content");
    if (content && !content->is_array()) return PINCER_FAIL(protocol, "content is not an array");
    if (content) result.content = content->get_array();
    if (const json::value* structured = json::find(o, "structuredContent")) result.structured = *structured;
    if (!content && !result.structured) return PINCER_FAIL(protocol, "neither content nor structuredContent");
    result.is_error = json::bool_at(o, "isError").value_or(false);
    result.meta = object_or_empty(o, "_meta");
    return result;
}

bool Principal::has_scope(std::string_view scope) const {
    return std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
}

}  // namespace pincer::mcp
