// The Gateway's tables, as migrations. One file, state/openclaw.sqlite, holds everything that must survive.
#pragma once

#include <span>

#include "storage/database.hpp"

namespace pincer::gateway {

std::span<const storage::Migration> migrations();

}  // namespace pincer::gateway
