#include "infra/engine/findings.hpp"

#include "base/text.hpp"
#include "infra/engine/quoting.hpp"

namespace pincer::infra {

std::string ObjectRef::str() const {
    return scope.empty() ? fmt::format("{} {}", to_lower(kind), name)
                         : fmt::format("{} {}/{}", to_lower(kind), scope, name);
}

std::string_view name_of(ChangeKind kind) {
    switch (kind) {
        case ChangeKind::rollout: return "rollout";
        case ChangeKind::scale: return "scale";
        case ChangeKind::workflow_run: return "workflow_run";
        case ChangeKind::deployment: return "deployment";
        case ChangeKind::commit: return "commit";
        case ChangeKind::pull_request: return "pull_request";
        case ChangeKind::event: return "event";
    }
    return "event";
}

std::string_view name_of(Outcome outcome) {
    switch (outcome) {
        case Outcome::none: return "";
        case Outcome::in_progress: return "in_progress";
        case Outcome::succeeded: return "succeeded";
        case Outcome::failed: return "failed";
        case Outcome::cancelled: return "cancelled";
    }
    return "";
}

std::string_view name_of(Confidence confidence) { return confidence == Confidence::fact ? "fact" : "hypothesis"; }

std::string_view name_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::healthy: return "healthy";
        case Verdict::degraded: return "degraded";
        case Verdict::unhealthy: return "unhealthy";
        case Verdict::unknown: return "unknown";
    }
    return "unknown";
}

namespace {

json::array to_json(const std::vector<std::string>& items) {
    json::array out;
    for (const auto& item : items) out.emplace_back(item);
    return out;
}

void put(json::object& o, std::string_view key, const std::string& text) {
    if (!text.empty()) o[key] = text;
}

}  // namespace

json::object to_json(const ObjectRef& object) {
    json::object out{{"provider", object.provider}, {"kind", object.kind}, {"name", object.name}};
    put(out, object.provider == "github" ? "repository" : "namespace", object.scope);
    return out;
}

json::object to_json(const Change& change) {
    json::object out{{"id", change.id},
                     {"kind", name_of(change.kind)},
                     {"at", to_rfc3339(change.at)},
                     {"object", to_json(change.object)},
                     {"summary", change.summary}};
    put(out, "title", quote_line(change.title, kTitleBytes));
    put(out, "actor", quote_line(change.actor, kNameBytes));
    put(out, "url", change.url);
    put(out, "outcome", std::string(name_of(change.outcome)));
    put(out, "commit", change.release.commit);
    put(out, "version", change.release.version);
    put(out, "image", change.release.image);
    put(out, "previous_image", change.release.previous_image);
    put(out, "revision", change.revision);
    put(out, "run_id", change.release.run_id);
    out["evidence"] = to_json(change.evidence);
    json::array links;
    for (const auto& link : change.links) {
        links.push_back(
            json::object{{"change", link.change}, {"confidence", name_of(link.confidence)}, {"why", link.why}});
    }
    out["links"] = std::move(links);
    return out;
}

json::object to_json(const Cause& cause) {
    json::object out{{"class", cause.klass},
                     {"severity", cause.severity == Severity::critical ? "critical" : "warning"},
                     {"object", to_json(cause.object)},
                     {"summary", cause.summary},
                     {"since", to_rfc3339(cause.since)}};
    put(out, "version", cause.release.version);
    put(out, "image", cause.release.image);
    put(out, "revision", cause.revision);
    if (cause.trigger) {
        out["trigger"] = json::object{{"change", cause.trigger->change},
                                      {"confidence", name_of(cause.trigger->confidence)},
                                      {"why", cause.trigger->why}};
    } else {
        out["trigger"] = nullptr;
    }
    out["evidence"] = to_json(cause.evidence);
    json::array log;
    for (const auto& line : cause.last_log) log.emplace_back(quote_log_line(line));
    out["last_log"] = std::move(log);
    return out;
}

}  // namespace pincer::infra
