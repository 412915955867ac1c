// The rule table against objects as the API server sends them.
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "infra/providers/kubernetes/snapshot.hpp"

namespace pincer::infra::kubernetes {
namespace {

const WallTime kNow = *parse_rfc3339("2026-11-21T22:30:00Z");

json::object parse(std::string_view text) {
    auto parsed = json::parse_object(text);
    if (!parsed) ADD_FAILURE() << parsed.error().message() << "\n" << text;
    return parsed ? *std::move(parsed) : json::object();
}

std::string pod_text(std::string_view name, std::string_view hash, std::string_view statuses,
                     std::string_view ready = "False", std::string_view phase = "Running") {
    return fmt::format(
        R"({{"metadata":{{"name":"{}","namespace":"shop","uid":"{}","creationTimestamp":"2026-11-21T22:20:00Z","labels":{{"pod-template-hash":"{}"}},
             "ownerReferences":[{{"kind":"ReplicaSet","name":"checkout-{}","uid":"rs-{}","controller":true}}]}},
            "status":{{"phase":"{}","startTime":"2026-11-21T22:20:00Z",
             "conditions":[{{"type":"Ready","status":"{}","lastTransitionTime":"2026-11-21T22:20:05Z"}}],"containerStatuses":[{}]}}}})",
        name, name, hash, hash, hash, phase, ready, statuses);
}

std::string set_text(std::string_view hash, int revision, std::string_view tag, std::string_view created) {
    return fmt::format(
        R"({{"metadata":{{"name":"checkout-{}","namespace":"shop","uid":"rs-{}","creationTimestamp":"{}","annotations":{{"deployment.kubernetes.io/revision":"{}"}},
             "ownerReferences":[{{"kind":"Deployment","name":"checkout","uid":"d","controller":true}}]}},
            "spec":{{"replicas":2,"template":{{"metadata":{{"labels":{{"pod-template-hash":"{}"}}}},"spec":{{"containers":[{{"name":"checkout","image":"shop/checkout:{}"}}]}}}}}},
            "status":{{"readyReplicas":0}}}})",
        hash, hash, created, revision, hash, tag);
}

Snapshot a_shop() {
    Snapshot snapshot;
    snapshot.now = kNow;
    snapshot.pods_read = snapshot.workloads_read = true;
    snapshot.workloads.push_back(
        {read_workload(WorkloadKind::deployment,
                       parse(R"({"metadata":{"name":"checkout","namespace":"shop","uid":"d","generation":3,
        "annotations":{"deployment.kubernetes.io/revision":"3"}},"spec":{"replicas":3,"template":{"spec":{"containers":[{"name":"checkout","image":"shop/checkout:v1.4.2"}]}}},
        "status":{"observedGeneration":3,"replicas":4,"readyReplicas":2,"updatedReplicas":2,"availableReplicas":2}})")),
         "k8s:d"});
    snapshot.replica_sets.push_back(
        {read_replica_set(parse(set_text("old", 2, "v1.4.1", "2026-11-20T20:00:00Z"))), "k8s:old"});
    snapshot.replica_sets.push_back(
        {read_replica_set(parse(set_text("new", 3, "v1.4.2", "2026-11-21T22:20:00Z"))), "k8s:new"});
    return snapshot;
}

void add_pod(Snapshot& snapshot, const std::string& text) {
    const Pod pod = read_pod(parse(text));
    snapshot.pods.push_back({pod, "k8s:" + pod.meta.name});
}

constexpr std::string_view kBackOff =
    R"({"name":"checkout","ready":false,"restartCount":6,"state":{"waiting":{"reason":"CrashLoopBackOff"}},
        "lastState":{"terminated":{"exitCode":1,"reason":"Error","finishedAt":"2026-11-21T22:26:00Z"}}})";
constexpr std::string_view kWell =
    R"({"name":"checkout","ready":true,"restartCount":0,"state":{"running":{"startedAt":"2026-11-20T20:00:10Z"}}})";

struct Row {
    std::string_view statuses;
    std::string_view phase;
    std::string_view klass;  // "" for nothing wrong
};

