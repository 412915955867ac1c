#include "infra/providers/kubernetes/kubernetes.hpp"

#include "base/text.hpp"
#include "infra/engine/fan_out.hpp"
#include "infra/providers/kubernetes/operations.hpp"
#include "infra/providers/kubernetes/paths.hpp"
#include "infra/providers/kubernetes/reader.hpp"

namespace pincer::infra::kubernetes {
namespace {

constexpr std::size_t kLogLines = 20;
constexpr std::size_t kLogBytes = 32u << 10;
constexpr std::size_t kLogsOfCauses = 6;

std::vector<std::string> lines_of(std::string_view text, std::size_t most) {
    std::vector<std::string> lines;
    for (const auto line : split(text, '\n')) {
        if (!trim(line).empty()) lines.emplace_back(line);
    }
    if (lines.size() > most) lines.erase(lines.begin(), lines.end() - std::ptrdiff_t(most));
    return lines;
}

class Kubernetes final : public Provider, public Logs {
public:
    Kubernetes(Services services, Settings settings, Access access)
        : services_(services),
          scope_(settings.scope),
          client_(services, std::move(settings), std::move(access)),
          operations_(services, client_) {}

    Task<Result<>> observe(Query query, Reading& out) override;
    Task<Result<LogTail>> tail(ObjectRef object, std::size_t lines, Reading& out, Deadline deadline) override;
    Logs* logs() override { return this; }
    Planner* planner() override { return &operations_; }
    Applier* applier() override { return &operations_; }

private:
    Task<Result<LogTail>> tail_of(LogSource source, std::size_t lines, Reading& out, Deadline deadline);
    Task<> read_log(LogSource source, Cause& cause, Reading& out, Deadline deadline);
    static void tell(const Snapshot& snapshot, Hints* hints);

