#include "apps/clanker/tools.hpp"

#include "infra/engine/quoting.hpp"

namespace pincer::clanker {
namespace {

using mcp::Tool;
using mcp::ToolCall;
using mcp::ToolResult;

json::object text_property(std::string_view description, std::int64_t max_length) {
    return {{"type", "string"}, {"description", description}, {"minLength", 1}, {"maxLength", max_length}};
}

json::object schema_of(json::object properties, json::array required) {
    return {{"type", "object"},
            {"properties", std::move(properties)},
            {"required", std::move(required)},
            {"additionalProperties", false}};
}

json::object digest_property() {
    json::object out = text_property("digest of the plan, 64 hex digits", 64);
    out["pattern"] = "^[0-9a-f]{64}$";
    return out;
}

json::object result_schema(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
    json::object properties;
    json::array required;
    for (const auto& [name, type] : fields) {
        properties[name] = json::object{{"type", type}};
        required.emplace_back(name);
    }
    return {{"type", "object"}, {"properties", std::move(properties)}, {"required", std::move(required)}};
}

// Whoever calls may say for whom; it is written down as said, and decides nothing.
std::string requester_of(const ToolCall& call) {
    if (const auto named = json::string_at(call.meta, kRequesterMeta)) return infra::quote_line(*named, 200);
    if (!call.principal.id.empty()) return call.principal.id;
    return "mcp:" + infra::quote_line(call.client.name.empty() ? "client" : call.client.name, 100);
}

// An error with its reason, so that a program can tell them apart; the text is what a person reads.
ToolResult refusal(const Error& error) {
    const std::string reason = error.reason().empty() ? "" : " [" + error.reason() + "]";
    return ToolResult::error(error.message() + reason);
}

class Tools {
public:
    explicit Tools(Program& program) : engine_(program.engine) {}

    Task<Result<ToolResult>> ask(ToolCall call) {
        const infra::Asked asked =
            co_await engine_.ask(json::string_or(call.arguments, "question"), requester_of(call));
        std::string text = infra::to_text(asked.answer, infra::Markup::markdown);
        json::object out = asked.to_json();
        out["text"] = text;
        out["audit"] = asked.look.record;  // what the asking process writes into its own chain
        co_return ToolResult::of(std::move(out), std::move(text));
    }

    Task<Result<ToolResult>> health(ToolCall call) {
        const bool after_deploy = json::bool_at(call.arguments, "after_deploy").value_or(false);
        const infra::Look look = co_await engine_.health(after_deploy, requester_of(call));
        infra::Question question = infra::read_question("health");
        question.after_deploy = after_deploy;
        json::object out = infra::to_json(look);
        out["audit"] = look.record;
        std::string text = infra::to_text(infra::write_answer(look, question), infra::Markup::markdown);
        out["text"] = text;
        co_return ToolResult::of(std::move(out), std::move(text));
    }

    Task<Result<ToolResult>> changes(ToolCall call) {
        auto window = parse_duration(json::string_or(call.arguments, "since", "1h"));
        if (!window) co_return Failure(std::move(window).error().context("since"));
        const infra::Look look = co_await engine_.changes(*window, requester_of(call));
        json::object out = infra::changes_json(look);
        out["audit"] = look.record;
        std::string text =
            infra::to_text(infra::write_answer(look, infra::read_question("changes")), infra::Markup::markdown);
        out["text"] = text;
        co_return ToolResult::of(std::move(out), std::move(text));
    }

    Task<Result<ToolResult>> plan(ToolCall call) {
        std::string context;
        if (const auto* given = json::find(call.arguments, "context"))
            context = given->is_string() ? std::string(given->get_string()) : json::write(*given);
        auto made =
            co_await engine_.plan(json::string_or(call.arguments, "request"), std::move(context), requester_of(call));
        if (!made) co_return refusal(made.error());
        PINCER_CO_TRY(const infra::Card card, infra::make_card(made->bytes));
        json::object told = infra::to_json(card);
        told["audit"] = made->made_ref;  // what the approval follows
        json::object out{{"plan", std::move(told)},
                         {"subject", infra::to_json(made->plan)},
                         {"engine", engine_.home().engine_id().value_or("")}};
        std::string text =
            fmt::format("{}\n{}\nIt waits for an approval; nothing has been changed.", card.title, card.description);
        co_return ToolResult::of(std::move(out), std::move(text));
    }

    Task<Result<ToolResult>> apply(ToolCall call) {
        std::string grant = json::string_or(call.meta, kGrantMeta);
        auto applied = co_await engine_.apply(json::string_or(call.arguments, "plan_digest"), std::move(grant));
        if (!applied) co_return refusal(applied.error());
        co_return told(*applied);
    }

    Task<Result<ToolResult>> status(ToolCall call) {
        auto applied = co_await engine_.status(json::string_or(call.arguments, "plan_digest"));
        if (!applied) co_return refusal(applied.error());
        co_return told(*applied);
    }

private:
    static ToolResult told(const infra::Applied& applied) {
        return ToolResult::of(applied.to_json(), applied.to_text());
    }

