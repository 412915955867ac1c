// What of a conversation may leave for a hosted model. Local models get everything; a hosted one gets what its policy
// allows, redacted, and what left is recorded (digests and counts, not the text).
#pragma once

#include <string>
#include <vector>

#include "agent/model.hpp"

namespace pincer::agent {

enum class ToolResultEgress { full, redacted, summary_only, none };

struct ModelEgressPolicy {
    ToolResultEgress tool_results = ToolResultEgress::redacted;       // default for every tool
    std::vector<std::pair<std::string, ToolResultEgress>> per_tool;   // by tool name or "<server>__*"
    std::vector<std::string> extra_patterns;                          // literal strings that never leave
    static Result<ModelEgressPolicy> from_config(const json::object& o);
};

struct Redaction {
    std::string kind;   // "bearer token", "aws key id", "private key", "email", "ip address", "configured"
    std::size_t count = 0;
};

struct EgressReport {
    std::string model;
    std::string request_digest;      // SHA-256 of what left
    std::size_t bytes = 0;
    std::vector<Redaction> redactions;
    std::vector<std::string> withheld_tools;   // results that did not leave at all
};

// Secrets always go (tokens, keys, passwords, private keys, connection strings with passwords); under `redacted` also
// e-mail addresses and private IP addresses become stable placeholders ("<ip-3>"), so that the model can still reason.
std::string redact(std::string_view text, ToolResultEgress level, const ModelEgressPolicy& policy, std::vector<Redaction>& counts);

struct Outbound {
    ModelRequest request;
    EgressReport report;
};
Outbound apply_egress(ModelRequest request, const Model& model, const ModelEgressPolicy& policy);

}  // namespace pincer::agent
