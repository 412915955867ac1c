// Clanker's own folder ($CLANKER_HOME, else ~/.clanker): the store of plans and applies, the audit chain, and the
// approval authorities that the operator trusts. Several programs may share it (`clanker mcp` under the Gateway,
// `clanker` in a terminal): each opens it for the moments in which it writes, and waits for the other.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "approval/approval.hpp"
#include "audit/chain.hpp"
#include "infra/engine/plan.hpp"
#include "infra/engine/provider.hpp"
#include "storage/database.hpp"

namespace pincer::infra {

struct StoredPlan {
    std::string digest;
    std::string bytes;  // canonical
    Plan plan;
    std::string made_ref;  // RecordRef of plan.made
};

enum class ApplyState {
    intended,  // begun and not settled: under way, or cut off
    done,
    failed,   // definitely not (wholly) done; the text says what was
    unknown,  // cannot be told by reading; never done again
};
std::string_view name_of(ApplyState state);

struct StepRecord {
    ApplyState state = ApplyState::intended;
    std::string text;
};

// One for each plan that was ever begun: a plan is applied at most once.
struct ApplyRecord {
    std::string digest;
    ApplyState state = ApplyState::intended;
    std::string text;
    std::string approver;
    std::string grant_id;
    std::string recovery;   // "recovered", "not_yet", "unknown"; "" before it was looked at
    std::string begun_ref;  // RecordRef of grant.consumed
    WallTime started_at{};
    WallTime ended_at{};  // zero while intended
    std::string owner;    // process that does it: "pid:start time"
    std::vector<StepRecord> steps;
};

// Open store and chain; nobody else has them while this lives, so it is held only briefly.
class Ledger {
public:
    explicit Ledger(std::unique_ptr<storage::Database> db, std::unique_ptr<audit::Chain> chain)
        : db_(std::move(db)), chain_(std::move(chain)) {}

    Task<Result<audit::RecordRef>> append(audit::Entry entry) { return chain_->append(std::move(entry)); }
    Task<Result<>> keep(StoredPlan plan, WallTime now);
    Result<StoredPlan> plan(const std::string& digest) const;  // not_found, reason PLAN_NOT_FOUND; corrupt
    Result<std::optional<ApplyRecord>> apply(const std::string& digest) const;
    Result<std::vector<std::string>> intended() const;  // digests, oldest first
    // One transaction: the grant is used up and the apply begun, or neither. Errors: conflict (GRANT_ALREADY_USED;
    // APPLY_EXISTS: this plan was begun before), expired.
    Task<Result<>> begin(ApplyRecord record, approval::Grant grant, WallTime now);
    Task<Result<>> update(ApplyRecord record);

private:
    std::unique_ptr<storage::Database> db_;
    std::unique_ptr<audit::Chain> chain_;
};

struct Trusted {
    approval::PinnedAuthority authority;
    std::string added_at;
};

class Home {
public:
    Home(Services services, std::filesystem::path folder)
        : services_(std::move(services)), folder_(std::move(folder)) {}

    const std::filesystem::path& folder() const { return folder_; }
    std::filesystem::path audit_folder() const { return folder_ / "audit"; }
    // Waits while another process has it, at most until the deadline. Errors: conflict (STORE_LOCKED), io, corrupt.
    Task<Result<std::unique_ptr<Ledger>>> open(Deadline deadline);
    // "clanker:<uuid>", made once: what a grant names as its audience.
    Result<std::string> engine_id();

    // trust.json. Error: corrupt.
    Result<std::vector<Trusted>> trusted() const;
    // Errors: invalid_argument (name, key), already_exists.
    Result<> trust(const std::string& name, const std::string& public_key, Risk ceiling);
    Result<> distrust(const std::string& name);  // not_found
    Result<std::vector<approval::PinnedAuthority>> pins() const;

private:
    Result<> save(const std::vector<Trusted>& entries) const;
    Services services_;
    std::filesystem::path folder_;
};

// This process, in a way that a later one with the same pid is not taken for it; and whether such a one still lives.
std::string this_process();
bool is_alive(std::string_view process);

}  // namespace pincer::infra
