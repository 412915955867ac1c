// What an operator's connection may do. admin implies every other scope; write implies read.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace pincer::wire {

enum class Scope : std::uint8_t { read, write, admin, approvals, questions, pairing, talk, talk_secrets };
inline constexpr std::size_t kScopeCount = 8;

std::string_view name_of(Scope scope);  // "operator.read"
std::optional<Scope> scope_named(std::string_view name);

class ScopeSet {
public:
    constexpr ScopeSet() = default;
    constexpr ScopeSet(std::initializer_list<Scope> scopes) {
        for (Scope s : scopes) add(s);
    }
    // Error: invalid_argument naming the first unknown scope.
    static Result<ScopeSet> parse(std::span<const std::string> names);

    constexpr void add(Scope scope) { bits_ = std::uint8_t(bits_ | bit(scope)); }
    constexpr bool contains(Scope scope) const { return bits_ & bit(scope); }  // literally
    // Implications counted: what a method check asks.
    constexpr bool allows(Scope scope) const {
        if (contains(scope) || contains(Scope::admin)) return true;
        return scope == Scope::read && contains(Scope::write);
    }
    // Whether a connection with this set could do all that `other` can.
    constexpr bool covers(ScopeSet other) const {
        for (std::size_t i = 0; i < kScopeCount; ++i) {
            if (other.contains(Scope(i)) && !allows(Scope(i))) return false;
        }
        return true;
    }
    constexpr bool empty() const { return bits_ == 0; }
    std::vector<std::string> names() const;  // in the order of the enum

    friend constexpr bool operator==(ScopeSet, ScopeSet) = default;

private:
    static constexpr std::uint8_t bit(Scope scope) { return std::uint8_t(1u << unsigned(scope)); }
    std::uint8_t bits_ = 0;
};

}  // namespace pincer::wire
