// A secret of 32 random bytes in a file that only its owner can read, made at first use.
#pragma once

#include <filesystem>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "crypto/random.hpp"

namespace pincer::crypto {

inline constexpr std::size_t kKeyFileBytes = 32;

// Text form: base64url and a line feed. Two processes that make the same file at once end up with the same key.
// The folder must exist. Errors: forbidden (others may read it; the message says the chmod to type), corrupt (not 32
// bytes of base64url), io.
Result<Secret> load_or_make_key(const std::filesystem::path& path, Random& random);
// The same without making it. Error besides: not_found.
Result<Secret> load_key(const std::filesystem::path& path);

}  // namespace pincer::crypto
