#include "storage/database.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <mutex>

#include "storage/testing/scratch.hpp"

namespace pincer::storage {
namespace {

using testing::Scratch;

constexpr Migration kFirst[] = {{1, "CREATE TABLE note(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT"}};
constexpr Migration kSecond[] = {kFirst[0],
                                 {2, "ALTER TABLE note ADD COLUMN mood TEXT; UPDATE note SET mood = 'calm'"}};

std::function<Result<>(Connection&)> insert(std::string text) {
    return [text = std::move(text)](Connection& c) -> Result<> {
        PINCER_CHECK(c.execute("INSERT INTO note(text) VALUES(?)", {text}));
        return {};
    };
}

class Store : public ::testing::Test {
protected:
    Result<> open(std::span<const Migration> migrations = kFirst) {
        db_.reset();
        PINCER_TRY(db_, Database::open(runtime_, scratch_ / "test.db", migrations));
        return {};
    }
    Result<> write(std::function<Result<>(Connection&)> work) {
        return runtime_.run_until_done(db_->write(std::move(work)));
    }
    std::int64_t count(std::string_view where = "1") {
        std::int64_t n = -1;
        const std::string sql = fmt::format("SELECT count(*) FROM note WHERE {}", where);
        const auto done = db_->read([&](Connection& c) {
            return c.query(sql, {}, [&](const Row& row) {
                n = row.integer(0);
                return true;
            });
        });
        EXPECT_TRUE(done);
        return n;
    }

