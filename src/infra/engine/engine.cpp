// Questions and plans. Applying is in engine_apply.cpp.
#include "infra/engine/engine.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"
#include "crypto/hash.hpp"
#include "infra/engine/quoting.hpp"

namespace pincer::infra {
namespace {

constexpr Millis kHour{60 * 60 * 1000};
constexpr Millis kMostWindow{30LL * 24 * 3600 * 1000};
constexpr std::size_t kMostEvidenceInRecord = 200;

json::array evidence_digests(const Look& look) {
    json::array out;
    std::set<std::string> cited(look.verdict_evidence.begin(), look.verdict_evidence.end());
    for (const auto& cause : look.causes) cited.insert(cause.evidence.begin(), cause.evidence.end());
    for (const auto& change : look.changes) cited.insert(change.evidence.begin(), change.evidence.end());
    for (const auto& item : look.evidence) {
        if (cited.contains(item.id) && out.size() < kMostEvidenceInRecord)
            out.push_back(json::array{item.id, item.digest});
    }
    return out;
}

std::string named(const std::vector<ObjectRef>& objects) {
    std::vector<std::string> names;
    for (const auto& object : objects) names.push_back(quote_line(object.str(), 120));
    if (names.size() > 8) names.resize(8);
    return join(names, ", ");
}

Failure ambiguous(const std::vector<ObjectRef>& objects) {
    return Failure(Error(ErrorCode::invalid_argument, "which one: " + named(objects) + "?").with_reason("AMBIGUOUS"));
}

// The objects that a health answer given as context was about, worst first; or the words of the context themselves.
std::vector<ObjectRef> objects_in_context(const std::string& context, const Look& look) {
    if (context.empty()) return {};
    std::vector<ObjectRef> out;
    if (const auto parsed = json::parse_object(context, {.bytes = 1u << 20, .depth = 32})) {
        const auto* causes = json::array_at(*parsed, "causes");
        // After a plan, "it" is what the plan was about.
        if (const auto* subject = json::object_at(*parsed, "subject")) {
            const auto* steps = json::array_at(*subject, "steps");
            for (const auto& item : look.inventory) {
                const json::value target = steps && !steps->empty() ? steps->at(0) : json::value();
                if (json::string_at_path(target, {"target", "name"}) == item.object.name &&
                    json::string_at_path(target, {"target", "kind"}) == item.object.kind &&
                    json::string_at_path(target, {"target", "scope"}) == item.object.scope) {
                    out.push_back(item.object);
                }
            }
        }
        for (std::size_t i = 0; causes && i < causes->size(); ++i) {
            const json::value& cause = causes->at(i);
            ObjectRef object{
                json::string_at_path(cause, {"object", "provider"}), json::string_at_path(cause, {"object", "kind"}),
                json::string_at_path(cause, {"object", "namespace"}), json::string_at_path(cause, {"object", "name"})};
            if (object.scope.empty()) object.scope = json::string_at_path(cause, {"object", "repository"});
            // Only what the live inventory knows too: a context is a hint, not an authority.
            for (const auto& item : look.inventory) {
                if (item.object == object) out.push_back(object);
            }
        }
        return out;
    }
    return mentioned(read_question(context), look.inventory);
}

}  // namespace

Engine::Engine(Services services, Settings settings, std::span<const ProviderType* const> types,
               std::filesystem::path home, EngineOptions options)
    : services_(services),
      settings_(std::move(settings)),
      options_(options),
      home_(services, std::move(home)),
      connections_(connect_all(types, settings_, services)),
      process_(this_process()) {}

Engine::~Engine() = default;

json::object Asked::to_json() const {
    json::object out = infra::to_json(look);
    out["question"] = question.text;
    out["answer"] = infra::to_json(answer);
    return out;
}

Task<Look> Engine::look_at(LookOptions options) {
    options.timeout = options_.timeout;
    options.scope = settings_.scope;
    return look(services_, connections_, std::move(options));
}

// Reading does not wait for the record as acting does: an answer in an incident is worth more than its own record.
Task<> Engine::record_question(std::string kind, std::string text, std::string requester, Look& seen) {
    audit::Entry entry;
    entry.kind = "question." + kind;
    entry.actor = requester.empty() ? "operator" : quote_line(requester, 200);
    entry.body = {{"question_sha256", crypto::sha256_hex(text)},
                  {"verdict", name_of(seen.verdict)},
                  {"evidence", evidence_digests(seen)}};
    auto ledger = co_await home_.open(Deadline::after(options_.lock_within));
    if (!ledger) {
        log::failure(log::Level::warn, "audit.question", ledger.error());
        co_return;
    }
    auto done = co_await (*ledger)->append(std::move(entry));
    if (!done) co_return log::failure(log::Level::warn, "audit.question", done.error());
    seen.record = done->str();
}

Task<Asked> Engine::ask(std::string text, std::string requester) {
    Asked asked{read_question(text), {}, {}};
    const Intents& intents = asked.question.intents;
    LookOptions options;
    options.window = std::min(asked.question.window.value_or(kHour), kMostWindow);
    options.after_deploy = asked.question.after_deploy;
    options.health = !(intents.changes && !intents.health && !intents.broken && !asked.question.after_deploy);
    asked.look = co_await look_at(options);
    asked.answer = write_answer(asked.look, asked.question);
    if (intents.logs) {
        const auto objects = mentioned(asked.question, asked.look.inventory);
        for (auto& connection : connections_) {
            if (objects.empty() || !connection.provider || !connection.provider->logs()) continue;
            Reading reading;
            auto tail = co_await connection.provider->logs()->tail(objects.front(), 20, reading,
                                                                   Deadline::after(options_.timeout));
            if (!tail) {
                asked.answer.not_read.push_back(
                    fmt::format("the log of {}: {}", objects.front().str(), tail.error().message()));
                continue;
            }
            for (auto& line : tail->lines) line = quote_log_line(line);
            Sentence sentence{fmt::format("The last lines of {}:", objects.front().str()),
                              {tail->evidence},
                              services_.clock.wall(),
                              std::move(tail->lines)};
            asked.answer.other.push_back(std::move(sentence));
        }
    }
    co_await record_question("asked", std::move(text), std::move(requester), asked.look);
    co_return asked;
}

Task<Look> Engine::health(bool after_deploy, std::string requester) {
    LookOptions options;
    options.after_deploy = after_deploy;
    Look seen = co_await look_at(options);
    std::string asked = after_deploy ? "health after deploy" : "health";
    co_await record_question("health", std::move(asked), std::move(requester), seen);
    co_return seen;
}

Task<Look> Engine::changes(Millis window, std::string requester) {
    LookOptions options;
    options.window = std::min(window, kMostWindow);
    options.health = false;
    Look seen = co_await look_at(options);
    co_await record_question("changes", "changes", std::move(requester), seen);
    co_return seen;
}

Provider* Engine::provider_for(std::string_view operation) {
    const std::string_view id = operation.substr(0, operation.find('.'));
    for (auto& connection : connections_) {
        if (connection.type->id == id) return connection.provider.get();
    }
    return nullptr;
}

// What is meant: what is named; else what the context is about; else, for a rollback, the one thing that a rollout
// broke.
Task<Result<std::vector<ObjectRef>>> Engine::objects_for(const Question& question, const std::string& context,
                                                         const Look& seen) {
    const bool on_github = question.operation.starts_with("github.");
    const auto fits = [&](const ObjectRef& object) {
        return on_github ? object.kind == "WorkflowRun"
                         : object.provider == "kubernetes" && object.kind != "Node" && object.kind != "Pod";
    };
    std::vector<ObjectRef> found = mentioned(question, seen.inventory);
    std::erase_if(found, [&](const ObjectRef& object) { return !fits(object); });
    if (found.empty()) {
        found = objects_in_context(context, seen);
        std::erase_if(found, [&](const ObjectRef& object) { return !fits(object); });
    }
    if (!found.empty()) co_return found;
    const bool takes_the_broken_one = question.operation == "kubernetes.rollout_undo" ||
                                      question.operation == "kubernetes.rollout_restart" || on_github;
    for (const auto& cause : seen.causes) {
        if (!takes_the_broken_one || !fits(cause.object)) continue;
        if (question.operation == "kubernetes.rollout_undo" && (cause.object.kind != "Deployment" || !cause.trigger))
            continue;
        if (std::ranges::find(found, cause.object) == found.end()) found.push_back(cause.object);
    }
    if (question.operation == "github.cancel_run") {
        found.clear();
        for (const auto& item : seen.inventory) {
            const bool over = item.state == "success" || item.state == "failure" || item.state == "cancelled" ||
                              item.state == "skipped";
            if (fits(item.object) && !over) found.push_back(item.object);
        }
    }
    if (found.empty()) {
        co_return Failure(
            Error(
                ErrorCode::invalid_argument,
                "it is not clear what is meant: nothing is named, and nothing unhealthy was found that this would help")
                .with_reason("AMBIGUOUS"));
    }
    co_return found;
}

Task<Result<Step>> Engine::plan_step(const Question& question, std::vector<ObjectRef> objects, Reading& out) {
    if (objects.size() > 1) co_return ambiguous(objects);
    Provider* provider = provider_for(question.operation);
    Planner* planner = provider ? provider->planner() : nullptr;
    if (!planner) {
        co_return PINCER_FAIL(unavailable, "{} is not connected",
                              question.operation.substr(0, question.operation.find('.')));
    }
    Wish wish{question.operation, objects.front(), question.number, question.image};
    co_return co_await planner->plan(std::move(wish), out, Deadline::after(options_.timeout));
}

Task<Result<StoredPlan>> Engine::plan(std::string request, std::string context, std::string requester) {
    const Question question = read_question(request);
    if (question.operation.empty()) {
        co_return Failure(Error(ErrorCode::invalid_argument,
                                "it is not clear what is to be done; I can roll back, restart, scale, set an image, "
                                "re-run or cancel a workflow run")
                              .with_reason("UNCLEAR"));
    }
    LookOptions options;
    options.after_deploy = true;
    const Look seen = co_await look_at(options);
    PINCER_CO_TRY(std::vector<ObjectRef> objects, co_await objects_for(question, context, seen));
    Reading reading;
    PINCER_CO_TRY(Step step, co_await plan_step(question, std::move(objects), reading));

    Plan made;
    made.request = quote_line(request, 500);
    made.requester = quote_line(requester, 200);
    made.tool_version = settings_.version;
    made.nonce = services_.random.uuid();
    made.created_at = services_.clock.wall();
    made.expires_at = made.created_at + kPlanLife;
    for (const auto& item : reading.evidence.all()) made.evidence.emplace_back(item.id, item.digest);
    for (const auto& cause : seen.causes) {
        if (!(cause.object == step.target)) continue;
        for (const auto& id : cause.evidence) {
            if (const Evidence* item = seen.evidence_of(id)) made.evidence.emplace_back(id, item->digest);
        }
    }
    made.steps.push_back(std::move(step));

    StoredPlan stored{digest_of(made), canonical_bytes(made), made, {}};
    json::array evidence;
    for (const auto& [id, digest] : made.evidence) evidence.push_back(json::array{id, digest});
    audit::Entry entry;
    entry.kind = "plan.made";
    entry.actor = made.requester.empty() ? "operator" : made.requester;
    entry.body = {{"plan", stored.digest},
                  {"operation", made.steps.front().operation},
                  {"target", quote_line(made.steps.front().target.str(), 200)},
                  {"risk", approval::name_of(made.risk())},
                  {"request_sha256", crypto::sha256_hex(request)},
                  {"evidence", std::move(evidence)}};
    PINCER_CO_TRY(auto ledger, co_await home_.open(Deadline::after(options_.lock_within)));
    PINCER_CO_TRY(const audit::RecordRef made_ref, co_await ledger->append(std::move(entry)));
    stored.made_ref = made_ref.str();
    PINCER_CO_CHECK(co_await ledger->keep(stored, made.created_at));
    co_return stored;
}

}  // namespace pincer::infra
