// What of a conversation may leave for a hosted model. Local models get everything; a hosted one gets what its policy
// allows, redacted, and what left is recorded (digests and counts, not the text).
#pragma once

#include <string>
#include <vector>

#include "agent/model.hpp"

namespace pincer::agent {

// full: secrets go, the rest stays. redacted: e-mail and private IP addresses go too. summary_only: the first
// paragraph, redacted. none: the model learns only that the tool answered.
enum class ToolResultEgress { full, redacted, summary_only, none };

// models.egress of the configuration:
//   {"toolResults": "redacted", "perTool": {"clanker__*": "full", "db__query": "none"}, "extraPatterns": ["acme-corp"]}
struct ModelEgressPolicy {
    ToolResultEgress tool_results = ToolResultEgress::redacted;  // default for every tool
    std::vector<std::pair<std::string, ToolResultEgress>>
        per_tool;                             // by tool name or "<server>__*"; an exact name wins
    std::vector<std::string> extra_patterns;  // literal strings that never leave
    // Errors: invalid_argument naming the key.
    static Result<ModelEgressPolicy> from_config(const json::object& o);
    ToolResultEgress level_of(std::string_view tool) const;
};

struct Redaction {
    std::string kind;  // "github token", "private key", "password", "email", "ip address", "configured", ...
    std::size_t count = 0;
};

struct EgressReport {
    std::string model;
    std::string request_digest;  // SHA-256 of what left: system, messages and tools as canonical JSON
    std::size_t bytes = 0;       // of the same
    std::vector<Redaction> redactions;
    std::vector<std::string> withheld_tools;  // results that did not leave at all
};

// Secrets always go (tokens, keys, passwords, private keys, connection strings with passwords); under `redacted` also
// e-mail addresses and private IP addresses become stable placeholders ("<ip-3>"), so that the model can still reason.
std::string redact(std::string_view text, ToolResultEgress level, const ModelEgressPolicy& policy,
                   std::vector<Redaction>& counts);

// Placeholders that stand for no secret, so that an answer can be put back into the words of the person who asked.
using Placeholders = std::vector<std::pair<std::string, std::string>>;  // "<ip-3>", "10.1.2.3"
std::string restore(std::string_view text, const Placeholders& placeholders);

// The same for text that comes in pieces: holds back what may be the beginning of a placeholder.
class StreamRestorer {
public:
    explicit StreamRestorer(const Placeholders& placeholders) : placeholders_(placeholders) {}
    std::string feed(std::string_view piece);
    std::string finish();

private:
    const Placeholders& placeholders_;
    std::string held_;
};

struct Outbound {
    ModelRequest request;
    EgressReport report;
    Placeholders placeholders;
};
// The same value has the same placeholder throughout a request, and as the conversation grows at its end.
Outbound apply_egress(ModelRequest request, const Model& model, const ModelEgressPolicy& policy);

}  // namespace pincer::agent
