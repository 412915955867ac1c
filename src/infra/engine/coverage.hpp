// What an answer could and could not see, provider by provider. A provider that could not be read never counts as
// healthy.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

namespace pincer::infra {

enum class Reach {
    connected,      // all that was asked for was read
    partial,        // some of it; the reason says what is missing
    timed_out,      // the deadline passed before anything useful came
    forbidden,      // the credentials are refused (401, 403)
    error,          // anything else that went wrong
    not_connected,  // not configured
    unsupported,    // not built yet
};

std::string_view name_of(Reach reach);
// Configured, and yet not wholly read: what makes an answer partial.
inline bool is_gap(Reach reach) {
    return reach != Reach::connected && reach != Reach::not_connected && reach != Reach::unsupported;
}
Reach reach_of(const Error& error);

struct Coverage {
    std::string provider;
    Reach state = Reach::not_connected;
    std::string reason;  // "token expired or revoked (401)", "forbidden: pods in kube-system"; empty when connected
    WallTime as_of{};    // when it was asked
    bool health = true;  // whether a verdict on health needs it
};

json::object to_json(const Coverage& coverage);

}  // namespace pincer::infra
