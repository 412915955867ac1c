// PINCER_ASSERT states what only a bug can break; it aborts in every build. Never used on outside data.
#pragma once

#include <string_view>

namespace pincer::detail {
[[noreturn]] void assertion_failed(std::string_view condition, std::string_view why, std::string_view file, int line);
}

#define PINCER_ASSERT(condition, why) \
    ((condition) ? void(0) : ::pincer::detail::assertion_failed(#condition, why, __FILE__, __LINE__))
