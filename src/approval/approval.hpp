// Requests that wait for a person, and the grants that come of them. Bound to a digest: what was shown is what may run.
#pragma once

#include <functional>
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

// A person as the server's record knows them; never a display name. "slack:T024:U0G9", "telegram:bot1:99",
// "operator:<device id>".
struct Principal {
    std::string id;
    std::string display;  // for people only; no decision looks at it
    std::string human;    // linked human identity, "" when not linked: two accounts of one human are one
    friend bool operator==(const Principal& a, const Principal& b) { return a.id == b.id; }
};
bool same_person(const Principal& a, const Principal& b);  // same id, or same non-empty human

struct Request {
    std::string kind;            // "exec" or "plugin": which family of Gateway methods and events shows it
    std::string subject_digest;  // digest_of(subject); filled in when empty, refused when it is another
    json::object subject;        // what would run, and what the card is made from: the same bytes that are hashed
    Risk risk = Risk::medium;
    Principal requester;
    std::string session_key;
    std::string run_id;
    std::string tool_call_id;
    json::object presentation;  // title, description, severity, toolName, command ...: Gateway wire fields
    std::vector<Decision> allowed{Decision::allow_once, Decision::deny};  // deny must be among them
    std::optional<audit::RecordRef> follows;  // the record in the asking process's chain: its plan.made
};
std::string digest_of(const json::object& subject);  // hex SHA-256 of the canonical JSON

struct Record {
    ApprovalId id;  // uuid, or "plugin:<uuid>"
    Request request;
    Status status = Status::pending;
    WallTime created_at{};
    WallTime expires_at{};
    std::optional<Decision> decision;
    std::optional<Principal> decided_by;
    std::string decided_via;  // surface: "slack", "telegram", "web", "cli", "mcp"
    std::optional<WallTime> decided_at;
    std::string requested_ref;  // audit::RecordRef of approval.requested
    std::string settled_ref;    // of approval.decided (expired, cancelled): what a Grant follows
};

enum class SelfApproval {
    deny,
    owner
};  // owner: the operator of this Gateway may approve what they asked for themselves

struct Policy {
    Millis default_ttl{30 * 60 * 1000};
    SelfApproval self_approval = SelfApproval::deny;
    std::vector<std::string> owners;  // principal ids, or linked humans, that SelfApproval::owner means
};

inline constexpr std::size_t kMostPending = 1000;
inline constexpr std::size_t kMostRequestBytes = 256u << 10;  // as JSON
inline constexpr Millis kLongestTtl{7LL * 24 * 60 * 60 * 1000};

// Durable pending requests with exactly one winner. All on the io thread.
//
// Order of a decision: intention in the database, record in the chain, decision in the database; only then is it in
// effect. A crash in between leaves the request pending; the record that may stand in the chain already is declared
// void
// ("approval.void") before anything else is said about that request. So is a request whose making was cut short, with
// the next call of request() or expire_due().
// Time: expiry is judged by the wall clock, by the steady clock while the process lives, whichever comes first; a wall
// clock that goes backwards revives nothing.
class Desk {
public:
    // `db` has kDeskTableSql among its migrations. Pending requests are loaded here.
    static Result<std::unique_ptr<Desk>> open(io::Runtime& runtime, storage::Database& db, audit::Chain& chain,
                                              const Clock& clock, crypto::Random& random, Policy policy);
    virtual ~Desk() = default;

