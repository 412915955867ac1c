#include "audit/detail/line_reader.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "audit/detail/record.hpp"

namespace pincer::audit::detail {

Result<LineReader> LineReader::open(const std::filesystem::path& path, std::int64_t offset) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return PINCER_FAIL(not_found, "there is no {}", path.string());
    if (fd < 0) return PINCER_FAIL(io, "opening {}: {}", path.string(), std::strerror(errno));
    LineReader reader(fd, offset);
    if (::lseek(fd, offset, SEEK_SET) < 0)
        return PINCER_FAIL(io, "reading {}: {}", path.string(), std::strerror(errno));
    return reader;
}

LineReader::~LineReader() {
    if (fd_ >= 0) ::close(fd_);
}

LineReader::LineReader(LineReader&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      offset_(other.offset_),
      buffer_(std::move(other.buffer_)),
      start_(other.start_),
      failed_(other.failed_) {}

bool LineReader::fill() {
    constexpr std::size_t kChunk = 64u << 10;
    buffer_.erase(0, std::exchange(start_, 0));
    const std::size_t before = buffer_.size();
    buffer_.resize(before + kChunk);
    const ssize_t n = ::read(fd_, buffer_.data() + before, kChunk);
    buffer_.resize(before + std::size_t(n > 0 ? n : 0));
    failed_ = failed_ || n < 0;
    return n > 0;
}

std::optional<LineReader::Piece> LineReader::next() {
    std::size_t searched = 0;
    std::int64_t skipped = 0;
    for (;;) {
        const std::size_t found = buffer_.find('\n', start_ + searched);
        const bool too_long =
            skipped > 0 || (found == std::string::npos ? buffer_.size() - start_ : found - start_) > kMostLineBytes;
        if (found != std::string::npos) {
            const std::string_view text(buffer_.data() + start_, found - start_);
            start_ = found + 1;
            offset_ += skipped + std::int64_t(text.size()) + 1;
            return Piece{.text = text.substr(0, kMostLineBytes), .too_long = too_long};
        }
        if (too_long) {  // its bytes are dropped as they come, so that memory stays bounded
            skipped += std::int64_t(buffer_.size() - start_);
            start_ = buffer_.size();
        }
        searched = buffer_.size() - start_;
        if (fill()) continue;
        if (searched == 0 && skipped == 0) return std::nullopt;
        const std::string_view text(buffer_.data() + start_, buffer_.size() - start_);
        start_ = buffer_.size();
        offset_ += skipped + std::int64_t(text.size());
        return Piece{.text = text, .complete = false, .too_long = too_long};
    }
}

}  // namespace pincer::audit::detail
