#include "base/error.hpp"

namespace pincer {

std::string_view name_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::invalid_argument: return "invalid_argument";
        case ErrorCode::not_found: return "not_found";
        case ErrorCode::already_exists: return "already_exists";
        case ErrorCode::conflict: return "conflict";
        case ErrorCode::unauthenticated: return "unauthenticated";
        case ErrorCode::forbidden: return "forbidden";
        case ErrorCode::refused: return "refused";
        case ErrorCode::approval_needed: return "approval_needed";
        case ErrorCode::timed_out: return "timed_out";
        case ErrorCode::cancelled: return "cancelled";
        case ErrorCode::unavailable: return "unavailable";
        case ErrorCode::rate_limited: return "rate_limited";
        case ErrorCode::too_large: return "too_large";
        case ErrorCode::protocol: return "protocol";
        case ErrorCode::io: return "io";
        case ErrorCode::corrupt: return "corrupt";
        case ErrorCode::expired: return "expired";
        case ErrorCode::unsupported: return "unsupported";
        case ErrorCode::outcome_unknown: return "outcome_unknown";
        case ErrorCode::internal: return "internal";
    }
    return "internal";
}

Error Error::context(std::string_view doing) && {
    message_.insert(0, std::string(doing) + ": ");
    return std::move(*this);
}

Error Error::with_reason(std::string reason) && {
    reason_ = std::move(reason);
    return std::move(*this);
}

Error Error::with_foreign(std::string remote_text) && {
    foreign_ = std::move(remote_text);
    return std::move(*this);
}

Error Error::with_retry_after(std::chrono::milliseconds delay) && {
    retry_after_ = delay;
    return std::move(*this);
}

}  // namespace pincer
