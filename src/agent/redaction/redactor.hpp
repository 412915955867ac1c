// One request's redaction: the same value becomes the same placeholder wherever it stands.
#pragma once

#include <map>
#include <string>

#include "agent/egress.hpp"
#include "base/sensitive_text.hpp"

namespace pincer::agent {

class Redactor {
public:
    explicit Redactor(const ModelEgressPolicy& policy) : policy_(policy) {}

    // `full` takes the secrets; every other level takes addresses too.
    std::string text(std::string_view text, ToolResultEgress level);
    // The strings of a JSON value, knowing the keys above them: {"password": "x"}, {"name": "DB_PASSWORD", "value":
    // "x"} and the data of a Kubernetes Secret go whole.
    void json(json::value& value, ToolResultEgress level);
    void json(json::object& object, ToolResultEgress level);

    std::vector<Redaction> counts() const;
    const Placeholders& placeholders() const { return placeholders_; }

private:
    std::string placeholder(std::string_view value, std::string_view kind, std::string_view tag, bool is_secret);
    void mask(json::value& value, std::string_view kind);

    const ModelEgressPolicy& policy_;
    std::map<std::string, std::size_t> counts_;             // by kind
    std::map<std::string, std::string> known_;              // digest of a value, its placeholder
    std::map<std::string, std::size_t, std::less<>> next_;  // by tag
    Placeholders placeholders_;
};

}  // namespace pincer::agent
