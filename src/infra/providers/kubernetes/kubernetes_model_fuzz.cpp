// Any JSON as every kind of object, then through the rules: nothing may fail, whatever the API server sends.
#include "base/assert.hpp"
#include "infra/providers/kubernetes/paths.hpp"
#include "infra/providers/kubernetes/snapshot.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace pincer;
    using namespace pincer::infra::kubernetes;
    const auto parsed =
        json::parse_object({reinterpret_cast<const char*>(data), size}, {.bytes = 1u << 20, .depth = 32});
    if (!parsed) return 0;
    Snapshot snapshot;
    snapshot.now = from_millis(1'800'000'000'000);
    snapshot.pods_read = snapshot.workloads_read = true;
    // A list gives its items; anything else is one item of every kind.
    std::vector<json::object> items;
    if (const auto* list = json::array_at(*parsed, "items")) {
        for (const auto& item : *list) {
            if (item.is_object() && items.size() < 64) items.push_back(item.get_object());
        }
    }
    if (items.empty()) items.push_back(*parsed);
    for (const auto& item : items) {
        snapshot.pods.push_back({read_pod(item), "p"});
        snapshot.workloads.push_back({read_workload(WorkloadKind::deployment, item), "d"});
        snapshot.workloads.push_back({read_workload(WorkloadKind::daemon_set, item), "d"});
        snapshot.replica_sets.push_back({read_replica_set(item), "r"});
        snapshot.events.push_back({read_event(item), "e"});
        snapshot.nodes.push_back({read_node(item), "n"});
        (void)selector_of(item);
        PINCER_ASSERT(digest_of_template(item).size() == 64, "a digest is 64 hex digits");
    }
    const auto causes = diagnose(snapshot);
    for (const auto& source : log_sources(snapshot, causes))
        PINCER_ASSERT(source.cause < causes.size(), "a log belongs to a cause");
    for (const auto& cause : causes) (void)json::write(infra::to_json(cause));
    for (const auto& change : history(snapshot, {})) (void)json::write(infra::to_json(change));
    return 0;
}
