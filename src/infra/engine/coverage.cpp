#include "infra/engine/coverage.hpp"

namespace pincer::infra {

std::string_view name_of(Reach reach) {
    switch (reach) {
        case Reach::connected: return "connected";
        case Reach::partial: return "partial";
        case Reach::timed_out: return "timed_out";
        case Reach::forbidden: return "forbidden";
        case Reach::error: return "error";
        case Reach::not_connected: return "not_connected";
        case Reach::unsupported: return "unsupported";
    }
    return "error";
}

Reach reach_of(const Error& error) {
    switch (error.code()) {
        case ErrorCode::timed_out: return Reach::timed_out;
        case ErrorCode::forbidden:
        case ErrorCode::unauthenticated: return Reach::forbidden;
        case ErrorCode::unsupported: return Reach::unsupported;
        default: return Reach::error;
    }
}

json::object to_json(const Coverage& coverage) {
    return {{"state", name_of(coverage.state)}, {"reason", coverage.reason}, {"as_of", to_rfc3339(coverage.as_of)}};
}

}  // namespace pincer::infra
