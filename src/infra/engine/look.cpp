#include "infra/engine/look.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "infra/engine/fan_out.hpp"

namespace pincer::infra {
namespace {

constexpr Millis kGrace{250};  // for the bookkeeping after a deadline that everybody inside has honoured
constexpr Millis kDeepWindow{26 * 3600 * 1000};  // how far back providers look for what explains the present

struct Visit {
    Connection* connection = nullptr;
    Reading reading;
    Coverage coverage;
    bool finished = false;
};

std::string trim_reason(const std::vector<std::string>& gaps) { return truncate_utf8(join(gaps, "; "), 600); }

void conclude(Visit& visit, const Result<>& result) {
    Coverage& coverage = visit.coverage;
    if (result) {
        coverage.state = visit.reading.gaps.empty() ? Reach::connected : Reach::partial;
        coverage.reason = trim_reason(visit.reading.gaps);
        return;
    }
    const bool something = !visit.reading.evidence.all().empty();
    const bool absent = result.error().reason() == "NOT_CONNECTED";
    coverage.state = absent ? Reach::not_connected : reach_of(result.error());
    if (something && coverage.state == Reach::timed_out) coverage.state = Reach::partial;
    coverage.reason = result.error().message();
    for (const auto& gap : visit.reading.gaps) {
        if (!coverage.reason.contains(gap)) coverage.reason += "; " + gap;
    }
    coverage.reason = truncate_utf8(coverage.reason, 600);
}

Task<> pay(Visit& visit, Query query) {
    Hints* hints = visit.connection->type->gives_hints ? query.hints : nullptr;
    auto result = co_await visit.connection->provider->observe(std::move(query), visit.reading);
    if (hints) hints->settled.set();
    conclude(visit, result);
    visit.finished = true;
}

void merge(Look& out, Visit& visit) {
    for (const auto& item : visit.reading.evidence.all()) out.evidence.push_back(item);
    std::ranges::move(visit.reading.changes, std::back_inserter(out.changes));
    std::ranges::move(visit.reading.causes, std::back_inserter(out.causes));
    std::ranges::move(visit.reading.inventory, std::back_inserter(out.inventory));
    std::ranges::copy(visit.reading.good, std::back_inserter(out.verdict_evidence));
}

}  // namespace

std::vector<Connection> connect_all(std::span<const ProviderType* const> types, const Settings& settings,
                                    Services services) {
    std::vector<Connection> out;
    for (const ProviderType* type : types) {
        Connection connection{
            type, nullptr, {std::string(type->id), type->absent_reach, std::string(type->absent), {}, type->health}};
        if (type->make) {
            auto made = type->make(settings, services);
            if (made) {
                connection.provider = *std::move(made);
            } else {
                connection.coverage.state =
                    made.error().reason() == "NOT_CONNECTED" ? Reach::not_connected : reach_of(made.error());
                connection.coverage.reason = made.error().message();
            }
        }
        out.push_back(std::move(connection));
    }
    return out;
}

const Change* Look::change(std::string_view id) const {
    const auto at = std::ranges::find(changes, id, &Change::id);
    return at == changes.end() ? nullptr : &*at;
}

const Evidence* Look::evidence_of(std::string_view id) const {
    const auto at = std::ranges::find(evidence, id, &Evidence::id);
    return at == evidence.end() ? nullptr : &*at;
}

bool Look::partial() const {
    return std::ranges::any_of(coverage, [](const Coverage& c) { return is_gap(c.state); });
}

Task<Look> look(Services services, std::vector<Connection>& connections, LookOptions options) {
    Look out;
    out.as_of = services.clock.wall();
    out.since = out.as_of - options.window;
    out.health = options.health;
    out.after_deploy = options.after_deploy;
    const Deadline deadline = Deadline::after(options.timeout);
    Hints hints(services.runtime);
    Query query{out.as_of, std::min(out.since, out.as_of - kDeepWindow), options.health, options.scope, deadline,
                &hints};

    std::vector<std::unique_ptr<Visit>> visits;
    FanOut all(services.runtime);
    bool hinted = false;
    for (auto& connection : connections) {
        Visit visit{&connection, {}, connection.coverage, false};
        visit.coverage.as_of = out.as_of;
        visits.push_back(std::make_unique<Visit>(std::move(visit)));
        if (!connection.provider) continue;
        hinted = hinted || connection.type->gives_hints;
        visits.back()->coverage = {std::string(connection.type->id), Reach::timed_out, "it did not answer in time",
                                   out.as_of, connection.type->health};
        all.add(pay(*visits.back(), query));
    }
    if (!hinted) hints.settled.set();
    co_await all.join(Deadline::after(options.timeout + kGrace));

    std::vector<std::string> good;
    for (auto& visit : visits) {
        if (!visit->finished && visit->connection->provider && !visit->reading.evidence.all().empty())
            visit->coverage.state = Reach::partial;
        if (visit->finished && !visit->reading.good_summary.empty()) good.push_back(visit->reading.good_summary);
        merge(out, *visit);
        out.coverage.push_back(std::move(visit->coverage));
    }
    std::ranges::sort(out.changes, {}, [](const Change& change) { return std::pair(change.at, change.id); });
    correlate(out.changes, out.causes);
    judge(out, good);
    keep_relevant(out);
    co_return out;
}

void judge(Look& out, const std::vector<std::string>& good) {
    std::ranges::sort(out.causes, [](const Cause& a, const Cause& b) {
        if (a.severity != b.severity) return a.severity == Severity::critical;
        return a.since != b.since ? a.since < b.since : a.object.str() < b.object.str();
    });
    std::vector<std::string> silent;
    bool any_read = false;
    for (const auto& coverage : out.coverage) {
        if (!coverage.health) continue;
        if (is_gap(coverage.state)) silent.push_back(coverage.provider);
        any_read = any_read || coverage.state == Reach::connected || coverage.state == Reach::partial;
    }
    const auto critical = std::ranges::count(out.causes, Severity::critical, &Cause::severity);
    if (critical > 0) {
        out.verdict = Verdict::unhealthy;
        out.verdict_text = critical == 1 ? "1 thing is broken" : fmt::format("{} things are broken", critical);
    } else if (!out.causes.empty()) {
        out.verdict = Verdict::degraded;
        out.verdict_text = fmt::format("nothing is down, but {} thing{} need{} attention", out.causes.size(),
                                       out.causes.size() == 1 ? "" : "s", out.causes.size() == 1 ? "s" : "");
    } else if (!any_read) {
        out.verdict = Verdict::unknown;
        out.verdict_text = "nothing that tells of health could be read";
    } else if (!silent.empty()) {
        out.verdict = Verdict::unknown;
        out.verdict_text =
            fmt::format("what could be read is well, but {} could not be read in full", join(silent, " and "));
    } else {
        out.verdict = Verdict::healthy;
        out.verdict_text = good.empty() ? "nothing is wrong" : join(good, "; ");
    }
    if (out.causes.empty()) return;
    out.verdict_evidence.clear();
    for (const auto& cause : out.causes)
        out.verdict_evidence.push_back(cause.evidence.empty() ? "" : cause.evidence.front());
    std::erase(out.verdict_evidence, "");
}

void keep_relevant(Look& out) {
    std::set<std::string> kept;
    for (const auto& change : out.changes) {
        if (change.kind == ChangeKind::rollout &&
            (!out.change(out.last_deploy) || out.change(out.last_deploy)->at <= change.at))
            out.last_deploy = change.id;
    }
    for (const auto& cause : out.causes) {
        if (cause.trigger) kept.insert(cause.trigger->change);
    }
    if (out.after_deploy && !out.last_deploy.empty()) kept.insert(out.last_deploy);
    // Twice, so that what is tied to the run that is tied to the rollout comes along too.
    for (int round = 0; round < 2; ++round) {
        for (const auto& change : out.changes) {
            if (!kept.contains(change.id)) continue;
            for (const auto& link : change.links) kept.insert(link.change);
        }
    }
    std::erase_if(out.changes, [&](const Change& change) {
        const bool told_as_cause = change.kind == ChangeKind::event && out.health;  // the causes say it better
        return told_as_cause || (change.at < out.since && !kept.contains(change.id));
    });
}

}  // namespace pincer::infra