TEST(Diagnose, each_rule) {
    const Row rows[] = {
        {kBackOff, "Running", "crash_loop"},
        {R"({"name":"c","restartCount":3,"state":{"terminated":{"exitCode":2,"reason":"Error"}}})", "Running",
         "crash_loop"},
        {R"({"name":"c","ready":true,"restartCount":9,"state":{"running":{"startedAt":"2026-11-21T22:29:58Z"}},
             "lastState":{"terminated":{"exitCode":1,"finishedAt":"2026-11-21T22:29:30Z"}}})",
         "Running", "crash_loop"},
        {R"({"name":"c","restartCount":6,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}})",
         "Running", "oom"},
        {R"({"name":"c","restartCount":0,"image":"x:y","state":{"waiting":{"reason":"ImagePullBackOff"}}})", "Pending",
         "image_pull"},
        {R"({"name":"c","restartCount":0,"image":"x:y","state":{"waiting":{"reason":"ErrImagePull"}}})", "Pending",
         "image_pull"},
        {R"({"name":"c","state":{"waiting":{"reason":"CreateContainerConfigError","message":"secret \"x\" not found"}}})",
         "Pending", "config_error"},
        {R"({"name":"c","ready":false,"state":{"running":{"startedAt":"2026-11-21T22:20:10Z"}}})", "Running",
         "not_ready"},
        {kWell, "Running", "not_ready"},  // the pod's own condition counts, not the container's
        {R"({"name":"c","state":{"terminated":{"exitCode":0,"reason":"Completed"}}})", "Succeeded", ""},
        {"", "Failed", ""},
    };
    for (const auto& row : rows) {
        Snapshot snapshot = a_shop();
        add_pod(snapshot, pod_text("p", "new", row.statuses, "False", row.phase));
        const auto causes = diagnose(snapshot);
        EXPECT_EQ(causes.empty() ? "" : causes.front().klass, row.klass) << row.statuses;
    }
}

TEST(Diagnose, pods_of_one_workload_are_one_cause) {
    Snapshot snapshot = a_shop();
    for (const auto* name : {"a", "b"}) add_pod(snapshot, pod_text(name, "new", kBackOff));
    add_pod(snapshot, pod_text("c", "old", kWell, "True"));
    const auto causes = diagnose(snapshot);
    ASSERT_EQ(causes.size(), 1u);
    EXPECT_EQ(causes[0].object.str(), "deployment shop/checkout");
    EXPECT_EQ(causes[0].revision, "3");
    EXPECT_EQ(causes[0].release.version, "v1.4.2");
    EXPECT_TRUE(causes[0].only_this_revision);
    EXPECT_EQ(to_rfc3339(causes[0].since), "2026-11-21T22:20:05Z");
    EXPECT_EQ(causes[0].summary,
              "2 pods of revision 3: container checkout is in CrashLoopBackOff (exit code 1, 6 restarts); 2 of 3 pods "
              "are ready");
}

TEST(Diagnose, one_revision_is_not_to_blame_when_the_other_is_ill_too) {
    Snapshot snapshot = a_shop();
    add_pod(snapshot, pod_text("a", "new", kBackOff));
    add_pod(snapshot, pod_text("b", "old", kBackOff));
    ASSERT_EQ(diagnose(snapshot).size(), 1u);
    EXPECT_FALSE(diagnose(snapshot)[0].only_this_revision);
}

TEST(Diagnose, old_restarts_and_young_pods_are_no_fault) {
    Snapshot snapshot = a_shop();
    add_pod(
        snapshot,
        pod_text("a", "new",
                 R"({"name":"c","ready":true,"restartCount":40,"state":{"running":{"startedAt":"2026-11-21T10:00:00Z"}},
        "lastState":{"terminated":{"exitCode":1,"finishedAt":"2026-11-21T09:59:00Z"}}})",
                 "True"));
    snapshot.now = *parse_rfc3339("2026-11-21T22:21:00Z");
    add_pod(
        snapshot,
        pod_text("b", "new", R"({"name":"c","ready":false,"state":{"running":{"startedAt":"2026-11-21T22:20:50Z"}}})"));
    EXPECT_TRUE(diagnose(snapshot).empty());
}

TEST(Diagnose, a_rollout_without_progress_and_a_node_that_is_gone) {
    Snapshot snapshot = a_shop();
    snapshot.workloads[0].object.conditions.push_back(
        {"Progressing", "False", "ProgressDeadlineExceeded", "", kNow, kNow});
    Node node;
    node.meta.name = "node-a";
    node.conditions = {{"Ready", "Unknown", "NodeStatusUnknown", "", kNow, {}}};
    snapshot.nodes.push_back({node, "k8s:n"});
    const auto causes = diagnose(snapshot);
    ASSERT_EQ(causes.size(), 2u);
    EXPECT_EQ(causes[0].klass, "rollout_stuck");
    EXPECT_EQ(causes[1].klass, "node_not_ready");
}

TEST(History, the_rollout_and_what_it_replaced) {
    const auto changes = history(a_shop(), kNow - Millis(3'600'000));
    ASSERT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes[0].summary, "revision 3 (v1.4.2) replaces revision 2 (v1.4.1)");
    EXPECT_EQ(changes[0].release.previous_image, "shop/checkout:v1.4.1");
    EXPECT_EQ(to_rfc3339(changes[0].at), "2026-11-21T22:20:00Z");
}

