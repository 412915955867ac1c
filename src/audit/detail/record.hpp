// The three line formats of a chain: record, checkpoint, head. Each has exactly one spelling: what parses but would be
// written differently is refused, so that no byte of a file can change unseen. Private to audit.
#pragma once

#include <string>
#include <string_view>

#include "audit/chain.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/hash.hpp"

namespace pincer::audit::detail {

inline constexpr const char* kRecordsFile = "audit.jsonl";
inline constexpr const char* kCheckpointsFile = "checkpoints.jsonl";
inline constexpr const char* kHeadFile = "audit.head";
inline constexpr const char* kKeyFile = "audit.key";
inline constexpr const char* kSigningKeyFile = "audit-signing.key";
inline constexpr const char* kLockFile = "audit.lock";
inline constexpr std::size_t kMostLineBytes = 1u << 20;
inline const std::string kNoMac(64, '0');  // `prev` of record 1, and the tip of an empty chain

struct Line {
    std::int64_t seq = 0;
    std::string at;
    std::string kind;
    std::string actor;
    std::string body;     // canonical JSON of an object
    std::string follows;  // "" for none
    std::string prev;     // hex
    std::string mac;      // hex

    std::string str() const;  // without the line feed
    // Error: invalid_argument.
    static Result<Line> parse(std::string_view text);
    std::string computed_mac(const Secret& key) const;
};

std::string signed_bytes(const Checkpoint& checkpoint);

// Where the acknowledged part of both files ends. Two slots of fixed size, written in turn (generation modulo 2), so
// that a torn write leaves the other one.
struct Head {
    std::int64_t generation = 0;
    std::int64_t records = 0;
    std::int64_t bytes = 0;  // of audit.jsonl
    std::string tip = kNoMac;
    std::int64_t checkpoints = 0;
    std::int64_t checkpoint_bytes = 0;  // of checkpoints.jsonl
    std::int64_t checkpoint_seq = 0;    // of the last checkpoint

    static constexpr std::size_t kSlotBytes = 512;
    std::string slot(const Secret& key) const;  // exactly kSlotBytes
    // Error: corrupt.
    static Result<Head> parse_slot(std::string_view slot, const Secret& key);
};

struct HeadFile {
    std::optional<Head> slots[2];  // those that verify and stand where their generation belongs
    bool whole() const;            // both are there and follow one another
    const Head* newest() const;
};
// Errors: not_found, corrupt (not two slots long), io.
Result<HeadFile> read_head_file(const std::filesystem::path& directory, const Secret& key);

}  // namespace pincer::audit::detail
