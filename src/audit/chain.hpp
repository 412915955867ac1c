// The keyed hash chain: one append-only file a process writes, that anybody with the key can verify offline.
//
// A record is one line of JSON: {"seq","at","kind","actor","body","follows"?,"prev","mac"}. `mac` is HMAC-SHA-256 over a
// length-framed encoding of the other fields (so content cannot move between fields), keyed by a per-install key that
// lies outside the file; `prev` is the mac of the record before. Every `checkpoint_every` records and on close a
// checkpoint (count, tip, time, Ed25519 signature) is appended to a second file and can be exported, which is what makes
// a dropped tail show. Bodies hold digests and names, never secrets and never message text (only its digest).
// Write-ahead: append() has fsynced before it returns, and who cannot append does not act.
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
    static Result<RecordRef> parse(std::string_view text);
};

struct Entry {
    std::string kind;    // dotted: "question.asked", "plan.made", "approval.decided", "grant.consumed", "step.applied"
    std::string actor;   // who, as the server's own record has it: "slack:T1:U123", "operator:<device>", "engine"
    json::object body;
    std::optional<RecordRef> follows;
};

class Chain {
public:
    // `directory` gets audit.jsonl, checkpoints.jsonl; key and signing key are made at first use beside them (0600).
    // A torn last line (crash inside a write) is cut off and recorded as such; any other damage: corrupt.
    static Result<std::unique_ptr<Chain>> open(io::Runtime& runtime, const std::filesystem::path& directory, std::string name, const Clock& clock);
    virtual ~Chain() = default;
    // Durable when it answers; concurrent appends share an fsync. Order of answers is order of seq.
    virtual Task<Result<RecordRef>> append(Entry entry) = 0;
    virtual std::optional<RecordRef> tip() const = 0;
    virtual Task<Result<>> checkpoint() = 0;
};

struct Finding {
    std::int64_t seq = 0;
    std::size_t line = 0;
    std::string problem;  // "record 17 was changed: its mac does not match", "2 records are missing after 40 (checkpoint says 42)"
};

struct Verification {
    std::string chain;
    std::int64_t records = 0;
    std::int64_t checkpoints = 0;
    std::vector<Finding> findings;   // empty: intact
    std::vector<RecordRef> dangling; // `follows` that none of the given chains holds
    bool intact() const { return findings.empty(); }
};

// Over one or more chain directories; follows references are checked between them. Pure reading.
Result<std::vector<Verification>> verify(const std::vector<std::filesystem::path>& directories);

}  // namespace pincer::audit
