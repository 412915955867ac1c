// A typed plan: what would be done, to which account and object, under which conditions, and how it is taken back.
//
// The canonical bytes (json::write_canonical) are what is hashed, stored, approved and applied; the card that a person
// sees is made from the same bytes and from nothing else. A plan holds no secret: of an object's spec it keeps digests,
// revision numbers and image names, never the spec itself.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "approval/approval.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "infra/engine/findings.hpp"

namespace pincer::infra {

using approval::Risk;

// What must still hold when it is applied; checked again then, and a change of it stops the step with `conflict`.
struct Precondition {
    std::string kind;  // "uid", "generation", "template", "run_attempt", "run_status" ...
    std::string value;
    std::string text;  // "generation is still 8"
};

// The inverse as an operation of the same vocabulary, with what it needs to know of the state before (the pre-image).
struct Undo {
    bool possible = false;
    std::string text;       // "roll forward to revision 8" or why it cannot be undone
    std::string operation;  // "kubernetes.rollout_undo"
    json::object parameters;
};

struct Step {
    std::string operation;  // "<provider>.<verb>"
    json::object account;   // pin: {"provider","server","ca_sha256"} or {"provider","api"}
    ObjectRef target;
    std::string target_uid;  // a recreated object of the same name is another object; a run id for GitHub
    json::object parameters;
    std::vector<Precondition> preconditions;
    Risk risk = Risk::medium;
    std::string summary;       // one line: "Roll back deployment shop/checkout to revision 7 (v1.4.1)"
    std::string blast_radius;  // "3 pods of deployment shop/checkout are replaced, at most 1 unavailable at a time"
    std::string effect;        // what is expected to be seen
    std::string verify;        // how that will be checked
    Undo undo;
    std::vector<std::string> notes;     // what a reader has to know: assumptions, what could not be found out
    std::vector<std::string> evidence;  // ids that it was planned from
};

struct Plan {
    std::string request;    // the words that asked for it
    std::string requester;  // principal id as the caller's own record has it; informational, the grant decides
    std::string tool_version;
    std::string nonce;  // two plans are never the same plan
    WallTime created_at{};
    WallTime expires_at{};
    std::vector<Step> steps;                                    // in the order in which they run; at least one
    std::vector<std::pair<std::string, std::string>> evidence;  // id, digest of the bytes

    Risk risk() const;  // the highest of its steps
    bool destructive() const { return risk() == Risk::destructive; }
};

inline constexpr Millis kPlanLife{30 * 60 * 1000};
inline constexpr std::size_t kMaxPlanBytes = 256u << 10;
inline constexpr std::size_t kMaxPlanSteps = 32;

json::object to_json(const Plan& plan);
// Strict: unknown fields, missing fields, wrong types and a second spelling are refused (invalid_argument names the
// field). parse_plan(canonical_bytes(p)) gives p back.
Result<Plan> parse_plan(std::string_view bytes);
std::string canonical_bytes(const Plan& plan);
std::string digest_of(const Plan& plan);  // hex SHA-256 of the canonical bytes

// What a person is shown: title ≤ 80 and description ≤ 512 characters, the limits of the Gateway's approval cards.
struct Card {
    std::string digest;
    std::string title;
    std::string description;
    std::string severity;  // "info", "warning", "critical": as OpenClaw's plugin.approval has it
    Risk risk = Risk::medium;
    std::string target;
    std::string account;
    std::vector<std::string> preconditions;
    std::string undo;
    std::string blast_radius;
    std::string effect;
    WallTime expires_at{};
};
// From the canonical bytes, so that what is shown cannot differ from what was hashed.
Result<Card> make_card(std::string_view canonical);
json::object to_json(const Card& card);

// Clanker's plan v1 ({"version":1,"provider","question","summary","commands":[{"args","reason"}]...}), as a view: it
// shows the kubectl or gh command that comes nearest. Nothing of it is ever executed.
json::object as_plan_v1(const Plan& plan);

}  // namespace pincer::infra
