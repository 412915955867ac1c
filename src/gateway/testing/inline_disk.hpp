// The real stores (SQLite file, audit chain) without their threads: each write is done on the io thread, after one turn
// of the loop, so that a test or a simulation sees the same order every time. And they ask the Power.
#pragma once

#include <filesystem>
#include <memory>
#include <span>

#include "audit/chain.hpp"
#include "gateway/testing/power.hpp"
#include "storage/database.hpp"

namespace pincer::gateway::testing {

Result<std::unique_ptr<storage::Database>> open_inline_database(const std::filesystem::path& file,
                                                                std::span<const storage::Migration> migrations,
                                                                Power& power);
Result<std::unique_ptr<audit::Chain>> open_inline_chain(const std::filesystem::path& directory, const std::string& name,
                                                        const Clock& clock, Power& power);

}  // namespace pincer::gateway::testing
