// Closed-loop load on a Gateway: N WebSocket connections, one request in flight on each, over plain sockets and epoll,
// so that the client costs little. With --floor it talks to a bare epoll echo on a thread of its own instead: the most
// that this machine gives to messages of that size.
//
//   gateway_load --port 18789 --token T --method last-heartbeat --params '{}' --connections 16 --seconds 3
//   gateway_load --floor --connections 16 --seconds 3
// Prints one line of JSON: {"rate": 1/s, "p50_us", "p99_us", "count", "answer_bytes"}.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

struct Options {
    int port = 18789;
    std::string token, method = "last-heartbeat", params = "{}";
    int connections = 1;
    double seconds = 3;
    bool floor = false;
};

int dial(int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(std::uint16_t(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("connect");
    const int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

void write_all(int fd, const std::string& bytes) {
    for (std::size_t done = 0; done < bytes.size();) {
        const ssize_t n = ::send(fd, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
        if (n <= 0) fail("send");
        done += std::size_t(n);
    }
}

// A client's text frame; the mask is zero, which is a mask like any other and costs the client nothing.
std::string frame(const std::string& text) {
    std::string out("\x81", 1);
    if (text.size() < 126) {
        out += char(0x80 | text.size());
    } else {
        out += char(0x80 | 126);
        out += char(text.size() >> 8);
        out += char(text.size() & 0xFF);
    }
    out.append(4, '\0');
    return out + text;
}

// One connection's incoming bytes, as whole messages.
class Reader {
public:
    // Reads once; calls `each` with every whole text message.
    template <class Each>
    void read(int fd, Each each) {
        char chunk[65536];
        const ssize_t n = ::recv(fd, chunk, sizeof chunk, 0);
        if (n <= 0) fail("the peer closed");
        bytes_.append(chunk, std::size_t(n));
        for (;;) {
            if (bytes_.size() < 2) return;
            std::size_t head = 2, length = std::uint8_t(bytes_[1]) & 127;
            const std::size_t wide = length == 126 ? 2 : length == 127 ? 8 : 0;
            if (bytes_.size() < head + wide) return;
            if (wide) length = 0;
            for (std::size_t i = 0; i < wide; ++i) length = length << 8 | std::uint8_t(bytes_[head + i]);
            head += wide;
            if (bytes_.size() < head + length) return;
            if ((std::uint8_t(bytes_[0]) & 15) == 1) each(bytes_.substr(head, length));
            bytes_.erase(0, head + length);
        }
    }

private:
    std::string bytes_;
};

std::string read_message(int fd, Reader& reader) {
    std::string message;
    while (message.empty()) reader.read(fd, [&](std::string text) { message = std::move(text); });
    return message;
}

void upgrade(int fd, const Options& o, Reader& reader) {
    write_all(fd, "GET / HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(o.port) +
                      "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: "
                      "13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    std::string head;
    for (char c; head.find("\r\n\r\n") == std::string::npos; head += c) {
        if (::recv(fd, &c, 1, 0) != 1) fail("handshake");
    }
    if (head.find(" 101 ") == std::string::npos) fail(head.c_str());
    read_message(fd, reader);  // the challenge
    write_all(
        fd,
        frame(
            R"({"type":"req","id":"c","method":"connect","params":{"minProtocol":4,"maxProtocol":4,"client":{"id":"gateway-client","version":"1",)"
            R"("platform":"linux","mode":"backend"},"role":"operator","scopes":["operator.admin"],"auth":{"token":")" +
            o.token + R"("}}})"));
    const std::string hello = read_message(fd, reader);
    if (hello.find("\"ok\":true") == std::string::npos) {
        std::fprintf(stderr, "%s\n", hello.c_str());
        std::exit(1);
    }
}

// Echoes whatever comes on every connection, with nothing but epoll, read and write.
void serve_echo(int listener) {
    const int poll = ::epoll_create1(0);
    epoll_event event{EPOLLIN, {.fd = listener}};
    ::epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    epoll_event ready[64];
    char bytes[65536];
    for (;;) {
        const int n = ::epoll_wait(poll, ready, 64, -1);
        for (int i = 0; i < n; ++i) {
            if (ready[i].data.fd == listener) {
                const int fd = ::accept(listener, nullptr, nullptr);
                const int one = 1;
                ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                epoll_event in{EPOLLIN, {.fd = fd}};
                ::epoll_ctl(poll, EPOLL_CTL_ADD, fd, &in);
            } else if (const ssize_t got = ::recv(ready[i].data.fd, bytes, sizeof bytes, 0); got <= 0) {
                ::close(ready[i].data.fd);
            } else if (::send(ready[i].data.fd, bytes, std::size_t(got), MSG_NOSIGNAL) != got) {
                ::close(ready[i].data.fd);
            }
        }
    }
}

int start_echo() {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener, 256) != 0)
        fail("listen");
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
    std::thread(serve_echo, listener).detach();
    return ntohs(address.sin_port);
}

