#include "crypto/seal.hpp"

#include <climits>

#include "base/assert.hpp"
#include "crypto/detail/evp.hpp"

namespace pincer::crypto {
namespace {
constexpr char kVersion = 1;
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kHeadBytes = 1 + kNonceBytes;
}  // namespace

using detail::bytes_of;

Result<Sealer> Sealer::with_key(Secret key) {
    if (key.reveal().size() != 32)
        return PINCER_FAIL(invalid_argument, "a sealing key has 32 bytes, not {}", key.reveal().size());
    return Sealer(std::move(key));
}

std::string Sealer::seal(const Secret& plain, std::string_view associated, Random& random) const {
    const std::string& text = plain.reveal();
    PINCER_ASSERT(text.size() < INT_MAX && associated.size() < INT_MAX, "only small things are sealed");
    std::string box(1, kVersion);
    box += random.bytes(kNonceBytes);
    box.resize(kHeadBytes + text.size() + kTagBytes);
    auto* out = reinterpret_cast<unsigned char*>(box.data());
    const detail::CipherCtxPtr context(EVP_CIPHER_CTX_new());
    int length = 0;
    const bool ok =
        context &&
        EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key_.reveal()), out + 1) == 1 &&
        EVP_EncryptUpdate(context.get(), nullptr, &length, out, 1) == 1 &&
        EVP_EncryptUpdate(context.get(), nullptr, &length, bytes_of(associated), int(associated.size())) == 1 &&
        EVP_EncryptUpdate(context.get(), out + kHeadBytes, &length, bytes_of(text), int(text.size())) == 1 &&
        EVP_EncryptFinal_ex(context.get(), out + kHeadBytes + text.size(), &length) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, out + kHeadBytes + text.size()) == 1;
    PINCER_ASSERT(ok, "sealing cannot fail");
    return box;
}

Result<Secret> Sealer::open(std::string_view sealed, std::string_view associated) const {
    if (sealed.size() < kHeadBytes + kTagBytes || sealed.size() > INT_MAX || sealed.front() != kVersion) {
        return PINCER_FAIL(corrupt, "this is not a sealed box of ours");
    }
    const detail::ErrorsCleared cleared;
    const auto* in = bytes_of(sealed);
    const std::size_t size = sealed.size() - kHeadBytes - kTagBytes;
    std::string tag(sealed.substr(kHeadBytes + size));
    std::string plain(size, '\0');
    auto* out = reinterpret_cast<unsigned char*>(plain.data());
    unsigned char none[16];  // GCM writes nothing at the end, OpenSSL wants a place for it all the same
    const detail::CipherCtxPtr context(EVP_CIPHER_CTX_new());
    int length = 0;
    const bool ok =
        context &&
        EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key_.reveal()), in + 1) == 1 &&
        EVP_DecryptUpdate(context.get(), nullptr, &length, in, 1) == 1 &&
        EVP_DecryptUpdate(context.get(), nullptr, &length, bytes_of(associated), int(associated.size())) == 1 &&
        EVP_DecryptUpdate(context.get(), out, &length, in + kHeadBytes, int(size)) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
        EVP_DecryptFinal_ex(context.get(), none, &length) == 1;
    Secret result(std::move(plain));
    if (!ok)
        return PINCER_FAIL(
            corrupt, "a sealed box does not open: it was changed, or sealed with another key or for another place");
    return result;
}

}  // namespace pincer::crypto
