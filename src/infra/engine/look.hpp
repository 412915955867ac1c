// One look at everything: all providers at once, each with its own deadline, then verdict and triggers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "infra/engine/provider.hpp"

namespace pincer::infra {

// A provider that was made, or why not.
struct Connection {
    const ProviderType* type = nullptr;
    std::unique_ptr<Provider> provider;  // null: see coverage
    Coverage coverage;                   // of a provider that was not made
};
std::vector<Connection> connect_all(std::span<const ProviderType* const> types, const Settings& settings,
                                    Services services);

struct LookOptions {
    Millis window{60 * 60 * 1000};  // changes of this long ago until now
    bool health = true;
    bool after_deploy = false;  // the last rollout is part of the answer whatever its age
    std::string scope;
    Millis timeout{10'000};  // for each provider
};

struct Look {
    WallTime as_of{};
    WallTime since{};
    bool health = true;
    bool after_deploy = false;
    Verdict verdict = Verdict::unknown;
    std::string verdict_text;  // why this verdict, in our words
    std::vector<std::string> verdict_evidence;
    std::vector<Cause> causes;       // worst first, with triggers
    std::vector<Change> changes;     // oldest first: in the window, or linked to a cause
    std::vector<Coverage> coverage;  // every row of the table
    std::vector<InventoryItem> inventory;
    std::vector<Evidence> evidence;  // all of it; to_json() gives what is cited
    std::string record;              // audit::RecordRef of the question in our chain, "" when it could not be written
    std::string last_deploy;         // id of the newest rollout, "" when there is none

    const Change* change(std::string_view id) const;
    const Evidence* evidence_of(std::string_view id) const;
    bool partial() const;  // some configured provider was not wholly read
};

Task<Look> look(Services services, std::vector<Connection>& connections, LookOptions options);

// --- pure parts
// Ties changes to one another and causes to the rollout that explains them.
void correlate(std::vector<Change>& changes, std::vector<Cause>& causes);
// What could not be read never counts as healthy.
void judge(Look& look, const std::vector<std::string>& good_summaries);
// Drops old changes that explain nothing.
void keep_relevant(Look& look);

json::object to_json(const Look& look);
json::object changes_json(const Look& look);

}  // namespace pincer::infra
