// What the exit code says (docs, design §5).
#pragma once

#include "base/error.hpp"

namespace pincer::openclaw {

enum class ExitCode { ok = 0, error = 1, usage = 2, unhealthy = 3, partial = 4, refused = 5, approval_needed = 6 };

inline ExitCode exit_code_of(const Error& error) {
    switch (error.code()) {
        case ErrorCode::invalid_argument: return ExitCode::usage;
        case ErrorCode::approval_needed: return ExitCode::approval_needed;
        case ErrorCode::forbidden:
        case ErrorCode::refused:
        case ErrorCode::unauthenticated: return ExitCode::refused;
        default: return ExitCode::error;
    }
}

}  // namespace pincer::openclaw
