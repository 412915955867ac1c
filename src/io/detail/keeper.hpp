// The small process between us and a child. It adopts whatever the child leaves behind (PR_SET_CHILD_SUBREAPER) and
// kills all of it when the child ends or when the leash is let go: by us, or by the kernel when we die, however we die.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "io/process.hpp"

namespace pincer::io::detail {

// What the keeper says over the leash: first the child's pid, and once it is over, how it ended.
struct KeeperReport {
    std::int32_t pid = 0;
    std::int32_t code = 0;
    std::int32_t signal = 0;
};

struct KeptProcess {
    pid_t keeper = -1;
    pid_t child = -1;
    // Ours to close. The leash is a socket: KeeperReport comes over it, and closing it ends the child.
    int leash = -1;
    int stdin_fd = -1;
    int stdout_fd = -1;
    int stderr_fd = -1;
};

// Errors: not_found, forbidden, io, invalid_argument. Blocks for the time of two forks and an exec.
Result<KeptProcess> start_kept(const ProcessSpec& spec);

}  // namespace pincer::io::detail
