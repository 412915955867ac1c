// Credential plugins (client.authentication.k8s.io/v1 and v1beta1): a program that prints an ExecCredential.
#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "infra/engine/provider.hpp"
#include "infra/providers/kubernetes/kubeconfig.hpp"

namespace pincer::infra::kubernetes {

struct Credential {
    Secret token;
    std::string client_certificate_pem;
    Secret client_key_pem;
    std::optional<WallTime> expires_at;  // absent: for the life of the process
};

// Errors: protocol (not an ExecCredential of the version asked for; what it printed is never quoted), expired.
Result<Credential> parse_exec_credential(std::string_view text, std::string_view api_version, WallTime now);

// Runs the plugin: found in PATH, no shell, an environment of PATH, HOME, what the kubeconfig lists and
// KUBERNETES_EXEC_INFO. Errors: not_found (with the install hint), unavailable (exit code), timed_out.
Task<Result<Credential>> run_exec_plugin(Services services, Settings settings, ExecPlugin plugin, Cluster cluster,
                                         Deadline deadline);

}  // namespace pincer::infra::kubernetes
