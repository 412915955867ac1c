// SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104), and the comparison that goes with them. Nothing here can fail.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace pincer::crypto {

using Digest = std::array<std::uint8_t, 32>;

Digest sha256(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);
Digest hmac_sha256(std::string_view key, std::string_view bytes);
std::string hmac_sha256_hex(std::string_view key, std::string_view bytes);

inline std::string_view as_text(const Digest& digest) {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// Takes the same time wherever the first difference is. Lengths are not secret: unequal ones answer at once.
bool constant_time_equal(std::string_view a, std::string_view b);

// For bytes that come in pieces.
class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;

    Sha256& add(std::string_view bytes);
    Digest finish();  // and starts anew
    std::string finish_hex();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// Puts fields behind one another so that no two lists of fields give the same bytes: each is preceded by its length
// (8 bytes, big-endian). What is hashed or signed goes through this, so that content cannot move between fields.
class Framed {
public:
    explicit Framed(std::string_view purpose) { add(purpose); }
    Framed& add(std::string_view field);
    const std::string& bytes() const { return bytes_; }

private:
    std::string bytes_;
};

}  // namespace pincer::crypto
