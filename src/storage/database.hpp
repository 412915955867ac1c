// One SQLite file: WAL, synchronous=FULL, one writer with group commit. What a write() has answered is on disk.
//
// Writes are functions queued from the io thread. A writer thread takes all that wait, runs each in a savepoint of one
// transaction, commits once, and only then completes them all: many messages, one fsync. A write whose function fails
// is rolled back alone. Reads run at once on the io thread against a read connection: they are for indexed look-ups of
// microseconds; what may take longer goes through read_slow().
//
// SQLite is never shared between processes here: the file is locked (reason STORE_LOCKED names the pid that has it).
// When the disk says no to a commit, every write of that batch fails: outcome_unknown with reason STORE_FAILED if the
// bytes may have reached the disk all the same, and from then on nothing is written until the file is opened again; io
// with reason STORE_FULL if there was no room, which mends itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "io/runtime.hpp"

namespace pincer::storage {

using Value = std::variant<std::monostate, std::int64_t, double, std::string>;  // NULL, INTEGER, REAL, TEXT (any bytes)

// One row of an answer; columns by position.
class Row {
public:
    virtual ~Row() = default;
    virtual std::int64_t integer(int column) const = 0;
    virtual double real(int column) const = 0;
    virtual std::string text(int column) const = 0;
    virtual std::string_view view(int column) const = 0;  // until the next row
    virtual bool is_null(int column) const = 0;
};

// A connection inside a transaction (write) or a snapshot (read). Statements are cached by their text, so SQL is always
// a literal with ? places, one statement, as many values as places; values never go into the text.
class Connection {
public:
    virtual ~Connection() = default;
    // Number of rows changed. Errors: already_exists (unique or primary key), conflict (other constraint), io, corrupt.
    virtual Result<std::int64_t> execute(std::string_view sql, std::initializer_list<Value> values = {}) = 0;
    virtual Result<std::int64_t> execute(std::string_view sql, std::span<const Value> values) = 0;
    // Calls `each` for every row until it returns false. It may run other statements on this connection.
    virtual Result<> query(std::string_view sql, std::initializer_list<Value> values,
                           std::function<bool(const Row&)> each) = 0;
    virtual std::int64_t last_insert_id() const = 0;
};

// Applied in order, once, each in a transaction of its own; the number applied is kept in the file. A file from a newer
// program is refused (unsupported), never guessed at.
struct Migration {
    int version;  // 1, 2, 3 ...
    std::string_view sql;
};

struct Stats {
    std::int64_t writes = 0;   // answered with success
    std::int64_t commits = 0;  // as SQLite counts them (its commit hook)
};

class Database {
public:
    // Makes the file (0600) when it is not there; the folder must exist. Errors: conflict (STORE_LOCKED), unsupported
    // (STORE_NEWER: the file comes from a newer program), corrupt, io.
    static Result<std::unique_ptr<Database>> open(io::Runtime& runtime, const std::filesystem::path& path,
                                                  std::span<const Migration> migrations);
    virtual ~Database() = default;  // waits for what is queued; no task may still wait for an answer then

    // Completes after the commit that holds it is on disk. `work` runs on the writer thread and touches only what it
    // was given by value. Cancelling the task does not stop a write: it is done, and then answered. Errors: what `work`
    // failed with; rate_limited (STORE_BUSY: 10,000 writes wait already, this one was not queued).
    virtual Task<Result<>> write(std::function<Result<>(Connection&)> work) = 0;
    virtual Result<> read(std::function<Result<>(Connection&)> work) = 0;
    virtual Task<Result<>> read_slow(std::function<Result<>(Connection&)> work) = 0;  // on a thread of its own
    virtual Stats stats() const = 0;

    // write() that gives back what `work` made.
    template <class T>
    Task<Result<T>> write_returning(std::function<Result<T>(Connection&)> work) {
        auto out = std::make_shared<std::optional<T>>();
        std::function<Result<>(Connection&)> wrapped = [out, work = std::move(work)](Connection& c) -> Result<> {
            auto made = work(c);
            if (!made) return Failure(std::move(made).error());
            *out = *std::move(made);
            return {};
        };
        auto done = co_await write(std::move(wrapped));
        if (!done) co_return Failure(std::move(done).error());
        co_return std::move(**out);
    }
};

}  // namespace pincer::storage
