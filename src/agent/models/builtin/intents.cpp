#include "agent/models/builtin/intents.hpp"

#include <algorithm>
#include <optional>

#include "agent/models/builtin/lexer.hpp"
#include "base/text.hpp"

namespace pincer::agent::builtin {
namespace {

// --- the tables ------------------------------------------------------------------------------------------------------

// A verb asks for a change when it leads its clause and, where `needs` is given, one of those words follows it ("#" is
// any number). Some verbs are nouns as well: before a word of kNotBefore they order
// nothing ("restart loop", "rollback failed").
struct ChangeVerb {
    std::string_view verb;
    std::string_view needs;
};
constexpr std::string_view kAlsoNouns =
    "restart rollback roll-back deploy redeploy scale upgrade downgrade update change revert reboot";
constexpr std::string_view kNotBefore =
    "status failed failing fails history successful succeeded finished done worked is was were did does has had logs "
    "log loop loops looping "
    "count counts errors error problems policy time times notes happened completed progress";

constexpr ChangeVerb kChangeVerbs[] = {
    {"apply", ""},
    {"bounce", ""},
    {"bump", "image tag version replicas to"},
    {"cancel", "run runs workflow workflows job jobs build builds deploy deployment rollout release pipeline #"},
    {"change", "image tag version replicas"},
    {"cordon", ""},
    {"decrease", "replicas to"},
    {"delete", ""},
    {"deploy", ""},
    {"drain", ""},
    {"downgrade", ""},
    {"increase", "replicas to"},
    {"kill", "pod pods run runs workflow workflows job jobs build container deployment"},
    {"pause", "rollout deployment workflow run"},
    {"reboot", ""},
    {"redeploy", ""},
    {"reduce", "replicas to"},
    {"remove", ""},
    {"rerun", ""},
    {"re-run", ""},
    {"restart", ""},
    {"resume", "rollout deployment workflow run"},
    {"retry", "run runs workflow workflows job jobs build builds failed it that"},
    {"revert", ""},
    {"roll", "back"},
    {"roll-back", ""},
    {"rollback", ""},
    {"run", "again"},
    {"scale", "up down out in to back #"},
    {"set", "image tag version replicas"},
    {"stop", "run runs workflow workflows job jobs build builds deploy deployment rollout pipeline"},
    {"trigger", "run workflow job build pipeline deploy deployment"},
    {"uncordon", ""},
    {"undo", ""},
    {"update", "image tag version replicas"},
    {"upgrade", "image tag version to"},
};
constexpr std::string_view kChangeWords =  // a change, spoken of rather than ordered
    "rollback roll-back rolled rolling restart restarted restarting scale scaling scaled rerun re-run revert reverted "
    "reverting undo undone undoing "
    "deploy deploying redeploy redeploying roll cancel cancelled canceled cancelling delete deleted deleting restarts";
constexpr std::string_view kPlanMakers = "draft make prepare propose create plan generate produce give write need want";

// Dropped from the front of a clause before its verb is looked at, longest first.
constexpr std::string_view kPolite[] = {
    "i would like you to",
    "i would like to",
    "would you be so kind",
    "would you please",
    "could you please",
    "can you please",
    "i want you to",
    "i need you to",
    "you can now",
    "i want to",
    "i need to",
    "go ahead",
    "can you",
    "could you",
    "would you",
    "you can",
    "you may",
    "you should",
    "let us",
    "feel free to",
    "good morning",
    "good evening",
    "the",
    "a",
    "to",
    "please",
    "pls",
    "kindly",
    "just",
    "now",
    "ok",
    "okay",
    "also",
    "hey",
    "hi",
    "hello",
    "yes",
    "yeah",
    "yep",
    "sure",
    "well",
    "alright",
    "actually",
    "quickly",
    "immediately",
    "clanker",
    "pincer",
    "openclaw",
    "bot",
    "instead",
    "simply",
    "kubectl",
    "rollout",
    "try",
    "first",
    "finally",
};

constexpr std::string_view kAskWords =
    "what which who whom whose when where why how is are was were am does did has have had can could should would will "
    "may might shall any anything isn aren "
    "wasn weren didn doesn hasn couldn shouldn wouldn ca wo";
constexpr std::string_view kLookWords =  // orders that only look
    "tell show list explain describe check find look see get give summarize summarise report tail fetch inspect "
    "compare investigate debug diagnose watch "
    "monitor verify confirm analyze analyse display view read know";
constexpr std::string_view kInvestigate =
    "check look investigate debug diagnose inspect describe monitor tail";  // whatever comes behind them
constexpr std::string_view kCreative = "write draft make create compose generate translate sing imagine pretend";

constexpr std::string_view kTrouble =
    "broken broke break breaking breaks down slow failing failed fails fail failure failures error errors crash "
    "crashed crashing crashes crashloop crashlooping "
    "crashloopbackoff oom oomkilled outage incident unhealthy degraded unavailable unreachable stuck timeout timeouts "
    "latency 500 500s 502 503 504 5xx hanging "
    "restarting flapping wrong imagepullbackoff pending evicted throttled alert alerts alerting";
constexpr std::string_view kStatus =
    "status health healthy changes changed logs log events alerts cost costs spend usage uptime coverage deploys "
    "deployments pods overview";
constexpr std::string_view kInfra =
    "production prod staging cluster clusters deploy deploys deployed deployment deployments deploying rollout "
    "rollouts release releases released pod pods "
    "service services namespace namespaces node nodes container containers image images workflow workflows run runs "
    "running pipeline pipelines ci build builds "
    "commit commits shipped merged logs log events replica replicas replicaset ingress database db website site server "
    "servers infrastructure infra environment "
    "kubernetes k8s github cost costs spend spending bill alert alerts status health healthy ok okay fine up alive "
    "working changed change changes happened happening "
    "wrong weird good doing problem problems issue issues going things everything api cpu memory disk traffic version "
    "versions secret certificate dns queue backlog "
    "anomaly anomalies metrics uptime evidence plan risk actions job jobs";

constexpr std::string_view kConditions = "if unless whenever until otherwise when in-case";
constexpr std::string_view kNegations = "not never without avoid nothing nobody no";

constexpr std::string_view kApprovalPhrases[] = {
    "do it",
    "do that",
    "do so",
    "go",
    "go ahead",
    "go for it",
    "apply it",
    "apply that",
    "apply this",
    "apply plan",
    "apply the plan",
    "apply the change",
    "ship it",
    "make it so",
    "execute it",
    "execute",
    "execute the plan",
    "run it",
    "apply",
    "do",
    "i agree",
    "agreed",
    "allow it",
    "allow",
    "allow once",
    "permission granted",
    "you have my approval",
    "sounds good",
    "looks good",
    "looks good to me",
};
constexpr std::string_view kApprovalWords =
    "approve approved confirm confirmed proceed lgtm deny denied reject rejected";
constexpr std::string_view kYes = "yes yeah yep yup sure y";
constexpr std::string_view kDismissals[] = {
    "cancel",
    "cancel it",
    "cancel that",
    "cancel this",
    "cancel the plan",
    "cancel the request",
    "never mind",
    "nevermind",
    "forget it",
    "forget that",
    "stop",
    "stop it",
    "stop that",
    "abort",
    "no",
    "nope",
    "leave it",
    "no thanks",
    "no thank you",
    "n",
};
constexpr std::string_view kAboutPhrases[] = {
    "help",
    "help me",
    "what can you do",
    "what can i ask",
    "what do you do",
    "who are you",
    "what are you",
    "how do you work",
    "commands",
    "/help",
    "how are you",
    "what can you help me with",
    "what can i ask you",
    "good morning",
    "good evening",
    "are you there",
    "are you ok",
    "what do you know",
    "what questions can you answer",
};
constexpr std::string_view kGreetings = "hi hello hey greetings yo moin morning hallo";
constexpr std::string_view kThanks = "thanks thank thx cheers ok okay cool great nice perfect awesome understood ty";

// --- words in their places -------------------------------------------------------------------------------------------

std::string joined(const Clause& clause, std::size_t from = 0) {
    std::string out;
    for (std::size_t i = from; i < clause.words.size(); ++i) out += (i > from ? " " : "") + clause.words[i];
    return out;
}

bool any_word(const Clause& clause, std::string_view table, std::size_t from = 0) {
    for (std::size_t i = from; i < clause.words.size(); ++i) {
        if (is_one_of(clause.words[i], table)) return true;
    }
    return false;
}

bool is_number(std::string_view word) {
    return !word.empty() && std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; });
}

