// Where workloads live in the API.
#pragma once

#include <optional>
#include <string>

#include "infra/providers/kubernetes/model.hpp"

namespace pincer::infra::kubernetes {

std::optional<WorkloadKind> parse_kind(std::string_view kind);  // "Deployment"
std::string path_of(WorkloadKind kind, std::string_view namespace_name, std::string_view name);
// spec.selector.matchLabels as a labelSelector; "" when the selector says more than that.
std::string selector_of(const json::object& workload);

}  // namespace pincer::infra::kubernetes