// @n in the parameters becomes the number of the request, @s that number modulo 100.
std::string filled(std::string text, long number) {
    for (const auto& [mark, value] : {std::pair{"@n", number}, std::pair{"@s", number % 100}}) {
        for (std::size_t at; (at = text.find(mark)) != std::string::npos;) text.replace(at, 2, std::to_string(value));
    }
    return text;
}

struct Peer {
    int fd = -1;
    Reader reader;
    Clock::time_point asked;
};

Options parse(int argc, char** argv) {
    Options o;
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        if (name == "--floor") {
            o.floor = true;
            continue;
        }
        if (i + 1 >= argc) fail("an option needs its value");
        const char* value = argv[++i];
        if (name == "--port")
            o.port = std::atoi(value);
        else if (name == "--token")
            o.token = value;
        else if (name == "--method")
            o.method = value;
        else if (name == "--params")
            o.params = value;
        else if (name == "--connections")
            o.connections = std::atoi(value);
        else if (name == "--seconds")
            o.seconds = std::atof(value);
        else
            fail("unknown option");
    }
    return o;
}

}  // namespace

int main(int argc, char** argv) {
    Options o = parse(argc, argv);
    if (o.floor) o.port = start_echo();
    // Towards the echo the frame goes unmasked, as a server would send it, so that the same reader reads it.
    const std::string text = R"({"type":"req","id":"1","method":")" + o.method + R"(","params":)" + o.params + "}";
    long sent = 0;
    std::string request = frame(text);
    const auto next_request = [&]() -> const std::string& {
        if (text.find('@') != std::string::npos) request = frame(filled(text, sent));
        ++sent;
        return request;
    };
    if (o.floor) request = std::string("\x81", 1) + char(std::min<std::size_t>(text.size(), 125)) + text.substr(0, 125);

    std::vector<Peer> peers(std::size_t(o.connections));
    const int poll = ::epoll_create1(0);
    for (std::size_t i = 0; i < peers.size(); ++i) {
        peers[i].fd = dial(o.port);
        if (!o.floor) upgrade(peers[i].fd, o, peers[i].reader);
        epoll_event event{EPOLLIN, {.u64 = i}};
        ::epoll_ctl(poll, EPOLL_CTL_ADD, peers[i].fd, &event);
    }
    std::vector<float> micros;
    std::size_t answer_bytes = 0;
    const auto begin = Clock::now(),
               end = begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(o.seconds));
    for (Peer& peer : peers) {
        peer.asked = Clock::now();
        write_all(peer.fd, next_request());
    }
    epoll_event ready[256];
    for (auto now = begin; now < end;) {
        const int n = ::epoll_wait(poll, ready, 256, 1000);
        now = Clock::now();
        for (int i = 0; i < n; ++i) {
            Peer& peer = peers[ready[i].data.u64];
            peer.reader.read(peer.fd, [&](const std::string& answer) {
                if (!o.floor && answer.find("\"id\":\"1\"") == std::string::npos) return;  // an event
                if (!o.floor && answer.find("\"ok\":true") == std::string::npos) fail(answer.c_str());
                answer_bytes = answer.size();
                const auto at = Clock::now();
                micros.push_back(std::chrono::duration<float, std::micro>(at - peer.asked).count());
                peer.asked = at;
                write_all(peer.fd, next_request());
            });
        }
    }
    const double took = std::chrono::duration<double>(Clock::now() - begin).count();
    std::sort(micros.begin(), micros.end());
    const auto at = [&](double part) {
        return micros.empty() ? 0.0 : double(micros[std::size_t(part * double(micros.size() - 1))]);
    };
    std::printf("{\"rate\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"count\":%zu,\"answer_bytes\":%zu}\n",
                double(micros.size()) / took, at(0.5), at(0.99), micros.size(), answer_bytes);
    std::fflush(stdout);
    std::_Exit(0);  // the echo's thread has no end
}
