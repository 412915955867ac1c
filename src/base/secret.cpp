#include "base/secret.hpp"

#include <cstring>

namespace pincer {

void wipe(std::string& bytes) noexcept {
    ::explicit_bzero(bytes.data(), bytes.size());
    bytes.clear();
}

}  // namespace pincer
