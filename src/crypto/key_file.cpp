#include "crypto/key_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/text.hpp"

namespace pincer::crypto {
namespace {

namespace fs = std::filesystem;

class Fd {
public:
    explicit Fd(int fd) : fd_(fd) {}
    ~Fd() {
        if (fd_ >= 0) ::close(fd_);
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    explicit operator bool() const { return fd_ >= 0; }
    int get() const { return fd_; }

private:
    int fd_;
};

// io/files.hpp stands above this component, hence these few lines of our own. link() and not rename(): whoever comes
// second must find the first one's key, never replace it.
Result<> write_new_file(const fs::path& path, std::string_view text, Random& random) {
    const fs::path temporary = path.string() + "." + random.token(9) + ".new";
    const auto failed = [&](std::string_view doing) {
        const int why = errno;
        ::unlink(temporary.c_str());
        return PINCER_FAIL(io, "{} {}: {}", doing, path.string(), std::strerror(why));
    };
    {
        const Fd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        if (!file) return failed("making key file");
        if (::write(file.get(), text.data(), text.size()) != ssize_t(text.size()) || ::fsync(file.get()) != 0)
            return failed("writing key file");
    }
    if (::link(temporary.c_str(), path.c_str()) != 0 && errno != EEXIST) return failed("making key file");
    ::unlink(temporary.c_str());
    const Fd directory(
        ::open(path.has_parent_path() ? path.parent_path().c_str() : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory || ::fsync(directory.get()) != 0) return failed("making key file durable");
    return {};
}

}  // namespace

Result<Secret> load_key(const fs::path& path) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file && errno == ENOENT) return PINCER_FAIL(not_found, "there is no key file {}", path.string());
    if (!file) return PINCER_FAIL(io, "opening key file {}: {}", path.string(), std::strerror(errno));
    struct stat status{};
    if (::fstat(file.get(), &status) != 0)
        return PINCER_FAIL(io, "reading key file {}: {}", path.string(), std::strerror(errno));
    if ((status.st_mode & 077) != 0) {
        return PINCER_FAIL(forbidden, "others may read the key file {0}; type: chmod 600 {0}", path.string());
    }
    std::string text(128, '\0');
    const ssize_t length = ::read(file.get(), text.data(), text.size());
    if (length < 0) return PINCER_FAIL(io, "reading key file {}: {}", path.string(), std::strerror(errno));
    auto key = from_base64(trim(std::string_view(text).substr(0, std::size_t(length))));
    wipe(text);
    if (!key || key->size() != kKeyFileBytes)
        return PINCER_FAIL(corrupt, "key file {} does not hold 32 bytes in base64url", path.string());
    return Secret(*std::move(key));
}

Result<Secret> load_or_make_key(const fs::path& path, Random& random) {
    auto existing = load_key(path);
    if (existing || existing.error().code() != ErrorCode::not_found) return existing;
    std::string raw = random.bytes(kKeyFileBytes);
    std::string text = to_base64url(raw) + "\n";
    const auto written = write_new_file(path, text, random);
    wipe(raw);
    wipe(text);
    if (!written) return Failure(written.error());
    return load_key(path);  // the one that won, if two were made at once
}

}  // namespace pincer::crypto
