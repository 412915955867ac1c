// Authenticated encryption of small things at rest: AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce.
//
// Sealed form: version byte 1, nonce (12), ciphertext, tag (16). `associated` is not stored: it binds the box to its
// place ("oauth-token|tenant-7"), so that one cannot be moved to another. Up to 2^32 boxes for one key.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "crypto/random.hpp"

namespace pincer::crypto {

class Sealer {
public:
    // `key`: 32 bytes, as load_or_make_key() gives. Error: invalid_argument.
    static Result<Sealer> with_key(Secret key);

    std::string seal(const Secret& plain, std::string_view associated, Random& random) const;
    // Error: corrupt (changed, cut, another key or another place: which of them cannot be told).
    Result<Secret> open(std::string_view sealed, std::string_view associated) const;

private:
    explicit Sealer(Secret key) : key_(std::move(key)) {}
    Secret key_;
};

}  // namespace pincer::crypto
