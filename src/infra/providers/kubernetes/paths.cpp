#include "infra/providers/kubernetes/paths.hpp"

#include "io/http.hpp"

namespace pincer::infra::kubernetes {

std::optional<WorkloadKind> parse_kind(std::string_view kind) {
    for (const auto known : {WorkloadKind::deployment, WorkloadKind::stateful_set, WorkloadKind::daemon_set}) {
        if (kind == name_of(known)) return known;
    }
    return std::nullopt;
}

std::string path_of(WorkloadKind kind, std::string_view namespace_name, std::string_view name) {
    return fmt::format("/apis/apps/v1/namespaces/{}/{}/{}", io::percent_encode(namespace_name), resource_of(kind),
                       io::percent_encode(name));
}

std::string selector_of(const json::object& workload) {
    const auto* spec = json::object_at(workload, "spec");
    const auto* selector = spec ? json::object_at(*spec, "selector") : nullptr;
    const auto* labels = selector ? json::object_at(*selector, "matchLabels") : nullptr;
    if (!labels || json::find(*selector, "matchExpressions")) return {};
    std::string out;
    for (const auto& [key, value] : *labels) {
        if (!value.is_string()) return {};
        out +=
            fmt::format("{}{}={}", out.empty() ? "" : ",", std::string_view(key), std::string_view(value.get_string()));
    }
    return out;
}

}  // namespace pincer::infra::kubernetes
