// Lines of a file with a bound on their length, each with the offset at which it ends. Private to audit.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace pincer::audit::detail {

class LineReader {
public:
    // Starts at `offset`. Errors: not_found, io.
    static Result<LineReader> open(const std::filesystem::path& path, std::int64_t offset = 0);
    ~LineReader();
    LineReader(LineReader&& other) noexcept;
    LineReader& operator=(LineReader&&) = delete;

    struct Piece {
        std::string_view text;  // until the next call; without its line feed
        bool complete = true;   // false: the file ends without one
        bool too_long = false;  // text is the first kMostLineBytes of it
    };
    std::optional<Piece> next();                     // nothing at the end of the file
    std::int64_t offset() const { return offset_; }  // just behind what next() gave
    bool failed() const { return failed_; }          // a read error looks like the end otherwise

private:
    explicit LineReader(int fd, std::int64_t offset) : fd_(fd), offset_(offset) {}
    bool fill();

    int fd_;
    std::int64_t offset_;
    std::string buffer_;
    std::size_t start_ = 0;
    bool failed_ = false;
};

}  // namespace pincer::audit::detail
