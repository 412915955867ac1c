// Kubeconfig files as client-go reads them (client.authentication.k8s.io, kubectl's merging rules), without any
// network.
//
// KUBECONFIG is a list of files; the first file that sets a value wins, also for current-context. Relative paths inside
// a file are relative to that file. Without any file, the service account of the pod that we run in is taken.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace pincer::infra::kubernetes {

struct ExecPlugin {
    std::string api_version;  // client.authentication.k8s.io/v1 or v1beta1
    std::string command;      // a bare name is looked up in our PATH, a relative one beside its kubeconfig
    std::vector<std::string> arguments;
    std::vector<std::pair<std::string, std::string>> environment;
    bool provide_cluster_info = false;
    std::string install_hint;
};

struct Cluster {
    std::string server;  // "https://host:6443", no trailing slash
    std::string ca_pem;  // empty: the system's bundle
    bool insecure_skip_tls_verify = false;
    std::string tls_server_name;
    std::string proxy_url;  // refused at connect: we do not speak to proxies
};

struct User {
    Secret token;
    std::string token_file;  // read again for every question: it is rotated under us
    std::string client_certificate_pem;
    Secret client_key_pem;
    Secret username_password;  // "user:password", basic authentication
    std::optional<ExecPlugin> exec;
    std::string unsupported;  // "auth-provider gcp": named in the error rather than ignored
};

struct Access {
    std::string context;         // "in-cluster" for a service account
    std::string namespace_name;  // of the context; "default" when it names none
    Cluster cluster;
    User user;
};

// One file, parsed but not resolved: maps by name, in file order. Reads no other file.
struct Kubeconfig {
    struct NamedCluster {
        std::string name;
        Cluster cluster;
        std::string ca_file;
    };
    struct NamedUser {
        std::string name;
        User user;
        std::string certificate_file;
        std::string key_file;
    };
    struct NamedContext {
        std::string name;
        std::string cluster;
        std::string user;
        std::string namespace_name;
    };
    std::string current_context;
    std::vector<NamedCluster> clusters;
    std::vector<NamedUser> users;
    std::vector<NamedContext> contexts;
};

inline constexpr std::size_t kMaxKubeconfigBytes = 4u << 20;

// Errors: invalid_argument (not YAML, wrong shape; names the line or the key), too_large. Relative paths are resolved
// against `folder`.
Result<Kubeconfig> parse_kubeconfig(std::string_view text, const std::filesystem::path& folder);
// The first to name something wins.
Kubeconfig merge(std::vector<Kubeconfig> files);
// Follows context → cluster and user, reads the certificate files. Errors: not_found naming what is not there (with the
// contexts that are), io.
Result<Access> resolve(const Kubeconfig& config, std::string_view context);

struct Locations {
    std::string kubeconfig_flag;  // --kubeconfig: this file only
    std::string kubeconfig_list;  // $KUBECONFIG, ':' between
    std::string home;             // ~/.kube/config
    std::string service_host;     // $KUBERNETES_SERVICE_HOST
    std::string service_port;     // $KUBERNETES_SERVICE_PORT
    std::filesystem::path service_account = "/var/run/secrets/kubernetes.io/serviceaccount";
};
// Error: unavailable with reason NOT_CONNECTED when there is nothing to read.
Result<Access> load_access(const Locations& where, std::string_view context);

}  // namespace pincer::infra::kubernetes
