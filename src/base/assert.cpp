#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace pincer::detail {

void assertion_failed(std::string_view condition, std::string_view why, std::string_view file, int line) {
    std::fprintf(stderr, "bug: %.*s (%.*s) at %.*s:%d\n", int(why.size()), why.data(), int(condition.size()),
                 condition.data(), int(file.size()), file.data(), line);
    std::abort();
}

}  // namespace pincer::detail
