#include "crypto/random.hpp"

#include <openssl/rand.h>

#include <array>
#include <bit>
#include <climits>

#include "base/assert.hpp"
#include "base/text.hpp"

namespace pincer::crypto {

std::uint64_t Random::next_u64() {
    std::array<std::uint8_t, 8> raw;
    fill(raw);
    return std::bit_cast<std::uint64_t>(raw);
}

std::uint64_t Random::below(std::uint64_t bound) {
    PINCER_ASSERT(bound > 0, "there is no number below zero");
    // The highest multiple of `bound` is where the range stops being fair: draws from there on are thrown away.
    const std::uint64_t unfair = (0 - bound) % bound;  // 2^64 mod bound
    for (;;) {
        const std::uint64_t drawn = next_u64();
        if (drawn >= unfair) return drawn % bound;
    }
}

std::string Random::bytes(std::size_t count) {
    std::string raw(count, '\0');
    fill({reinterpret_cast<std::uint8_t*>(raw.data()), raw.size()});
    return raw;
}

std::string Random::uuid() {
    std::array<std::uint8_t, 16> raw;
    fill(raw);
    raw[6] = std::uint8_t((raw[6] & 0x0f) | 0x40);  // RFC 9562 §5.4: version 4
    raw[8] = std::uint8_t((raw[8] & 0x3f) | 0x80);  // and the variant
    std::string text = to_hex(raw);
    for (std::size_t at : {20, 16, 12, 8}) text.insert(at, 1, '-');
    return text;
}

std::string Random::token(std::size_t count) { return to_base64url(bytes(count)); }

std::string Random::from_alphabet(std::string_view alphabet, std::size_t length) {
    std::string text(length, '\0');
    for (char& c : text) c = alphabet[below(alphabet.size())];
    return text;
}

void SystemRandom::fill(std::span<std::uint8_t> bytes) {
    PINCER_ASSERT(bytes.size() <= INT_MAX, "nobody needs that much randomness at once");
    // A machine without randomness must stop, not go on with predictable keys.
    PINCER_ASSERT(RAND_bytes(bytes.data(), int(bytes.size())) == 1, "the operating system gives randomness");
}

}  // namespace pincer::crypto
