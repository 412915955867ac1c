// Two ends of a line stream in memory: what one writes the other reads.
#pragma once

#include <memory>

#include "io/stdio.hpp"

namespace pincer::io::testing {

struct LinePipe {
    std::unique_ptr<LineStream> left;
    std::unique_ptr<LineStream> right;
};

// Dropping an end is end of file for the other, whose writes are `unavailable` from then on.
LinePipe make_line_pipe(Runtime& runtime);

}  // namespace pincer::io::testing
