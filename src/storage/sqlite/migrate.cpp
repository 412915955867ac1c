#include "storage/sqlite/migrate.hpp"

#include "base/assert.hpp"

namespace pincer::storage::sqlite {

Result<> migrate(SqliteConnection& connection, std::span<const Migration> migrations) {
    for (std::size_t i = 0; i < migrations.size(); ++i) {
        PINCER_ASSERT(migrations[i].version == int(i) + 1, "migrations are numbered 1, 2, 3 ... without a gap");
    }
    std::int64_t applied = 0;
    PINCER_CHECK(connection.query("PRAGMA user_version", {}, [&](const Row& row) {
        applied = row.integer(0);
        return false;
    }));
    if (applied < 0 || std::size_t(applied) > migrations.size()) {
        Error error(ErrorCode::unsupported,
                    fmt::format("this file has schema {}, and this program knows only up to {}: it was "
                                "written by a newer version",
                                applied, migrations.size()));
        return Failure(std::move(error).with_reason("STORE_NEWER"));
    }
    for (const Migration& migration : migrations.subspan(std::size_t(applied))) {
        // user_version lies in the file's header, so it is part of the same transaction.
        auto done = connection.run_script(
            fmt::format("BEGIN IMMEDIATE;\n{}\n;PRAGMA user_version = {}; COMMIT;", migration.sql, migration.version));
        if (!done) {
            if (connection.in_transaction()) (void)connection.run_script("ROLLBACK");
            return Failure(std::move(done).error().context(fmt::format("migration {}", migration.version)));
        }
    }
    return {};
}

}  // namespace pincer::storage::sqlite