    infra::Engine& engine_;
};

mcp::ToolAnnotations reads() {
    return {.read_only = true, .destructive = false, .idempotent = true, .open_world = true};
}

Tool version_tool() {
    Tool tool{{.name = "clanker_version",
               .title = "Version",
               .description = "Return the version of clanker.",
               .output_schema = result_schema({{"name", "string"}, {"version", "string"}}),
               .annotations = {.read_only = true, .destructive = false, .idempotent = true, .open_world = false}}};
    tool.now = [](const ToolCall&) -> Result<ToolResult> {
        return ToolResult::of({{"name", "clanker"}, {"version", PINCER_VERSION}}, "clanker " PINCER_VERSION);
    };
    return tool;
}

constexpr std::size_t kMostText = infra::kMaxQuestionBytes;

}  // namespace

Result<> add_tools(mcp::Server& server, Program& program) {
    const auto tools = std::make_shared<Tools>(program);
    std::vector<Tool> all{version_tool()};
    all.push_back(
        {{.name = "clanker_ask",
          .title = "Ask about the infrastructure",
          .description =
              "Answer a question about live infrastructure: what changed, what is broken and why, logs, inventory. "
              "Every sentence cites evidence; what could not be read is listed. Read-only.",
          .input_schema =
              schema_of({{"question", text_property("the question, in plain words", kMostText)}}, {"question"}),
          .output_schema = result_schema({{"text", "string"},
                                          {"answer", "object"},
                                          {"verdict", "string"},
                                          {"causes", "array"},
                                          {"changes", "array"},
                                          {"coverage", "object"},
                                          {"evidence", "array"},
                                          {"as_of", "string"}}),
          .annotations = reads()},
         [tools](ToolCall call) { return tools->ask(std::move(call)); }});
    json::object after_deploy{{"type", "boolean"}, {"description", "include the last deploy whatever its age"}};
    all.push_back({{.name = "clanker_health",
                    .title = "Health",
                    .description = "Verdict (healthy, degraded, unhealthy, unknown) with causes, the change that "
                                   "triggered each, and what could not be read. Read-only.",
                    .input_schema = schema_of({{"after_deploy", std::move(after_deploy)}}, {}),
                    .output_schema = result_schema({{"verdict", "string"},
                                                    {"causes", "array"},
                                                    {"changes", "array"},
                                                    {"coverage", "object"},
                                                    {"evidence", "array"},
                                                    {"as_of", "string"},
                                                    {"text", "string"}}),
                    .annotations = reads()},
                   [tools](ToolCall call) { return tools->health(std::move(call)); }});
    all.push_back(
        {{.name = "clanker_changes",
          .title = "Changes",
          .description =
              "What changed: rollouts, workflow runs, deployments, commits, merged pull requests, warnings. Read-only.",
          .input_schema =
              schema_of({{"since", text_property("how far back, for example 30m, 1h (default) or 2d", 20)}}, {}),
          .output_schema = result_schema({{"changes", "array"},
                                          {"coverage", "object"},
                                          {"evidence", "array"},
                                          {"as_of", "string"},
                                          {"text", "string"}}),
          .annotations = reads()},
         [tools](ToolCall call) { return tools->changes(std::move(call)); }});
    json::object context{{"type", json::array{"string", "object"}},
                         {"description", "what the request is about: the JSON of a health answer, or words"}};
    all.push_back({{.name = "clanker_plan",
                    .title = "Plan a change (changes nothing)",
                    .description = "Make a typed plan for a change (roll back, restart, scale, set an image, re-run or "
                                   "cancel a workflow run) and keep it. "
                                   "It changes nothing outside; applying the plan needs an approval of its digest.",
                    .input_schema = schema_of(
                        {{"request", text_property("what is wanted, for example: roll checkout back", kMostText)},
                         {"context", std::move(context)}},
                        {"request"}),
                    .output_schema = result_schema({{"plan", "object"}, {"subject", "object"}}),
                    .annotations = {.read_only = true, .destructive = false, .idempotent = false, .open_world = true}},
                   [tools](ToolCall call) { return tools->plan(std::move(call)); }});
    const json::object outcome = result_schema({{"plan_digest", "string"},
                                                {"state", "string"},
                                                {"text", "string"},
                                                {"recovery", "string"},
                                                {"steps", "array"}});
    all.push_back(
        {{.name = "clanker_apply",
          .title = "Apply an approved plan",
          .description =
              "Apply a plan of clanker_plan, at most once. Needs a grant for exactly this digest, signed by a trusted "
              "approval authority, in "
              "_meta[\"io.pincer/grant\"]. Checks the preconditions again, then watches whether things recover.",
          .input_schema = schema_of({{"plan_digest", digest_property()}}, {"plan_digest"}),
          .output_schema = outcome,
          .annotations = {.read_only = false, .destructive = true, .idempotent = true, .open_world = true},
          .meta = {{kSettledByMeta, "clanker_apply_status"}}},
         [tools](ToolCall call) { return tools->apply(std::move(call)); }});
    all.push_back({{.name = "clanker_apply_status",
                    .title = "Outcome of an apply",
                    .description = "What became of applying a plan. Settles what was cut off by reading, never by "
                                   "doing it again. Read-only.",
                    .input_schema = schema_of({{"plan_digest", digest_property()}}, {"plan_digest"}),
                    .output_schema = outcome,
                    .annotations = reads()},
                   [tools](ToolCall call) { return tools->status(std::move(call)); }});
    for (auto& tool : all) PINCER_CHECK(server.add_tool(std::move(tool)));
    return {};
}

}  // namespace pincer::clanker
