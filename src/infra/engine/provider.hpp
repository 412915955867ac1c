// The contract between the engine and a provider. A provider is one folder under src/infra/providers/ and one line in
// providers/all.cpp; docs/guides/add-a-provider.md walks through it.
//
// Required is one verb, observe(): look once at what is asked for. All else is a capability that may be missing: Logs,
// Planner, Applier. A provider holds credentials and connections for one account and lives on the io thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/random.hpp"
#include "infra/engine/coverage.hpp"
#include "infra/engine/evidence.hpp"
#include "infra/engine/findings.hpp"
#include "infra/engine/plan.hpp"
#include "io/http_client.hpp"

namespace pincer::infra {

// One thing that exists, by name: what a question may mention.
struct InventoryItem {
    ObjectRef object;
    std::string state;  // "3 of 3 ready"
    std::string evidence;
};

// What one provider tells of itself to the others while a question runs: GitHub learns from Kubernetes which repository
// and which commits are live. `settled` is set once nothing more will be added.
struct Hints {
    explicit Hints(io::Runtime& runtime) : settled(runtime) {}
    std::vector<std::string> repositories;  // "owner/name", most used first
    std::vector<std::string> commits;       // full hex, of what runs now
    io::Event settled;
};

struct Query {
    WallTime now{};
    WallTime since{};    // changes from here on
    bool health = true;  // false: only what changed
    std::string scope;   // namespace; empty: all that may be read
    Deadline deadline = Deadline::never();
    Hints* hints = nullptr;  // outlives the query; may be null
};

// What one provider found. It is filled while reading goes on, so that a deadline loses nothing that came before it.
struct Reading {
    EvidenceBook evidence;
    std::vector<InventoryItem> inventory;
    std::vector<Change> changes;
    std::vector<Cause> causes;
    std::vector<std::string> good;  // evidence ids that say "this is well": what a healthy verdict cites
    std::string good_summary;       // "7 of 7 workloads have all their pods ready"
    std::vector<std::string> gaps;  // "forbidden: pods in kube-system": what makes the coverage partial
};

struct LogTail {
    std::vector<std::string> lines;  // oldest first; others' text
    std::string evidence;
};

class Logs {
public:
    virtual ~Logs() = default;
    // The last lines of an object of the inventory. Errors: not_found, forbidden, timed_out.
    virtual Task<Result<LogTail>> tail(ObjectRef object, std::size_t lines, Reading& out, Deadline deadline) = 0;
};

// What somebody wants done, before anything was looked up.
struct Wish {
    std::string operation;               // "kubernetes.rollout_undo"; see Planner::operations()
    std::optional<ObjectRef> object;     // already found in the inventory, or the one unhealthy thing
    std::optional<std::int64_t> number;  // replicas, revision
    std::string text;                    // image
};

struct OperationType {
    std::string_view name;     // "kubernetes.rollout_undo"
    std::string_view summary;  // one line for --help and the guide
    Risk risk;
};

class Planner {
public:
    virtual ~Planner() = default;
    virtual std::span<const OperationType> operations() const = 0;
    // Reads the object and says what would be done, with preconditions. Changes nothing. Errors: not_found,
    // invalid_argument (the message says what is missing), conflict (nothing to do: it already is so).
    virtual Task<Result<Step>> plan(Wish wish, Reading& out, Deadline deadline) = 0;
};

enum class StepState {
    done,         // the effect is there
    not_applied,  // it is not, and will not come
    unknown,      // cannot be told yet
};

struct StepReport {
    StepState state = StepState::unknown;
    std::string text;  // "generation 9 observed, template is that of revision 7"
};

enum class Recovery { recovered, not_yet, unknown };
std::string_view name_of(StepState state);
std::string_view name_of(Recovery recovery);

class Applier {
public:
    virtual ~Applier() = default;
    // Preconditions once more, without touching anything. Errors: conflict (stale, with what changed), not_found,
    // refused with reason ACCOUNT_MISMATCH when the account is not the one that the plan names.
    virtual Task<Result<>> check(const Step& step, Deadline deadline) = 0;
    // check(), then the one call that has the effect, conditional on what was just read. Leaves `stamp` on the object
    // where it can. An error is definite (nothing was changed) unless its code is outcome_unknown.
    virtual Task<Result<StepReport>> apply(const Step& step, std::string stamp, Deadline deadline) = 0;
    // Whether an apply that was cut off had its effect: by reading only.
    virtual Task<Result<StepReport>> settle(const Step& step, std::string stamp, Deadline deadline) = 0;
    // Whether the expected effect is there by now: one look. The engine asks again until its deadline.
    virtual Task<Result<Recovery>> recovered(const Step& step, Deadline deadline) = 0;
};

class Provider {
public:
    virtual ~Provider() = default;
    // Fills `out`. An error means that nothing useful could be read; what is merely missing goes to out.gaps.
    virtual Task<Result<>> observe(Query query, Reading& out) = 0;
    virtual Logs* logs() { return nullptr; }
    virtual Planner* planner() { return nullptr; }
    virtual Applier* applier() { return nullptr; }
};

// Everything a provider may use. Settings come from flags first, then from the environment.
struct Settings {
    std::string kubeconfig;  // --kubeconfig
    std::string context;
    std::string scope;                                         // --namespace
    std::string repository;                                    // --repo
    std::string home;                                          // for ~/.kube/config
    std::string version;                                       // of the program, for User-Agent
    std::function<std::string(std::string_view)> environment;  // "" when unset
};

struct Services {
    io::Runtime& runtime;
    const Clock& clock;
    crypto::Random& random;
    std::function<std::unique_ptr<io::HttpClient>(io::HttpClientOptions)> http;  // io::make_http_client, or a script
};

// A row of the table. `make` reads configuration only (no network) and fails with `unavailable` (reason NOT_CONNECTED)
// when there is none: the message says what to set.
struct ProviderType {
    std::string_view id;             // "kubernetes": also the folder
    std::string_view label;          // "Kubernetes"
    std::string_view configured_by;  // one line for people: "KUBECONFIG, ~/.kube/config, in-cluster service account"
    bool health = false;             // its silence makes a verdict unknown
    bool gives_hints = false;
    Result<std::unique_ptr<Provider>> (*make)(const Settings& settings,
                                              Services services) = nullptr;  // null: not built yet
    std::string_view absent = "not built yet";                               // why there is no `make`
    Reach absent_reach = Reach::unsupported;
};

inline Failure not_connected(std::string why) {
    return Failure(Error(ErrorCode::unavailable, std::move(why)).with_reason("NOT_CONNECTED"));
}

}  // namespace pincer::infra
