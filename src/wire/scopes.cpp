#include "wire/scopes.hpp"

#include <array>

#include "base/text.hpp"

namespace pincer::wire {
namespace {
constexpr std::array<std::string_view, kScopeCount> kNames = {
    "operator.read",      "operator.write",   "operator.admin", "operator.approvals",
    "operator.questions", "operator.pairing", "operator.talk",  "operator.talk.secrets"};
}  // namespace

std::string_view name_of(Scope scope) { return kNames[std::size_t(scope)]; }

std::optional<Scope> scope_named(std::string_view name) {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (kNames[i] == name) return Scope(i);
    }
    return std::nullopt;
}

Result<ScopeSet> ScopeSet::parse(std::span<const std::string> names) {
    ScopeSet set;
    for (const std::string& name : names) {
        const auto scope = scope_named(name);
        if (!scope)
            return PINCER_FAIL(invalid_argument, "unknown scope \"{}\" (there are {})",
                               truncate_utf8(strip_control(name), 64),
                               join(std::vector<std::string>(kNames.begin(), kNames.end()), ", "));
        set.add(*scope);
    }
    return set;
}

std::vector<std::string> ScopeSet::names() const {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < kScopeCount; ++i) {
        if (contains(Scope(i))) out.emplace_back(kNames[i]);
    }
    return out;
}

}  // namespace pincer::wire
