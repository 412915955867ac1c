#include "crypto/ed25519.hpp"

#include "base/assert.hpp"
#include "base/text.hpp"
#include "crypto/detail/evp.hpp"
#include "crypto/hash.hpp"

namespace pincer::crypto {
namespace {
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kSignatureBytes = 64;
}  // namespace

using detail::bytes_of;

Result<Ed25519PublicKey> Ed25519PublicKey::from_raw(std::string_view bytes) {
    if (bytes.size() != kKeyBytes)
        return PINCER_FAIL(invalid_argument, "an Ed25519 public key has 32 bytes, not {}", bytes.size());
    return Ed25519PublicKey(std::string(bytes));
}

Result<Ed25519PublicKey> Ed25519PublicKey::from_base64url(std::string_view text) {
    if (text.size() > 64) return PINCER_FAIL(invalid_argument, "too long for an Ed25519 public key");
    PINCER_TRY(const std::string raw, from_base64(text));
    return from_raw(raw);
}

bool Ed25519PublicKey::verify(std::string_view message, std::string_view signature) const {
    if (signature.size() != kSignatureBytes) return false;
    const detail::ErrorsCleared cleared;
    const detail::PkeyPtr key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(raw_), raw_.size()));
    const detail::MdCtxPtr context(EVP_MD_CTX_new());
    if (!key || !context || EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1)
        return false;
    return EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message), message.size()) ==
           1;
}

std::string Ed25519PublicKey::base64url() const { return to_base64url(raw_); }
std::string Ed25519PublicKey::key_id() const { return sha256_hex(raw_).substr(0, 16); }

struct Ed25519KeyPair::Handle {
    detail::PkeyPtr key;
};

Ed25519KeyPair::Ed25519KeyPair(std::unique_ptr<Handle> handle, Secret seed, Ed25519PublicKey public_key)
    : handle_(std::move(handle)), seed_(std::move(seed)), public_key_(std::move(public_key)) {}
Ed25519KeyPair::~Ed25519KeyPair() = default;
Ed25519KeyPair::Ed25519KeyPair(Ed25519KeyPair&&) noexcept = default;
Ed25519KeyPair& Ed25519KeyPair::operator=(Ed25519KeyPair&&) noexcept = default;

Ed25519KeyPair Ed25519KeyPair::generate(Random& random) {
    const Secret seed(random.bytes(kKeyBytes));
    auto pair = from_seed(seed);
    PINCER_ASSERT(pair.has_value(), "every 32 bytes are a private key");
    return *std::move(pair);
}

Result<Ed25519KeyPair> Ed25519KeyPair::from_seed(const Secret& seed) {
    const std::string& raw = seed.reveal();
    if (raw.size() != kKeyBytes)
        return PINCER_FAIL(invalid_argument, "an Ed25519 private key has 32 bytes, not {}", raw.size());
    auto handle = std::make_unique<Handle>();
    handle->key.reset(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(raw), raw.size()));
    PINCER_ASSERT(handle->key != nullptr, "OpenSSL has Ed25519");
    std::string public_raw(kKeyBytes, '\0');
    std::size_t length = public_raw.size();
    EVP_PKEY_get_raw_public_key(handle->key.get(), reinterpret_cast<unsigned char*>(public_raw.data()), &length);
    PINCER_ASSERT(length == kKeyBytes, "the public half has 32 bytes");
    return Ed25519KeyPair(std::move(handle), seed, Ed25519PublicKey(std::move(public_raw)));
}

std::string Ed25519KeyPair::sign(std::string_view message) const {
    const detail::MdCtxPtr context(EVP_MD_CTX_new());
    std::string signature(kSignatureBytes, '\0');
    std::size_t length = signature.size();
    const bool ok = context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, handle_->key.get()) == 1 &&
                    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length,
                                   bytes_of(message), message.size()) == 1;
    PINCER_ASSERT(ok && length == kSignatureBytes, "signing with a valid key cannot fail");
    return signature;
}

}  // namespace pincer::crypto
