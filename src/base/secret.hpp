// A value that cannot be printed, logged, compared by accident or turned into JSON: none of these compile.
// reveal() is meant for the wire only; `grep reveal` lists every place where a secret leaves its wrapper.
#pragma once

#include <string>
#include <utility>

namespace pincer {

// Overwrites the bytes in a way that the optimiser may not drop.
void wipe(std::string& bytes) noexcept;

class Secret {
public:
    Secret() = default;
    explicit Secret(std::string value) : value_(std::move(value)) {}
    Secret(const Secret&) = default;
    Secret(Secret&&) noexcept = default;
    Secret& operator=(const Secret&) = default;
    Secret& operator=(Secret&&) noexcept = default;
    ~Secret() { wipe(value_); }

    bool empty() const { return value_.empty(); }
    const std::string& reveal() const { return value_; }

private:
    std::string value_;
};

// What every printer shows in its place; OpenClaw's own config.get writes the same word.
inline constexpr const char* kRedacted = "__OPENCLAW_REDACTED__";

}  // namespace pincer