    Scratch scratch_;
    io::Runtime runtime_;
    std::unique_ptr<Database> db_;
};

TEST_F(Store, what_was_written_is_there_after_reopening) {
    ASSERT_TRUE(open());
    ASSERT_TRUE(write(insert("one")));
    EXPECT_EQ(count(), 1);
    ASSERT_TRUE(open());
    EXPECT_EQ(count("text = 'one'"), 1);
}

TEST_F(Store, files_are_private) {
    ASSERT_TRUE(open());
    ASSERT_TRUE(write(insert("one")));
    for (const char* name : {"test.db", "test.db-wal", "test.db-shm", "test.db.lock"}) {
        struct stat status{};
        ASSERT_EQ(::stat((scratch_ / name).c_str(), &status), 0) << name;
        EXPECT_EQ(status.st_mode & 0777, 0600u) << name;
    }
}

TEST_F(Store, every_kind_of_value_reads_back) {
    constexpr Migration kAll[] = {{1, "CREATE TABLE v(i INTEGER, r REAL, t TEXT, n TEXT) STRICT"}};
    ASSERT_TRUE(open(kAll));
    const std::string bytes("a\0b\xff", 4);
    ASSERT_TRUE(write([bytes](Connection& c) -> Result<> {
        PINCER_CHECK(c.execute("INSERT INTO v VALUES(?, ?, ?, ?)", {INT64_MIN, 0.5, bytes, Value()}));
        return {};
    }));
    int rows = 0;
    ASSERT_TRUE(db_->read([&](Connection& c) {
        return c.query("SELECT i, r, t, n FROM v", {}, [&](const Row& row) {
            ++rows;
            EXPECT_EQ(row.integer(0), INT64_MIN);
            EXPECT_EQ(row.real(1), 0.5);
            EXPECT_EQ(row.text(2), bytes);
            EXPECT_TRUE(row.is_null(3));
            EXPECT_FALSE(row.is_null(2));
            return true;
        });
    }));
    EXPECT_EQ(rows, 1);
}

TEST_F(Store, errors_say_what_may_be_done_about_them) {
    ASSERT_TRUE(open());
    ASSERT_TRUE(write(insert("one")));
    EXPECT_EQ(write(insert("one")).error().code(), ErrorCode::already_exists);
    const auto run = [&](std::string_view sql, std::initializer_list<Value> values) {
        return write([sql, values = std::vector<Value>(values)](Connection& c) -> Result<> {
            PINCER_CHECK(c.execute(sql, values));
            return {};
        });
    };
    EXPECT_EQ(run("INSERT INTO note(text) VALUES(?)", {Value()}).error().code(), ErrorCode::conflict) << "NOT NULL";
    EXPECT_EQ(run("INSERT INTO nowhere VALUES(1)", {}).error().code(), ErrorCode::internal);
    EXPECT_EQ(run("INSERT INTO note(text) VALUES(?)", {}).error().code(), ErrorCode::internal) << "a value is missing";
    EXPECT_EQ(run("DELETE FROM note; DELETE FROM note", {}).error().code(), ErrorCode::internal) << "two statements";
    EXPECT_EQ(run("", {}).error().code(), ErrorCode::internal);
    EXPECT_EQ(write([](Connection&) -> Result<> { throw std::runtime_error("oops"); }).error().code(),
              ErrorCode::internal);
    EXPECT_EQ(count(), 1);
    EXPECT_FALSE(db_->read(insert("through the reading door")));
}

TEST_F(Store, number_of_changed_rows) {
    ASSERT_TRUE(open());
    std::int64_t updated = -1, none = -1, id = -1;
    ASSERT_TRUE(write([&](Connection& c) -> Result<> {
        PINCER_CHECK(c.execute("INSERT INTO note(text) VALUES('a'), ('b')"));
        id = c.last_insert_id();
        PINCER_TRY(updated, c.execute("UPDATE note SET text = text || '!'"));
        PINCER_TRY(none, c.execute("CREATE TEMP TABLE x(y)"));  // changes nothing, though the statement before did
        return {};
    }));
    EXPECT_EQ(updated, 2);
    EXPECT_EQ(none, 0);
    EXPECT_EQ(id, 2);
}

TEST_F(Store, a_query_may_run_the_same_sql_inside_itself) {
    ASSERT_TRUE(open());
    ASSERT_TRUE(write(insert("a")));
    ASSERT_TRUE(write(insert("b")));
    int seen = 0;
    constexpr std::string_view kSql = "SELECT text FROM note";
    ASSERT_TRUE(db_->read([&](Connection& c) {
        return c.query(kSql, {},
                       [&](const Row&) { return bool(c.query(kSql, {}, [&](const Row&) { return ++seen > 0; })); });
    }));
    EXPECT_EQ(seen, 4);
}

Task<> keep_result(Database& db, std::string text, std::vector<std::string>& order, int& failures) {
    auto done = co_await db.write(insert(text));
    order.push_back(text);
    if (!done) ++failures;
}

Task<> stop(io::TaskGroup& group) {
    while (group.size() > 0) co_await io::yield();
}

TEST_F(Store, many_writes_share_a_commit_and_are_answered_in_order) {
    ASSERT_TRUE(open());
    const std::int64_t commits_before = db_->stats().commits;
    std::vector<std::string> order, expected;
    int failures = 0;
    io::TaskGroup group(runtime_);
    for (int i = 0; i < 1000; ++i) {
        expected.push_back(fmt::format("{}", i));
        group.spawn(keep_result(*db_, expected.back(), order, failures));
    }
    runtime_.run_until_done(stop(group));
    EXPECT_EQ(order, expected);
    EXPECT_EQ(failures, 0);
    EXPECT_EQ(count(), 1000);
    EXPECT_EQ(db_->stats().writes, 1000);
    EXPECT_LE(db_->stats().commits - commits_before, 100);
    EXPECT_GE(db_->stats().commits - commits_before, 1);
}

TEST_F(Store, a_failed_write_does_not_hurt_its_neighbours) {
    ASSERT_TRUE(open());
    std::vector<std::string> order;
    int failures = 0;
    io::TaskGroup group(runtime_);
    for (const char* text : {"a", "b", "a", "c", "b", "d"}) group.spawn(keep_result(*db_, text, order, failures));
    runtime_.run_until_done(stop(group));
    EXPECT_EQ(failures, 2);
    EXPECT_EQ(count(), 4);
}

TEST_F(Store, half_of_a_failed_write_is_rolled_back) {
    ASSERT_TRUE(open());
    EXPECT_FALSE(write([](Connection& c) -> Result<> {
        PINCER_CHECK(c.execute("INSERT INTO note(text) VALUES('half')"));
        return PINCER_FAIL(conflict, "changed my mind");
    }));
    EXPECT_EQ(count(), 0);
}

TEST_F(Store, a_write_that_ends_the_transaction_fails_and_the_next_one_works) {
    ASSERT_TRUE(open());
    EXPECT_EQ(write([](Connection& c) -> Result<> {
                  PINCER_CHECK(c.execute("ROLLBACK"));
                  return {};
              })
                  .error()
                  .code(),
              ErrorCode::internal);
    EXPECT_TRUE(write(insert("after")));
    EXPECT_EQ(count(), 1);
}

TEST_F(Store, a_full_disk_fails_the_write_and_mends_itself) {
    ASSERT_TRUE(open());
    const auto limit_pages = [&](std::string_view pragma) {
        return write([pragma](Connection& c) { return c.query(pragma, {}, [](const Row&) { return true; }); });
    };
    ASSERT_TRUE(limit_pages("PRAGMA max_page_count = 8"));
    const auto full = write(insert(std::string(200'000, 'x')));
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code(), ErrorCode::io);
    EXPECT_EQ(full.error().reason(), "STORE_FULL");
    EXPECT_EQ(count(), 0);
    ASSERT_TRUE(limit_pages("PRAGMA max_page_count = 1000000"));
    EXPECT_TRUE(write(insert(std::string(200'000, 'x'))));
    EXPECT_EQ(count(), 1);
}

struct Held {
    std::atomic<bool> started = false;
    std::mutex until;
};

Task<> hold_the_writer(Database& db, Held& held) {
    std::function<Result<>(Connection&)> work = [&held](Connection&) -> Result<> {
        held.started = true;
        const std::lock_guard waited(held.until);
        return {};
    };
    (void)co_await db.write(std::move(work));
}

Task<> wait_until_started(Held& held) {
    while (!held.started) co_await io::yield();
}

Task<> let_go_after(Held& held, std::vector<std::string>& order, std::size_t answers) {
    while (order.size() < answers) co_await io::yield();
    held.until.unlock();
}

TEST_F(Store, more_writes_than_the_queue_holds_are_refused_not_kept) {
    ASSERT_TRUE(open());
    std::vector<std::string> order;
    int failures = 0;
    Held held;
    held.until.lock();
    io::TaskGroup group(runtime_);
    group.spawn(hold_the_writer(*db_, held));
    runtime_.run_until_done(wait_until_started(held));
    for (int i = 0; i < 10'050; ++i) group.spawn(keep_result(*db_, fmt::format("{}", i), order, failures));
    group.spawn(let_go_after(held, order, 50));  // fifty are answered while the writer stands still: the refused ones
    runtime_.run_until_done(stop(group));
    EXPECT_EQ(failures, 50);
    EXPECT_EQ(count(), 10'000);
}

TEST_F(Store, write_returning_gives_back_what_was_made) {
    ASSERT_TRUE(open());
    std::function<Result<std::int64_t>(Connection&)> work = [](Connection& c) -> Result<std::int64_t> {
        PINCER_CHECK(c.execute("INSERT INTO note(text) VALUES('x')"));
        return c.last_insert_id();
    };
    auto id = runtime_.run_until_done(db_->write_returning(work));
    ASSERT_TRUE(id);
    EXPECT_EQ(*id, 1);
    EXPECT_EQ(runtime_.run_until_done(db_->write_returning(work)).error().code(), ErrorCode::already_exists);
}

TEST_F(Store, slow_reads_see_what_was_answered) {
    ASSERT_TRUE(open());
    ASSERT_TRUE(write(insert("x")));
    std::int64_t seen = 0;
    ASSERT_TRUE(runtime_.run_until_done(db_->read_slow([&](Connection& c) {
        return c.query("SELECT count(*) FROM note", {}, [&](const Row& row) {
            seen = row.integer(0);
            return true;
        });
    })));
    EXPECT_EQ(seen, 1);
}

TEST_F(Store, queued_writes_are_done_before_it_closes) {
    ASSERT_TRUE(open());
    std::vector<std::string> order;
    int failures = 0;
    io::TaskGroup group(runtime_);
    for (int i = 0; i < 100; ++i) group.spawn(keep_result(*db_, fmt::format("{}", i), order, failures));
    runtime_.run_until_done(io::yield());  // all are queued now, few are answered
    db_.reset();
    runtime_.run_until_done(stop(group));
    EXPECT_EQ(order.size(), 100u);
    ASSERT_TRUE(open());
    EXPECT_EQ(count(), 100);
}

TEST_F(Store, migrations_are_applied_once_and_in_order) {
    ASSERT_TRUE(open(kFirst));
    ASSERT_TRUE(write(insert("old")));
    ASSERT_TRUE(open(kSecond));
    ASSERT_TRUE(write(insert("new")));
    ASSERT_TRUE(open(kSecond));
    EXPECT_EQ(count("mood = 'calm'"), 1);
    EXPECT_EQ(count("mood IS NULL"), 1);
}

TEST_F(Store, a_failing_migration_leaves_the_file_as_it_was) {
    constexpr Migration kBroken[] = {kFirst[0], {2, "ALTER TABLE note ADD COLUMN mood TEXT; UPDATE nowhere SET x = 1"}};
    ASSERT_TRUE(open(kFirst));
    ASSERT_TRUE(write(insert("kept")));
    EXPECT_FALSE(open(kBroken));
    ASSERT_TRUE(open(kSecond)) << "the half-done column is gone, or this would fail";
    EXPECT_EQ(count("mood = 'calm'"), 1);
}

TEST_F(Store, a_file_from_a_newer_program_is_refused) {
    ASSERT_TRUE(open(kSecond));
    const auto refused = open(kFirst);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::unsupported);
    EXPECT_EQ(refused.error().reason(), "STORE_NEWER");
}

TEST_F(Store, a_second_owner_is_refused_and_told_who_the_first_is) {
    ASSERT_TRUE(open());
    const auto second = Database::open(runtime_, scratch_ / "test.db", kFirst);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().reason(), "STORE_LOCKED");
    EXPECT_NE(second.error().message().find(fmt::format("process {}", ::getpid())), std::string::npos)
        << second.error().message();
    db_.reset();
    EXPECT_TRUE(open());
}

TEST_F(Store, what_is_not_a_database_is_corrupt) {
    std::ofstream(scratch_ / "test.db") << std::string(8192, 'x');
    const auto refused = open();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::corrupt);
}

TEST_F(Store, a_folder_that_is_not_there_is_an_error) {
    EXPECT_EQ(Database::open(runtime_, scratch_ / "no" / "test.db", kFirst).error().code(), ErrorCode::io);
}

}  // namespace
}  // namespace pincer::storage