TEST(History, a_rollback_happened_when_the_old_pods_were_scaled_up) {
    Snapshot snapshot = a_shop();
    snapshot.workloads[0].object.revision = "4";
    snapshot.replica_sets[0].object.revision = 4;  // the old template, taken up again
    Event event;
    event.reason = "ScalingReplicaSet";
    event.kind = "Deployment";
    event.namespace_name = "shop";
    event.name = "checkout";
    event.message = "Scaled up replica set checkout-old from 2 to 3";
    event.first = event.last = *parse_rfc3339("2026-11-21T22:28:00Z");
    snapshot.events.push_back({event, "k8s:e"});
    EXPECT_EQ(to_rfc3339(snapshot.rolled_out_at(snapshot.workloads[0].object)), "2026-11-21T22:28:00Z");
}

std::string revision_text(std::string_view owner, std::string_view hash, int revision, std::string_view image,
                          std::string_view created) {
    return fmt::format(
        R"({{"metadata":{{"name":"{}-{}","namespace":"shop","uid":"cr-{}","creationTimestamp":"{}","labels":{{"controller-revision-hash":"{}"}},
             "ownerReferences":[{{"kind":"X","name":"{}","uid":"w","controller":true}}]}},
            "data":{{"spec":{{"template":{{"$patch":"replace","spec":{{"containers":[{{"name":"c","image":"{}"}}]}}}}}}}},"revision":{}}})",
        owner, hash, hash, created, hash, owner, image, revision);
}

std::string owned_pod_text(std::string_view name, std::string_view mark, std::string_view created, bool ready) {
    return fmt::format(
        R"({{"metadata":{{"name":"{}","namespace":"shop","uid":"{}","creationTimestamp":"{}","labels":{{"controller-revision-hash":"{}"}},
             "ownerReferences":[{{"kind":"X","name":"db","uid":"w","controller":true}}]}},
            "status":{{"phase":"Running","startTime":"{}","conditions":[{{"type":"Ready","status":"{}","lastTransitionTime":"{}"}}],"containerStatuses":[{}]}}}})",
        name, name, created, mark, created, ready ? "True" : "False", created,
        ready ? R"({"name":"c","ready":true,"state":{"running":{}}})" : std::string(kBackOff));
}

// A StatefulSet (whose pods carry the revision's name) or a DaemonSet (whose pods carry its hash), updated ten minutes
// ago.
Snapshot with_revisions(WorkloadKind kind) {
    Snapshot snapshot;
    snapshot.now = kNow;
    snapshot.pods_read = snapshot.workloads_read = true;
    snapshot.workloads.push_back(
        {read_workload(
             kind,
             parse(
                 R"({"metadata":{"name":"db","namespace":"shop","uid":"w","generation":2,"creationTimestamp":"2026-11-01T00:00:00Z"},
        "spec":{"replicas":2,"template":{"spec":{"containers":[{"name":"c","image":"db:16.9"}]}}},
        "status":{"observedGeneration":2,"replicas":2,"readyReplicas":1,"updatedReplicas":1,"desiredNumberScheduled":2,"numberReady":1,"updatedNumberScheduled":1,"currentNumberScheduled":2}})")),
         "k8s:w"});
    snapshot.controller_revisions.push_back(
        {read_controller_revision(parse(revision_text("db", "old", 1, "db:16.8", "2026-11-01T00:00:00Z"))), "k8s:r1"});
    snapshot.controller_revisions.push_back(
        {read_controller_revision(parse(revision_text("db", "new", 2, "db:16.9", "2026-11-21T22:20:00Z"))), "k8s:r2"});
    const bool by_name = kind == WorkloadKind::stateful_set;
    add_pod(snapshot, owned_pod_text("db-0", by_name ? "db-old" : "old", "2026-11-01T00:00:05Z", true));
    add_pod(snapshot, owned_pod_text("db-1", by_name ? "db-new" : "new", "2026-11-21T22:20:10Z", false));
    return snapshot;
}

TEST(History, stateful_sets_and_daemon_sets_roll_out_by_their_controller_revisions) {
    for (const auto kind : {WorkloadKind::stateful_set, WorkloadKind::daemon_set}) {
        const Snapshot snapshot = with_revisions(kind);
        const auto changes = history(snapshot, kNow - Millis(3'600'000));
        ASSERT_EQ(changes.size(), 1u);
        EXPECT_EQ(changes[0].object.kind, name_of(kind));
        EXPECT_EQ(changes[0].summary, "revision 2 (16.9) replaces revision 1 (16.8)");
        EXPECT_EQ(changes[0].release.previous_image, "db:16.8");
        EXPECT_EQ(changes[0].outcome, Outcome::in_progress);
        EXPECT_EQ(to_rfc3339(changes[0].at), "2026-11-21T22:20:00Z");
        EXPECT_EQ(changes[0].evidence, (std::vector<std::string>{"k8s:r2", "k8s:r1", "k8s:w"}));
    }
}

