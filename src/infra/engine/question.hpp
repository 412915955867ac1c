// What a question asks for, found with a small table of words: no model, no substrings ("pr" in "production" means
// nothing).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "infra/engine/provider.hpp"

namespace pincer::infra {

// A question may ask for several at once; the answer covers each.
struct Intents {
    bool health = false;
    bool changes = false;
    bool broken = false;  // what is the matter, why
    bool logs = false;
    bool inventory = false;
    bool cost = false;
    bool plan = false;  // wants something done

    bool any() const { return health || changes || broken || logs || inventory || cost || plan; }
};

struct Question {
    std::string text;
    std::vector<std::string> words;  // lower case; letters, digits and -_./:=@#, in order
    Intents intents;
    bool after_deploy = false;
    std::optional<Millis> window;  // "in the last hour", "since 30m"
    // When something is to be done:
    std::string operation;  // "kubernetes.rollout_undo", "" when it cannot be told
    std::optional<std::int64_t> number;
    std::string image;
};

inline constexpr std::size_t kMaxQuestionBytes = 8u << 10;

// Never fails: what cannot be understood has no intents, and is then answered as a question about health.
Question read_question(std::string_view text);

// The inventory that a question mentions: by full name ("shop/checkout", "checkout"), else by the one name that begins
// with a word of the question. Workflow runs by id or "#128".
std::vector<ObjectRef> mentioned(const Question& question, const std::vector<InventoryItem>& inventory);

}  // namespace pincer::infra
