// One SQLite connection, used by one thread at a time. Private to storage.
#pragma once

#include <memory>
#include <unordered_map>

#include "storage/database.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace pincer::storage::sqlite {

enum class Access { read_write, read_only };

// The error in our words. `doing` says what was tried; SQLite's own sentence is safe to show (it never quotes values).
Error error_from(sqlite3* db, int code, std::string_view doing);

class SqliteConnection final : public Connection {
public:
    static Result<std::unique_ptr<SqliteConnection>> open(const std::filesystem::path& path, Access access);
    ~SqliteConnection() override;
    SqliteConnection(const SqliteConnection&) = delete;
    SqliteConnection& operator=(const SqliteConnection&) = delete;

    Result<std::int64_t> execute(std::string_view sql, std::initializer_list<Value> values = {}) override;
    Result<std::int64_t> execute(std::string_view sql, std::span<const Value> values) override;
    Result<> query(std::string_view sql, std::initializer_list<Value> values,
                   std::function<bool(const Row&)> each) override;
    std::int64_t last_insert_id() const override;

    // Several statements, without values and without caching: migrations and pragmas.
    Result<> run_script(std::string_view sql);
    bool in_transaction() const;
    int last_code() const { return last_code_; }  // SQLite's extended result code of the last failure
    std::int64_t commits() const { return commits_; }

private:
    class Statement;  // a cached or temporary prepared statement, reset when it goes out of scope

    explicit SqliteConnection(sqlite3* db) : db_(db) {}
    Result<Statement> prepare(std::string_view sql, std::span<const Value> values);
    Error failed(int code, std::string_view sql);

    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };
    sqlite3* db_;
    std::unordered_map<std::string, sqlite3_stmt*, TextHash, std::equal_to<>> cache_;
    int last_code_ = 0;
    std::int64_t commits_ = 0;
};

}  // namespace pincer::storage::sqlite
