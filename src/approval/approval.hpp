// Requests that wait for a person, and the grants that come of them. Bound to a digest: what was shown is what may run.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit/chain.hpp"
#include "base/clock.hpp"
#include "base/id.hpp"
#include "crypto/random.hpp"
#include "storage/database.hpp"

namespace pincer::approval {

using ApprovalId = Id<struct ApprovalIdTag>;

enum class Decision { allow_once, allow_always, deny };
enum class Status { pending, allowed, denied, expired, cancelled };
enum class Risk { read, low, medium, high, destructive };  // ordered: a ceiling is compared with <=

std::string_view name_of(Decision decision);  // "allow-once" ..., as OpenClaw's wire has it
std::string_view name_of(Status status);
std::string_view name_of(Risk risk);
std::optional<Decision> parse_decision(std::string_view text);
std::optional<Risk> parse_risk(std::string_view text);

// A person as the server's record knows them; never a display name. "slack:T024:U0G9", "telegram:bot1:99", "operator:<device id>".
struct Principal {
    std::string id;
    std::string display;              // for people only; no decision looks at it
    std::string human;                // linked human identity, "" when not linked: two accounts of one human are one
    friend bool operator==(const Principal& a, const Principal& b) { return a.id == b.id; }
};
bool same_person(const Principal& a, const Principal& b);  // same id, or same non-empty human

struct Request {
    std::string kind;                 // "exec" or "plugin": which family of Gateway methods and events shows it
    std::string subject_digest;       // hex SHA-256 of the canonical bytes of what would run
    json::object subject;             // what the card is made from: the same bytes that are hashed
    Risk risk = Risk::medium;
    Principal requester;
    std::string session_key;
    std::string run_id;
    std::string tool_call_id;
    json::object presentation;        // title, description, severity, toolName, command ...: Gateway wire fields
    std::vector<Decision> allowed{Decision::allow_once, Decision::deny};
};

struct Record {
    ApprovalId id;                    // uuid, or "plugin:<uuid>"
    Request request;
    Status status = Status::pending;
    WallTime created_at{};
    WallTime expires_at{};
    std::optional<Decision> decision;
    std::optional<Principal> decided_by;
    std::string decided_via;          // surface: "slack", "telegram", "web", "cli", "mcp"
    std::optional<WallTime> decided_at;
};

enum class SelfApproval { deny, owner };  // owner: the operator of this Gateway may approve what they asked for themselves

struct Policy {
    Millis default_ttl{30 * 60 * 1000};
    SelfApproval self_approval = SelfApproval::deny;
    std::vector<std::string> owners;  // principal ids that SelfApproval::owner means
};

// Durable pending requests with exactly one winner. All on the io thread.
class Desk {
public:
    static Result<std::unique_ptr<Desk>> open(io::Runtime& runtime, storage::Database& db, audit::Chain& chain, const Clock& clock, crypto::Random& random, Policy policy);
    virtual ~Desk() = default;

    // On disk and in the chain when it answers.
    virtual Task<Result<Record>> request(Request request, std::optional<Millis> ttl = std::nullopt) = 0;
    // One transaction decides. The same decision again: the record, unchanged (idempotent). Errors, each with its reason:
    // APPROVAL_NOT_FOUND (not_found), APPROVAL_ALREADY_RESOLVED (conflict; the message says who decided what and when),
    // APPROVAL_EXPIRED (expired), APPROVAL_SELF (forbidden: "you asked for this, somebody else has to approve it"),
    // APPROVAL_DECISION_NOT_ALLOWED (invalid_argument).
    virtual Task<Result<Record>> decide(ApprovalId id, Decision decision, Principal by, std::string via) = 0;
    virtual Task<Result<>> cancel(ApprovalId id, std::string why) = 0;
    virtual std::optional<Record> find(const ApprovalId& id) const = 0;
    virtual std::vector<Record> pending() const = 0;   // oldest first
    // Expires what is due (the caller ticks it) and gives those back.
    virtual Task<Result<std::vector<Record>>> expire_due() = 0;
    // Called on the io thread after each durable change: made, decided, expired, cancelled.
    virtual void on_change(std::function<void(const Record&)> listener) = 0;
};

// What a process that applies takes instead of anybody's word: signed by an approval authority whose public key its own
// configuration pins, consumed once in its own store. Wire form: base64url(canonical JSON) "." base64url(Ed25519).
struct Grant {
    int version = 1;
    std::string id;               // nonce, uuid
    std::string authority;        // key id: first 16 hex of SHA-256 of the public key
    std::string audience;         // engine id that may consume it ("clanker:<install id>"), or "" for any engine that pins the key
    std::string plan_digest;
    std::string approver;         // principal id
    std::string approver_display;
    std::string requester;
    std::string approval_id;
    Risk risk_ceiling = Risk::medium;
    WallTime issued_at{};
    WallTime expires_at{};
    std::string follows;          // RecordRef of approval.decided in the authority's chain
};

class Authority {   // holds the signing key; the Gateway, a terminal or the app has one
public:
    // Made at first use: DIR/approval-authority.key (0600) and DIR/approval-authority.pub.
    static Result<std::unique_ptr<Authority>> open(const std::filesystem::path& directory);
    virtual ~Authority() = default;
    virtual std::string public_key() const = 0;    // base64url, raw 32 bytes
    virtual std::string key_id() const = 0;
    virtual std::string issue(Grant grant) const = 0;  // fills `authority`
};

struct PinnedAuthority {
    std::string name;             // "gateway", "terminal": for messages and audit
    std::string public_key;       // base64url
    Risk ceiling = Risk::high;    // this authority may not grant more
};

// Signature, pin, audience, digest, time and risk. Errors, with reasons: GRANT_MALFORMED, GRANT_AUTHORITY_UNKNOWN,
// GRANT_SIGNATURE_INVALID, GRANT_EXPIRED, GRANT_NOT_FOR_THIS_PLAN, GRANT_RISK_EXCEEDED, GRANT_AUDIENCE. Does not consume.
Result<Grant> verify_grant(std::string_view wire, const std::vector<PinnedAuthority>& pins, std::string_view plan_digest, Risk plan_risk, std::string_view audience, WallTime now);

// In the same transaction that starts an apply. Error: conflict, reason GRANT_ALREADY_USED.
Result<> consume_grant(storage::Connection& connection, const Grant& grant, WallTime now);
extern const std::string_view kGrantTableSql;  // for the consumer's own migrations

}  // namespace pincer::approval
