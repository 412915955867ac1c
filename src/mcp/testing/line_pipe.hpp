// Two ends of a message stream in memory, as io makes them.
#pragma once

#include "io/testing/memory_line_stream.hpp"

namespace pincer::mcp::testing {

using io::testing::LinePipe;
using io::testing::make_line_pipe;

}  // namespace pincer::mcp::testing
