// Durable messages a second and how long each waits: N tasks that write one row each, again and again, to a real disk.
// Beside it the floor, in the same run: one thread that writes 4 KiB and fsyncs, which is what a commit costs at least.
//     storage_bench [folder] [tasks] [seconds]
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "storage/database.hpp"

using namespace pincer;

namespace {

constexpr storage::Migration kSchema[] = {
    {1, "CREATE TABLE message(id INTEGER PRIMARY KEY, session TEXT NOT NULL, body TEXT NOT NULL) STRICT"}};

struct Figures {
    std::vector<double> micros;
};

Task<> write_until(storage::Database& db, Deadline end, Figures& figures) {
    while (!end.passed()) {
        const auto start = std::chrono::steady_clock::now();
        std::function<Result<>(storage::Connection&)> work = [](storage::Connection& c) -> Result<> {
            PINCER_CHECK(c.execute("INSERT INTO message(session, body) VALUES(?, ?)",
                                   {"agent:main:slack:T1:C1", std::string(300, 'm')}));
            return {};
        };
        auto done = co_await db.write(std::move(work));
        if (!done) {
            std::fprintf(stderr, "write failed: %s\n", done.error().message().c_str());
            std::exit(1);
        }
        figures.micros.push_back(
            std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
    }
}

Task<> until_empty(io::TaskGroup& group) {
    while (group.size() > 0) co_await io::yield();
}

double share_of(std::vector<double>& micros, double share) {
    std::sort(micros.begin(), micros.end());
    return micros.at(std::size_t(share * double(micros.size() - 1))) / 1000;
}

void print_floor(const std::filesystem::path& path, int seconds) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const std::string page(4096, 'x');
    std::vector<double> micros;
    for (const Deadline end = Deadline::after(std::chrono::seconds(seconds)); !end.passed();) {
        const auto start = std::chrono::steady_clock::now();
        if (::write(fd, page.data(), page.size()) < 0 || ::fdatasync(fd) != 0) std::exit(1);
        micros.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
    }
    ::close(fd);
    std::filesystem::remove(path);
    std::printf("floor, one fsync at a time:                      %6.0f fsyncs/s   p50 %6.2f ms  p99 %6.2f ms\n",
                double(micros.size()) / seconds, share_of(micros, 0.5), share_of(micros, 0.99));
}

}  // namespace

int main(int argc, char** argv) {
    const std::filesystem::path folder = argc > 1 ? argv[1] : ".";
    const int tasks = argc > 2 ? std::atoi(argv[2]) : 64;
    const int seconds = argc > 3 ? std::atoi(argv[3]) : 3;
    const auto path = folder / "storage_bench.db";
    io::Runtime runtime;
    auto db = storage::Database::open(runtime, path, kSchema);
    if (!db) {
        std::fprintf(stderr, "%s\n", db.error().message().c_str());
        return 1;
    }
    print_floor(folder / "storage_bench.floor", 1);
    Figures figures;
    io::TaskGroup group(runtime);
    const storage::Stats before = (*db)->stats();
    const Deadline end = Deadline::after(std::chrono::seconds(seconds));
    for (int i = 0; i < tasks; ++i) group.spawn(write_until(**db, end, figures));
    runtime.run_until_done(until_empty(group));
    const storage::Stats after = (*db)->stats();
    std::printf("%4d tasks: %8.0f durable writes/s  %15.0f commits/s   p50 %6.2f ms  p99 %6.2f ms\n", tasks,
                double(after.writes - before.writes) / seconds, double(after.commits - before.commits) / seconds,
                share_of(figures.micros, 0.5), share_of(figures.micros, 0.99));
    db->reset();
    for (const char* suffix : {"", "-wal", "-shm", ".lock"}) std::filesystem::remove(path.string() + suffix);
}
