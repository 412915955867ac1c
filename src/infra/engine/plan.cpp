#include "infra/engine/plan.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "crypto/hash.hpp"
#include "infra/engine/quoting.hpp"

namespace pincer::infra {
namespace {

constexpr std::string_view kFormat = "io.pincer.plan/1";

json::array strings(const std::vector<std::string>& items) {
    json::array out;
    for (const auto& item : items) out.emplace_back(item);
    return out;
}

json::object to_json(const Undo& undo) {
    json::object out{{"possible", undo.possible}, {"text", undo.text}};
    if (undo.possible) {
        out["operation"] = undo.operation;
        out["parameters"] = undo.parameters;
    }
    return out;
}

json::object to_json(const Step& step) {
    json::array preconditions;
    for (const auto& p : step.preconditions) {
        preconditions.push_back(json::object{{"kind", p.kind}, {"value", p.value}, {"text", p.text}});
    }
    return {{"operation", step.operation},
            {"account", step.account},
            {"target", json::object{{"provider", step.target.provider},
                                    {"kind", step.target.kind},
                                    {"scope", step.target.scope},
                                    {"name", step.target.name},
                                    {"uid", step.target_uid}}},
            {"parameters", step.parameters},
            {"preconditions", std::move(preconditions)},
            {"risk", approval::name_of(step.risk)},
            {"summary", step.summary},
            {"blast_radius", step.blast_radius},
            {"effect", step.effect},
            {"verify", step.verify},
            {"undo", to_json(step.undo)},
            {"notes", strings(step.notes)},
            {"evidence", strings(step.evidence)}};
}

// Reads one object whose every field must be known and there; keeps the first mistake.
class Fields {
public:
    Fields(const json::object& object, std::string where) : object_(object), where_(std::move(where)) {}

