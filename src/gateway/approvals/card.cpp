#include "gateway/approvals/card.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace pincer::gateway {
namespace {

constexpr std::size_t kTitleBytes = 80;  // OpenClaw's limits for plugin approvals
constexpr std::size_t kDescriptionBytes = 512;

std::string_view severity_of(approval::Risk risk) {
    switch (risk) {
        case approval::Risk::read:
        case approval::Risk::low: return "info";
        case approval::Risk::medium: return "warning";
        case approval::Risk::high:
        case approval::Risk::destructive: return "critical";
    }
    return "critical";
}

std::string server_of(const std::string& tool) { return tool.substr(0, tool.find("__")); }

json::value or_null(const std::string& text) { return text.empty() ? json::value(nullptr) : json::value(text); }

// A value never begins a line of its own: no name and no plan can write a line of the card.
std::string one_line(std::string_view value) {
    std::string line = strip_control(value);
    std::replace(line.begin(), line.end(), '\n', ' ');
    return line;
}

std::string text_of(const json::object& o, std::string_view key) {
    const json::value* v = json::find(o, key);
    if (!v || v->is_null()) return {};
    return one_line(v->is_string() ? std::string(v->get_string()) : json::write(*v));
}

void add_fact(std::vector<Fact>& facts, std::string_view name, std::string text) {
    if (!text.empty()) facts.push_back({std::string(name), std::move(text)});
}

// "Deployment shop/checkout at https://k8s.example:6443 (kubernetes)".
std::string place_of(const json::object& step) {
    std::string place;
    if (const json::object* target = json::object_at(step, "target")) {
        const std::string scope = text_of(*target, "scope");
        place = text_of(*target, "kind") + " " + (scope.empty() ? "" : scope + "/") + text_of(*target, "name");
    }
    const json::object* account = json::object_at(step, "account");
    if (!account) return place;
    for (const char* key : {"server", "repository", "account"}) {
        if (const std::string where = text_of(*account, key); !where.empty())
            place += (place.empty() ? "" : " at ") + where;
    }
    const std::string provider = text_of(*account, "provider");
    return provider.empty() ? place : place + " (" + provider + ")";
}

void add_conditions(std::vector<Fact>& facts, const json::object& step) {
    const json::array* conditions = json::array_at(step, "preconditions");
    for (std::size_t i = 0; conditions && i < conditions->size(); ++i) {
        if (const json::object* one = (*conditions)[i].if_object()) add_fact(facts, "Only if", text_of(*one, "text"));
    }
}

// The plan's own words for each step: what, where, how far it reaches, under which conditions, how it is taken back.
void add_steps(std::vector<Fact>& facts, const json::object& plan) {
    const json::array* steps = json::array_at(plan, "steps");
    for (std::size_t i = 0; steps && i < steps->size(); ++i) {
        const json::object* step = (*steps)[i].if_object();
        if (!step) continue;
        if (steps->size() > 1) add_fact(facts, fmt::format("Step {}", i + 1), text_of(*step, "summary"));
        add_fact(facts, "Where", place_of(*step));
        add_fact(facts, "Blast radius", text_of(*step, "blast_radius"));
        add_conditions(facts, *step);
        if (const json::object* undo = json::object_at(*step, "undo")) add_fact(facts, "Undo", text_of(*undo, "text"));
    }
}

// A single step says itself in the title; what it reaches is more use below it than the same words again.
std::string description_of(const json::array& steps) {
    if (steps.size() == 1) {
        const json::object* step = steps.front().if_object();
        const std::string reach = step ? text_of(*step, "blast_radius") : "";
        return reach.empty() && step ? text_of(*step, "summary") : reach;
    }
    std::string text;
    for (const auto& item : steps) {
        const json::object* step = item.if_object();
        if (step) text += (text.empty() ? "" : "\n") + text_of(*step, "summary");
    }
    return text;
}

}  // namespace

