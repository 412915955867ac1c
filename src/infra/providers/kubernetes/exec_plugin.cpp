#include "infra/providers/kubernetes/exec_plugin.hpp"

#include "base/text.hpp"
#include "infra/engine/quoting.hpp"
#include "io/process.hpp"

namespace pincer::infra::kubernetes {
namespace {

constexpr std::size_t kMaxCredentialBytes = 256u << 10;
constexpr Millis kPluginTimeout{20'000};

std::string exec_info(const ExecPlugin& plugin, const Cluster& cluster) {
    json::object spec{{"interactive", false}};
    if (plugin.provide_cluster_info) {
        json::object told{{"server", cluster.server}};
        if (!cluster.ca_pem.empty()) told["certificate-authority-data"] = to_base64(cluster.ca_pem);
        if (!cluster.tls_server_name.empty()) told["tls-server-name"] = cluster.tls_server_name;
        if (cluster.insecure_skip_tls_verify) told["insecure-skip-tls-verify"] = true;
        spec["cluster"] = std::move(told);
    }
    return json::write(
        json::object{{"apiVersion", plugin.api_version}, {"kind", "ExecCredential"}, {"spec", std::move(spec)}});
}

}  // namespace

Result<Credential> parse_exec_credential(std::string_view text, std::string_view api_version, WallTime now) {
    auto parsed = json::parse_object(text, {.bytes = kMaxCredentialBytes, .depth = 16});
    if (!parsed) return PINCER_FAIL(protocol, "the credential plugin did not print JSON");
    if (json::string_or(*parsed, "kind") != "ExecCredential" || json::string_or(*parsed, "apiVersion") != api_version) {
        return PINCER_FAIL(protocol, "the credential plugin did not print an ExecCredential of {}", api_version);
    }
    const auto* status = json::object_at(*parsed, "status");
    if (!status) return PINCER_FAIL(protocol, "the credential plugin printed no status");
    Credential made;
    made.token = Secret(json::string_or(*status, "token"));
    made.client_certificate_pem = json::string_or(*status, "clientCertificateData");
    made.client_key_pem = Secret(json::string_or(*status, "clientKeyData"));
    if (made.client_certificate_pem.empty() != made.client_key_pem.empty()) {
        return PINCER_FAIL(protocol,
                           "the credential plugin printed a client certificate without its key, or the key alone");
    }
    if (made.token.empty() && made.client_certificate_pem.empty()) {
        return PINCER_FAIL(protocol, "the credential plugin printed neither a token nor a client certificate");
    }
    if (const auto until = json::string_at(*status, "expirationTimestamp")) {
        auto at = parse_rfc3339(*until);
        if (!at) return PINCER_FAIL(protocol, "the credential plugin's expirationTimestamp is not a time");
        if (*at <= now) return PINCER_FAIL(expired, "the credential plugin gave a credential that has expired");
        made.expires_at = *at;
    }
    return made;
}

Task<Result<Credential>> run_exec_plugin(Services services, Settings settings, ExecPlugin plugin, Cluster cluster,
                                         Deadline deadline) {
    if (plugin.api_version != "client.authentication.k8s.io/v1" &&
        plugin.api_version != "client.authentication.k8s.io/v1beta1") {
        co_return PINCER_FAIL(unsupported, "credential plugin version {} is not supported",
                              quote_line(plugin.api_version, 80));
    }
    const std::string path = settings.environment("PATH");
    auto found = io::find_executable(plugin.command, path);
    if (!found) {
        const std::string hint =
            plugin.install_hint.empty() ? "" : "; its kubeconfig says: " + in_quotes(plugin.install_hint, 200);
        co_return PINCER_FAIL(not_found, "credential plugin {} is not installed{}", quote_line(plugin.command, 120),
                              hint);
    }
    io::ProcessSpec spec;
    spec.executable = *std::move(found);
    spec.arguments = plugin.arguments;
    spec.environment = {{"PATH", path}, {"HOME", settings.home}};
    for (auto& entry : plugin.environment) spec.environment.push_back(std::move(entry));
    spec.environment.emplace_back("KUBERNETES_EXEC_INFO", exec_info(plugin, cluster));
    auto output = co_await io::run_process(services.runtime, std::move(spec), "", kMaxCredentialBytes,
                                           deadline.at_most(kPluginTimeout));
    if (!output)
        co_return Failure(std::move(output).error().context("credential plugin " + quote_line(plugin.command, 120)));
    if (output->status.code != 0) {
        co_return PINCER_FAIL(unavailable, "credential plugin {} ended with exit code {}",
                              quote_line(plugin.command, 120), output->status.code);
    }
    co_return parse_exec_credential(output->out, plugin.api_version, services.clock.wall());
}

}  // namespace pincer::infra::kubernetes