    std::string text(std::string_view key) {
        seen_.insert(key);
        if (const auto found = json::string_at(object_, key)) return std::string(*found);
        return fail(key, "a string"), std::string();
    }
    bool flag(std::string_view key) {
        seen_.insert(key);
        if (const auto found = json::bool_at(object_, key)) return *found;
        return fail(key, "true or false"), false;
    }
    json::object object(std::string_view key) {
        seen_.insert(key);
        if (const auto* found = json::object_at(object_, key)) return *found;
        return fail(key, "an object"), json::object();
    }
    json::array array(std::string_view key, std::size_t limit) {
        seen_.insert(key);
        const auto* found = json::array_at(object_, key);
        if (!found) return fail(key, "a list"), json::array();
        if (found->size() > limit) return fail(key, fmt::format("at most {} entries", limit)), json::array();
        return *found;
    }
    std::vector<std::string> texts(std::string_view key, std::size_t limit) {
        std::vector<std::string> out;
        for (const auto& item : array(key, limit)) {
            if (!item.is_string())
                fail(key, "a list of strings");
            else
                out.emplace_back(item.get_string().data(), item.get_string().size());
        }
        return out;
    }
    WallTime time(std::string_view key) {
        const auto parsed = parse_rfc3339(text(key));
        if (!parsed) fail(key, "an RFC 3339 time");
        return parsed ? *parsed : WallTime();
    }
    void fail(std::string_view key, std::string_view expected) {
        if (error_.empty()) error_ = fmt::format("plan: {}{} must be {}", where_, key, expected);
    }
    // Call last: what was not asked for is not known.
    Result<> finish() {
        for (const auto& field : object_) {
            if (!seen_.contains(std::string_view(field.key()))) {
                const std::string key = quote_line(std::string_view(field.key()), kNameBytes);
                if (error_.empty()) error_ = fmt::format("plan: {}{} is not a field that a plan has", where_, key);
            }
        }
        if (!error_.empty()) return Failure(Error(ErrorCode::invalid_argument, error_).with_reason("PLAN_MALFORMED"));
        return {};
    }
    const std::string& where() const { return where_; }

private:
    const json::object& object_;
    std::string where_;
    std::set<std::string_view> seen_;
    std::string error_;
};

Result<Undo> parse_undo(const json::object& object, std::string where) {
    Fields fields(object, std::move(where));
    Undo undo{fields.flag("possible"), fields.text("text"), {}, {}};
    if (undo.possible) {
        undo.operation = fields.text("operation");
        undo.parameters = fields.object("parameters");
    }
    PINCER_CHECK(fields.finish());
    return undo;
}

Result<std::vector<Precondition>> parse_preconditions(const json::array& items, const std::string& where) {
    std::vector<Precondition> out;
    for (const auto& item : items) {
        if (!item.is_object()) return PINCER_FAIL(invalid_argument, "plan: {}preconditions must hold objects", where);
        Fields fields(item.get_object(), where + "preconditions.");
        out.push_back({fields.text("kind"), fields.text("value"), fields.text("text")});
        PINCER_CHECK(fields.finish());
    }
    return out;
}

Result<Step> parse_step(const json::object& object, std::string where) {
    Fields fields(object, where);
    Step step;
    step.operation = fields.text("operation");
    step.account = fields.object("account");
    const json::object target = fields.object("target");
    step.parameters = fields.object("parameters");
    const json::array preconditions = fields.array("preconditions", 32);
    const auto risk = approval::parse_risk(fields.text("risk"));
    if (!risk) fields.fail("risk", "read, low, medium, high or destructive");
    step.risk = risk.value_or(Risk::destructive);
    step.summary = fields.text("summary");
    step.blast_radius = fields.text("blast_radius");
    step.effect = fields.text("effect");
    step.verify = fields.text("verify");
    const json::object undo = fields.object("undo");
    step.notes = fields.texts("notes", 32);
    step.evidence = fields.texts("evidence", 256);
    PINCER_CHECK(fields.finish());

    Fields aim(target, where + "target.");
    step.target = {aim.text("provider"), aim.text("kind"), aim.text("scope"), aim.text("name")};
    step.target_uid = aim.text("uid");
    PINCER_CHECK(aim.finish());
    PINCER_TRY(step.preconditions, parse_preconditions(preconditions, where));
    PINCER_TRY(step.undo, parse_undo(undo, where + "undo."));
    return step;
}

}  // namespace

Risk Plan::risk() const {
    Risk highest = Risk::read;
    for (const auto& step : steps) highest = std::max(highest, step.risk);
    return highest;
}

json::object to_json(const Plan& plan) {
    json::array listed;
    for (const auto& step : plan.steps) listed.push_back(to_json(step));
    json::array evidence;
    for (const auto& [id, digest] : plan.evidence) evidence.push_back(json::object{{"id", id}, {"digest", digest}});
    return {{"format", kFormat},
            {"tool", json::object{{"name", "clanker"}, {"version", plan.tool_version}}},
            {"request", plan.request},
            {"requester", plan.requester},
            {"nonce", plan.nonce},
            {"created_at", to_rfc3339_millis(plan.created_at)},
            {"expires_at", to_rfc3339_millis(plan.expires_at)},
            {"steps", std::move(listed)},
            {"evidence", std::move(evidence)}};
}

Result<Plan> parse_plan(std::string_view bytes) {
    PINCER_TRY(const json::object object, json::parse_object(bytes, {.bytes = kMaxPlanBytes, .depth = 32}));
    Fields fields(object, "");
    if (fields.text("format") != kFormat) fields.fail("format", fmt::format("\"{}\"", kFormat));
    const json::object tool = fields.object("tool");
    Plan plan;
    plan.request = fields.text("request");
    plan.requester = fields.text("requester");
    plan.nonce = fields.text("nonce");
    plan.created_at = fields.time("created_at");
    plan.expires_at = fields.time("expires_at");
    const json::array steps = fields.array("steps", kMaxPlanSteps);
    const json::array evidence = fields.array("evidence", 1024);
    if (steps.empty()) fields.fail("steps", "a list with at least one step");
    PINCER_CHECK(fields.finish());

    Fields maker(tool, "tool.");
    if (maker.text("name") != "clanker") maker.fail("name", "\"clanker\"");
    plan.tool_version = maker.text("version");
    PINCER_CHECK(maker.finish());
    for (const auto& step : steps) {
        if (!step.is_object()) return PINCER_FAIL(invalid_argument, "plan: steps must hold objects");
        PINCER_TRY(Step parsed, parse_step(step.get_object(), fmt::format("steps[{}].", plan.steps.size())));
        plan.steps.push_back(std::move(parsed));
    }
    for (const auto& item : evidence) {
        if (!item.is_object()) return PINCER_FAIL(invalid_argument, "plan: evidence must hold objects");
        Fields one(item.get_object(), "evidence.");
        plan.evidence.emplace_back(one.text("id"), one.text("digest"));
        PINCER_CHECK(one.finish());
    }
    return plan;
}

std::string canonical_bytes(const Plan& plan) { return json::write_canonical(to_json(plan)); }

std::string digest_of(const Plan& plan) { return crypto::sha256_hex(canonical_bytes(plan)); }

}  // namespace pincer::infra
