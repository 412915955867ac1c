#include "io/tls.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <boost/asio/ssl/context.hpp>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "io/detail/tls_impl.hpp"

namespace pincer::io {
namespace {

constexpr const char* kSystemBundle = "/etc/ssl/certs/ca-certificates.crt";

template <auto free_function>
struct Free {
    template <class T>
    void operator()(T* p) const {
        free_function(p);
    }
};
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

Failure bad(std::string_view part, std::string_view why) {
    ERR_clear_error();
    return PINCER_FAIL(invalid_argument, "{}: {}", part, why);
}

Bio open_pem(const std::string& pem) { return Bio(BIO_new_mem_buf(pem.data(), int(pem.size()))); }

// Never asks at the terminal for a passphrase.
int no_passphrase(char*, int, int, void*) { return 0; }

Result<> add_authorities(SSL_CTX* context, const std::string& pem) {
    const Bio bio = open_pem(pem);
    X509_STORE* store = SSL_CTX_get_cert_store(context);
    int count = 0;
    while (const Certificate certificate{PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)}) {
        if (X509_STORE_add_cert(store, certificate.get()) != 1) return bad("ca_pem", "a certificate is not usable");
        ++count;
    }
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (count == 0 || !at_end) return bad("ca_pem", "not PEM certificates");
    return {};
}

Result<> use_client_certificate(SSL_CTX* context, const std::string& pem) {
    const Bio bio = open_pem(pem);
    const Certificate own{PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)};
    if (!own || SSL_CTX_use_certificate(context, own.get()) != 1)
        return bad("client_cert_pem", "not a PEM certificate");
    while (const Certificate next{PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)}) {
        if (SSL_CTX_add1_chain_cert(context, next.get()) != 1) return bad("client_cert_pem", "the chain is not usable");
    }
    ERR_clear_error();
    return {};
}

Result<> use_client_key(SSL_CTX* context, const Secret& pem) {
    const Bio bio = open_pem(pem.reveal());
    const Key key{PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr)};
    if (!key) return bad("client_key_pem", "not a PEM private key without passphrase");
    if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
        return bad("client_key_pem", "does not belong to client_cert_pem");
    }
    return {};
}

}  // namespace

Result<boost::asio::ssl::context*> TlsContext::Impl::ready() {
    if (wants_system_bundle) {
        if (SSL_CTX_load_verify_locations(context.native_handle(), kSystemBundle, nullptr) != 1) {
            ERR_clear_error();
            Error error(
                ErrorCode::unavailable,
                fmt::format("the system's certificates are not readable at {} (apt-get install ca-certificates)",
                            kSystemBundle));
            return Failure(std::move(error).with_reason("TLS_FAILED"));
        }
        wants_system_bundle = false;
    }
    return &context;
}

Result<std::shared_ptr<TlsContext>> TlsContext::client(const TlsOptions& options) {
    auto impl = std::make_unique<Impl>();
    SSL_CTX* context = impl->context.native_handle();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    static constexpr unsigned char kProtocols[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    SSL_CTX_set_alpn_protos(context, kProtocols, sizeof kProtocols);
    impl->server_name = options.server_name;
    impl->verify = !options.insecure_skip_verify;
    impl->wants_system_bundle = impl->verify && options.ca_pem.empty();
    SSL_CTX_set_verify(context, impl->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    if (!impl->verify) log::warn("tls.not_verified", {{"server_name", options.server_name}});
    if (!options.ca_pem.empty()) PINCER_CHECK(add_authorities(context, options.ca_pem));
    if (!options.client_cert_pem.empty()) PINCER_CHECK(use_client_certificate(context, options.client_cert_pem));
    if (!options.client_key_pem.empty()) PINCER_CHECK(use_client_key(context, options.client_key_pem));
    if (options.client_cert_pem.empty() != options.client_key_pem.empty()) {
        return bad("client_cert_pem", "a client certificate and its key come together");
    }
    return std::shared_ptr<TlsContext>(new TlsContext(std::move(impl)));
}

std::shared_ptr<TlsContext> TlsContext::system() {
    static const std::shared_ptr<TlsContext> shared = [] {
        auto context = client(TlsOptions{});
        PINCER_ASSERT(context.has_value(), "no part of the default options can fail to parse");
        return *context;
    }();
    return shared;
}

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsContext::~TlsContext() = default;

}  // namespace pincer::io
