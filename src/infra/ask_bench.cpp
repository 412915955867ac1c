// `clanker ask` over eight providers whose every answer takes 100 ms: how much the whole question costs over the
// slowest provider's own chain of requests. Real sockets, real HTTP client, real engine and home folder; the providers
// only fetch.
//     ask_bench [providers] [requests in a row of each] [milliseconds of each answer]
// Prints one line of JSON: {"providers", "chain_ms", "ask_ms", "ratio", "cpu_ms"}; the best of five.
#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/assert.hpp"
#include "infra/engine/engine.hpp"

using namespace pincer;
using namespace pincer::infra;

namespace {

struct Setting {
    std::uint16_t port = 0;
    int chain = 1;
    int answer_ms = 100;
};
Setting setting;  // the table of providers holds plain functions

class Far final : public Provider {
public:
    explicit Far(Services services) : clock_(services.clock) {
        io::HttpClientOptions options;
        options.egress = io::EgressPolicy::named("127.0.0.1");
        http_ = services.http(std::move(options));
    }

    Task<Result<>> observe(Query query, Reading& out) override {
        for (int i = 0; i < setting.chain; ++i) {
            io::HttpRequest request;
            PINCER_CO_TRY(request.url, io::parse_url(fmt::format("http://127.0.0.1:{}/list", setting.port)));
            PINCER_CO_TRY(const io::HttpResponse response, co_await http_->send(std::move(request), query.deadline));
            const std::string_view body = response.body;
            out.good = {out.evidence.add({"far", "far", "/list", clock_.wall(), "things", ""}, body)};
        }
        co_return Result<>{};
    }

private:
    const Clock& clock_;
    std::unique_ptr<io::HttpClient> http_;
};

Result<std::unique_ptr<Provider>> make_far(const Settings&, Services services) {
    return std::make_unique<Far>(services);
}

// Answers each request on a connection after the delay; one thread a connection, so that none waits for another.
void serve(int fd) {
    char bytes[4096];
    while (::recv(fd, bytes, sizeof bytes, 0) > 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(setting.answer_ms));
        constexpr std::string_view kAnswer =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]";
        if (::send(fd, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL) < 0) break;
    }
    ::close(fd);
}

void listen_and_serve() {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const bool works = ::bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                       ::listen(listener, 64) == 0 &&
                       ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    PINCER_ASSERT(works, "loopback sockets work");
    setting.port = ntohs(address.sin_port);
    std::thread([listener] {
        for (;;) {
            if (const int fd = ::accept(listener, nullptr, nullptr); fd >= 0) std::thread(serve, fd).detach();
        }
    }).detach();
}

double cpu_ms() {
    rusage used{};
    ::getrusage(RUSAGE_THREAD, &used);
    const auto ms = [](const timeval& t) { return double(t.tv_sec) * 1e3 + double(t.tv_usec) / 1e3; };
    return ms(used.ru_utime) + ms(used.ru_stime);
}

struct Took {
    double wall_ms = 0;
    double cpu_ms = 0;
};

Took ask_once(std::size_t providers, const std::filesystem::path& home) {
    static constexpr std::string_view kIds[] = {"far0", "far1", "far2", "far3", "far4", "far5", "far6", "far7"};
    std::vector<ProviderType> types;
    for (std::size_t i = 0; i < providers; ++i) types.push_back({kIds[i], kIds[i], "nothing", true, false, make_far});
    std::vector<const ProviderType*> table;
    for (const ProviderType& type : types) table.push_back(&type);

    io::Runtime runtime;
    SystemClock clock;
    crypto::SystemRandom random;
    Services services{runtime, clock, random,
                      [&](io::HttpClientOptions options) { return io::make_http_client(runtime, std::move(options)); }};
    const double cpu = cpu_ms();
    const auto begin = std::chrono::steady_clock::now();
    Engine engine(services, {}, table, home, {});
    const Asked asked = runtime.run_until_done(engine.ask("Is production healthy?", "operator:bench"));
    const double wall = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    for (const Coverage& coverage : asked.look.coverage)
        PINCER_ASSERT(coverage.state == Reach::connected, "every provider was read");
    return {wall, cpu_ms() - cpu};
}

}  // namespace

int main(int argc, char** argv) {
    const auto number = [&](int i, int otherwise) { return argc > i ? std::atoi(argv[i]) : otherwise; };
    const std::size_t providers = std::size_t(std::clamp(number(1, 8), 1, 8));
    setting.chain = number(2, 1);
    setting.answer_ms = number(3, 100);
    listen_and_serve();
    std::string folder = (std::filesystem::temp_directory_path() / "ask-bench-XXXXXX").string();
    PINCER_ASSERT(::mkdtemp(folder.data()) != nullptr, "there is room for a folder");
    Took best{1e9, 0};
    for (int i = 0; i < 5; ++i) {
        const Took took = ask_once(providers, std::filesystem::path(folder) / "home");
        if (took.wall_ms < best.wall_ms) best = took;
    }
    std::filesystem::remove_all(folder);
    const double chain = double(setting.chain) * setting.answer_ms;
    std::printf(R"({"providers":%zu,"chain_ms":%.0f,"ask_ms":%.1f,"ratio":%.3f,"cpu_ms":%.1f})"
                "\n",
                providers, chain, best.wall_ms, best.wall_ms / chain, best.cpu_ms);
}