template <std::size_t N>
bool is_phrase(std::string_view text, const std::string_view (&table)[N]) {
    return std::ranges::find(table, text) != std::end(table);
}

struct Stripped {
    std::size_t from = 0;       // first word that matters
    bool asked_nicely = false;  // "can you", "please": a question mark behind it is politeness
};

Stripped strip_polite(const Clause& clause) {
    Stripped out;
    for (bool again = true; again;) {
        again = false;
        const std::string rest = joined(clause, out.from) + " ";
        for (const std::string_view phrase : kPolite) {
            if (!rest.starts_with(std::string(phrase) + " ")) continue;
            out.asked_nicely |= phrase.contains("you") || phrase == "please" || phrase == "pls" || phrase == "kindly";
            out.from += std::size_t(std::ranges::count(phrase, ' ')) + 1;
            again = true;
            break;
        }
    }
    return out;
}

bool follows(const Clause& clause, std::size_t from, std::string_view needs) {
    if (needs.empty()) return true;
    for (std::size_t i = from; i < clause.words.size(); ++i) {
        if (is_one_of(clause.words[i], needs) || (needs.ends_with('#') && is_number(clause.words[i]))) return true;
    }
    return false;
}

// Does the clause, from here on, order a change?
bool orders_change(const Clause& clause, std::size_t from) {
    const std::string_view verb = clause.word(from), next = clause.word(from + 1);
    if (verb == "re" && (next == "run" || next == "start")) return true;
    for (const ChangeVerb& known : kChangeVerbs) {
        if (known.verb == verb)
            return !(is_one_of(verb, kAlsoNouns) && is_one_of(next, kNotBefore)) && next != "not" &&
                   follows(clause, from + 1, known.needs);
    }
    // "draft a rollback plan", "plan the rollback", "make a plan to restart web", "I need a rollback"
    if (!is_one_of(verb, kPlanMakers)) return false;
    return any_word(clause, kChangeWords, from + 1);
}