    // On disk and in the chain when it answers. Errors: invalid_argument (also reason APPROVAL_DIGEST), too_large,
    // rate_limited (APPROVAL_TOO_MANY).
    virtual Task<Result<Record>> request(Request request, std::optional<Millis> ttl = std::nullopt) = 0;
    // One transaction decides. The same decision again: the record, unchanged (idempotent). Errors, each with its
    // reason: APPROVAL_NOT_FOUND (not_found), APPROVAL_ALREADY_RESOLVED (conflict; the message says who decided what
    // and when), APPROVAL_EXPIRED (expired), APPROVAL_SELF (forbidden: "you asked for this, somebody else has to
    // approve it"; denying one's own request is free), APPROVAL_DECISION_NOT_ALLOWED (invalid_argument). Two at once:
    // the second waits for the first. Cancelling the task does not stop a decision that was begun.
    virtual Task<Result<Record>> decide(ApprovalId id, Decision decision, Principal by, std::string via) = 0;
    virtual Task<Result<>> cancel(ApprovalId id, std::string why) = 0;
    virtual std::optional<Record> find(const ApprovalId& id) const = 0;
    virtual std::vector<Record> pending() const = 0;  // oldest first
    // Expires what is due (the caller ticks it) and gives those back.
    virtual Task<Result<std::vector<Record>>> expire_due() = 0;
    // Called on the io thread after each durable change: made, decided, expired, cancelled.
    virtual void on_change(std::function<void(const Record&)> listener) = 0;
};
extern const std::string_view kDeskTableSql;  // for the owner's migrations

// What a process that applies takes instead of anybody's word: signed by an approval authority whose public key its own
// configuration pins, consumed once in its own store. Wire form: base64url(canonical JSON) "." base64url(Ed25519).
struct Grant {
    int version = 1;
    std::string id;         // nonce, uuid
    std::string authority;  // key id: first 16 hex of SHA-256 of the public key
    std::string
        audience;  // engine id that may consume it ("clanker:<install id>"), or "" for any engine that pins the key
    std::string plan_digest;
    std::string approver;  // principal id
    std::string approver_display;
    std::string requester;
    std::string approval_id;
    Risk risk_ceiling = Risk::medium;
    WallTime issued_at{};
    WallTime expires_at{};
    std::string follows;  // RecordRef of approval.decided in the authority's chain
};

class Authority {  // holds the signing key; the Gateway, a terminal or the app has one
public:
    // Made at first use: DIR/approval-authority.key (0600) and DIR/approval-authority.pub.
    static Result<std::unique_ptr<Authority>> open(const std::filesystem::path& directory);
    virtual ~Authority() = default;
    virtual std::string public_key() const = 0;  // base64url, raw 32 bytes
    virtual std::string key_id() const = 0;
    // Fills `authority` and `version`. Error: invalid_argument (no id or digest, not after it begins, too large).
    virtual Result<std::string> issue(Grant grant) const = 0;
};

struct PinnedAuthority {
    std::string name;           // "gateway", "terminal": for messages and audit
    std::string public_key;     // base64url
    Risk ceiling = Risk::high;  // this authority may not grant more
};

// Signature, pin, audience, digest, time and risk, in this order: GRANT_MALFORMED (invalid_argument),
// GRANT_AUTHORITY_UNKNOWN, GRANT_SIGNATURE_INVALID, GRANT_AUDIENCE, GRANT_NOT_FOR_THIS_PLAN (all forbidden),
// GRANT_NOT_YET_VALID (forbidden: issued more than kMostClockSkew in the future), GRANT_EXPIRED (expired),
// GRANT_RISK_EXCEEDED (forbidden: by the grant's own ceiling or the pin's). Does not consume.
inline constexpr Millis kMostClockSkew{5LL * 60 * 1000};
inline constexpr std::size_t kMostGrantBytes = 8192;
Result<Grant> verify_grant(std::string_view wire, const std::vector<PinnedAuthority>& pins,
                           std::string_view plan_digest, Risk plan_risk, std::string_view audience, WallTime now);

// In the same transaction that starts an apply. Errors: conflict (GRANT_ALREADY_USED), expired (GRANT_EXPIRED: between
// verify_grant and here).
Result<> consume_grant(storage::Connection& connection, const Grant& grant, WallTime now);
extern const std::string_view kGrantTableSql;  // for the consumer's own migrations

}  // namespace pincer::approval
