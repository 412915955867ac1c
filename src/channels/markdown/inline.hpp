// The inside of a paragraph: emphasis, code spans, links (CommonMark 0.31 §6, simplified).
#pragma once

#include <string_view>
#include <vector>

#include "channels/markdown/document.hpp"

namespace pincer::channels::markdown {

inline constexpr std::size_t kMaxHrefBytes = 2000;

std::vector<Span> parse_inline(std::string_view text);

}  // namespace pincer::channels::markdown