TEST(History, an_old_controller_revision_taken_up_again_is_as_young_as_its_first_new_pod) {
    Snapshot snapshot = with_revisions(WorkloadKind::stateful_set);
    snapshot.controller_revisions[0].object.revision = 3;  // kubectl rollout undo
    const Workload& workload = snapshot.workloads[0].object;
    EXPECT_EQ(to_rfc3339(snapshot.rolled_out_at(workload)), "2026-11-21T22:20:00Z")
        << "no pod of it yet: after the youngest";
    add_pod(snapshot, owned_pod_text("db-1", "db-old", "2026-11-21T22:28:00Z", true));
    EXPECT_EQ(to_rfc3339(snapshot.rolled_out_at(workload)), "2026-11-21T22:28:00Z");
    EXPECT_EQ(history(snapshot, kNow).at(0).summary, "revision 3 (16.8) replaces revision 2 (16.9)");
}

TEST(Diagnose, names_the_controller_revision_that_crashes) {
    for (const auto kind : {WorkloadKind::stateful_set, WorkloadKind::daemon_set}) {
        const auto causes = diagnose(with_revisions(kind));
        ASSERT_EQ(causes.size(), 1u);
        EXPECT_EQ(causes[0].klass, "crash_loop");
        EXPECT_EQ(causes[0].object.kind, name_of(kind));
        EXPECT_EQ(causes[0].revision, "2");
        EXPECT_EQ(causes[0].release.version, "16.9");
        EXPECT_TRUE(causes[0].only_this_revision);
    }
}

TEST(Model, template_digest_is_that_of_the_deployment_it_was_made_from) {
    const auto deployment =
        parse(R"({"spec":{"template":{"metadata":{"labels":{"app":"x"}},"spec":{"containers":[]}}}})");
    const auto set = parse(
        R"({"spec":{"template":{"spec":{"containers":[]},"metadata":{"creationTimestamp":null,"labels":{"pod-template-hash":"h","app":"x"}}}}})");
    EXPECT_EQ(digest_of_template(deployment), digest_of_template(set));
    EXPECT_NE(digest_of_template(deployment),
              digest_of_template(parse(R"({"spec":{"template":{"spec":{"containers":[{}]}}}})")));
}

TEST(Model, releases_by_the_usual_marks) {
    const std::string sha(40, 'a');
    const Release r = read_release({{"c", "registry:5000/shop/checkout:v1@sha256:00"}},
                                   {{"org.opencontainers.image.revision", sha},
                                    {"org.opencontainers.image.source", "https://github.com/acme/shop.git"},
                                    {"github.com/run-id", "176"}},
                                   {});
    EXPECT_EQ(r.version, "v1");
    EXPECT_EQ(r.commit, sha);
    EXPECT_EQ(r.repository, "acme/shop");
    EXPECT_EQ(r.run_id, "176");
    EXPECT_EQ(read_release({{"c", "registry:5000/shop/checkout"}}, {}, {{"app.kubernetes.io/version", "9"}}).version,
              "9");
    EXPECT_EQ(read_release({{"c", "x:" + sha}}, {{"repo", "../../etc"}}, {}).commit, sha);
    EXPECT_EQ(read_release({}, {{"repo", "../.."}, {"revision", "main"}}, {}).repository, "");
}

TEST(Model, anything_at_all_is_read_without_complaint) {
    for (const auto* text : {"{}", R"({"metadata":3,"spec":[],"status":"x"})",
                             R"({"status":{"containerStatuses":[3,{}],"conditions":{}}})",
                             R"({"metadata":{"ownerReferences":[null],"labels":{"a":1}}})"}) {
        const json::object o = parse(text);
        Snapshot snapshot;
        snapshot.now = kNow;
        snapshot.pods.push_back({read_pod(o), "x"});
        snapshot.workloads.push_back({read_workload(WorkloadKind::stateful_set, o), "x"});
        snapshot.replica_sets.push_back({read_replica_set(o), "x"});
        snapshot.controller_revisions.push_back({read_controller_revision(o), "x"});
        snapshot.events.push_back({read_event(o), "x"});
        snapshot.nodes.push_back({read_node(o), "x"});
        (void)diagnose(snapshot);
        (void)history(snapshot, WallTime());
        (void)inventory(snapshot);
    }
}

}  // namespace
}  // namespace pincer::infra::kubernetes
