// Two ends of a line stream in memory: what one writes the other reads.
#pragma once

#include <memory>

#include "io/stdio.hpp"

namespace pincer::mcp::testing {

struct LinePipe {
    std::unique_ptr<io::LineStream> left;
    std::unique_ptr<io::LineStream> right;
};

// Dropping an end is end of file for the other, whose writes are `unavailable` from then on.
LinePipe make_line_pipe(io::Runtime& runtime);

}  // namespace pincer::mcp::testing
