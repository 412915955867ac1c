// What one echoed message costs our WebSocket server, in CPU of its thread, beside a bare epoll echo of the same bytes
// in the same run. The load comes from this thread: each connection sends its next message when the last has come back.
//     websocket_bench [connections] [payload bytes, < 126] [seconds]
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "base/assert.hpp"
#include "io/http_server.hpp"

using namespace pincer;
using namespace pincer::io;

namespace {

struct Plan {
    std::size_t connections = 16;
    std::size_t payload = 64;
    double seconds = 2;
};

double cpu_of_this_thread() {  // seconds
    rusage used{};
    ::getrusage(RUSAGE_THREAD, &used);
    const auto seconds = [](const timeval& t) { return double(t.tv_sec) + double(t.tv_usec) / 1e6; };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

void must(bool worked) { PINCER_ASSERT(worked, "loopback sockets work"); }

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

void watch(int epoll, int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    must(::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
}

void send_at_once(int fd) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// --- the two servers; each says what its thread has used

class Server {
public:
    virtual ~Server() = default;
    std::uint16_t port = 0;
    double cpu = 0;  // once it has been destroyed by its owner's stop()
    virtual void stop() = 0;
};

class OurServer final : public Server {
public:
    OurServer() : thread_([this] { serve(); }) { ready_.wait(false); }
    void stop() override {
        runtime_->post([this] { stop_->set(); });
        thread_.join();
    }

private:
    static Task<> echo(std::shared_ptr<Exchange> exchange) {
        auto socket = co_await exchange->accept_websocket({}, 1 << 16);
        if (!socket) co_return;
        for (;;) {
            auto message = co_await (*socket)->receive();
            if (!message || !co_await (*socket)->send(std::move(message->data))) co_return;
        }
    }
    Task<int> main_task() {
        auto server = HttpServer::listen(*runtime_, {}, echo);
        must(server.has_value());
        port = (*server)->port();
        ready_ = true;
        ready_.notify_one();
        (void)co_await stop_->wait();
        cpu = cpu_of_this_thread();
        co_await (*server)->stop(Deadline::after(Millis(100)));
        co_return 0;
    }
    void serve() {
        Runtime runtime;
        Event stop(runtime);
        runtime_ = &runtime;
        stop_ = &stop;
        runtime.run(main_task());
    }
    Runtime* runtime_ = nullptr;
    Event* stop_ = nullptr;
    std::atomic<bool> ready_ = false;
    std::thread thread_;
};

class BareServer final : public Server {
public:
    BareServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address = loopback(0);
        socklen_t size = sizeof address;
        must(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 && ::listen(listener_, 512) == 0);
        must(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
        port = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    void stop() override {
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
    }

private:
    void serve() {
        const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
        watch(epoll, listener_);
        epoll_event events[256];
        char bytes[4096];
        for (bool running = true; running;) {
            const int n = ::epoll_wait(epoll, events, 256, -1);
            for (int i = 0; i < n; ++i) {
                const int fd = events[i].data.fd;
                if (fd == listener_) {
                    const int accepted = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
                    running = accepted >= 0;
                    if (!running) break;
                    send_at_once(accepted);
                    watch(epoll, accepted);
                    continue;
                }
                const ssize_t got = ::recv(fd, bytes, sizeof bytes, 0);
                if (got <= 0) {
                    ::close(fd);
                } else {
                    must(::send(fd, bytes, std::size_t(got), MSG_NOSIGNAL) == got);
                }
            }
        }
        cpu = cpu_of_this_thread();
        ::close(epoll);
    }
    int listener_;
    std::thread thread_;
};

// --- the load

int connect_to(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    must(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    send_at_once(fd);
    return fd;
}

void upgrade(int fd) {
    const std::string_view request =
        "GET / HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    must(::send(fd, request.data(), request.size(), MSG_NOSIGNAL) == ssize_t(request.size()));
    std::string answer;
    for (char byte; !answer.ends_with("\r\n\r\n"); answer += byte) must(::recv(fd, &byte, 1, 0) == 1);
    must(answer.starts_with("HTTP/1.1 101"));
}

std::string client_frame(std::size_t payload) {
    std::string frame{char(0x81), char(0x80 | payload), 0, 0, 0, 0};  // a mask of zeros is a mask
    return frame.append(payload, 'm');
}

struct Figures {
    std::size_t messages = 0;
    double seconds = 0;
};

Figures drive(const std::vector<int>& connections, const std::string& message, std::size_t answer_bytes,
              double seconds) {
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    std::vector<std::size_t> missing(4096, 0);
    const auto say = [&](int fd) {
        missing[std::size_t(fd)] = answer_bytes;
        must(::send(fd, message.data(), message.size(), MSG_NOSIGNAL) == ssize_t(message.size()));
    };
    for (const int fd : connections) {
        watch(epoll, fd);
        say(fd);
    }
    Figures figures;
    const auto start = std::chrono::steady_clock::now();
    epoll_event events[256];
    char bytes[4096];
    for (; figures.seconds < seconds;
         figures.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()) {
        const int n = ::epoll_wait(epoll, events, 256, 1000);
        for (int i = 0; i < n; ++i) {
            const int fd = events[i].data.fd;
            const ssize_t got = ::recv(fd, bytes, sizeof bytes, 0);
            must(got > 0);
            if (missing[std::size_t(fd)] -= std::size_t(got)) continue;
            ++figures.messages;
            say(fd);
        }
    }
    ::close(epoll);
    return figures;
}

double measure(const char* name, Server& server, bool is_websocket, const Plan& plan) {
    std::vector<int> connections;
    for (std::size_t i = 0; i < plan.connections; ++i) {
        connections.push_back(connect_to(server.port));
        if (is_websocket) upgrade(connections.back());
    }
    const std::string message = client_frame(plan.payload);
    const std::size_t answer = is_websocket ? message.size() - 4 : message.size();  // a server does not mask
    const Figures figures = drive(connections, message, answer, plan.seconds);
    for (const int fd : connections) ::close(fd);
    server.stop();
    const double micros = server.cpu * 1e6 / double(figures.messages);
    std::printf("%-22s %9.0f msg/s %8.2f us CPU/message\n", name, double(figures.messages) / figures.seconds, micros);
    return micros;
}

}  // namespace

int main(int argc, char** argv) {
    Plan plan;
    if (argc > 1) plan.connections = std::strtoul(argv[1], nullptr, 10);
    if (argc > 2) plan.payload = std::strtoul(argv[2], nullptr, 10);
    if (argc > 3) plan.seconds = std::strtod(argv[3], nullptr);
    if (plan.connections < 1 || plan.connections > 1000 || plan.payload < 1 || plan.payload > 125 ||
        plan.seconds <= 0) {
        std::fputs("websocket_bench [connections 1-1000] [payload bytes 1-125] [seconds]\n", stderr);
        return 2;
    }
    std::printf("%zu connections, %zu bytes\n", plan.connections, plan.payload);
    BareServer bare;
    const double floor = measure("bare epoll echo", bare, false, plan);
    OurServer ours;
    const double cost = measure("our WebSocket echo", ours, true, plan);
    std::printf("ratio %.2f\n", cost / floor);
    return 0;
}
