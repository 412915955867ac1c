#include "infra/providers/kubernetes/kubeconfig.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "base/text.hpp"
#include "infra/engine/quoting.hpp"
#include "io/files.hpp"

namespace pincer::infra::kubernetes {
namespace {

// What yaml-cpp throws is caught in parse_kubeconfig, its one caller.
std::string text_of(const YAML::Node& node, const char* key) {
    const YAML::Node value = node[key];
    if (!value || value.IsNull()) return {};
    if (!value.IsScalar()) throw YAML::Exception(value.Mark(), std::string(key) + " must be a single value");
    return value.Scalar();
}

bool flag_of(const YAML::Node& node, const char* key) {
    const YAML::Node value = node[key];
    return value && !value.IsNull() && value.as<bool>();
}

std::string path_of(const YAML::Node& node, const char* key, const std::filesystem::path& folder) {
    const std::string text = text_of(node, key);
    return text.empty() ? text : (folder / text).lexically_normal().string();
}

std::string decoded(const YAML::Node& node, const char* key) {
    const std::string text = text_of(node, key);
    std::string compact;
    std::ranges::copy_if(text, std::back_inserter(compact), [](char c) { return c != '\n' && c != ' ' && c != '\r'; });
    auto bytes = from_base64(compact);
    if (!bytes) throw YAML::Exception(node[key].Mark(), std::string(key) + " is not base64");
    return *std::move(bytes);
}

ExecPlugin read_exec(const YAML::Node& node, const std::filesystem::path& folder) {
    ExecPlugin plugin;
    plugin.api_version = text_of(node, "apiVersion");
    plugin.command = text_of(node, "command");
    if (plugin.command.empty()) throw YAML::Exception(node.Mark(), "exec needs a command");
    // As client-go: a name with a slash that is not absolute stands beside the kubeconfig.
    if (plugin.command.contains('/') && plugin.command.front() != '/')
        plugin.command = (folder / plugin.command).lexically_normal();
    for (const auto& argument : node["args"]) plugin.arguments.push_back(argument.as<std::string>());
    for (const auto& entry : node["env"])
        plugin.environment.emplace_back(text_of(entry, "name"), text_of(entry, "value"));
    plugin.provide_cluster_info = flag_of(node, "provideClusterInfo");
    plugin.install_hint = text_of(node, "installHint");
    return plugin;
}

Kubeconfig::NamedCluster read_cluster(const YAML::Node& entry, const std::filesystem::path& folder) {
    Kubeconfig::NamedCluster found;
    found.name = text_of(entry, "name");
    const YAML::Node node = entry["cluster"];
    if (!node || !node.IsMap()) return found;
    found.cluster.server = text_of(node, "server");
    while (found.cluster.server.ends_with('/')) found.cluster.server.pop_back();
    found.cluster.ca_pem = decoded(node, "certificate-authority-data");
    found.cluster.insecure_skip_tls_verify = flag_of(node, "insecure-skip-tls-verify");
    found.cluster.tls_server_name = text_of(node, "tls-server-name");
    found.cluster.proxy_url = text_of(node, "proxy-url");
    if (found.cluster.ca_pem.empty()) found.ca_file = path_of(node, "certificate-authority", folder);
    return found;
}

Kubeconfig::NamedUser read_user(const YAML::Node& entry, const std::filesystem::path& folder) {
    Kubeconfig::NamedUser found;
    found.name = text_of(entry, "name");
    const YAML::Node node = entry["user"];
    if (!node || !node.IsMap()) return found;
    User& user = found.user;
    user.token = Secret(text_of(node, "token"));
    user.token_file = path_of(node, "tokenFile", folder);
    user.client_certificate_pem = decoded(node, "client-certificate-data");
    user.client_key_pem = Secret(decoded(node, "client-key-data"));
    if (user.client_certificate_pem.empty()) found.certificate_file = path_of(node, "client-certificate", folder);
    if (user.client_key_pem.empty()) found.key_file = path_of(node, "client-key", folder);
    const std::string name = text_of(node, "username");
    if (!name.empty()) user.username_password = Secret(name + ":" + text_of(node, "password"));
    if (const YAML::Node exec = node["exec"]; exec && exec.IsMap()) user.exec = read_exec(exec, folder);
    if (const YAML::Node old = node["auth-provider"]; old && old.IsMap())
        user.unsupported = "auth-provider " + text_of(old, "name");
    return found;
}

template <class Entry, class Read>
void read_list(const YAML::Node& root, const char* key, std::vector<Entry>& out, Read read) {
    const YAML::Node list = root[key];
    if (!list || list.IsNull()) return;
    if (!list.IsSequence()) throw YAML::Exception(list.Mark(), std::string(key) + " must be a list");
    for (const auto& entry : list) {
        if (!entry.IsMap()) throw YAML::Exception(entry.Mark(), std::string(key) + " must hold maps");
        out.push_back(read(entry));
    }
}

template <class Entry>
const Entry* named(const std::vector<Entry>& entries, std::string_view name) {
    const auto at = std::ranges::find(entries, name, &Entry::name);
    return at == entries.end() ? nullptr : &*at;
}

template <class Entry>
void add_new(std::vector<Entry>& into, std::vector<Entry> from) {
    for (auto& entry : from) {
        if (!named(into, entry.name)) into.push_back(std::move(entry));
    }
}

Result<Access> in_cluster(const Locations& where) {
    const std::string host = where.service_host.contains(':') ? "[" + where.service_host + "]" : where.service_host;
    Access access;
    access.context = "in-cluster";
    access.cluster.server = fmt::format("https://{}:{}", host, where.service_port.empty() ? "443" : where.service_port);
    PINCER_TRY(access.cluster.ca_pem, io::read_file(where.service_account / "ca.crt", kMaxKubeconfigBytes));
    access.user.token_file = (where.service_account / "token").string();
    const auto space = io::read_file(where.service_account / "namespace", 256);
    access.namespace_name = space ? std::string(trim(*space)) : "default";
    return access;
}

}  // namespace

Result<Kubeconfig> parse_kubeconfig(std::string_view text, const std::filesystem::path& folder) {
    if (text.size() > kMaxKubeconfigBytes)
        return PINCER_FAIL(too_large, "kubeconfig of {} bytes is over the limit", text.size());
    // yaml-cpp recurses into flow collections without a limit; a kubeconfig never nests deeper than this.
    int depth = 0;
    for (const char c : text) {
        depth += c == '[' || c == '{' ? 1 : c == ']' || c == '}' ? -1 : 0;
        if (depth > 64) return PINCER_FAIL(invalid_argument, "kubeconfig nests deeper than 64 levels");
    }
    try {
        const YAML::Node root = YAML::Load(std::string(text));
        if (root.IsNull()) return Kubeconfig{};
        if (!root.IsMap())
            return PINCER_FAIL(invalid_argument, "kubeconfig: expected a map of clusters, users and contexts");
        Kubeconfig config;
        config.current_context = text_of(root, "current-context");
        read_list(root, "clusters", config.clusters,
                  [&](const YAML::Node& entry) { return read_cluster(entry, folder); });
        read_list(root, "users", config.users, [&](const YAML::Node& entry) { return read_user(entry, folder); });
        read_list(root, "contexts", config.contexts, [&](const YAML::Node& entry) {
            const YAML::Node node = entry["context"];
            if (!node || !node.IsMap()) return Kubeconfig::NamedContext{text_of(entry, "name"), {}, {}, {}};
            return Kubeconfig::NamedContext{text_of(entry, "name"), text_of(node, "cluster"), text_of(node, "user"),
                                            text_of(node, "namespace")};
        });
        return config;
    } catch (const YAML::Exception& problem) {
        const std::string what = quote_line(problem.msg, 120);
        if (problem.mark.is_null()) return PINCER_FAIL(invalid_argument, "kubeconfig: {}", what);
        return PINCER_FAIL(invalid_argument, "kubeconfig, line {}: {}", problem.mark.line + 1, what);
    } catch (const std::exception& problem) {
        return PINCER_FAIL(invalid_argument, "kubeconfig: {}", quote_line(problem.what(), 120));
    }
}

Kubeconfig merge(std::vector<Kubeconfig> files) {
    Kubeconfig merged;
    for (auto& file : files) {
        if (merged.current_context.empty()) merged.current_context = std::move(file.current_context);
        add_new(merged.clusters, std::move(file.clusters));
        add_new(merged.users, std::move(file.users));
        add_new(merged.contexts, std::move(file.contexts));
    }
    return merged;
}

Result<Access> resolve(const Kubeconfig& config, std::string_view context) {
    const std::string name(context.empty() ? std::string_view(config.current_context) : context);
    if (name.empty()) return PINCER_FAIL(not_found, "kubeconfig has no current-context; name one with --context");
    const auto* chosen = named(config.contexts, name);
    if (!chosen) {
        std::vector<std::string> known;
        for (const auto& entry : config.contexts) known.push_back(entry.name);
        return PINCER_FAIL(not_found, "kubeconfig has no context named {}; it has: {}", name,
                           known.empty() ? "none" : join(known, ", "));
    }
    const auto* cluster = named(config.clusters, chosen->cluster);
    if (!cluster || cluster->cluster.server.empty()) {
        return PINCER_FAIL(not_found, "context {} names cluster {}, which the kubeconfig does not define", name,
                           chosen->cluster);
    }
    Access access{name, chosen->namespace_name.empty() ? "default" : chosen->namespace_name, cluster->cluster, {}};
    if (!cluster->ca_file.empty()) {
        PINCER_TRY(access.cluster.ca_pem, io::read_file(cluster->ca_file, kMaxKubeconfigBytes));
    }
    if (chosen->user.empty()) return access;  // an API server that lets anybody in
    const auto* user = named(config.users, chosen->user);
    if (!user)
        return PINCER_FAIL(not_found, "context {} names user {}, which the kubeconfig does not define", name,
                           chosen->user);
    access.user = user->user;
    if (!user->certificate_file.empty()) {
        PINCER_TRY(access.user.client_certificate_pem, io::read_file(user->certificate_file, kMaxKubeconfigBytes));
    }
    if (!user->key_file.empty()) {
        PINCER_TRY(std::string key, io::read_file(user->key_file, kMaxKubeconfigBytes));
        access.user.client_key_pem = Secret(std::move(key));
    }
    return access;
}

Result<Access> load_access(const Locations& where, std::string_view context) {
    std::vector<std::string> paths;
    const bool asked_for = !where.kubeconfig_flag.empty() || !where.kubeconfig_list.empty();
    if (!where.kubeconfig_flag.empty()) {
        paths.push_back(where.kubeconfig_flag);
    } else if (!where.kubeconfig_list.empty()) {
        for (const auto part : split(where.kubeconfig_list, ':')) {
            if (!part.empty()) paths.emplace_back(part);
        }
    } else if (!where.home.empty()) {
        paths.push_back(where.home + "/.kube/config");
    }
    std::vector<Kubeconfig> files;
    for (const auto& path : paths) {
        auto text = io::read_file(path, kMaxKubeconfigBytes);
        // A list may name files that are not there yet, as kubectl allows; a flag may not.
        if (!text && text.error().code() == ErrorCode::not_found && where.kubeconfig_flag.empty()) continue;
        if (!text) return Failure(std::move(text).error().context("reading kubeconfig " + path));
        auto parsed = parse_kubeconfig(*text, std::filesystem::path(path).parent_path());
        if (!parsed) return Failure(std::move(parsed).error().context(path));
        files.push_back(*std::move(parsed));
    }
    if (!files.empty()) return resolve(merge(std::move(files)), context);
    if (!asked_for && !where.service_host.empty()) return in_cluster(where);
    std::string why = asked_for ? fmt::format("no kubeconfig at {}", join(paths, ", "))
                                : "no kubeconfig (set KUBECONFIG or make ~/.kube/config)";
    return Failure(Error(ErrorCode::unavailable, std::move(why)).with_reason("NOT_CONNECTED"));
}

}  // namespace pincer::infra::kubernetes
