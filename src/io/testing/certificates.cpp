#include "io/testing/certificates.hpp"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/assert.hpp"

namespace pincer::io::testing {
namespace {

template <auto free_function>
struct Free {
    template <class T>
    void operator()(T* p) const {
        free_function(p);
    }
};
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;

constexpr long kSecondsOfDay = 86'400;

void must(bool worked) { PINCER_ASSERT(worked, "OpenSSL makes certificates"); }

Key make_key() {
    Key key(EVP_EC_gen("P-256"));
    must(key != nullptr);
    return key;
}

std::string text_of(const Bio& bio) {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &bytes);
    return {bytes, std::size_t(size)};
}

std::string pem_of(X509* certificate) {
    const Bio bio(BIO_new(BIO_s_mem()));
    must(PEM_write_bio_X509(bio.get(), certificate) == 1);
    return text_of(bio);
}

std::string pem_of(EVP_PKEY* key) {
    const Bio bio(BIO_new(BIO_s_mem()));
    must(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
    return text_of(bio);
}

void add_extension(X509* certificate, int kind, const std::string& value) {
    const Extension extension(X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str()));
    must(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

Certificate make_certificate(const std::string& subject, EVP_PKEY* key, Validity validity) {
    Certificate certificate(X509_new());
    X509* const raw = certificate.get();
    long serial = 0;
    must(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), 4) == 1);
    must(X509_set_version(raw, X509_VERSION_3) == 1);
    must(ASN1_INTEGER_set(X509_get_serialNumber(raw), serial + 1) == 1);
    must(X509_gmtime_adj(X509_getm_notBefore(raw), validity.from_days * kSecondsOfDay) != nullptr);
    must(X509_gmtime_adj(X509_getm_notAfter(raw), validity.to_days * kSecondsOfDay) != nullptr);
    const auto* name = reinterpret_cast<const unsigned char*>(subject.c_str());
    must(X509_NAME_add_entry_by_txt(X509_get_subject_name(raw), "CN", MBSTRING_UTF8, name, -1, -1, 0) == 1);
    must(X509_set_pubkey(raw, key) == 1);
    return certificate;
}

bool is_address(const std::string& name) {
    unsigned char bytes[16];
    return ::inet_pton(AF_INET, name.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, name.c_str(), bytes) == 1;
}

std::string alternative_names(const std::vector<std::string>& names) {
    std::string out;
    for (const std::string& name : names)
        out += (out.empty() ? "" : ",") + std::string(is_address(name) ? "IP:" : "DNS:") + name;
    return out;
}

}  // namespace

class TestAuthority::Impl {
public:
    explicit Impl(const std::string& name) : key(make_key()), certificate(make_certificate(name, key.get(), {})) {
        must(X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get())) == 1);
        add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
        add_extension(certificate.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
        must(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
    }

    Key key;
    Certificate certificate;
};

TestAuthority::TestAuthority(std::string name) : impl_(std::make_unique<Impl>(name)) {}
TestAuthority::~TestAuthority() = default;

std::string TestAuthority::certificate_pem() const { return pem_of(impl_->certificate.get()); }

Identity TestAuthority::issue(const std::vector<std::string>& names, Validity validity) const {
    PINCER_ASSERT(!names.empty(), "a certificate names somebody");
    const Key key = make_key();
    const Certificate certificate = make_certificate(names.front(), key.get(), validity);
    must(X509_set_issuer_name(certificate.get(), X509_get_subject_name(impl_->certificate.get())) == 1);
    add_extension(certificate.get(), NID_subject_alt_name, alternative_names(names));
    must(X509_sign(certificate.get(), impl_->key.get(), EVP_sha256()) > 0);
    return {pem_of(certificate.get()), pem_of(key.get())};
}

}  // namespace pincer::io::testing
