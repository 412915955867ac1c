// Whatever the disk does, what was acknowledged is on it.
#include "storage/testing/failing_disk.hpp"

#include <gtest/gtest.h>

#include <set>

#include "storage/database.hpp"
#include "storage/testing/scratch.hpp"

namespace pincer::storage {
namespace {

using testing::FailingDisk;
using testing::Trouble;

constexpr Migration kSchema[] = {{1, "CREATE TABLE note(id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT"}};
constexpr int kWrites = 24;

struct Answers {
    std::set<std::int64_t> acknowledged;
    std::vector<Error> refused;
};

Task<> write_note(Database& db, std::int64_t id, Answers& answers) {
    std::function<Result<>(Connection&)> work = [id](Connection& c) -> Result<> {
        PINCER_CHECK(c.execute("INSERT INTO note VALUES(?, ?)", {id, std::string(std::size_t(300 * (id % 7)), 'x')}));
        return {};
    };
    auto done = co_await db.write(std::move(work));
    if (done)
        answers.acknowledged.insert(id);
    else
        answers.refused.push_back(done.error());
}

Task<> until_empty(io::TaskGroup& group) {
    while (group.size() > 0) co_await io::yield();
}

class FailingDisks : public ::testing::Test {
protected:
    std::unique_ptr<Database> open(const std::filesystem::path& path) {
        auto db = Database::open(runtime_, path, kSchema);
        EXPECT_TRUE(db) << db.error().message();
        return db ? *std::move(db) : nullptr;
    }
    // In threes, so that batches of several are among them.
    void write_some(Database& db, std::int64_t first, Answers& answers) {
        for (std::int64_t id = first; id < first + kWrites; id += 3) {
            io::TaskGroup group(runtime_);
            for (std::int64_t one = id; one < id + 3; ++one) group.spawn(write_note(db, one, answers));
            runtime_.run_until_done(until_empty(group));
        }
    }
    std::set<std::int64_t> rows(Database& db) {
        std::set<std::int64_t> found;
        EXPECT_TRUE(db.read([&](Connection& c) {
            return c.query("SELECT id FROM note", {},
                           [&](const Row& row) { return found.insert(row.integer(0)).second; });
        }));
        return found;
    }
    void expect_kept(const Answers& answers, const std::set<std::int64_t>& kept, std::string_view where) {
        for (const std::int64_t id : answers.acknowledged)
            EXPECT_TRUE(kept.contains(id)) << "note " << id << " was acknowledged and is not in " << where;
    }

    FailingDisk disk_;  // outlives every database
    testing::Scratch scratch_;
    io::Runtime runtime_;
};

TEST_F(FailingDisks, a_failed_fsync_is_never_an_acknowledgement_and_nothing_is_written_after_it) {
    for (const int at : {1, 2, 3, 5, 7}) {
        SCOPED_TRACE(fmt::format("fsync number {} fails", at));
        const auto path = scratch_ / fmt::format("sync{}.db", at);
        auto db = open(path);
        Answers answers;
        disk_.arm(Trouble::fsync_fails, at);
        write_some(*db, 0, answers);
        ASSERT_TRUE(disk_.struck());
        EXPECT_EQ(answers.acknowledged.size() + answers.refused.size(), std::size_t(kWrites));
        ASSERT_FALSE(answers.refused.empty());
        EXPECT_EQ(answers.refused.front().code(), ErrorCode::outcome_unknown) << answers.refused.front().message();
        for (const Error& error : answers.refused) EXPECT_EQ(error.reason(), "STORE_FAILED");
        disk_.mend();  // the next fsync would claim success: it must not be asked
        Answers later;
        write_some(*db, 1000, later);
        EXPECT_TRUE(later.acknowledged.empty());
        for (const Error& error : later.refused)
            EXPECT_EQ(error.code(), ErrorCode::unavailable) << "from then on the store takes nothing";
        disk_.copy_what_is_certain(path, path.string() + "-after-power-cut");
        db.reset();
        db = open(path.string() + "-after-power-cut");
        ASSERT_TRUE(db);
        expect_kept(answers, rows(*db), "what a power cut leaves");
        db = open(path);
        ASSERT_TRUE(db);
        expect_kept(answers, rows(*db), "the file");
        Answers again;
        write_some(*db, 2000, again);
        EXPECT_EQ(again.acknowledged.size(), std::size_t(kWrites)) << "opened anew it works";
    }
}

TEST_F(FailingDisks, a_full_disk_at_any_write_loses_nothing_acknowledged_and_mends_itself) {
    int struck = 0;
    for (int at = 1; at <= 56; at += 5) {
        SCOPED_TRACE(fmt::format("write number {} finds the disk full", at));
        const auto path = scratch_ / fmt::format("full{}.db", at);
        auto db = open(path);
        Answers answers;
        disk_.arm(Trouble::disk_full, at);
        write_some(*db, 0, answers);
        if (disk_.struck()) {
            ++struck;
            EXPECT_FALSE(answers.refused.empty());
        }
        for (const Error& error : answers.refused) EXPECT_EQ(error.reason(), "STORE_FULL") << error.message();
        disk_.mend();
        Answers later;
        write_some(*db, 1000, later);
        EXPECT_EQ(later.acknowledged.size(), std::size_t(kWrites)) << "there is room again";
        disk_.copy_what_is_certain(path, path.string() + "-after-power-cut");
        db.reset();
        for (const std::string& file : {path.string(), path.string() + "-after-power-cut"}) {
            auto read = open(file);
            ASSERT_TRUE(read);
            const auto kept = rows(*read);
            expect_kept(answers, kept, file);
            expect_kept(later, kept, file);
        }
    }
    EXPECT_GT(struck, 4);
}

TEST_F(FailingDisks, a_write_that_fails_loses_nothing_acknowledged) {
    for (int at = 1; at <= 40; at += 6) {
        SCOPED_TRACE(fmt::format("write number {} fails", at));
        const auto path = scratch_ / fmt::format("write{}.db", at);
        auto db = open(path);
        Answers answers;
        disk_.arm(Trouble::write_fails, at);
        write_some(*db, 0, answers);
        disk_.mend();
        disk_.copy_what_is_certain(path, path.string() + "-after-power-cut");
        db.reset();
        for (const std::string& file : {path.string(), path.string() + "-after-power-cut"}) {
            auto read = open(file);
            ASSERT_TRUE(read);
            expect_kept(answers, rows(*read), file);
        }
    }
}

}  // namespace
}  // namespace pincer::storage
