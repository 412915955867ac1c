// The GitHub provider: workflow runs, deployments, commits and pull requests of one repository, and three typed
// operations on runs.
#pragma once

#include "infra/engine/provider.hpp"

namespace pincer::infra::github {

extern const ProviderType type;

}  // namespace pincer::infra::github
