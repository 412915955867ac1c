// One process for one store: an advisory lock that the kernel gives back however the process ends.
#pragma once

#include <filesystem>

#include "base/result.hpp"

namespace pincer::storage {

class FileLock {
public:
    // Locks `path` (made 0600 when it is not there, never removed) and writes our pid into it.
    // `what` is for the message. Errors: conflict, reason STORE_LOCKED, naming the pid that has it; io.
    static Result<FileLock> take(const std::filesystem::path& path, const std::filesystem::path& what);
    ~FileLock();
    FileLock(FileLock&& other) noexcept;
    FileLock& operator=(FileLock&& other) noexcept;

private:
    explicit FileLock(int fd) : fd_(fd) {}
    int fd_ = -1;
};

}  // namespace pincer::storage
