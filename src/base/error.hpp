// The project's one error type. Every function that can be expected to fail returns Result<T> (result.hpp).
#pragma once

#include <chrono>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>

namespace pincer {

// What went wrong, in the few words that a caller may act on. Closed: each protocol maps it by one exhaustive switch.
enum class ErrorCode {
    invalid_argument,  // the caller's input is wrong; the message names the field
    not_found,         // the named thing does not exist (or the caller may not know that it does)
    already_exists,    // creating it again would overwrite
    conflict,          // a precondition no longer holds: somebody else changed it first
    unauthenticated,   // we do not know who the caller is
    forbidden,         // we know, and they may not
    refused,           // our own policy says no, whoever asks
    approval_needed,   // allowed once a person has said so
    timed_out,         // a deadline passed; the message names what was waited for
    cancelled,         // somebody asked us to stop; not a failure, not logged as one
    unavailable,       // the peer is away or not ready; trying again may help
    rate_limited,      // trying again later will help; see retry_after
    too_large,         // a limit was reached before anything was allocated
    protocol,          // the peer's bytes break its own protocol
    io,                // the operating system said no
    corrupt,           // our own stored data does not verify
    expired,           // it was valid once
    unsupported,       // understood, and not something we do
    outcome_unknown,   // it may or may not have happened: settle by reading, never by doing it again
    internal,          // a bug, caught at an edge
};

// Stable lower-case name, e.g. "not_found": for logs and --json.
std::string_view name_of(ErrorCode code);

// `message` is ours and safe to show to the user at hand; `foreign` is what a peer wrote, kept apart because it may
// hold anything: it is never logged above debug nor shown to another user.
class Error {
public:
    Error(ErrorCode code, std::string message, std::source_location where = std::source_location::current())
        : code_(code), message_(std::move(message)), where_(where) {}

    ErrorCode code() const { return code_; }
    const std::string& message() const { return message_; }
    const std::string& reason() const { return reason_; }
    const std::string& foreign() const { return foreign_; }
    std::optional<std::chrono::milliseconds> retry_after() const { return retry_after_; }
    std::source_location where() const { return where_; }

    // "reading pairing store: not found": say what was being done, once, where it changes the meaning.
    Error context(std::string_view doing) &&;
    // A stable upper-case token for machines, e.g. "APPROVAL_NOT_FOUND".
    Error with_reason(std::string reason) &&;
    Error with_foreign(std::string remote_text) &&;
    Error with_retry_after(std::chrono::milliseconds delay) &&;

private:
    ErrorCode code_;
    std::string message_;
    std::string reason_;
    std::string foreign_;
    std::optional<std::chrono::milliseconds> retry_after_;
    std::source_location where_;
};

}  // namespace pincer
