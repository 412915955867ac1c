// Randomness comes in as an object, so that a simulation can own it (testing/seeded_random.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace pincer::crypto {

class Random {
public:
    virtual ~Random() = default;
    virtual void fill(std::span<std::uint8_t> bytes) = 0;

    std::uint64_t next_u64();
    std::uint64_t below(std::uint64_t bound);   // uniform in [0, bound), bound > 0
    std::string bytes(std::size_t count);       // raw
    std::string uuid();                         // version 4, lower case
    std::string token(std::size_t bytes = 32);  // base64url
    // Characters from an alphabet, each uniform: pairing codes.
    std::string from_alphabet(std::string_view alphabet, std::size_t length);
};

// The operating system's generator (OpenSSL's, seeded by it). Safe from any thread.
class SystemRandom final : public Random {
public:
    void fill(std::span<std::uint8_t> bytes) override;
};

}  // namespace pincer::crypto
