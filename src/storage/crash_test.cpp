#include <gtest/gtest.h>

#include <set>

#include "storage/database.hpp"
#include "storage/testing/scratch.hpp"

namespace pincer::storage {
namespace {

constexpr Migration kSchema[] = {{1,
                                  "CREATE TABLE entry(run INTEGER NOT NULL, number INTEGER NOT NULL, filler TEXT, "
                                  "PRIMARY KEY(run, number)) STRICT"}};
constexpr int kKills = 40;
constexpr int kWriters = 6;

// Writes numbers without end; each acknowledged one is said on the pipe as eight bytes.
Task<> write_numbers(Database& db, int run, int first, int acknowledged) {
    for (std::int64_t number = first;; number += kWriters) {
        std::function<Result<>(Connection&)> work = [=](Connection& c) -> Result<> {
            PINCER_CHECK(c.execute("INSERT INTO entry VALUES(?, ?, ?)",
                                   {std::int64_t(run), number, std::string(std::size_t(number % 700), 'f')}));
            return {};
        };
        auto done = co_await db.write(std::move(work));
        if (!done || ::write(acknowledged, &number, sizeof number) != sizeof number) ::_exit(3);
    }
}

Task<> wait_for_the_end(io::TaskGroup& group) {
    while (group.size() > 0) (void)co_await io::sleep_for(Millis(1000));
}

void child(const std::filesystem::path& path, int run, int acknowledged) {
    io::Runtime runtime;
    auto db = Database::open(runtime, path, kSchema);
    if (!db) ::_exit(4);
    io::TaskGroup group(runtime);
    for (int i = 0; i < kWriters; ++i) group.spawn(write_numbers(**db, run, i, acknowledged));
    runtime.run_until_done(wait_for_the_end(group));
}

TEST(Crash, every_acknowledged_row_is_there_after_a_kill) {
    testing::Scratch scratch;
    std::uint32_t seed = 12345;
    std::vector<std::set<std::int64_t>> acknowledged(kKills);
    for (int run = 0; run < kKills; ++run) {
        seed = seed * 1664525 + 1013904223;
        const std::string bytes =
            testing::run_and_kill(8 * ((seed >> 16) % 120), [&](int fd) { child(scratch / "crash.db", run, fd); });
        for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
            std::int64_t number = 0;
            std::memcpy(&number, bytes.data() + at, 8);
            acknowledged[std::size_t(run)].insert(number);
        }
    }
    io::Runtime runtime;
    auto db = Database::open(runtime, scratch / "crash.db", kSchema);
    ASSERT_TRUE(db) << db.error().message();
    std::size_t total = 0;
    ASSERT_TRUE((*db)->read([&](Connection& c) -> Result<> {
        for (int run = 0; run < kKills; ++run) {
            std::set<std::int64_t> present;
            PINCER_CHECK(c.query("SELECT number FROM entry WHERE run = ?", {std::int64_t(run)},
                                 [&](const Row& row) { return present.insert(row.integer(0)).second; }));
            for (std::int64_t number : acknowledged[std::size_t(run)])
                EXPECT_TRUE(present.contains(number)) << "run " << run << " number " << number;
            total += acknowledged[std::size_t(run)].size();
        }
        return c.query("PRAGMA integrity_check", {}, [](const Row& row) {
            EXPECT_EQ(row.text(0), "ok");
            return true;
        });
    }));
    EXPECT_GT(total, std::size_t(kKills) * 20) << "the children were killed in the middle of their work";
}

}  // namespace
}  // namespace pincer::storage
