// Our own standard input and output as message lines (MCP stdio): one JSON text per line, LF.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "io/runtime.hpp"

namespace pincer::io {

// Splits bytes into lines, sans-IO. A line over the limit fails with too_large and is skipped to its end.
class LineSplitter {
public:
    explicit LineSplitter(std::size_t max_line_bytes) : max_line_bytes_(max_line_bytes) {}
    void feed(std::string_view bytes);
    // The next whole line without its LF (and CR); nothing when more bytes are needed.
    std::optional<Result<std::string>> next();
    // What stands after the last LF once the bytes have ended; nothing when that is nothing.
    std::optional<std::string> finish();

private:
    void compact();

    std::size_t max_line_bytes_;
    std::string buffer_;
    std::size_t consumed_ = 0;  // bytes of buffer_ that were given out
    std::size_t scanned_ = 0;   // up to here there is no LF
    bool skipping_ = false;     // inside a line that was over the limit
};

// A duplex stream of lines: stdin/stdout of this process, a child's pipes, or a pair in memory for tests.
class LineStream {
public:
    virtual ~LineStream() = default;
    // Empty optional at end of file; a last line without LF counts as a line. Errors: too_large (that line only;
    // reading goes on), io.
    virtual Task<Result<std::optional<std::string>>> read_line() = 0;
    // Adds the LF. Lines of concurrent writers do not mix. `unavailable` once the other side closed.
    virtual Task<Result<>> write_line(std::string line) = 0;
};

// stdin and stdout of this process. Only one may exist.
std::unique_ptr<LineStream> make_stdio_stream(Runtime& runtime, std::size_t max_line_bytes);
// Over a child's pipes; the Process stays the caller's.
class Process;
std::unique_ptr<LineStream> make_process_stream(Process& process, std::size_t max_line_bytes);

}  // namespace pincer::io
