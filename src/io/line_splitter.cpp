#include "io/stdio.hpp"

namespace pincer::io {

void LineSplitter::feed(std::string_view bytes) {
    if (skipping_) {
        const std::size_t end = bytes.find('\n');
        if (end == std::string_view::npos) return;  // not even stored
        bytes.remove_prefix(end + 1);
        skipping_ = false;
    }
    buffer_ += bytes;
}

std::optional<Result<std::string>> LineSplitter::next() {
    const std::size_t end = buffer_.find('\n', scanned_);
    if (end == std::string::npos) {
        scanned_ = buffer_.size();
        const std::size_t waiting = buffer_.size() - consumed_;
        if (waiting <= max_line_bytes_ + 1) {  // one more may be a CR
            compact();
            return std::nullopt;
        }
        skipping_ = true;
        consumed_ = buffer_.size();
        compact();
        return PINCER_FAIL(too_large, "a line is over {} bytes", max_line_bytes_);
    }
    std::string_view line = std::string_view(buffer_).substr(consumed_, end - consumed_);
    consumed_ = scanned_ = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > max_line_bytes_) return PINCER_FAIL(too_large, "a line is over {} bytes", max_line_bytes_);
    return std::string(line);
}

std::optional<std::string> LineSplitter::finish() {
    std::string rest = buffer_.substr(consumed_);
    buffer_.clear();
    consumed_ = scanned_ = 0;
    if (rest.ends_with('\r')) rest.pop_back();
    if (rest.empty() || rest.size() > max_line_bytes_) return std::nullopt;
    return rest;
}

// Called only when every whole line was given out, so that what is moved is at most one line.
void LineSplitter::compact() {
    if (consumed_ == 0) return;
    buffer_.erase(0, consumed_);
    scanned_ -= consumed_;
    consumed_ = 0;
    if (buffer_.empty() && buffer_.capacity() > (256u << 10)) buffer_ = std::string();  // one huge line is not kept for
}

}  // namespace pincer::io
