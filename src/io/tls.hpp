// Who we trust and who we are, for one TLS peer. Parsed once, shared by many connections.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace pincer::io {

struct TlsOptions {
    std::string ca_pem;           // empty: the system's bundle, loaded at first use
    std::string client_cert_pem;  // empty: no client certificate
    Secret client_key_pem;
    std::string server_name;            // overrides SNI and the name that is verified; empty: the host that is dialled
    bool insecure_skip_verify = false;  // as kubeconfig's insecure-skip-tls-verify; logged at warn when used
};

// TLS 1.2 or newer, verified. Errors: invalid_argument naming the part that does not parse.
class TlsContext {
public:
    static Result<std::shared_ptr<TlsContext>> client(const TlsOptions& options);
    // Shared default: system trust, no client certificate.
    static std::shared_ptr<TlsContext> system();
    ~TlsContext();

    class Impl;
    Impl& impl() { return *impl_; }

private:
    explicit TlsContext(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace pincer::io
