// Which change explains which. A tie is a fact when both ends name the same thing (commit, run, image), and a
// hypothesis when only time speaks for it.
#include <algorithm>

#include "infra/engine/look.hpp"
#include "infra/engine/quoting.hpp"

namespace pincer::infra {
namespace {

constexpr Millis kSoonAfter{15 * 60 * 1000};     // a run that ended this long before a rollout may have made it
constexpr Millis kFirstTrouble{30 * 60 * 1000};  // a fault that began this long after a rollout may come from it
constexpr Millis kClockSkew{5'000};              // two providers' clocks

std::optional<Link> tie(const Change& from, const Change& to) {
    const Release& a = from.release;
    const Release& b = to.release;
    if (!a.run_id.empty() && a.run_id == b.run_id)
        return Link{to.id, Confidence::fact, "both name workflow run " + a.run_id};
    if (!a.commit.empty() && a.commit == b.commit)
        return Link{to.id, Confidence::fact, "both name commit " + a.commit.substr(0, 7)};
    if (!a.image.empty() && a.image == b.image)
        return Link{to.id, Confidence::fact, "both name image " + quote_line(a.image, 120)};
    if (from.kind != ChangeKind::rollout || to.kind == ChangeKind::rollout || to.kind == ChangeKind::event)
        return std::nullopt;
    if (!a.commit.empty() || !a.run_id.empty()) return std::nullopt;  // it says where it comes from, and that is not it
    const bool just_before = to.at <= from.at + kClockSkew && from.at - to.at < kSoonAfter;
    const bool could_deploy = to.kind == ChangeKind::workflow_run || to.kind == ChangeKind::deployment;
    if (!just_before || !could_deploy || to.outcome == Outcome::failed) return std::nullopt;
    return Link{to.id, Confidence::hypothesis,
                fmt::format("it ended {} before the rollout", format_duration(std::max(Millis(0), from.at - to.at)))};
}

std::string_view what_began(const Cause& cause) {
    return cause.klass == "rollout_stuck" ? "the rollout stopped" : "the trouble began";
}

void find_trigger(const std::vector<Change>& changes, Cause& cause) {
    const Change* best = nullptr;
    for (const Change& change : changes) {
        if (cause.klass == "failed_workflow") {
            // The commit that it ran is what it failed on.
            const bool same = change.kind == ChangeKind::commit && !change.release.commit.empty() &&
                              change.release.commit == cause.release.commit;
            if (same) best = &change;
            continue;
        }
        if (change.kind != ChangeKind::rollout || !(change.object == cause.object)) continue;
        const bool names_it = !cause.revision.empty() && change.revision == cause.revision;
        const bool in_time = change.at <= cause.since + kClockSkew && cause.since - change.at < kFirstTrouble;
        if ((names_it || in_time) && (!best || change.at > best->at)) best = &change;
    }
    if (!best) return;
    if (cause.klass == "failed_workflow") {
        cause.trigger = Trigger{best->id, Confidence::fact, "it is the commit that this run checked out"};
        return;
    }
    const Millis later = std::max(Millis(0), cause.since - best->at);
    const bool soon = later < kFirstTrouble;
    if (cause.only_this_revision && soon) {
        cause.trigger =
            Trigger{best->id, Confidence::fact,
                    fmt::format("only pods of revision {} are affected, pods of the revision before are ready",
                                best->revision)};
    } else if (soon) {
        cause.trigger = Trigger{best->id, Confidence::hypothesis,
                                fmt::format("{} {} after it", what_began(cause), format_duration(later))};
    }
}

}  // namespace

void correlate(std::vector<Change>& changes, std::vector<Cause>& causes) {
    for (Change& from : changes) {
        if (from.kind == ChangeKind::event) continue;
        for (const Change& to : changes) {
            if (&from == &to || to.kind == ChangeKind::event) continue;
            if (auto link = tie(from, to)) from.links.push_back(*std::move(link));
        }
        // A fact makes guesses superfluous.
        const bool known =
            std::ranges::any_of(from.links, [](const Link& link) { return link.confidence == Confidence::fact; });
        if (known)
            std::erase_if(from.links, [](const Link& link) { return link.confidence == Confidence::hypothesis; });
    }
    for (Cause& cause : causes) find_trigger(changes, cause);
}

}  // namespace pincer::infra
