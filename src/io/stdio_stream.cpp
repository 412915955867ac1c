#include <boost/asio/post.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/assert.hpp"
#include "io/detail/pipe_end.hpp"
#include "io/stdio.hpp"

namespace pincer::io {
namespace {

using detail::Descriptor;
using detail::ErrorCodeAsio;
using detail::PipeReader;

constexpr std::size_t kMaxWaiting = 1 << 20;  // more than this waits for the reader
constexpr int kLastFlushMillis = 1'000;

// A descriptor of our own for a standard stream, which we may make non-blocking. The one that we were given is often
// shared: with the shell, which would trip over a terminal that does not block.
class OwnDescriptor {
public:
    OwnDescriptor(int standard, int mode) : standard_(standard) {
        struct stat info{};
        const bool known = ::fstat(standard, &info) == 0;
        if (known && (S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode))) {
            const std::string path = "/proc/self/fd/" + std::to_string(standard);
            fd_ = ::open(path.c_str(), mode | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        }
        if (fd_ >= 0) return;
        // Files share their position on purpose. Sockets cannot be opened anew; their flags are put back at the end.
        flags_ = ::fcntl(standard, F_GETFL);
        fd_ = ::fcntl(standard, F_DUPFD_CLOEXEC, 3);
    }
    ~OwnDescriptor() {
        if (flags_ >= 0) ::fcntl(standard_, F_SETFL, flags_);
    }
    OwnDescriptor(const OwnDescriptor&) = delete;
    OwnDescriptor& operator=(const OwnDescriptor&) = delete;
    int fd() const { return fd_; }  // closed by whoever reads or writes it

private:
    int standard_;
    int fd_ = -1;
    int flags_ = -1;
};

// Gathers what is written in one turn of the io thread and hands it over in one system call.
class Output : public std::enable_shared_from_this<Output> {
public:
    Output(const detail::Executor& executor, int fd)
        : descriptor_(executor), fd_(fd), room_(std::make_shared<Event::Impl>(executor)) {
        ErrorCodeAsio ignored;
        descriptor_.assign(fd, ignored);
        descriptor_.native_non_blocking(true, ignored);
        room_->set();
    }

    static Task<Result<>> write(std::shared_ptr<Output> self, std::string line) {
        while (!self->room_->is_set()) PINCER_CO_CHECK(co_await Event::Impl::wait(self->room_, Deadline::never()));
        if (self->closed_) co_return PINCER_FAIL(unavailable, "the reader of our output is gone");
        self->waiting_ += line;
        self->waiting_ += '\n';
        if (self->waiting_.size() > kMaxWaiting) self->room_->reset();
        self->schedule();
        co_return Result<>();
    }

    // What is left when the stream goes away: a reader that still reads gets it.
    void flush_last() {
        pollfd ready{fd_, POLLOUT, 0};
        while (!closed_ && !waiting_.empty() && (write_some() || ::poll(&ready, 1, kLastFlushMillis) > 0)) {
        }
    }

private:
    void schedule() {
        if (std::exchange(scheduled_, true)) return;
        asio::post(descriptor_.get_executor(), [self = shared_from_this()] { self->flush(); });
    }

    void flush() {
        while (!waiting_.empty() && !closed_ && write_some()) {
        }
        if (waiting_.empty() || closed_) {
            scheduled_ = false;
            room_->set();
            return;
        }
        descriptor_.async_wait(Descriptor::wait_write, [self = shared_from_this()](const ErrorCodeAsio& ec) {
            if (ec) self->closed_ = true;
            self->flush();
        });
    }

    // True when there was progress.
    bool write_some() {
        const ssize_t n = ::write(fd_, waiting_.data(), waiting_.size());
        if (n > 0) {
            waiting_.erase(0, std::size_t(n));
            return true;
        }
        closed_ = n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
        return n < 0 && errno == EINTR;
    }

    Descriptor descriptor_;
    int fd_;
    std::string waiting_;
    std::shared_ptr<Event::Impl> room_;
    bool scheduled_ = false;
    bool closed_ = false;
};

class StdioStream final : public LineStream {
public:
    StdioStream(const detail::Executor& executor, std::size_t max_line_bytes)
        : in_(STDIN_FILENO, O_RDONLY),
          out_(STDOUT_FILENO, O_WRONLY),
          reader_(std::make_shared<PipeReader>(executor, in_.fd())),
          output_(std::make_shared<Output>(executor, out_.fd())),
          lines_(max_line_bytes) {
        PINCER_ASSERT(!std::exchange(exists_, true), "one stream has the standard input and output");
    }
    ~StdioStream() override {
        output_->flush_last();
        reader_->close();
        exists_ = false;
    }
    StdioStream(const StdioStream&) = delete;
    StdioStream& operator=(const StdioStream&) = delete;

    Task<Result<std::optional<std::string>>> read_line() override {
        for (;;) {
            auto line = lines_.next();
            if (line && !*line) co_return Failure(line->error());
            if (line) co_return std::move(**line);
            if (at_end_) co_return lines_.finish();
            const Result<std::string> bytes = co_await PipeReader::read(reader_);
            if (!bytes && bytes.error().code() != ErrorCode::unavailable) co_return Failure(bytes.error());
            at_end_ = !bytes || bytes->empty();
            if (!at_end_) lines_.feed(*bytes);
        }
    }
    Task<Result<>> write_line(std::string line) override { return Output::write(output_, std::move(line)); }

private:
    static inline bool exists_ = false;

    OwnDescriptor in_;
    OwnDescriptor out_;
    std::shared_ptr<PipeReader> reader_;
    std::shared_ptr<Output> output_;  // shared with its pending flush
    LineSplitter lines_;
    bool at_end_ = false;
};

}  // namespace

std::unique_ptr<LineStream> make_stdio_stream(Runtime& runtime, std::size_t max_line_bytes) {
    return std::make_unique<StdioStream>(runtime.impl().context.get_executor(), max_line_bytes);
}

}  // namespace pincer::io
