// Names to addresses, off the io thread: getaddrinfo cannot be interrupted, so a look-up whose caller has given up is
// left to a thread that nobody waits for, and at most kMaxThreads of them exist. (Asio's own resolver has one thread,
// so that one hanging name server would hold up every other name.)
#pragma once

#include <boost/asio/ip/address.hpp>

#include <deque>
#include <mutex>
#include <vector>

#include "io/detail/event_impl.hpp"

namespace pincer::io::detail {

class Resolver : public std::enable_shared_from_this<Resolver> {
public:
    explicit Resolver(asio::io_context& context) : context_(&context) {}

    // In the system's order of preference. A literal address is answered at once. Errors: unavailable (NAME_NOT_FOUND),
    // timed_out, cancelled.
    Task<Result<std::vector<asio::ip::address>>> resolve(std::string host, Deadline deadline);
    // From now on no result reaches the io_context.
    void shut_down();

private:
    struct Lookup;
    static constexpr std::size_t kMaxThreads = 8;

    void work();
    void start_thread();

    std::mutex mutex_;
    asio::io_context* context_;
    std::deque<std::shared_ptr<Lookup>> waiting_;
    std::size_t threads_ = 0;
};

// The Runtime's resolver, made at the first use.
std::shared_ptr<Resolver> resolver_of(Runtime& runtime);

}  // namespace pincer::io::detail
