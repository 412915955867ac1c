// `openclaw mcp list|show|set|unset`: the mcp.servers part of openclaw.json. Sentences and exit codes are the
// original's; what differs on purpose: secrets are redacted unless --reveal, unknown keys are refused, comments in the
// file stay.
#include <algorithm>

#include "apps/openclaw/commands.hpp"
#include "io/files.hpp"
#include "registry/definition.hpp"

namespace pincer::openclaw {
namespace {

constexpr const char* kNote =
    "Note: this command only shows OpenClaw-managed mcp.servers entries and does not include mcporter servers from "
    "config/mcporter.json.";

struct Servers {
    std::string path;  // of the file
    std::optional<json5::Document> document;
    json::object map;  // mcp.servers
};

Result<Servers> load_servers(const Local& local) {
    PINCER_TRY(auto document, load_config(local));
    Servers out{local.paths.config.string(), std::move(document), {}};
    const json::value* servers = out.document ? out.document->find(json5::path_of("mcp.servers")) : nullptr;
    if (!servers) return out;
    if (!servers->is_object()) {
        return PINCER_FAIL(invalid_argument, "{}, {}: mcp.servers must be an object", out.path,
                           out.document->line_of(json5::path_of("mcp.servers")));
    }
    out.map = servers->get_object();
    return out;
}

json::value shown(const json::value& definition, bool reveal) {
    if (reveal || !definition.is_object()) return definition;
    return registry::definition_to_json_redacted(definition.get_object());
}

json::object shown_all(const Servers& servers, bool reveal) {
    json::object out;
    for (const auto& [name, definition] : servers.map) out[name] = shown(definition, reveal);
    return out;
}

ExitCode complain(const std::string& sentence) {
    say(sentence);
    return ExitCode::error;
}

ExitCode no_such_server(const Servers& servers, const std::string& name) {
    return complain(fmt::format("No MCP server named \"{}\" in {}. Run openclaw mcp list to see configured servers.",
                                name, servers.path));
}

ExitCode none_configured(const Servers& servers) {
    print(fmt::format(
        R"(No OpenClaw-managed MCP servers configured in {}. Add one with openclaw mcp set <name> '{{"command":"uvx","args":["context7-mcp"]}}'.)",
        servers.path));
    print(kNote);
    return ExitCode::ok;
}

// "type" is how other programs name the transport; the file has OpenClaw's own key.
json::object normalized(json::object definition) {
    const std::string type = json::string_or(definition, "type");
    const std::string transport = type == "http" || type == "streamable-http" ? "streamable-http"
                                  : type == "sse"                             ? "sse"
                                                                              : "";
    if (transport.empty() && type != "stdio") return definition;
    definition.erase("type");
    if (!transport.empty() && !definition.contains("transport")) definition["transport"] = transport;
    return definition;
}

Result<> write_config(const std::filesystem::path& path, std::string text) {
    std::error_code ec;
    const auto real = std::filesystem::weakly_canonical(path, ec);  // a file that is linked to is written, not the link
    PINCER_CHECK(io::make_private_directory((ec ? path : real).parent_path()));
    if (!text.ends_with('\n')) text += '\n';
    return io::write_file_atomically(ec ? path : real, text);
}

Result<json5::Document> document_to_edit(Servers& servers) {
    if (servers.document) return std::move(*servers.document);
    return json5::Document::parse("{}\n");
}

}  // namespace

ExitCode mcp_list(const Local& local, const Arguments& arguments) {
    const auto servers = load_servers(local);
    if (!servers) return tell(servers.error());
    if (arguments.json) return print_json(json::value(shown_all(*servers, arguments.reveal))), ExitCode::ok;
    if (servers->map.empty()) return none_configured(*servers);
    std::vector<std::string> names;
    for (const auto& [name, definition] : servers->map) names.emplace_back(name);
    std::sort(names.begin(), names.end());
    const auto definitions = registry::parse_definitions(servers->map);
    for (const auto& problem : definitions.problems)
        say(fmt::format("server \"{}\" is skipped: {}", problem.server, problem.error.message()));
    print(fmt::format("OpenClaw-managed MCP servers ({}):", servers->path));
    for (const std::string& name : names) print("- " + name);
    print(std::string("\n") + kNote);
    return ExitCode::ok;
}

ExitCode mcp_show(const Local& local, const Arguments& arguments) {
    const auto servers = load_servers(local);
    if (!servers) return tell(servers.error());
    if (arguments.name.empty()) {
        if (servers->map.empty() && !arguments.json) return none_configured(*servers);
        if (!arguments.json) print(fmt::format("OpenClaw-managed MCP servers ({}):", servers->path));
        print_json(json::value(shown_all(*servers, arguments.reveal)));
        return ExitCode::ok;
    }
    const json::value* definition = json::find(servers->map, arguments.name);
    if (!definition) return no_such_server(*servers, arguments.name);
    if (!arguments.json) print(fmt::format("OpenClaw-managed MCP server \"{}\" ({}):", arguments.name, servers->path));
    print_json(shown(*definition, arguments.reveal));
    return ExitCode::ok;
}

ExitCode mcp_set(const Local& local, const Arguments& arguments) {
    const auto typed = json5::parse(arguments.definition);
    if (!typed || !typed->is_object()) return complain("MCP server config must be a JSON object.");
    const json::object definition = normalized(typed->get_object());
    const auto valid = registry::parse_definition(arguments.name, definition);
    if (!valid) return complain(fmt::format("Config invalid after MCP set ({}).", valid.error().message()));
    for (const std::string& key : valid->unsupported)
        say(fmt::format("openclaw: mcp.servers.{}.{} is kept, but nothing here acts on it yet", arguments.name, key));
    auto servers = load_servers(local);
    if (!servers) return tell(servers.error());
    const auto document = document_to_edit(*servers);
    if (!document) return tell(document.error());
    const json5::Path path = {"mcp", "servers", arguments.name};
    auto edited = document->with(path, definition);
    if (!edited) return tell(std::move(edited).error().context(servers->path));
    if (auto written = write_config(local.paths.config, std::move(*edited)); !written) return tell(written.error());
    print(fmt::format("Saved MCP server \"{}\" to {}.", arguments.name, servers->path));
    return ExitCode::ok;
}

ExitCode mcp_unset(const Local& local, const Arguments& arguments) {
    auto servers = load_servers(local);
    if (!servers) return tell(servers.error());
    if (!servers->map.contains(boost::json::string_view(arguments.name)))
        return no_such_server(*servers, arguments.name);
    const json5::Path path = {"mcp", "servers", arguments.name};
    auto edited = servers->document->without(path);
    if (!edited) return tell(std::move(edited).error().context(servers->path));
    if (auto written = write_config(local.paths.config, std::move(*edited)); !written) return tell(written.error());
    print(fmt::format("Removed MCP server \"{}\" from {}.", arguments.name, servers->path));
    return ExitCode::ok;
}

}  // namespace pincer::openclaw