Result<approval::Request> make_request(const GatedCall& gated, approval::Principal requester,
                                       const channels::Route& origin) {
    approval::Request request;
    request.kind = "plugin";
    request.requester = std::move(requester);
    request.session_key = gated.run.session_key;
    request.run_id = gated.run.id;
    request.tool_call_id = gated.call.id;
    request.risk = gated.tool.destructive ? approval::Risk::high : approval::Risk::medium;

    // What the digest is made of is what runs: the plan, byte for byte, or the call itself.
    request.subject = {{"tool", gated.call.name}, {"arguments", gated.call.arguments}};
    std::string title = "Call " + gated.call.name;
    std::string description = json::write(gated.call.arguments);
    if (!gated.plan.empty()) {
        const json::object* document = json::object_at(gated.plan, "document");
        PINCER_TRY(const std::string claimed, json::require_string(gated.plan, "digest"));
        if (!document || approval::digest_of(*document) != claimed) {
            return PINCER_FAIL(
                refused, "the plan shown by {} does not have the digest it claims; nothing was put up for approval",
                gated.call.name);
        }
        if (auto made = audit::RecordRef::parse(json::string_or(gated.plan, "made")))
            request.follows = *std::move(made);
        request.subject = *document;  // the very bytes that the engine hashed: the grant will name their digest
        const json::array* steps = json::array_at(*document, "steps");
        if (!steps || steps->empty()) return PINCER_FAIL(refused, "the plan of {} has no steps", gated.call.name);
        request.risk = approval::Risk::read;
        for (const auto& item : *steps) {
            const json::object* step = item.if_object();
            const auto risk = step ? approval::parse_risk(json::string_or(*step, "risk")) : std::nullopt;
            if (!risk) return PINCER_FAIL(refused, "a step of the plan of {} does not say its risk", gated.call.name);
            request.risk = std::max(request.risk, *risk);
        }
        description = description_of(*steps);
        title = steps->size() == 1 ? text_of(*steps->front().if_object(), "summary")
                                   : fmt::format("{} changes: {}", steps->size(), description);
    }
    request.subject_digest = approval::digest_of(request.subject);
    request.presentation = {
        {"pluginId", server_of(gated.call.name)},
        {"title", truncate_utf8(one_line(title), kTitleBytes)},
        {"description", truncate_utf8(strip_control(description), kDescriptionBytes)},
        {"scope", nullptr},
        {"detail", nullptr},
        {"severity", severity_of(request.risk)},
        {"toolName", gated.call.name},
        {"toolCallId", gated.call.id},
        {"allowedDecisions", json::array{"allow-once", "deny"}},
        {"agentId", "main"},
        {"sessionKey", gated.run.session_key},
        {"runId", gated.run.id},
        {"turnSourceChannel", or_null(origin.channel)},
        {"turnSourceTo", or_null(origin.to)},
        {"turnSourceAccountId", or_null(origin.account_id)},
        {"turnSourceThreadId", or_null(origin.thread_id)},
    };
    return request;
}

std::vector<Fact> facts_of(const approval::Record& record) {
    std::vector<Fact> facts;
    add_steps(facts, record.request.subject);
    add_fact(facts, "Risk", std::string(approval::name_of(record.request.risk)));
    add_fact(facts, "Asked by", one_line(record.request.requester.display));
    add_fact(facts, "Expires", to_rfc3339(record.expires_at));
    add_fact(facts, "Digest", record.request.subject_digest.substr(0, 16));
    return facts;
}

std::string card_markdown(const approval::Record& record) {
    const json::object& shown = record.request.presentation;
    const std::vector<Fact> facts = facts_of(record);
    const std::string description = json::string_or(shown, "description");
    const bool said_below = std::ranges::any_of(facts, [&](const Fact& fact) { return fact.text == description; });
    std::string text = fmt::format("**Approval needed: {}**\n\n", json::string_or(shown, "title"));
    if (!said_below) text += description + "\n";
    std::string_view before;
    for (const Fact& fact : facts) {
        const std::string told = fact.name == "Digest" ? "`" + fact.text + "`" : fact.text;
        text += fact.name == before ? "; " + told : fmt::format("\n**{}:** {}", fact.name, told);
        before = fact.name;
    }
    text += fmt::format("\n\nOr write `/approve {} allow-once` (or `deny`).", record.id.str());
    return text;
}

std::string outcome_markdown(const approval::Record& record) {
    const std::string title = json::string_or(record.request.presentation, "title");
    return fmt::format("**{}**\n\n{}", title, ApprovalCenter::describe(Result<approval::Record>(record)));
}

std::string approval_event_name(const approval::Record& record) {
    return fmt::format("{}.approval.{}", record.request.kind,
                       record.status == approval::Status::pending ? "requested" : "resolved");
}

json::object requested_payload(const approval::Record& record) {
    return {
        {"approvalKind", record.request.kind},         {"id", record.id.str()},
        {"request", record.request.presentation},      {"createdAtMs", to_millis(record.created_at)},
        {"expiresAtMs", to_millis(record.expires_at)},
    };
}

json::object resolved_payload(const approval::Record& record) {
    // An expired request is told as a deny by nobody, as the original does.
    const approval::Decision decision = record.decision.value_or(approval::Decision::deny);
    return {
        {"id", record.id.str()},
        {"decision", approval::name_of(decision)},
        {"resolvedBy", record.decided_by ? json::value(record.decided_by->display) : json::value(nullptr)},
        {"ts", to_millis(record.decided_at.value_or(record.expires_at))},
        {"request", record.request.presentation},
    };
}

}  // namespace pincer::gateway
