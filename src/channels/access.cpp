#include "channels/access.hpp"

#include <algorithm>
#include <array>

namespace pincer::channels {
namespace {

bool holds(const std::vector<std::string>& list, std::string_view id) {
    return std::ranges::find(list, id) != list.end();
}

// By either of their ids; "*" names nobody.
bool names_sender(const std::vector<std::string>& list, const AccessQuestion& question) {
    const auto by = [&](const std::string& id) { return !id.empty() && id != "*" && holds(list, id); };
    return by(question.sender_id) || by(question.sender_home_id);
}

template <class Policy>
using Word = std::pair<std::string_view, Policy>;
constexpr std::array<Word<DmPolicy>, 4> kDmWords{{{"pairing", DmPolicy::pairing},
                                                  {"allowlist", DmPolicy::allowlist},
                                                  {"open", DmPolicy::open},
                                                  {"disabled", DmPolicy::disabled}}};
constexpr std::array<Word<GroupPolicy>, 3> kGroupWords{
    {{"allowlist", GroupPolicy::allowlist}, {"open", GroupPolicy::open}, {"disabled", GroupPolicy::disabled}}};

template <class Policy, std::size_t N>
Result<Policy> read_policy(const json::object& from, std::string_view key, Policy otherwise,
                           const std::array<Word<Policy>, N>& words) {
    const auto* value = json::find(from, key);
    if (!value) return otherwise;
    if (value->is_string()) {
        for (const auto& [word, policy] : words) {
            if (std::string_view(value->get_string()) == word) return policy;
        }
    }
    std::string known;
    for (const auto& [word, policy] : words) known += (known.empty() ? "" : ", ") + std::string(word);
    return PINCER_FAIL(invalid_argument, "{} must be one of {}", key, known);
}

// OpenClaw writes Telegram ids as numbers or as text, with or without the channel in front.
Result<std::string> read_id(const json::value& value, std::string_view key) {
    if (value.is_int64()) return std::to_string(value.get_int64());
    if (value.is_uint64()) return std::to_string(value.get_uint64());
    if (!value.is_string()) return PINCER_FAIL(invalid_argument, "{} must hold ids as text or whole numbers", key);
    std::string_view text = value.get_string();
    for (const std::string_view prefix : {"telegram:", "tg:", "slack:"}) {
        if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
    }
    if (text.empty()) return PINCER_FAIL(invalid_argument, "{} holds an empty id", key);
    return std::string(text);
}

Result<std::vector<std::string>> read_ids(const json::object& from, std::string_view key) {
    std::vector<std::string> ids;
    const auto* value = json::find(from, key);
    if (!value) return ids;
    if (!value->is_array()) return PINCER_FAIL(invalid_argument, "{} must be a list of ids", key);
    for (const auto& element : value->get_array()) {
        PINCER_TRY(auto id, read_id(element, key));
        ids.push_back(std::move(id));
    }
    return ids;
}

Result<> read_groups(const json::object& from, std::string_view key, AccessPolicy& policy) {
    const auto* value = json::find(from, key);
    if (!value) return {};
    if (!value->is_object()) return PINCER_FAIL(invalid_argument, "{} must be an object by id", key);
    for (const auto& [id, settings] : value->get_object()) {
        if (!settings.is_object())
            return PINCER_FAIL(invalid_argument, "{}.{} must be an object", key, std::string_view(id));
        const auto& group = settings.get_object();
        if (!json::bool_at(group, "enabled").value_or(true) || !json::bool_at(group, "allow").value_or(true)) continue;
        policy.groups.emplace_back(id);
        const auto mention = json::bool_at(group, "requireMention");
        if (!mention) continue;
        if (id == "*")
            policy.require_mention = *mention;
        else if (!*mention)
            policy.mention_optional.emplace_back(id);
    }
    return {};
}

Verdict decide_direct(const AccessPolicy& policy, const std::vector<std::string>& paired_ids,
                      const AccessQuestion& question) {
    if (policy.dm == DmPolicy::disabled) return Verdict::ignore;
    if (names_sender(policy.allow_from, question)) return Verdict::allow;
    switch (policy.dm) {
        case DmPolicy::pairing: return holds(paired_ids, question.sender_id) ? Verdict::allow : Verdict::pair;
        case DmPolicy::open: return holds(policy.allow_from, "*") ? Verdict::allow : Verdict::deny;
        case DmPolicy::allowlist:
        case DmPolicy::disabled: break;
    }
    return Verdict::deny;
}

bool admits_all(const std::vector<std::string>& list, bool open) { return open && (list.empty() || holds(list, "*")); }

Verdict decide_group(const AccessPolicy& policy, const AccessQuestion& question) {
    if (policy.group == GroupPolicy::disabled) return Verdict::ignore;
    const bool must_mention = policy.require_mention && !holds(policy.mention_optional, question.conversation_id);
    if (must_mention && !question.mentions_us && !question.in_our_thread) return Verdict::ignore;
    const bool open = policy.group == GroupPolicy::open;
    const std::string& group = question.conversation_id;
    const bool group_admitted = admits_all(policy.groups, open) || (group != "*" && holds(policy.groups, group));
    const bool sender_admitted =
        admits_all(policy.group_allow_from, open) || names_sender(policy.group_allow_from, question);
    return group_admitted && sender_admitted ? Verdict::allow : Verdict::deny;
}

}  // namespace

Result<AccessPolicy> AccessPolicy::from_config(const json::object& account) {
    AccessPolicy policy;
    if (const auto* dm = json::object_at(account, "dm")) {  // the older spelling of the first two
        PINCER_TRY(policy.dm, read_policy(*dm, "policy", policy.dm, kDmWords));
        PINCER_TRY(policy.allow_from, read_ids(*dm, "allowFrom"));
        if (!json::bool_at(*dm, "enabled").value_or(true)) policy.dm = DmPolicy::disabled;
    }
    PINCER_TRY(policy.dm, read_policy(account, "dmPolicy", policy.dm, kDmWords));
    if (account.contains("allowFrom")) {
        PINCER_TRY(policy.allow_from, read_ids(account, "allowFrom"));
    }
    PINCER_TRY(policy.group, read_policy(account, "groupPolicy", policy.group, kGroupWords));
    PINCER_TRY(policy.group_allow_from, read_ids(account, "groupAllowFrom"));
    policy.require_mention = json::bool_at(account, "requireMention").value_or(true);
    PINCER_CHECK(read_groups(account, "groups", policy));
    PINCER_CHECK(read_groups(account, "channels", policy));
    if (policy.dm == DmPolicy::open && !holds(policy.allow_from, "*")) {
        return PINCER_FAIL(invalid_argument,
                           "dmPolicy \"open\" needs \"*\" in allowFrom: say it, if everybody may speak");
    }
    return policy;
}

Verdict decide(const AccessPolicy& policy, const std::vector<std::string>& paired_ids, const AccessQuestion& question) {
    if (question.is_bot || question.sender_id.empty()) return Verdict::ignore;
    if (question.type == ConversationType::direct) return decide_direct(policy, paired_ids, question);
    return decide_group(policy, question);
}

}  // namespace pincer::channels
