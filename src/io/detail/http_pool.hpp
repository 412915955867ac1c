// Kept-alive connections by origin, and the queue of requests that wait for one.
#pragma once

#include <deque>
#include <list>
#include <map>

#include "io/detail/dial.hpp"
#include "io/detail/event_impl.hpp"
#include "io/http_client.hpp"

namespace pincer::io::detail {

struct ClientConnection {
    explicit ClientConnection(NetStream stream_) : stream(std::move(stream_)), watchdog(stream.get_executor()) {}
    NetStream stream;
    ReadBuffer buffer;
    Watchdog watchdog;
    SteadyTime idle_since;
};

class HttpPool;

// One of an origin's places, with or without a connection on it. Dropping it closes the connection and frees the place.
class Lease {
public:
    Lease(std::shared_ptr<HttpPool> pool, std::string origin) : pool_(std::move(pool)), origin_(std::move(origin)) {}
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease();

    ClientConnection& connection() { return *connection_; }
    bool was_used_before() const { return used_before_; }
    // Keeps the connection for the next request.
    void give_back();

private:
    friend class HttpPool;
    std::shared_ptr<HttpPool> pool_;
    std::string origin_;
    std::unique_ptr<ClientConnection> connection_;
    bool used_before_ = false;
};

enum class Reuse { allowed, never };

class HttpPool : public std::enable_shared_from_this<HttpPool> {
public:
    HttpPool(Runtime& runtime, HttpClientOptions options);

    // Errors: as dial(), timed_out ("waiting for a free connection to H").
    Task<Result<Lease>> lease(Url url, Reuse reuse, Deadline deadline);
    // No connection is kept from now on.
    void close();
    const HttpClientOptions& options() const { return options_; }

private:
    friend class Lease;
    struct Origin {
        std::deque<std::unique_ptr<ClientConnection>> idle;  // the most recently used last
        std::size_t places = 0;                              // taken, idle ones included
        std::list<std::shared_ptr<Event::Impl>> waiting;
    };

    std::unique_ptr<ClientConnection> take_idle(Origin& origin);
    Task<Result<>> wait_for_place(std::string key, Deadline deadline);
    void free_place(const std::string& key);
    void keep(const std::string& key, std::unique_ptr<ClientConnection> connection);
    void wake_one(Origin& origin);
    void sweep();
    void arm_sweeper();

    Runtime& runtime_;
    HttpClientOptions options_;
    std::map<std::string, Origin> origins_;
    Timer sweeper_;
    bool sweeping_ = false;
    bool closed_ = false;
};

}  // namespace pincer::io::detail
