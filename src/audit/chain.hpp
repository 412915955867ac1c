// The keyed hash chain: one append-only file a process writes, that anybody with the key can verify offline.
//
// A record is one line of JSON: {"seq","at","kind","actor","body","follows"?,"prev","mac"}. `mac` is HMAC-SHA-256 over
// a length-framed encoding of the other fields (so content cannot move between fields), keyed by a per-install key that
// lies outside the file; `prev` is the mac of the record before. Record 1, "chain.created", names the chain and its
// signing key. Every `checkpoint_every` records and on close a checkpoint (count, tip, time, Ed25519 signature) is
// appended to a second file and can be exported. A third file, the head, holds count and tip and is rewritten with
// every fsync, which is what makes a dropped tail show. Bodies hold digests and names, never secrets and never message
// text (only its digest). Write-ahead: append() has fsynced before it returns, and who cannot append does not act.
//
// What verify() cannot see: all files put back together to an older state (a restored backup). An exported checkpoint,
// kept elsewhere, shows that. And who holds the key can write what they like: it is kept from readers, not from us.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/secret.hpp"
#include "io/runtime.hpp"

namespace pincer::audit {

// A reference to a record in another process's chain: "clanker:42:<mac hex>".
struct RecordRef {
    std::string chain;
    std::int64_t seq = 0;
    std::string mac;  // hex

    std::string str() const;
    // Error: invalid_argument.
    static Result<RecordRef> parse(std::string_view text);
    friend bool operator==(const RecordRef&, const RecordRef&) = default;
};

struct Entry {
    std::string kind;   // dotted: "question.asked", "plan.made", "approval.decided", "grant.consumed", "step.applied"
    std::string actor;  // who, as the server's own record has it: "slack:T1:U123", "operator:<device>", "engine"
    json::object body;
    std::optional<RecordRef> follows;
};

// A signed statement "this chain had `seq` records, the last of them with this mac", one line of JSON. Keep one
// elsewhere (another machine, a mail, paper), and no later loss of what was there then goes unseen.
struct Checkpoint {
    std::string chain;
    std::int64_t number = 0;  // 1, 2, 3 ...
    std::int64_t seq = 0;
    std::string tip;        // hex mac
    std::string at;         // RFC 3339
    std::string signature;  // base64url Ed25519

    std::string str() const;
    static Result<Checkpoint> parse(std::string_view line);
    friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

struct ChainOptions {
    std::int64_t checkpoint_every = 256;  // records, at least 1
};

class Chain {
public:
    // `directory` (made 0700) gets audit.jsonl, checkpoints.jsonl and audit.head; audit.key and audit-signing.key are
    // made at first use beside them (0600). What a crash left behind the head, which nobody was told is there, is kept
    // if it verifies; otherwise it is cut off and recorded as "chain.repaired". Opening looks only at the end of the
    // chain, whatever its length; verify() looks at all of it.
    // Errors: conflict (STORE_LOCKED), invalid_argument (the folder holds a chain of another name), corrupt, io.
    static Result<std::unique_ptr<Chain>> open(io::Runtime& runtime, const std::filesystem::path& directory,
                                               std::string name, const Clock& clock, ChainOptions options = {});
    virtual ~Chain() = default;  // finishes what is queued and writes a checkpoint; no task may still wait
    // Durable when it answers; concurrent appends share an fsync. Order of answers is order of seq. Cancelling the task
    // does not stop it. Errors: invalid_argument (names empty or too long, text that is not UTF-8), too_large (body
    // over kMostBodyBytes), rate_limited, io; unavailable with reason AUDIT_FAILED after an fsync failed, until
    // reopened.
    virtual Task<Result<RecordRef>> append(Entry entry) = 0;
    virtual std::optional<RecordRef> tip() const = 0;  // of what was answered
    // Covers everything answered before. For export; the chain makes its own besides.
    virtual Task<Result<Checkpoint>> checkpoint() = 0;
};

inline constexpr std::size_t kMostBodyBytes = 64u << 10;

struct Finding {
    std::int64_t seq = 0;
    std::size_t line = 0;
    std::string problem;  // "record 17 was changed: its mac does not match", "2 records are missing after 40
                          // (checkpoint says 42)"
};

struct Verification {
    std::string chain;         // "" when not even its first record could be read
    std::int64_t records = 0;  // that verify
    std::int64_t checkpoints = 0;
    std::vector<Finding> findings;    // empty: intact. At most kMostFindings
    std::vector<RecordRef> dangling;  // `follows` that none of the given chains holds
    std::vector<std::string> notes;   // no damage: an unfinished last line that the next open cuts off
    bool intact() const { return findings.empty(); }
};

inline constexpr std::size_t kMostFindings = 100;

// Over one or more chain directories; follows references are checked between them. Pure reading; a chain may be in use.
// `exported`: checkpoints kept elsewhere, each checked against the chain it names.
// Errors: not_found (no chain in a directory, no chain of an exported checkpoint's name), forbidden, io.
Result<std::vector<Verification>> verify(const std::vector<std::filesystem::path>& directories,
                                         const std::vector<Checkpoint>& exported = {});

}  // namespace pincer::audit
