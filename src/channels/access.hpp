// Who may speak to us: the one gate, a pure function over the account's policy and the stored pairings. It runs before
// any text is looked at, for every event kind alike (messages, edits, buttons).
#pragma once

#include <string>
#include <vector>

#include "channels/channel.hpp"

namespace pincer::channels {

enum class DmPolicy { pairing, allowlist, open, disabled };     // default: pairing
enum class GroupPolicy { allowlist, open, disabled };           // default: allowlist

struct AccessPolicy {
    DmPolicy dm = DmPolicy::pairing;
    std::vector<std::string> allow_from;        // stable sender ids; "*" only counts together with DmPolicy::open
    GroupPolicy group = GroupPolicy::allowlist;
    std::vector<std::string> groups;            // allowed group or room ids; empty list allows none
    std::vector<std::string> group_allow_from;  // senders in groups; pairing in a DM never opens a group
    bool require_mention = true;                // in groups and rooms, outside our own threads
    static Result<AccessPolicy> from_config(const json::object& account);
};

enum class Verdict { allow, pair, ignore, deny };  // pair: answer with a pairing code; ignore: silently; deny: log it

struct AccessQuestion {
    ConversationType type;
    std::string sender_id;
    std::string conversation_id;  // Route::to
    bool is_bot = false;
    bool mentions_us = false;
    bool in_our_thread = false;
};

Verdict decide(const AccessPolicy& policy, const std::vector<std::string>& paired_ids, const AccessQuestion& question);

// 8 characters without 0, O, 1, I; one hour; at most 3 pending per account (OpenClaw's own numbers).
inline constexpr std::string_view kPairingAlphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
inline constexpr std::size_t kPairingCodeLength = 8;
inline constexpr Millis kPairingTtl{3'600'000};
inline constexpr std::size_t kMaxPendingPairings = 3;

}  // namespace pincer::channels
