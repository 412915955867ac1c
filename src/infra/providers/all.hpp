// The table of providers. A provider is one folder here and one line in all.cpp (docs/guides/add-a-provider.md).
#pragma once

#include <span>

#include "infra/engine/provider.hpp"

namespace pincer::infra {

// Alphabetical. Pointers, since each row is defined in its provider's own folder.
std::span<const ProviderType* const> all_providers();

}  // namespace pincer::infra
