#include <algorithm>
#include <array>

#include "approval/approval.hpp"
#include "crypto/hash.hpp"

namespace pincer::approval {
namespace {

constexpr std::array kDecisions{Decision::allow_once, Decision::allow_always, Decision::deny};
constexpr std::array kRisks{Risk::read, Risk::low, Risk::medium, Risk::high, Risk::destructive};

template <class T, std::size_t N>
std::optional<T> parse_name(std::string_view text, const std::array<T, N>& all) {
    const auto found = std::find_if(all.begin(), all.end(), [&](T one) { return name_of(one) == text; });
    return found == all.end() ? std::nullopt : std::optional<T>(*found);
}

}  // namespace

std::string_view name_of(Decision decision) {
    switch (decision) {
        case Decision::allow_once: return "allow-once";
        case Decision::allow_always: return "allow-always";
        case Decision::deny: return "deny";
    }
    return "";
}

std::string_view name_of(Status status) {
    switch (status) {
        case Status::pending: return "pending";
        case Status::allowed: return "allowed";
        case Status::denied: return "denied";
        case Status::expired: return "expired";
        case Status::cancelled: return "cancelled";
    }
    return "";
}

std::string_view name_of(Risk risk) {
    switch (risk) {
        case Risk::read: return "read";
        case Risk::low: return "low";
        case Risk::medium: return "medium";
        case Risk::high: return "high";
        case Risk::destructive: return "destructive";
    }
    return "";
}

std::optional<Decision> parse_decision(std::string_view text) { return parse_name(text, kDecisions); }
std::optional<Risk> parse_risk(std::string_view text) { return parse_name(text, kRisks); }

bool same_person(const Principal& a, const Principal& b) {
    return a.id == b.id || (!a.human.empty() && a.human == b.human);
}

std::string digest_of(const json::object& subject) { return crypto::sha256_hex(json::write_canonical(subject)); }

}  // namespace pincer::approval
