// `openclaw doctor`: what is wrong on this machine, each finding with what to do about it. Reads only.
#include <sys/stat.h>

#include "apps/openclaw/commands.hpp"
#include "apps/openclaw/gateway_session.hpp"
#include "registry/definition.hpp"

namespace pincer::openclaw {
namespace {

struct Finding {
    std::string level;  // ok, warning, error
    std::string about;
    std::string message;
};

void check_config(const Local& local, std::vector<Finding>& out) {
    const std::string file = local.paths.config.string();
    const auto document = load_config(local);
    if (!document) return out.push_back({"error", "config", document.error().message()});
    if (!*document) return out.push_back({"ok", "config", file + " does not exist; defaults hold"});
    out.push_back({"ok", "config", file});
    struct stat info{};
    if (::stat(file.c_str(), &info) == 0 && (info.st_mode & 077) != 0)
        out.push_back({"warning", "config", fmt::format("others may read {}; chmod 600 {}", file, file)});
    const json::value* servers = (*document)->find(json5::path_of("mcp.servers"));
    if (!servers) return;
    if (!servers->is_object())
        return out.push_back(
            {"error", "mcp", (*document)->line_of(json5::path_of("mcp.servers")) + ": mcp.servers must be an object"});
    for (const auto& problem : registry::parse_definitions(servers->get_object()).problems) {
        const json5::Path path = {"mcp", "servers", problem.server};
        out.push_back({"error", "mcp", fmt::format("{}: {}", (*document)->line_of(path), problem.error.message())});
    }
}

void check_state(const Local& local, std::vector<Finding>& out) {
    struct stat info{};
    const std::string folder = local.paths.state_dir.string();
    if (::stat(folder.c_str(), &info) != 0) return out.push_back({"ok", "state", folder + " does not exist yet"});
    if ((info.st_mode & 077) != 0)
        return out.push_back(
            {"warning", "state", fmt::format("others may look into {}; chmod 700 {}", folder, folder)});
    out.push_back({"ok", "state", folder});
}

void check_gateway(const Local& local, const Arguments& arguments, std::vector<Finding>& out) {
    const auto answer = ask_gateway(local, arguments, "operator.read", GatewayQuestion{.method = "health"});
    if (!answer) return out.push_back({"error", "gateway", answer.error().message()});
    out.push_back({"ok", "gateway", "answers"});
    const json::array* servers = answer->is_object() ? json::array_at(answer->get_object(), "mcpServers") : nullptr;
    for (std::size_t i = 0; servers && i < servers->size(); ++i) {
        const json::object* server = (*servers)[i].if_object();
        const std::string health = server ? json::string_or(*server, "health") : "";
        if (health != "failed" && health != "backing-off") continue;
        out.push_back({"error", "mcp",
                       fmt::format("{} does not work: {}", json::string_or(*server, "name"),
                                   json::string_or(*server, "lastError"))});
    }
}

}  // namespace

ExitCode doctor(const Local& local, const Arguments& arguments) {
    std::vector<Finding> findings;
    check_state(local, findings);
    check_config(local, findings);
    check_gateway(local, arguments, findings);
    bool well = true;
    json::array rows;
    for (const Finding& f : findings) {
        well = well && f.level != "error";
        rows.push_back(json::object{{"level", f.level}, {"about", f.about}, {"message", f.message}});
        if (!arguments.json) print(fmt::format("{:<8} {:<8} {}", f.level, f.about, f.message));
    }
    if (arguments.json) print_json(json::value(json::object{{"ok", well}, {"findings", std::move(rows)}}));
    return well ? ExitCode::ok : ExitCode::unhealthy;
}

}  // namespace pincer::openclaw