bool speaks_of_change(const Clause& clause) {
    for (std::size_t i = 0; i < clause.words.size(); ++i) {
        if (orders_change(clause, i) || is_one_of(clause.words[i], kChangeWords)) return true;
    }
    return false;
}

bool is_negated(const Clause& clause, const Stripped& start) {
    std::size_t verb = clause.words.size();
    for (std::size_t i = start.from; i < clause.words.size() && verb == clause.words.size(); ++i) {
        if (orders_change(clause, i) || is_one_of(clause.words[i], kChangeWords)) verb = i;
    }
    for (std::size_t i = 0; i < clause.words.size(); ++i) {
        if (is_one_of(clause.words[i], kNegations) && (i < verb || i == verb + 1)) return true;
    }
    // "nobody touches it", "do not touch anything", "hold off"
    const std::string rest = joined(clause, start.from);
    return rest.starts_with("hold off") || rest.starts_with("do not ") || rest.starts_with("please do not ");
}

// --- what a clause is ------------------------------------------------------------------------------------------------

enum class ClauseKind {
    other,
    question,
    maybe_change,
    change,
    negated_change,
    condition,
    approval,
    dismissal,
    about,
    thanks
};

bool has_subject(std::string_view tail) {
    return is_one_of(tail, "it that this they there the you we i he she these those");
}

bool is_asking(const Clause& clause, std::size_t from) {
    const std::string_view first = clause.word(from), second = clause.word(from + 1);
    if (first == "do")
        return second == "not" ? has_subject(clause.word(from + 2)) && is_one_of(clause.word(from + 2), "you we they i")
                               : has_subject(second);
    return is_one_of(first, kAskWords);
}

