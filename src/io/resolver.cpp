#include "io/detail/resolver.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <system_error>
#include <thread>

#include "base/log.hpp"

namespace pincer::io::detail {

struct Resolver::Lookup {
    std::string host;
    std::shared_ptr<Event::Impl> done;
    int failure = 0;  // of getaddrinfo
    std::vector<asio::ip::address> addresses;
};

namespace {

asio::ip::address address_of(const addrinfo& info) {
    if (info.ai_family == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(info.ai_addr);
        return asio::ip::address_v4(ntohl(v4->sin_addr.s_addr));
    }
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(info.ai_addr);
    asio::ip::address_v6::bytes_type bytes;
    std::copy_n(v6->sin6_addr.s6_addr, bytes.size(), bytes.begin());
    return asio::ip::address_v6(bytes, v6->sin6_scope_id);
}

int look_up(const std::string& host, std::vector<asio::ip::address>& out) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int failure = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
    if (failure != 0) return failure;
    for (const addrinfo* info = found; info; info = info->ai_next) {
        if (info->ai_family == AF_INET || info->ai_family == AF_INET6) out.push_back(address_of(*info));
    }
    ::freeaddrinfo(found);
    return 0;
}

}  // namespace

void Resolver::work() {
    std::unique_lock lock(mutex_);
    while (!waiting_.empty() && context_) {
        const std::shared_ptr<Lookup> lookup = std::move(waiting_.front());
        waiting_.pop_front();
        const std::string host = lookup->host;
        lock.unlock();
        std::vector<asio::ip::address> addresses;
        const int failure = look_up(host, addresses);
        lock.lock();
        if (!context_) break;
        // The lookup's state belongs to the io thread; it is only filled in there.
        asio::post(*context_, [lookup, failure, addresses = std::move(addresses)]() mutable {
            lookup->failure = failure;
            lookup->addresses = std::move(addresses);
            lookup->done->set();
        });
    }
    --threads_;
}

// Called with the mutex held. Without a thread of its own the look-up waits for one that is running, or its deadline.
void Resolver::start_thread() {
    try {
        std::thread([self = shared_from_this()] { self->work(); }).detach();
        ++threads_;
    } catch (const std::system_error& e) {
        log::warn("io.resolver_thread", {{"message", e.what()}});
    }
}

void Resolver::shut_down() {
    const std::lock_guard lock(mutex_);
    context_ = nullptr;
    waiting_.clear();
}

Task<Result<std::vector<asio::ip::address>>> Resolver::resolve(std::string host, Deadline deadline) {
    ErrorCodeAsio not_literal;
    const auto literal = asio::ip::make_address(host, not_literal);
    if (!not_literal) co_return std::vector<asio::ip::address>(1, literal);

    const auto lookup = std::make_shared<Lookup>();
    lookup->host = host;
    {
        const std::lock_guard lock(mutex_);
        lookup->done = std::make_shared<Event::Impl>(context_->get_executor());
        waiting_.push_back(lookup);
        if (threads_ < kMaxThreads) start_thread();
    }
    const Millis allowed = deadline.left();
    const Result<> waited = co_await Event::Impl::wait(lookup->done, deadline);
    if (!waited && waited.error().code() == ErrorCode::timed_out) {
        co_return timed_out_failure(fmt::format("looking up the name {}", host), allowed, "CONNECT_TIMEOUT");
    }
    if (!waited) co_return Failure(waited.error());
    if (lookup->failure != 0 || lookup->addresses.empty()) {
        const std::string why = lookup->failure != 0 ? ::gai_strerror(lookup->failure) : "it has no address";
        co_return Failure(Error(ErrorCode::unavailable, fmt::format("looking up the name {}: {}", host, why))
                              .with_reason("NAME_NOT_FOUND"));
    }
    co_return std::move(lookup->addresses);
}

std::shared_ptr<Resolver> resolver_of(Runtime& runtime) {
    auto& impl = runtime.impl();
    if (!impl.resolver) impl.resolver = std::make_shared<Resolver>(impl.context);
    return impl.resolver;
}

}  // namespace pincer::io::detail
