#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/log.hpp"
#include "storage/batcher.hpp"
#include "storage/file_lock.hpp"
#include "storage/sqlite/migrate.hpp"

namespace pincer::storage {
namespace {

using sqlite::Access;
using sqlite::SqliteConnection;

constexpr std::size_t kMostInOneCommit = 2048;  // bounds how long the first of them waits for the last

using Work = std::function<Result<>(Connection&)>;

// What outside code does in our transaction: its exceptions end here.
Result<> run_guarded(const Work& work, Connection& connection) {
    try {
        return work(connection);
    } catch (const std::exception& e) {
        return PINCER_FAIL(internal, "a database function threw: {}", e.what());
    }
}

// The writer thread's half: everything here runs on that thread.
class Writer {
public:
    explicit Writer(std::unique_ptr<SqliteConnection> connection) : connection_(std::move(connection)) {}

    struct Job : Batcher::Job {
        Work work;
    };

    void run_batch(Batcher::Batch batch) {
        const Result<> done = broken_ ? Failure(*broken_) : write_all(batch);
        std::int64_t written = 0;
        for (const auto& job : batch) {
            if (!done) job->result = Failure(done.error());
            if (job->result) ++written;
        }
        if (!done && connection_->in_transaction()) (void)connection_->run_script("ROLLBACK");
        writes_ += written;
        commits_ = connection_->commits();
    }

    Stats stats() const { return {.writes = writes_, .commits = commits_}; }

private:
    // Sets each job's own result; a failure of the whole is given back and holds for every job of the batch.
    Result<> write_all(Batcher::Batch batch) {
        PINCER_CHECK(connection_->execute("BEGIN IMMEDIATE"));
        for (const auto& job : batch) {
            PINCER_CHECK(write_one(static_cast<Job&>(*job)));
        }
        auto committed = connection_->execute("COMMIT");
        if (committed) return {};
        return Failure(commit_failed(std::move(committed).error()));
    }

    Result<> write_one(Job& job) {
        PINCER_CHECK(connection_->execute("SAVEPOINT one_write"));
        job.result = run_guarded(job.work, *connection_);
        job.work = nullptr;  // what it captured is let go of before the answer
        // A full or failing disk makes SQLite roll back the whole transaction by itself.
        if (!connection_->in_transaction()) {
            Error error =
                job.result ? Error(ErrorCode::internal, "a write ended the transaction it was in") : job.result.error();
            return Failure(std::move(error));
        }
        if (!job.result) PINCER_CHECK(connection_->execute("ROLLBACK TO one_write"));
        PINCER_CHECK(connection_->execute("RELEASE one_write"));
        return {};
    }

    Error commit_failed(Error error) {
        if ((connection_->last_code() & 0xff) != SQLITE_IOERR) return error;
        // After a failed fsync nobody knows what the disk holds, and the next fsync may claim success for pages that
        // were dropped. Only opening the file anew, and reading, settles it.
        Error unknown(ErrorCode::outcome_unknown, error.message());
        broken_ = Error(ErrorCode::unavailable,
                        fmt::format("the store failed earlier and takes no writes until it is opened again ({})",
                                    error.message()))
                      .with_reason("STORE_FAILED");
        return std::move(unknown).with_reason("STORE_FAILED");
    }

    std::unique_ptr<SqliteConnection> connection_;
    std::optional<Error> broken_;
    std::atomic<std::int64_t> writes_ = 0;
    std::atomic<std::int64_t> commits_ = 0;
};

class SqliteDatabase final : public Database {
public:
    SqliteDatabase(io::Runtime& runtime, FileLock lock, std::filesystem::path path,
                   std::unique_ptr<SqliteConnection> writer, std::unique_ptr<SqliteConnection> reader)
        : runtime_(runtime),
          lock_(std::move(lock)),
          path_(std::move(path)),
          writer_(std::move(writer)),
          reader_(std::move(reader)),
          batcher_(runtime, kMostInOneCommit, [this](Batcher::Batch batch) { writer_.run_batch(batch); }) {}

    Task<Result<>> write(Work work) override {
        auto job = std::make_shared<Writer::Job>();
        job->work = std::move(work);
        co_await batcher_.submit(job);
        co_return std::move(job->result);
    }

    Result<> read(Work work) override { return read_on(*reader_, work); }

    Task<Result<>> read_slow(Work work) override {
        if (!slow_pool_) slow_pool_ = std::make_unique<io::BlockingPool>(runtime_, 1);
        std::function<Result<>()> job = [this, work = std::move(work)] { return read_slowly(work); };
        return slow_pool_->run(std::move(job));
    }

    Stats stats() const override { return writer_.stats(); }

private:
    // A snapshot: all statements of one `work` see the same commit.
    static Result<> read_on(SqliteConnection& connection, const Work& work) {
        const bool nested = connection.in_transaction();
        if (!nested) PINCER_CHECK(connection.execute("BEGIN"));
        auto result = run_guarded(work, connection);
        if (!nested && connection.in_transaction()) PINCER_CHECK(connection.execute("COMMIT"));
        return result;
    }

    Result<> read_slowly(const Work& work) {
        if (!slow_reader_) {
            PINCER_TRY(slow_reader_, SqliteConnection::open(path_, Access::read_only));
        }
        return read_on(*slow_reader_, work);
    }

    io::Runtime& runtime_;
    FileLock lock_;
    std::filesystem::path path_;
    Writer writer_;  // before the readers: the last connection to close tidies the WAL away, and a reader may not
    std::unique_ptr<SqliteConnection> reader_;
    std::unique_ptr<SqliteConnection> slow_reader_;  // made and used on the slow pool's one thread
    std::unique_ptr<io::BlockingPool> slow_pool_;    // made at first use: most programs never need its thread
    Batcher batcher_;                                // last: its thread uses the writer, and ends before that goes
};

// SQLite would make the file readable by others; the -wal and -shm files take over its mode.
Result<> make_private_file(const std::filesystem::path& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return PINCER_FAIL(io, "opening {}: {}", path.string(), std::strerror(errno));
    ::close(fd);
    return {};
}

}  // namespace

Result<std::unique_ptr<Database>> Database::open(io::Runtime& runtime, const std::filesystem::path& path,
                                                 std::span<const Migration> migrations) {
    PINCER_TRY(FileLock lock, FileLock::take(path.string() + ".lock", path));
    PINCER_CHECK(make_private_file(path));
    PINCER_TRY(auto writer, SqliteConnection::open(path, Access::read_write));
    if (auto migrated = sqlite::migrate(*writer, migrations); !migrated) {
        return Failure(std::move(migrated).error().context(fmt::format("opening {}", path.string())));
    }
    PINCER_TRY(auto reader, SqliteConnection::open(path, Access::read_only));
    std::unique_ptr<Database> database =
        std::make_unique<SqliteDatabase>(runtime, std::move(lock), path, std::move(writer), std::move(reader));
    return database;
}

}  // namespace pincer::storage
