// One end of a pipe, a terminal or a file on the io thread: what children and our own standard streams are made of.
#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "io/detail/event_impl.hpp"

namespace pincer::io::detail {

using Descriptor = asio::posix::basic_stream_descriptor<Executor>;

class PipeReader {
public:
    // Takes the descriptor, which should not be shared: it becomes non-blocking. One that is not open reads as closed.
    PipeReader(const Executor& executor, int fd);

    // Up to 64 KiB of what there is; empty at end of file. A cancelled read has taken nothing. One read at a time.
    static Task<Result<std::string>> read(std::shared_ptr<PipeReader> self);
    void close();

private:
    Descriptor descriptor_;
    std::unique_ptr<char[]> buffer_;
};

// Writers queue; their bytes do not mix.
class PipeWriter {
public:
    PipeWriter(const Executor& executor, int fd);

    // Completes once the kernel has it all. Error: unavailable, once the other side has closed.
    static Task<Result<>> write(std::shared_ptr<PipeWriter> self, std::string bytes);
    // After what is being written.
    void close();

private:
    std::size_t write_now(std::string_view bytes);

    Descriptor descriptor_;
    int fd_;
    std::shared_ptr<Event::Impl> free_;  // set while nobody writes
    bool closing_ = false;
};

}  // namespace pincer::io::detail
