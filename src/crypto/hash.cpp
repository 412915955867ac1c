#include "crypto/hash.hpp"

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include <climits>

#include "base/assert.hpp"
#include "base/text.hpp"
#include "crypto/detail/evp.hpp"

namespace pincer::crypto {
using detail::bytes_of;

Digest sha256(std::string_view bytes) {
    Digest digest;
    const int ok = EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
    PINCER_ASSERT(ok == 1, "OpenSSL has SHA-256");
    return digest;
}

std::string sha256_hex(std::string_view bytes) { return to_hex(sha256(bytes)); }

Digest hmac_sha256(std::string_view key, std::string_view bytes) {
    PINCER_ASSERT(key.size() <= INT_MAX, "a key is short");
    Digest digest;
    unsigned length = 0;
    // HMAC() takes a null key to mean "the one before", and an empty string_view may be null.
    const void* key_bytes = key.empty() ? "" : static_cast<const void*>(key.data());
    HMAC(EVP_sha256(), key_bytes, int(key.size()), bytes_of(bytes), bytes.size(), digest.data(), &length);
    PINCER_ASSERT(length == digest.size(), "OpenSSL has HMAC-SHA-256");
    return digest;
}

std::string hmac_sha256_hex(std::string_view key, std::string_view bytes) { return to_hex(hmac_sha256(key, bytes)); }

bool constant_time_equal(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

struct Sha256::Impl {
    detail::MdCtxPtr context{EVP_MD_CTX_new()};
    void start() { PINCER_ASSERT(EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1, "OpenSSL has SHA-256"); }
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) { impl_->start(); }
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::add(std::string_view bytes) {
    PINCER_ASSERT(EVP_DigestUpdate(impl_->context.get(), bytes.data(), bytes.size()) == 1, "hashing cannot fail");
    return *this;
}

Digest Sha256::finish() {
    Digest digest;
    PINCER_ASSERT(EVP_DigestFinal_ex(impl_->context.get(), digest.data(), nullptr) == 1, "hashing cannot fail");
    impl_->start();
    return digest;
}

std::string Sha256::finish_hex() { return to_hex(finish()); }

Framed& Framed::add(std::string_view field) {
    const std::uint64_t length = field.size();
    for (int shift = 56; shift >= 0; shift -= 8) bytes_ += char(std::uint8_t(length >> shift));
    bytes_ += field;
    return *this;
}

}  // namespace pincer::crypto
