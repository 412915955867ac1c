// Who may speak to us: the one gate, a pure function over the account's policy and the stored pairings. It runs before
// any text is looked at, for every event kind alike (messages, edits, buttons).
#pragma once

#include <string>
#include <vector>

#include "channels/channel.hpp"

namespace pincer::channels {

enum class DmPolicy { pairing, allowlist, open, disabled };  // default: pairing
enum class GroupPolicy { allowlist, open, disabled };        // default: allowlist

struct AccessPolicy {
    DmPolicy dm = DmPolicy::pairing;
    std::vector<std::string> allow_from;  // stable sender ids; "*" only counts together with DmPolicy::open
    GroupPolicy group = GroupPolicy::allowlist;
    std::vector<std::string> groups;            // allowed group or room ids; empty list allows none
    std::vector<std::string> group_allow_from;  // senders in groups; pairing in a DM never opens a group
    bool require_mention = true;                // in groups and rooms, outside our own threads
    std::vector<std::string> mention_optional;  // the groups that are excepted from it

    // Reads OpenClaw's keys: dmPolicy, allowFrom (or dm.policy, dm.allowFrom), groupPolicy, groupAllowFrom,
    // requireMention, and groups or channels, an object by id: {"-1001": {"requireMention": false}} (enabled or allow
    // false leaves one out). Ids may be numbers. Errors: invalid_argument naming the key. OpenClaw refuses dmPolicy
    // "open" without "*" in allowFrom, and so do we.
    static Result<AccessPolicy> from_config(const json::object& account);
};

enum class Verdict { allow, pair, ignore, deny };  // pair: answer with a pairing code; ignore: silently; deny: log it

struct AccessQuestion {
    ConversationType type;
    std::string sender_id;
    std::string sender_home_id = {};  // counts as well, where the configuration knows one workspace only; else ""
    std::string conversation_id;      // Route::to
    bool is_bot = false;
    bool mentions_us = false;
    bool in_our_thread = false;
};

// Direct: `disabled` ignores; allow_from admits; paired ids admit only under `pairing`, whose strangers are asked to
// pair;
// "*" admits only under `open`. Groups and rooms: group and sender must both be on their lists; under `open` an empty
// list or "*" admits all, while a list that names ids still narrows. A bot is ignored everywhere.
Verdict decide(const AccessPolicy& policy, const std::vector<std::string>& paired_ids, const AccessQuestion& question);

// 8 characters without 0, O, 1, I; one hour; at most 3 pending per account (OpenClaw's own numbers).
inline constexpr std::string_view kPairingAlphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
inline constexpr std::size_t kPairingCodeLength = 8;
inline constexpr Millis kPairingTtl{3'600'000};
inline constexpr std::size_t kMaxPendingPairings = 3;

}  // namespace pincer::channels
