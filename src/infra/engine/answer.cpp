#include "infra/engine/answer.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/text.hpp"
#include "infra/engine/quoting.hpp"

namespace pincer::infra {
namespace {

constexpr std::size_t kMaxChanges = 12;
constexpr std::size_t kMaxCauses = 6;
constexpr std::size_t kMaxCited = 3;
constexpr std::size_t kMaxLogLines = 8;
constexpr std::size_t kMaxInventory = 30;

std::string clock_time(WallTime at) { return to_rfc3339(at).substr(11, 9); }  // "22:05:09Z"

// Within a day the time is enough.
std::string moment(WallTime at, WallTime now) {
    return now - at < Millis(20 * 3600 * 1000) ? clock_time(at) : to_rfc3339(at);
}

std::string ago(WallTime at, WallTime now) { return format_duration(std::max(Millis(0), now - at)) + " ago"; }

class Writer {
public:
    explicit Writer(const Look& look) : look_(look) {}

    // Without evidence there is no sentence.
    void say(std::vector<Sentence>& into, std::string text, std::vector<std::string> evidence,
             std::vector<std::string> quoted = {}) const {
        std::erase_if(evidence, [&](const std::string& id) { return !look_.evidence_of(id); });
        if (evidence.empty()) return;
        if (evidence.size() > kMaxCited) evidence.resize(kMaxCited);
        WallTime oldest = look_.evidence_of(evidence.front())->read_at;
        for (const auto& id : evidence) oldest = std::min(oldest, look_.evidence_of(id)->read_at);
        into.push_back({std::move(text), std::move(evidence), oldest, std::move(quoted)});
    }

    void verdict(Answer& out) const;
    void changes(Answer& out) const;
    void causes(Answer& out) const;
    void inventory(Answer& out, const std::vector<ObjectRef>& only) const;
    void not_read(Answer& out) const;

private:
    std::string story_of(const Change& change) const;
    std::string origin_of(const Change& rollout, std::vector<std::string>& evidence) const;

