#include <algorithm>
#include <cmath>

#include "mcp/schema/detail/node.hpp"

namespace pincer::mcp::schema {
namespace {

double as_double(const json::value& v) {
    if (const auto* i = v.if_int64()) return double(*i);
    if (const auto* u = v.if_uint64()) return double(*u);
    return v.get_double();
}

bool is_number(const json::value& v) { return v.is_int64() || v.is_uint64() || v.is_double(); }

template <class A, class B>
int order(A a, B b) {
    return a < b ? -1 : a > b ? 1 : 0;
}

}  // namespace

int compare_numbers(const json::value& a, const json::value& b) {
    if (a.is_int64() && b.is_int64()) return order(a.get_int64(), b.get_int64());
    if (a.is_uint64() && b.is_uint64()) return order(a.get_uint64(), b.get_uint64());
    // Boost.JSON keeps as uint64 only what does not fit int64.
    if (a.is_uint64() && b.is_int64()) return 1;
    if (a.is_int64() && b.is_uint64()) return -1;
    return order(as_double(a), as_double(b));
}

bool is_multiple(const json::value& v, const json::value& of) {
    if (v.is_int64() && of.is_int64() && of.get_int64() > 0) return v.get_int64() % of.get_int64() == 0;
    const double quotient = as_double(v) / as_double(of);
    if (!std::isfinite(quotient)) return false;
    // Decimal fractions are not exact in binary: 0.0075 is a multiple of 0.0001.
    return std::abs(quotient - std::nearbyint(quotient)) <= 1e-9 * std::max(1.0, std::abs(quotient));
}

bool equal(const json::value& a, const json::value& b) {
    if (is_number(a) && is_number(b)) return compare_numbers(a, b) == 0;
    if (a.kind() != b.kind()) return false;
    if (const auto* o = a.if_object()) {
        const auto& other = b.get_object();
        return o->size() == other.size() && std::all_of(o->begin(), o->end(), [&](const auto& field) {
                   const json::value* same = other.if_contains(field.key());
                   return same && equal(field.value(), *same);
               });
    }
    if (const auto* items = a.if_array()) {
        const auto& other = b.get_array();
        return items->size() == other.size() && std::equal(items->begin(), items->end(), other.begin(), equal);
    }
    return a == b;
}

}  // namespace pincer::mcp::schema
