// Ed25519 signatures (RFC 8032, pure: no prehash, no context). Keys are their raw 32 bytes; text form is base64url.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "crypto/random.hpp"

namespace pincer::crypto {

class Ed25519PublicKey {
public:
    // Error: invalid_argument (not 32 bytes, not base64).
    static Result<Ed25519PublicKey> from_raw(std::string_view bytes);
    static Result<Ed25519PublicKey> from_base64url(std::string_view text);

    // False for anything but the 64-byte signature of exactly this message by this key.
    bool verify(std::string_view message, std::string_view signature) const;

    const std::string& raw() const { return raw_; }
    std::string base64url() const;
    std::string key_id() const;  // first 16 hex digits of SHA-256 of the raw key

    friend bool operator==(const Ed25519PublicKey&, const Ed25519PublicKey&) = default;

private:
    explicit Ed25519PublicKey(std::string raw) : raw_(std::move(raw)) {}
    std::string raw_;
    friend class Ed25519KeyPair;
};

class Ed25519KeyPair {
public:
    static Ed25519KeyPair generate(Random& random);
    // `seed`: the 32 bytes that RFC 8032 calls the private key. Error: invalid_argument.
    static Result<Ed25519KeyPair> from_seed(const Secret& seed);
    ~Ed25519KeyPair();
    Ed25519KeyPair(Ed25519KeyPair&&) noexcept;
    Ed25519KeyPair& operator=(Ed25519KeyPair&&) noexcept;

    std::string sign(std::string_view message) const;  // 64 bytes; the same message gives the same signature
    const Ed25519PublicKey& public_key() const { return public_key_; }
    const Secret& seed() const { return seed_; }

private:
    struct Handle;
    Ed25519KeyPair(std::unique_ptr<Handle> handle, Secret seed, Ed25519PublicKey public_key);
    std::unique_ptr<Handle> handle_;
    Secret seed_;
    Ed25519PublicKey public_key_;
};

}  // namespace pincer::crypto
