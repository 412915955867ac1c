// Brings a file to the newest schema. Private to storage.
#pragma once

#include "storage/sqlite/connection.hpp"

namespace pincer::storage::sqlite {

// The number applied is SQLite's own PRAGMA user_version. Errors: unsupported (reason STORE_NEWER), io, corrupt.
Result<> migrate(SqliteConnection& connection, std::span<const Migration> migrations);

}  // namespace pincer::storage::sqlite