ClauseKind read_simple(const Clause& clause, const Stripped& start) {
    const std::string whole = joined(clause), rest = joined(clause, start.from);
    if (is_phrase(whole, kAboutPhrases) || is_phrase(rest, kAboutPhrases)) return ClauseKind::about;
    if (is_phrase(whole, kDismissals) || is_phrase(rest, kDismissals)) return ClauseKind::dismissal;
    if (is_one_of(clause.word(0), "thanks thank thx") && !orders_change(clause, start.from)) return ClauseKind::thanks;
    if (clause.word(start.from) == "apply" && clause.has("plan")) return ClauseKind::approval;
    if (is_phrase(rest, kApprovalPhrases) || is_phrase(whole, kApprovalPhrases) ||
        is_one_of(clause.word(start.from), kApprovalWords))
        return ClauseKind::approval;
    if (clause.word(start.from) == "i" && is_one_of(clause.word(start.from + 1), kApprovalWords))
        return ClauseKind::approval;
    if (!rest.empty() && !is_one_of(rest, kThanks)) return ClauseKind::other;
    if (any_word(clause, kYes)) return ClauseKind::approval;
    if (any_word(clause, kGreetings)) return ClauseKind::about;
    if (any_word(clause, kThanks)) return ClauseKind::thanks;
    return whole == "please" ? ClauseKind::approval : ClauseKind::other;
}

ClauseKind read_clause(const Clause& clause, bool asked) {
    const Stripped start = strip_polite(clause);
    if (const ClauseKind simple = read_simple(clause, start); simple != ClauseKind::other) return simple;
    const bool asking = is_asking(clause, start.from);
    // "can we roll back": possible, or wanted?
    if (is_one_of(clause.word(start.from), "can could may shall") && is_one_of(clause.word(start.from + 1), "we i") &&
        speaks_of_change(clause))
        return ClauseKind::maybe_change;
    if (asking && (asked || !is_one_of(clause.word(start.from), kConditions))) return ClauseKind::question;
    if (is_one_of(clause.word(start.from), kConditions)) return ClauseKind::condition;
    if (is_one_of(clause.word(start.from), kLookWords) &&
        !(is_one_of(clause.word(start.from), kPlanMakers) && orders_change(clause, start.from)))
        return ClauseKind::question;
    if (!speaks_of_change(clause))
        return is_negated(clause, start) && joined(clause, start.from).starts_with("do not")
                   ? ClauseKind::negated_change
                   : ClauseKind::other;
    if (is_negated(clause, start)) return ClauseKind::negated_change;
    if (!orders_change(clause, start.from)) return ClauseKind::maybe_change;
    const bool quoted =
        clause.source.starts_with('"') || clause.source.starts_with("\xE2\x80\x9C");  // somebody else's words
    return quoted || (asked && !start.asked_nicely) ? ClauseKind::maybe_change : ClauseKind::change;
}

// --- what the message is ---------------------------------------------------------------------------------------------

struct Reading {
    int changes = 0, negated = 0, maybe = 0, questions = 0, approvals = 0, dismissals = 0, abouts = 0, thanks = 0,
        others = 0;
    bool conditional = false;
    bool trouble = false;  // something is said to be wrong
    bool infra = false;    // one of our words occurs
    bool short_status = false;
    bool creative = false;
    std::string_view change_source;
    Topic topic = Topic::general;
};

void count_clause(Reading& reading, const Clause& clause, ClauseKind kind) {
    switch (kind) {
        case ClauseKind::other: ++reading.others; break;
        case ClauseKind::question: ++reading.questions; break;
        case ClauseKind::maybe_change: ++reading.maybe; break;
        case ClauseKind::change:
            ++reading.changes;
            reading.change_source = clause.source;
            break;
        case ClauseKind::negated_change: ++reading.negated; break;
        case ClauseKind::condition: reading.conditional = true; break;
        case ClauseKind::approval: ++reading.approvals; break;
        case ClauseKind::dismissal: ++reading.dismissals; break;
        case ClauseKind::about: ++reading.abouts; break;
        case ClauseKind::thanks: ++reading.thanks; break;
    }
    if (kind == ClauseKind::change &&
        (any_word(clause, kConditions, 1) || (clause.has("once") && clause.words.back() != "once")))
        reading.conditional = true;
}

