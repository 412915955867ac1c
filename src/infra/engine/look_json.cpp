// The JSON of `clanker health --json` and `clanker changes --json`: stable names, documented in docs/guides.
#include <set>

#include "infra/engine/look.hpp"

namespace pincer::infra {
namespace {

json::object coverage_of(const Look& look) {
    json::object out;
    for (const auto& coverage : look.coverage) out[coverage.provider] = to_json(coverage);
    return out;
}

json::array changes_of(const Look& look) {
    json::array out;
    for (const auto& change : look.changes) out.push_back(to_json(change));
    return out;
}

json::array evidence_of(const Look& look) {
    std::set<std::string> cited(look.verdict_evidence.begin(), look.verdict_evidence.end());
    for (const auto& cause : look.causes) cited.insert(cause.evidence.begin(), cause.evidence.end());
    for (const auto& change : look.changes) cited.insert(change.evidence.begin(), change.evidence.end());
    json::array out;
    for (const auto& item : look.evidence) {
        if (cited.contains(item.id)) out.push_back(to_json(item));
    }
    return out;
}

}  // namespace

json::object to_json(const Look& look) {
    json::array causes;
    for (const auto& cause : look.causes) {
        json::object told = to_json(cause);
        // The change itself rather than its id alone: who reads one cause need not search.
        if (const Change* change = cause.trigger ? look.change(cause.trigger->change) : nullptr) {
            json::object& trigger = told["trigger"].get_object();
            trigger["kind"] = name_of(change->kind);
            trigger["at"] = to_rfc3339(change->at);
            trigger["summary"] = change->summary;
            trigger["version"] = change->release.version;
            trigger["commit"] = change->release.commit;
            trigger["run_id"] = change->release.run_id;
        }
        causes.push_back(std::move(told));
    }
    json::array verdict_evidence;
    for (const auto& id : look.verdict_evidence) verdict_evidence.emplace_back(id);
    return {{"verdict", name_of(look.verdict)},
            {"reason", look.verdict_text},
            {"verdict_evidence", std::move(verdict_evidence)},
            {"causes", std::move(causes)},
            {"changes", changes_of(look)},
            {"last_deploy", look.last_deploy},
            {"coverage", coverage_of(look)},
            {"evidence", evidence_of(look)},
            {"since", to_rfc3339(look.since)},
            {"as_of", to_rfc3339(look.as_of)}};
}

json::object changes_json(const Look& look) {
    return {{"changes", changes_of(look)},
            {"coverage", coverage_of(look)},
            {"evidence", evidence_of(look)},
            {"since", to_rfc3339(look.since)},
            {"as_of", to_rfc3339(look.as_of)}};
}

}  // namespace pincer::infra
