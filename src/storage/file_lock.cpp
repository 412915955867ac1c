#include "storage/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/text.hpp"

namespace pincer::storage {

Result<FileLock> FileLock::take(const std::filesystem::path& path, const std::filesystem::path& what) {
    FileLock lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (lock.fd_ < 0) return PINCER_FAIL(io, "opening {}: {}", path.string(), std::strerror(errno));
    if (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return PINCER_FAIL(io, "locking {}: {}", path.string(), std::strerror(errno));
        std::array<char, 32> text{};
        const ssize_t length = ::pread(lock.fd_, text.data(), text.size(), 0);
        const std::string_view pid = trim(std::string_view(text.data(), std::size_t(std::max<ssize_t>(length, 0))));
        auto error = Error(ErrorCode::conflict,
                           fmt::format("{} is in use by process {}", what.string(), pid.empty() ? "(unknown)" : pid));
        return Failure(std::move(error).with_reason("STORE_LOCKED"));
    }
    const std::string pid = fmt::format("{}\n", ::getpid());
    // Only for the message of whoever comes second, so a full disk is no reason to stop here.
    if (::ftruncate(lock.fd_, 0) != 0 || ::pwrite(lock.fd_, pid.data(), pid.size(), 0) < 0) return lock;
    return lock;
}

FileLock::~FileLock() {
    if (fd_ >= 0) ::close(fd_);
}
FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
FileLock& FileLock::operator=(FileLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

}  // namespace pincer::storage