    Services services_;
    std::string scope_;
    Client client_;
    Operations operations_;
};

void Kubernetes::tell(const Snapshot& snapshot, Hints* hints) {
    if (!hints) return;
    std::map<std::string, int> used;
    for (const auto& seen : snapshot.workloads) {
        auto marks = seen.object.meta.annotations;
        marks.insert(seen.object.template_annotations.begin(), seen.object.template_annotations.end());
        const Release release = read_release(seen.object.images, marks, seen.object.template_labels);
        if (!release.repository.empty()) ++used[release.repository];
        if (!release.commit.empty()) hints->commits.push_back(release.commit);
    }
    for (const auto& [name, count] : used) hints->repositories.push_back(name);
    std::ranges::sort(hints->repositories, {}, [&](const std::string& name) { return std::pair(-used[name], name); });
}

Task<Result<>> Kubernetes::observe(Query query, Reading& out) {
    SnapshotReader reader(services_, client_, query.scope.empty() ? scope_ : query.scope, query.deadline, out);
    PINCER_CO_TRY(const Snapshot snapshot, co_await reader.read());
    tell(snapshot, query.hints);
    if (query.hints) query.hints->settled.set();
    out.inventory = inventory(snapshot);
    out.changes = history(snapshot, query.since);
    if (!query.health) co_return Result<>{};
    if (!snapshot.pods_read || !snapshot.workloads_read) {
        out.gaps.emplace_back("without pods and workloads nothing can be said about health");
    }
    out.causes = diagnose(snapshot);
    state_what_is_well(snapshot, out);

    FanOut logs(services_.runtime);
    std::size_t asked = 0;
    for (auto& source : log_sources(snapshot, out.causes)) {
        if (asked++ == kLogsOfCauses) break;
        logs.add(read_log(std::move(source), out.causes[source.cause], out, query.deadline));
    }
    co_await logs.join(query.deadline);
    co_return Result<>{};
}

Task<> Kubernetes::read_log(LogSource source, Cause& cause, Reading& out, Deadline deadline) {
    const std::string pod = source.pod;
    auto found = co_await tail_of(std::move(source), kLogLines, out, deadline);
    if (!found) {
        if (found.error().code() != ErrorCode::not_found)
            out.gaps.push_back(fmt::format("the log of pod {}: {}", pod, found.error().message()));
        co_return;
    }
    cause.last_log = std::move(found->lines);
    cause.log_evidence = found->evidence;
    cause.evidence.push_back(found->evidence);
}

Task<Result<LogTail>> Kubernetes::tail_of(LogSource source, std::size_t lines, Reading& out, Deadline deadline) {
    const std::string path = fmt::format("/api/v1/namespaces/{}/pods/{}/log", io::percent_encode(source.namespace_name),
                                         io::percent_encode(source.pod));
    std::vector<std::pair<std::string, std::string>> query{{"container", source.container},
                                                           {"tailLines", std::to_string(lines)},
                                                           {"limitBytes", std::to_string(kLogBytes)}};
    auto previous = query;
    if (source.previous) previous.emplace_back("previous", "true");
    auto fetched = co_await client_.text(path, std::move(previous), kLogBytes, deadline);
    // The run before may have been cleaned away already; then what runs now is the next best.
    if (!fetched && fetched.error().code() == ErrorCode::not_found && source.previous) {
        fetched = co_await client_.text(path, std::move(query), kLogBytes, deadline);
    }
    if (!fetched) co_return Failure(std::move(fetched).error());
    LogTail tail{lines_of(fetched->bytes, lines), {}};
    if (tail.lines.empty()) co_return PINCER_FAIL(not_found, "the log is empty");
    EvidenceBook::Item item{"k8s",
                            "kubernetes",
                            fetched->source,
                            services_.clock.wall(),
                            fmt::format("log of pod {}/{}", source.namespace_name, source.pod),
                            fmt::format("last {} lines", tail.lines.size())};
    tail.evidence = out.evidence.add(std::move(item), std::string_view(fetched->bytes));
    co_return tail;
}

// Of a pod, or of the youngest pod of a workload.
Task<Result<LogTail>> Kubernetes::tail(ObjectRef object, std::size_t lines, Reading& out, Deadline deadline) {
    std::string path = fmt::format("/api/v1/namespaces/{}/pods", io::percent_encode(object.scope));
    std::vector<std::pair<std::string, std::string>> query;
    if (const auto kind = parse_kind(object.kind)) {
        const std::string where = path_of(*kind, object.scope, object.name);
        PINCER_CO_TRY(const Fetched workload, co_await client_.get(where, deadline));
        std::string selector = selector_of(workload.object);
        if (selector.empty())
            co_return PINCER_FAIL(unsupported, "{} selects its pods in a way that is not supported", object.str());
        query.emplace_back("labelSelector", std::move(selector));
    } else {
        query.emplace_back("fieldSelector", "metadata.name=" + object.name);
    }
    PINCER_CO_TRY(const Listed pods, co_await client_.list(std::move(path), std::move(query), deadline));
    std::optional<Pod> youngest;
    for (const auto& item : pods.items) {
        Pod pod = read_pod(item);
        if (!youngest || pod.meta.created > youngest->meta.created) youngest = std::move(pod);
    }
    if (!youngest || youngest->containers.empty())
        co_return PINCER_FAIL(not_found, "{} has no pod with a log", object.str());
    const Container& container = youngest->containers.back();
    LogSource source{0, youngest->meta.namespace_name, youngest->meta.name, container.name,
                     !container.waiting_reason.empty()};
    co_return co_await tail_of(std::move(source), lines, out, deadline);
}

Result<std::unique_ptr<Provider>> make(const Settings& settings, Services services) {
    Locations where;
    where.kubeconfig_flag = settings.kubeconfig;
    where.kubeconfig_list = settings.environment("KUBECONFIG");
    where.home = settings.home;
    where.service_host = settings.environment("KUBERNETES_SERVICE_HOST");
    where.service_port = settings.environment("KUBERNETES_SERVICE_PORT");
    PINCER_TRY(Access access, load_access(where, settings.context));
    return std::make_unique<Kubernetes>(std::move(services), settings, std::move(access));
}

}  // namespace

constinit const ProviderType type{
    .id = "kubernetes",
    .label = "Kubernetes",
    .configured_by = "--kubeconfig, KUBECONFIG, ~/.kube/config or the pod's service account; --context, --namespace",
    .health = true,
    .gives_hints = true,
    .make = make,
};

}  // namespace pincer::infra::kubernetes
