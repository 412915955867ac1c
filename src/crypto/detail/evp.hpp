// Owners for OpenSSL's handles. Private to crypto: no header that others include names OpenSSL.
#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>

#include <memory>
#include <string_view>

namespace pincer::crypto::detail {

template <auto kFree>
struct Free {
    template <class T>
    void operator()(T* handle) const noexcept {
        kFree(handle);
    }
};

using PkeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using MdCtxPtr = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using CipherCtxPtr = std::unique_ptr<EVP_CIPHER_CTX, Free<EVP_CIPHER_CTX_free>>;

inline const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

// OpenSSL keeps a queue of errors for each thread; one that we have dealt with must not be found there by TLS later.
class ErrorsCleared {
public:
    ErrorsCleared() { ERR_set_mark(); }
    ~ErrorsCleared() { ERR_pop_to_mark(); }
    ErrorsCleared(const ErrorsCleared&) = delete;
    ErrorsCleared& operator=(const ErrorsCleared&) = delete;
};

}  // namespace pincer::crypto::detail