    const Look& look_;
};

std::string subject_of(const Cause& cause) {
    std::string name = cause.object.str();
    if (!cause.release.version.empty() && cause.object.provider == "kubernetes")
        name += " (" + quote_line(cause.release.version, 60) + ")";
    return name;
}

std::string_view words_for(std::string_view klass) {
    constexpr std::pair<std::string_view, std::string_view> kWords[] = {
        {"crash_loop", "is crash looping"},
        {"image_pull", "cannot pull its image"},
        {"oom", "runs out of memory"},
        {"unschedulable", "cannot be scheduled"},
        {"probe_failure", "fails its probes"},
        {"config_error", "cannot start its containers"},
        {"rollout_stuck", "is stuck in a rollout"},
        {"unavailable", "has too few pods"},
        {"failed_workflow", "failed"},
        {"node_not_ready", "is not ready"},
        {"node_pressure", "is short of resources"},
        {"volume", "cannot mount a volume"},
        {"not_ready", "is not ready"},
    };
    for (const auto& [name, words] : kWords) {
        if (name == klass) return words;
    }
    return "has a problem";
}

void Writer::verdict(Answer& out) const {
    out.headline = to_lower(name_of(look_.verdict));
    std::string text = fmt::format("Production is {}: {}", name_of(look_.verdict), look_.verdict_text);
    if (look_.verdict == Verdict::unknown)
        text = fmt::format("Whether production is healthy is not known: {}", look_.verdict_text);
    if (!look_.causes.empty()) {
        const Cause& worst = look_.causes.front();
        text = fmt::format("Production is {}: {} {} since {} ({})", name_of(look_.verdict), subject_of(worst),
                           words_for(worst.klass), moment(worst.since, look_.as_of), ago(worst.since, look_.as_of));
        if (look_.causes.size() > 1) text += fmt::format(", and {} more", look_.causes.size() - 1);
    }
    const std::size_t before = out.verdict.size();
    say(out.verdict, text + ".", look_.verdict_evidence);
    // Nothing was read at all: that is a statement about reading, and stands with what could not be read.
    if (out.verdict.size() == before) out.not_read.push_back(text + ".");
    const Change* deploy = look_.after_deploy ? look_.change(look_.last_deploy) : nullptr;
    if (!deploy) return;
    std::vector<std::string> evidence = deploy->evidence;
    const bool explains =
        std::ranges::any_of(look_.causes, [&](const Cause& c) { return c.trigger && c.trigger->change == deploy->id; });
    say(out.verdict,
        fmt::format("The last deploy: {}, {} ({}){}.", deploy->object.str(), deploy->summary,
                    ago(deploy->at, look_.as_of),
                    explains               ? "; it is what broke"
                    : look_.causes.empty() ? "; nothing has been found wrong since"
                                           : "; no fault found so far comes from it"),
        std::move(evidence));
}

// "commit 60ddb6c “…” by dana, pull request #57, workflow Deploy #128 succeeded"
std::string Writer::origin_of(const Change& rollout, std::vector<std::string>& evidence) const {
    std::string text;
    for (const ChangeKind kind :
         {ChangeKind::commit, ChangeKind::pull_request, ChangeKind::workflow_run, ChangeKind::deployment}) {
        for (const Link& link : rollout.links) {
            const Change* from = look_.change(link.change);
            if (!from || from->kind != kind) continue;
            const std::string guess = link.confidence == Confidence::hypothesis ? " (a guess: " + link.why + ")" : "";
            std::string part = from->summary + guess;
            if (kind == ChangeKind::commit)
                part +=
                    fmt::format(" {} by {}", in_quotes(from->title, kTitleBytes), quote_line(from->actor, kNameBytes));
            if (kind == ChangeKind::pull_request)
                part = fmt::format("pull request #{}{}", quote_line(from->object.name, 20), guess);
            text += (text.empty() ? "" : ", ") + part;
            if (!from->evidence.empty()) evidence.push_back(from->evidence.front());
            break;
        }
    }
    return text;
}

std::string Writer::story_of(const Change& change) const {
    std::string text = fmt::format("{} {}: {}", moment(change.at, look_.as_of), change.object.str(), change.summary);
    if (change.kind == ChangeKind::commit || change.kind == ChangeKind::pull_request ||
        change.kind == ChangeKind::workflow_run) {
        text = fmt::format("{} {}", moment(change.at, look_.as_of), change.summary);
        if (!change.title.empty()) text += " " + in_quotes(change.title, kTitleBytes);
        if (!change.actor.empty()) text += " by " + quote_line(change.actor, kNameBytes);
    } else if (change.kind == ChangeKind::event) {
        text += " " + in_quotes(change.title, kTitleBytes);
    }
    if (change.kind == ChangeKind::rollout && change.outcome != Outcome::none)
        text += fmt::format(" ({})", name_of(change.outcome));
    return text;
}

void Writer::changes(Answer& out) const {
    std::size_t told = 0;
    for (auto at = look_.changes.rbegin(); at != look_.changes.rend() && told < kMaxChanges; ++at, ++told) {
        std::vector<std::string> evidence = at->evidence;
        std::string text = story_of(*at);
        if (at->kind == ChangeKind::rollout) {
            if (!evidence.empty()) evidence.resize(1);
            const std::string origin = origin_of(*at, evidence);
            if (!origin.empty()) text += "; it comes from " + origin;
        }
        say(out.changed, text + ".", std::move(evidence));
    }
    if (told < look_.changes.size()) {
        say(out.changed, fmt::format("{} more changes, older than these.", look_.changes.size() - told),
            look_.changes.front().evidence);
    }
    if (!out.changed.empty()) return;
    // Nothing found is a statement too, and it stands on the lists that were read.
    std::vector<std::string> lists;
    for (const auto& item : look_.evidence) {
        if (item.object == "deployments" || item.object.starts_with("workflow runs of")) lists.push_back(item.id);
    }
    say(out.changed, fmt::format("No change was found since {}.", to_rfc3339(look_.since)), std::move(lists));
}

void Writer::causes(Answer& out) const {
    for (std::size_t i = 0; i < std::min(look_.causes.size(), kMaxCauses); ++i) {
        const Cause& cause = look_.causes[i];
        say(out.broken,
            fmt::format("{} {} since {}: {}.", subject_of(cause), words_for(cause.klass),
                        moment(cause.since, look_.as_of), cause.summary),
            cause.evidence);
        if (!cause.last_log.empty()) {
            std::vector<std::string> lines;
            const std::size_t from = cause.last_log.size() - std::min(cause.last_log.size(), kMaxLogLines);
            for (std::size_t n = from; n < cause.last_log.size(); ++n)
                lines.push_back(quote_log_line(cause.last_log[n]));
            say(out.broken, "Its last log lines were:", {cause.log_evidence}, std::move(lines));
        }
        const Change* trigger = cause.trigger ? look_.change(cause.trigger->change) : nullptr;
        if (!trigger) continue;
        std::vector<std::string> evidence = trigger->evidence;
        if (!cause.evidence.empty()) evidence.push_back(cause.evidence.back());
        const std::string_view certainty = cause.trigger->confidence == Confidence::fact
                                               ? "It was triggered by this change"
                                               : "It may have been triggered by this change";
        say(out.broken,
            fmt::format("{}: {}, at {} ({}).", certainty, trigger->summary, moment(trigger->at, look_.as_of),
                        cause.trigger->why),
            std::move(evidence));
    }
}

void Writer::inventory(Answer& out, const std::vector<ObjectRef>& only) const {
    std::size_t told = 0;
    for (const auto& item : look_.inventory) {
        if (!only.empty() && std::ranges::find(only, item.object) == only.end()) continue;
        if (item.object.provider != "kubernetes" && only.empty()) continue;
        if (told++ == kMaxInventory) break;
        say(out.other, fmt::format("{}: {}.", item.object.str(), item.state), {item.evidence});
    }
}

void Writer::not_read(Answer& out) const {
    std::vector<std::pair<std::string, std::string>> lines;  // why, and whom it is true of
    for (const auto& coverage : look_.coverage) {
        if (coverage.state == Reach::connected) continue;
        std::string state(name_of(coverage.state));
        std::ranges::replace(state, '_', ' ');
        const bool plain = coverage.state == Reach::unsupported || coverage.reason.empty();
        std::string why = plain ? (coverage.reason.empty() ? state : coverage.reason)
                                : fmt::format("{} ({})", state, coverage.reason);
        const auto same = std::ranges::find(lines, why, &std::pair<std::string, std::string>::first);
        if (same == lines.end()) {
            lines.emplace_back(std::move(why), coverage.provider);
        } else {
            same->second += ", " + coverage.provider;
        }
    }
    for (const auto& [why, whom] : lines) out.not_read.push_back(whom + ": " + why);
}

}  // namespace

Answer write_answer(const Look& look, const Question& question) {
    Answer out;
    const Writer writer(look);
    const Intents& asks = question.intents;
    const bool about_health = asks.health || asks.broken || !asks.any() || asks.plan;
    if (about_health && look.health)
        writer.verdict(out);
    else
        out.headline = "answer";
    if (about_health && look.health) writer.causes(out);
    if (asks.changes || about_health || question.after_deploy) writer.changes(out);
    if (asks.inventory) writer.inventory(out, mentioned(question, look.inventory));
    writer.not_read(out);
    return out;
}

namespace {

std::string heading(std::string_view title, Markup markup) {
    const std::string_view mark = markup == Markup::markdown ? "**" : "";
    return fmt::format("\n{0}{1}{0}\n", mark, title);
}

void put(std::string& text, std::string_view title, const std::vector<Sentence>& sentences, Markup markup) {
    if (sentences.empty()) return;
    if (!title.empty()) text += heading(title, markup);
    for (const auto& sentence : sentences) {
        text += fmt::format("{}{} [{} · read {}]\n", title.empty() ? "" : "- ", sentence.text,
                            join(sentence.evidence, " "), clock_time(sentence.read_at));
        for (const auto& line : sentence.quoted) text += "    | " + line + "\n";
    }
}

json::array to_json(const std::vector<Sentence>& sentences) {
    json::array out;
    for (const auto& sentence : sentences) {
        json::array evidence;
        for (const auto& id : sentence.evidence) evidence.emplace_back(id);
        json::object told{
            {"text", sentence.text}, {"evidence", std::move(evidence)}, {"read_at", to_rfc3339(sentence.read_at)}};
        if (!sentence.quoted.empty()) {
            json::array lines;
            for (const auto& line : sentence.quoted) lines.emplace_back(line);
            told["quoted"] = std::move(lines);
        }
        out.push_back(std::move(told));
    }
    return out;
}

}  // namespace

std::string to_text(const Answer& answer, Markup markup) {
    std::string text;
    put(text, "", answer.verdict, markup);
    put(text, "What broke", answer.broken, markup);
    put(text, "What changed", answer.changed, markup);
    put(text, "What there is", answer.other, markup);
    if (!answer.not_read.empty()) {
        text += heading("What could not be read", markup);
        for (const auto& line : answer.not_read) text += "- " + line + "\n";
    }
    return text.starts_with('\n') ? text.substr(1) : text;
}

json::object to_json(const Answer& answer) {
    json::array not_read;
    for (const auto& line : answer.not_read) not_read.emplace_back(line);
    return {{"headline", answer.headline},      {"verdict", to_json(answer.verdict)},
            {"broken", to_json(answer.broken)}, {"changed", to_json(answer.changed)},
            {"other", to_json(answer.other)},   {"not_read", std::move(not_read)}};
}

}  // namespace pincer::infra
