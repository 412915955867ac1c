// The Kubernetes API over HTTP: credentials, pages, and errors in our words. Plain REST, no discovery, no watches.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "infra/engine/provider.hpp"
#include "infra/providers/kubernetes/exec_plugin.hpp"
#include "infra/providers/kubernetes/kubeconfig.hpp"

namespace pincer::infra::kubernetes {

struct Listed {
    std::vector<json::object> items;
    std::string source;      // path and query of the first page
    std::string bytes;       // what came, all pages: for the digest
    bool truncated = false;  // kMaxItems reached
};

struct Fetched {
    json::object object;
    std::string source;
    std::string bytes;
};

class Client {
public:
    Client(Services services, Settings settings, Access access);
    ~Client();

    const Access& access() const { return access_; }
    // Hex SHA-256 of the CA bundle, "" when the system's is used: what pins a plan to this cluster, with the server.
    const std::string& ca_fingerprint() const { return ca_fingerprint_; }
    json::object account() const;

    // Pages of 500 until the end or 20,000 items; starts once anew when the server has forgotten the page (410).
    // Errors: unauthenticated, forbidden, not_found, timed_out, unavailable ... each naming what was read.
    Task<Result<Listed>> list(std::string path, std::vector<std::pair<std::string, std::string>> query,
                              Deadline deadline);
    Task<Result<Fetched>> get(std::string path, Deadline deadline);
    // At most max_bytes of a log. Error: not_found also where the container has none.
    Task<Result<Fetched>> text(std::string path, std::vector<std::pair<std::string, std::string>> query,
                               std::size_t max_bytes, Deadline deadline);
    // RFC 6902. An answer that says so (4xx) is a definite failure; anything else that goes wrong is outcome_unknown.
    Task<Result<json::object>> json_patch(std::string path, json::array operations, Deadline deadline);

private:
    Task<Result<io::HttpResponse>> read(std::string target, std::size_t max_bytes, Deadline deadline);
    Task<Result<io::HttpRequest>> request(std::string method, std::string target, Deadline deadline);
    Task<Result<>> prepare(Deadline deadline);
    Result<> connect(const std::string& certificate, const Secret& key);

    Services services_;
    Settings settings_;
    Access access_;
    std::string ca_fingerprint_;
    std::unique_ptr<io::HttpClient> http_;
    std::optional<Credential> plugin_credential_;
    Secret token_;
    io::Event prepared_;
    bool preparing_ = false;
};

// What an answer that is not 2xx means. `what` names what was being done: "reading pods".
Error error_of(int status, const io::Headers& headers, std::string_view body, std::string_view what);

}  // namespace pincer::infra::kubernetes
