// The two faces of a plan: the card that a person decides by, and Clanker's plan v1.
#include "base/text.hpp"
#include "crypto/hash.hpp"
#include "infra/engine/plan.hpp"
#include "infra/engine/quoting.hpp"

namespace pincer::infra {
namespace {

// Cut by characters, as the Gateway counts, not by bytes.
std::string cut_characters(std::string text, std::size_t characters) {
    if (utf8_length(text) <= characters) return text;
    std::size_t bytes = text.size();
    while (utf8_length(truncate_utf8(text, bytes)) > characters) --bytes;
    return truncate_utf8(text, bytes);
}

std::string account_of(const Step& step) {
    const std::string server = json::string_or(step.account, "server", json::string_or(step.account, "api"));
    const std::string ca = json::string_or(step.account, "ca_sha256");
    return ca.empty() ? server : fmt::format("{} (CA {})", server, ca.substr(0, 12));
}

std::string severity_of(Risk risk) {
    switch (risk) {
        case Risk::read:
        case Risk::low: return "info";
        case Risk::medium: return "warning";
        case Risk::high:
        case Risk::destructive: return "critical";
    }
    return "critical";
}

}  // namespace

Result<Card> make_card(std::string_view canonical) {
    PINCER_TRY(const Plan plan, parse_plan(canonical));
    const Step& first = plan.steps.front();
    Card card;
    card.digest = crypto::sha256_hex(canonical);
    card.risk = plan.risk();
    card.severity = severity_of(card.risk);
    card.expires_at = plan.expires_at;
    card.target = quote_line(first.target.str(), 200);
    card.account = quote_line(account_of(first), 200);
    card.undo = quote_line(first.undo.text, 300);
    card.blast_radius = quote_line(first.blast_radius, 300);
    card.effect = quote_line(first.effect, 300);
    std::string text;
    for (const Step& step : plan.steps) {
        if (!text.empty()) text += "; ";
        text += step.summary;
        for (const auto& p : step.preconditions) card.preconditions.push_back(quote_line(p.text, 200));
    }
    card.title = cut_characters(quote_line(text, 400), 80);
    const std::string undo = first.undo.possible ? "Undo: " + card.undo : "Cannot be undone: " + card.undo;
    card.description = cut_characters(
        fmt::format("{}. {}. On {}. Risk {}. {}. Only if {}. Expires {}. Digest {}.", quote_line(text, 160),
                    truncate_utf8(card.blast_radius, 90), truncate_utf8(card.account, 64), approval::name_of(card.risk),
                    truncate_utf8(undo, 80), truncate_utf8(join(card.preconditions, ", "), 100),
                    to_rfc3339(card.expires_at), card.digest.substr(0, 12)),
        512);
    return card;
}

json::object to_json(const Card& card) {
    json::array preconditions;
    for (const auto& text : card.preconditions) preconditions.emplace_back(text);
    return {{"digest", card.digest},
            {"title", card.title},
            {"description", card.description},
            {"severity", card.severity},
            {"risk", approval::name_of(card.risk)},
            {"target", card.target},
            {"account", card.account},
            {"preconditions", std::move(preconditions)},
            {"undo", card.undo},
            {"blast_radius", card.blast_radius},
            {"effect", card.effect},
            {"expires_at", to_rfc3339(card.expires_at)}};
}

namespace {

std::vector<std::string> nearest_command(const Step& step) {
    const std::string verb = step.operation.substr(step.operation.find('.') + 1);
    const std::string object = to_lower(step.target.kind) + "/" + step.target.name;
    const std::string run = json::string_or(step.parameters, "run_id");
    if (verb == "rollout_undo") {
        return {"kubectl",
                "-n",
                step.target.scope,
                "rollout",
                "undo",
                object,
                "--to-revision=" + json::string_or(step.parameters, "to_revision")};
    }
    if (verb == "rollout_restart") return {"kubectl", "-n", step.target.scope, "rollout", "restart", object};
    if (verb == "scale") {
        const auto replicas = json::int_at(step.parameters, "replicas").value_or(0);
        return {"kubectl", "-n", step.target.scope, "scale", object, fmt::format("--replicas={}", replicas)};
    }
    if (verb == "set_image") {
        return {"kubectl",
                "-n",
                step.target.scope,
                "set",
                "image",
                object,
                json::string_or(step.parameters, "container") + "=" + json::string_or(step.parameters, "image")};
    }
    if (verb == "rerun_run") return {"gh", "run", "rerun", run, "--repo", step.target.scope};
    if (verb == "rerun_failed_jobs") return {"gh", "run", "rerun", run, "--failed", "--repo", step.target.scope};
    if (verb == "cancel_run") return {"gh", "run", "cancel", run, "--repo", step.target.scope};
    return {step.operation};
}

}  // namespace

json::object as_plan_v1(const Plan& plan) {
    json::array commands;
    std::string summary;
    json::array notes;
    for (const Step& step : plan.steps) {
        json::array args;
        for (const auto& word : nearest_command(step)) args.emplace_back(word);
        commands.push_back(json::object{{"args", std::move(args)}, {"reason", step.effect}});
        summary += (summary.empty() ? "" : "; ") + step.summary;
        notes.emplace_back((step.undo.possible ? "Undo: " : "Cannot be undone: ") + step.undo.text);
        for (const auto& p : step.preconditions) notes.emplace_back("Only if " + p.text);
    }
    notes.emplace_back("A view of plan " + digest_of(plan) +
                       "; apply that digest, these commands are not what is executed.");
    return {
        {"version", 1},
        {"createdAt", to_rfc3339(plan.created_at)},
        {"provider", plan.steps.front().target.provider == "kubernetes" ? "k8s" : plan.steps.front().target.provider},
        {"question", plan.request},
        {"summary", summary},
        {"commands", std::move(commands)},
        {"notes", std::move(notes)}};
}

}  // namespace pincer::infra
