#include "io/detail/pipe_end.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include <unistd.h>

namespace pincer::io::detail {

namespace {
constexpr std::size_t kReadBytes = 64 << 10;
}

PipeReader::PipeReader(const Executor& executor, int fd) : descriptor_(executor) {
    ErrorCodeAsio ignored;
    descriptor_.assign(fd, ignored);
}

Task<Result<std::string>> PipeReader::read(std::shared_ptr<PipeReader> self) {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (is_cancelled(state)) co_return cancelled_failure();
    if (!self->buffer_) self->buffer_ = std::make_unique_for_overwrite<char[]>(kReadBytes);
    const asio::mutable_buffer buffer(self->buffer_.get(), kReadBytes);
    auto [ec, n] = co_await self->descriptor_.async_read_some(buffer, kAwait);
    if (ec == asio::error::eof) co_return std::string();
    if (ec) co_return Failure(error_from(ec, "reading"));
    co_return std::string(self->buffer_.get(), n);
}

void PipeReader::close() {
    ErrorCodeAsio ignored;
    descriptor_.close(ignored);
}

PipeWriter::PipeWriter(const Executor& executor, int fd)
    : descriptor_(executor), fd_(fd), free_(std::make_shared<Event::Impl>(executor)) {
    ErrorCodeAsio ignored;
    descriptor_.assign(fd, ignored);
    descriptor_.native_non_blocking(true, ignored);
    free_->set();
}

std::size_t PipeWriter::write_now(std::string_view bytes) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    return n > 0 ? std::size_t(n) : 0;  // an error shows itself again in the asynchronous write
}

Task<Result<>> PipeWriter::write(std::shared_ptr<PipeWriter> self, std::string bytes) {
    const auto free = self->free_;
    while (!free->is_set()) PINCER_CO_CHECK(co_await Event::Impl::wait(free, Deadline::never()));
    const auto state = co_await asio::this_coro::cancellation_state;
    if (is_cancelled(state)) co_return cancelled_failure();
    if (self->closing_ || !self->descriptor_.is_open()) co_return PINCER_FAIL(unavailable, "the pipe is closed");
    const std::size_t written = self->write_now(bytes);
    if (written == bytes.size()) co_return Result<>();
    free->reset();
    const asio::const_buffer rest = asio::buffer(bytes) + written;
    auto [ec, n] = co_await asio::async_write(self->descriptor_, rest, kAwait);
    free->set();
    // What was cut cannot be mended: nothing may follow it.
    if (ec && written + n > 0) self->closing_ = true;
    if (self->closing_) self->close();
    if (ec) co_return Failure(error_from(ec, "writing"));
    co_return Result<>();
}

void PipeWriter::close() {
    closing_ = true;
    if (!free_->is_set()) return;  // by whoever writes, when done
    ErrorCodeAsio ignored;
    descriptor_.close(ignored);
}

}  // namespace pincer::io::detail
