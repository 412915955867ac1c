#include "io/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace pincer::io {
namespace {

class FileDescriptor {
public:
    explicit FileDescriptor(int fd) : fd_(fd) {}
    ~FileDescriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    int get() const { return fd_; }

private:
    int fd_;
};

Failure failed(std::string_view doing, const std::filesystem::path& path, int error) {
    const std::string why = std::generic_category().message(error);
    if (error == ENOENT) return PINCER_FAIL(not_found, "{} {}: {}", doing, path.string(), why);
    if (error == EACCES || error == EPERM) return PINCER_FAIL(forbidden, "{} {}: {}", doing, path.string(), why);
    return PINCER_FAIL(io, "{} {}: {}", doing, path.string(), why);
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
    return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

Result<> write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return failed("writing", path, errno);
        bytes.remove_prefix(std::size_t(n));
    }
    return {};
}

Result<> sync_folder(const std::filesystem::path& folder) {
    const FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0 || ::fsync(fd.get()) != 0) return failed("syncing the folder", folder, errno);
    return {};
}

Result<> write_and_rename(int fd, std::string_view bytes, unsigned mode, const std::string& temporary,
                          const std::filesystem::path& path) {
    if (::fchmod(fd, mode) != 0) return failed("setting the mode of", temporary, errno);
    PINCER_CHECK(write_all(fd, bytes, temporary));
    if (::fsync(fd) != 0) return failed("syncing", temporary, errno);
    if (::rename(temporary.c_str(), path.c_str()) != 0) return failed("replacing", path, errno);
    return {};
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::size_t max_bytes) {
    // Non-blocking, so that a pipe in the place of a file cannot hold us up.
    const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (fd.get() < 0) return failed("opening", path, errno);
    struct stat info{};
    if (::fstat(fd.get(), &info) != 0) return failed("reading", path, errno);
    if (S_ISDIR(info.st_mode)) return failed("reading", path, EISDIR);
    const auto too_large = [&] { return PINCER_FAIL(too_large, "{} is over {} bytes", path.string(), max_bytes); };
    if (S_ISREG(info.st_mode) && std::size_t(info.st_size) > max_bytes) return too_large();

    std::string bytes;
    bytes.reserve(std::size_t(info.st_size));
    char piece[16 << 10];  // the size is only a hint: files of /proc say 0
    for (;;) {
        const ssize_t n = ::read(fd.get(), piece, sizeof piece);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return failed("reading", path, errno);
        if (n == 0) return bytes;
        if (bytes.size() + std::size_t(n) > max_bytes) return too_large();
        bytes.append(piece, std::size_t(n));
    }
}

Result<> write_file_atomically(const std::filesystem::path& path, std::string_view bytes, unsigned mode) {
    const std::filesystem::path folder = folder_of(path);
    std::string temporary = (folder / ("." + path.filename().string() + ".XXXXXX")).string();
    const FileDescriptor fd(::mkostemp(temporary.data(), O_CLOEXEC));
    if (fd.get() < 0) return failed("creating a file beside", path, errno);
    const Result<> written = write_and_rename(fd.get(), bytes, mode, temporary, path);
    if (!written) {
        ::unlink(temporary.c_str());
        return written;
    }
    return sync_folder(folder);
}

Result<> make_private_directory(const std::filesystem::path& path) {
    if (::mkdir(path.c_str(), 0700) == 0) return {};
    if (errno == EEXIST) {
        std::error_code ec;
        if (std::filesystem::is_directory(path, ec)) return {};
        return PINCER_FAIL(io, "{} is there and is not a folder", path.string());
    }
    if (errno != ENOENT || !path.has_parent_path() || path.parent_path() == path)
        return failed("making the folder", path, errno);
    PINCER_CHECK(make_private_directory(path.parent_path()));
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return failed("making the folder", path, errno);
    return {};
}

Result<> check_private_file(const std::filesystem::path& path) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return failed("looking at", path, errno);
    if ((info.st_mode & 077) == 0) return {};
    return PINCER_FAIL(forbidden, "others may read {}; type: chmod 600 {}", path.string(), path.string());
}

}  // namespace pincer::io
