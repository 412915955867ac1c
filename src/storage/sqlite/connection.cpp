#include "storage/sqlite/connection.hpp"

#include <sqlite3.h>

#include <utility>

#include "base/assert.hpp"

namespace pincer::storage::sqlite {
namespace {

constexpr std::size_t kMostCachedStatements =
    128;  // SQL is literals, so a program has fewer; more would be a bug, not a leak

// What a connection may cost in memory, and what a commit means. mmap stays off: an I/O error must be an error code.
constexpr const char* kSetUp = R"(
    PRAGMA busy_timeout = 5000;
    PRAGMA foreign_keys = ON;
    PRAGMA mmap_size = 0;
    PRAGMA temp_store = MEMORY;
    PRAGMA trusted_schema = OFF;
)";
constexpr const char* kSetUpWriter =
    "PRAGMA cache_size = -512; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = "
    "4194304;";
constexpr const char* kSetUpReader = "PRAGMA cache_size = -256; PRAGMA query_only = ON;";

ErrorCode code_from(int code) {
    switch (code) {
        case SQLITE_CONSTRAINT_UNIQUE:
        case SQLITE_CONSTRAINT_PRIMARYKEY:
        case SQLITE_CONSTRAINT_ROWID: return ErrorCode::already_exists;
        default: break;
    }
    switch (code & 0xff) {
        case SQLITE_CONSTRAINT: return ErrorCode::conflict;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB: return ErrorCode::corrupt;
        case SQLITE_TOOBIG: return ErrorCode::too_large;
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return ErrorCode::unavailable;
        case SQLITE_IOERR:
        case SQLITE_FULL:
        case SQLITE_CANTOPEN:
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_NOMEM: return ErrorCode::io;
        default: return ErrorCode::internal;  // SQL that does not fit the schema, misuse
    }
}

int bind(sqlite3_stmt* statement, int place, const Value& value) {
    struct Bind {
        sqlite3_stmt* statement;
        int place;
        int operator()(std::monostate) const { return sqlite3_bind_null(statement, place); }
        int operator()(std::int64_t v) const { return sqlite3_bind_int64(statement, place, v); }
        int operator()(double v) const { return sqlite3_bind_double(statement, place, v); }
        // STATIC: the caller's values outlive the statement's run.
        int operator()(const std::string& v) const {
            return sqlite3_bind_text64(statement, place, v.data(), v.size(), SQLITE_STATIC, SQLITE_UTF8);
        }
    };
    return std::visit(Bind{statement, place}, value);
}

class SqliteRow final : public Row {
public:
    explicit SqliteRow(sqlite3_stmt* statement) : statement_(statement) {}
    std::int64_t integer(int column) const override { return sqlite3_column_int64(statement_, column); }
    double real(int column) const override { return sqlite3_column_double(statement_, column); }
    std::string text(int column) const override { return std::string(view(column)); }
    std::string_view view(int column) const override {
        const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
        return bytes ? std::string_view(bytes, std::size_t(sqlite3_column_bytes(statement_, column)))
                     : std::string_view();
    }
    bool is_null(int column) const override { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

private:
    sqlite3_stmt* statement_;
};

}  // namespace

Error error_from(sqlite3* db, int code, std::string_view doing) {
    Error error(code_from(code), fmt::format("{}: {}", doing, db ? sqlite3_errmsg(db) : sqlite3_errstr(code)));
    if ((code & 0xff) == SQLITE_FULL) return std::move(error).with_reason("STORE_FULL");
    return error;
}

class SqliteConnection::Statement {
public:
    Statement(sqlite3_stmt* handle, bool cached) : handle_(handle), cached_(cached) {}
    ~Statement() {
        if (!handle_) return;
        if (!cached_) {
            sqlite3_finalize(handle_);
            return;
        }
        sqlite3_reset(handle_);
        sqlite3_clear_bindings(handle_);
    }
    Statement(Statement&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)), cached_(other.cached_) {}
    Statement& operator=(Statement&&) = delete;
    sqlite3_stmt* get() const { return handle_; }

private:
    sqlite3_stmt* handle_;
    bool cached_;
};

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(const std::filesystem::path& path, Access access) {
    // NOMUTEX: a connection belongs to one thread at a time, we see to that.
    const int flags =
        SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
        (access == Access::read_write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
    sqlite3* db = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
    std::unique_ptr<SqliteConnection> connection(new SqliteConnection(db));
    if (code != SQLITE_OK) return Failure(error_from(db, code, fmt::format("opening {}", path.string())));
    sqlite3_db_config(db, SQLITE_DBCONFIG_LOOKASIDE, nullptr, 512, 32);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
    const auto count = [](void* counter) -> int {
        ++*static_cast<std::int64_t*>(counter);
        return 0;
    };
    sqlite3_commit_hook(db, count, &connection->commits_);
    PINCER_CHECK(connection->run_script(kSetUp));
    PINCER_CHECK(connection->run_script(access == Access::read_write ? kSetUpWriter : kSetUpReader));
    return connection;
}

SqliteConnection::~SqliteConnection() {
    for (const auto& [sql, statement] : cache_) sqlite3_finalize(statement);
    sqlite3_close_v2(db_);
}

Error SqliteConnection::failed(int code, std::string_view sql) {
    last_code_ = code;
    return error_from(db_, code, sql.substr(0, 80));
}

Result<SqliteConnection::Statement> SqliteConnection::prepare(std::string_view sql, std::span<const Value> values) {
    sqlite3_stmt* handle = nullptr;
    bool cached = true;
    if (const auto found = cache_.find(sql); found != cache_.end()) handle = found->second;
    if (!handle || sqlite3_stmt_busy(handle)) {  // busy: the same SQL inside its own query()
        cached = !handle && cache_.size() < kMostCachedStatements;
        const char* tail = nullptr;
        const int code = sqlite3_prepare_v3(db_, sql.data(), int(sql.size()), cached ? SQLITE_PREPARE_PERSISTENT : 0,
                                            &handle, &tail);
        if (code != SQLITE_OK) return Failure(failed(code, sql));
        if (handle && cached) cache_.emplace(sql, handle);
        const std::string_view rest = sql.substr(std::size_t(tail - sql.data()));
        if (!handle || rest.find_first_not_of(" \n\t;") != std::string_view::npos) {
            if (!cached) sqlite3_finalize(handle);
            return PINCER_FAIL(internal, "exactly one statement is wanted: {}", sql.substr(0, 80));
        }
    }
    Statement statement(handle, cached);
    if (std::size_t(sqlite3_bind_parameter_count(handle)) != values.size()) {
        return PINCER_FAIL(internal, "{} values for the places of: {}", values.size(), sql.substr(0, 80));
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (const int code = bind(handle, int(i) + 1, values[i]); code != SQLITE_OK) return Failure(failed(code, sql));
    }
    return statement;
}

Result<std::int64_t> SqliteConnection::execute(std::string_view sql, std::initializer_list<Value> values) {
    return execute(sql, std::span(values.begin(), values.size()));
}

Result<std::int64_t> SqliteConnection::execute(std::string_view sql, std::span<const Value> values) {
    PINCER_TRY(const Statement statement, prepare(sql, values));
    const std::int64_t before = sqlite3_total_changes64(db_);
    int code = SQLITE_ROW;
    while (code == SQLITE_ROW) code = sqlite3_step(statement.get());
    if (code != SQLITE_DONE) return Failure(failed(code, sql));
    return sqlite3_total_changes64(db_) == before ? 0 : sqlite3_changes64(db_);
}

Result<> SqliteConnection::query(std::string_view sql, std::initializer_list<Value> values,
                                 std::function<bool(const Row&)> each) {
    PINCER_TRY(const Statement statement, prepare(sql, std::span(values.begin(), values.size())));
    const SqliteRow row(statement.get());
    for (;;) {
        const int code = sqlite3_step(statement.get());
        if (code == SQLITE_DONE) return {};
        if (code != SQLITE_ROW) return Failure(failed(code, sql));
        if (!each(row)) return {};
    }
}

std::int64_t SqliteConnection::last_insert_id() const { return sqlite3_last_insert_rowid(db_); }
bool SqliteConnection::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

Result<> SqliteConnection::run_script(std::string_view sql) {
    const std::string terminated(sql);
    const int code = sqlite3_exec(db_, terminated.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return Failure(failed(code, sql));
    return {};
}

}  // namespace pincer::storage::sqlite