void count_words(Reading& reading, const Clause& clause) {
    reading.trouble |= any_word(clause, kTrouble);
    reading.infra |= any_word(clause, kInfra) || any_word(clause, kTrouble) || any_word(clause, kChangeWords);
    const Stripped start = strip_polite(clause);
    reading.infra |= is_one_of(clause.word(start.from), kInvestigate);
    // "the rollback did not work", "checkout is not responding"
    reading.trouble |= clause.has("not") &&
                       any_word(clause, "work working help respond responding start starting load loading finish");
    reading.creative |= is_one_of(clause.word(start.from), kCreative);
    reading.short_status |= clause.words.size() <= 6 && any_word(clause, kStatus);
    if (any_word(clause, "changed changes happened deployed shipped released merged"))
        reading.topic = Topic::changes;
    else if (reading.topic == Topic::general && any_word(clause, "health healthy status up down ok fine alive broken"))
        reading.topic = Topic::health;
}

Reading read_message(std::string_view message) {
    Reading reading;
    for (const Sentence& sentence : read_sentences(message)) {
        bool first_asks = false;
        for (std::size_t i = 0; i < sentence.clauses.size(); ++i) {
            const Clause& clause = sentence.clauses[i];
            ClauseKind kind = read_clause(clause, sentence.asked);
            if (sentence.asked && kind == ClauseKind::other) kind = ClauseKind::question;  // "everything ok?"
            // What follows a question within its sentence belongs to it: "what happens if I stop it and restart it?"
            if (first_asks && sentence.asked && (kind == ClauseKind::change || kind == ClauseKind::maybe_change))
                kind = ClauseKind::question;
            if (i == 0) first_asks = kind == ClauseKind::question;
            count_clause(reading, clause, kind);
            count_words(reading, clause);
        }
    }
    return reading;
}

Intent ask_back(std::string text) { return {IntentKind::clarify, std::move(text), Topic::general}; }

Intent change_intent(const Reading& reading, std::string_view message) {
    if (reading.changes > 1) {
        return ask_back(
            "That is more than one change, and each needs a plan and an approval of its own. Which one shall I plan "
            "first?");
    }
    if (reading.conditional) {
        return ask_back(
            "I do not act on conditions. Shall I look at the state first (ask for it), or shall I plan the change now "
            "(say it without the condition)?");
    }
    // A message that also says what not to do is handed on without that part.
    const std::string_view request = reading.negated > 0 ? reading.change_source : message;
    return {IntentKind::change, std::string(trim(request)), Topic::general};
}

Intent question_intent(const Reading& reading, std::string_view message) {
    return {IntentKind::question, std::string(trim(message)), reading.topic};
}

}  // namespace

Intent classify(std::string_view message) {
    const Reading reading = read_message(message);
    if (reading.changes > 0) return change_intent(reading, message);
    if (reading.questions > 0 && reading.infra) return question_intent(reading, message);
    // "the deploy is stuck, cancel it": the deploy, or what was asked before?
    if ((reading.maybe > 0 && !reading.trouble) || (reading.dismissals > 0 && reading.trouble)) {
        return ask_back(
            "Do you want a change, or an answer? For a change, say it as an order, for example \"roll back checkout\": "
            "I then draft a plan, and nothing is done before somebody has approved it.");
    }
    if (reading.negated > 0) return {IntentKind::declined, {}, Topic::general};
    if (reading.thanks > 0 && reading.others == 0) return {IntentKind::thanks, {}, Topic::general};
    if (reading.trouble || (reading.short_status && !reading.creative)) return question_intent(reading, message);
    if (reading.dismissals > 0) return {IntentKind::dismissal, {}, Topic::general};
    if (reading.others == 0 && reading.questions == 0) {
        if (reading.approvals > 0) return {IntentKind::approval, {}, Topic::general};
        if (reading.abouts > 0) return {IntentKind::about, {}, Topic::general};
        if (reading.thanks > 0) return {IntentKind::thanks, {}, Topic::general};
    }
    return {};
}

std::string_view name_of(IntentKind kind) {
    switch (kind) {
        case IntentKind::question: return "question";
        case IntentKind::change: return "change";
        case IntentKind::clarify: return "clarify";
        case IntentKind::declined: return "declined";
        case IntentKind::approval: return "approval";
        case IntentKind::dismissal: return "dismissal";
        case IntentKind::about: return "about";
        case IntentKind::thanks: return "thanks";
        case IntentKind::none: return "none";
    }
    return "none";
}

}  // namespace pincer::agent::builtin
