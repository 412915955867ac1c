// The Kubernetes provider: what any API server can tell, and four typed operations on workloads.
#pragma once

#include "infra/engine/provider.hpp"

namespace pincer::infra::kubernetes {

extern const ProviderType type;

}  // namespace pincer::infra::kubernetes
