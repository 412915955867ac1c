#include "gateway_sim.hpp"

#include <algorithm>

#include "approval/approval.hpp"
#include "io/files.hpp"

namespace pincer::sim {
namespace {

using agent::testing::call_reply;
using agent::testing::change_tool;
using agent::testing::read_tool;
using agent::testing::text_reply;
using agent::testing::text_result;
using gateway::testing::ScriptedPlatform;

constexpr const char* kPeople[] = {"ann", "bob"};

// Goes by the conversation alone, as a model does: "change x" calls the tool, "plan x" makes a plan and applies it.
class Planner final : public agent::Model {
public:
    std::string_view id() const override { return "sim/planner"; }
    bool is_local() const override { return true; }
    Task<Result<agent::ModelReply>> respond(agent::ModelRequest request, agent::DeltaSink sink, Deadline) override {
        co_await io::yield();
        const agent::Message& last = request.messages.back();
        if (last.role == agent::Role::tool && last.tool_name == "infra__plan" && !last.is_error) {
            const json::object* card = json::object_at(last.structured, "plan");
            json::object arguments{{"plan_digest", json::string_or(*card, "digest")}};
            co_return call_reply("infra__apply", std::move(arguments), "I would do this.");
        }
        if (last.role == agent::Role::tool) co_return text_reply("Result: " + last.text);
        json::object named{{"name", last.text.substr(last.text.find(' ') + 1)}};
        if (last.text.starts_with("change ")) co_return call_reply("infra__change", std::move(named));
        if (last.text.starts_with("plan ")) co_return call_reply("infra__plan", std::move(named));
        std::string answer = "Answer to " + last.text;
        if (sink) sink(answer);
        co_return text_reply(std::move(answer));
    }
};

json::object plan_document(const std::string& name) {
    return {{"steps", json::array{json::object{{"summary", "change " + name}, {"risk", "medium"}, {"target", name}}}}};
}

}  // namespace

GatewaySim::GatewaySim(std::uint64_t seed)
    : dice_(seed * 7919 + 1), planner_(std::make_unique<Planner>()), world_(seed) {
    world_.model = planner_.get();
    world_.platform.capabilities.settles_deliveries = chance(70);
    add_tools();
    world_.power.fails_at = [this](std::string_view) { return failures_ && below(1000) < 12; };
    power_on();
}

void GatewaySim::note(std::string what) { trace.push_back(fmt::format("{:>5} {}", world_.power.steps(), what)); }
void GatewaySim::fault(std::string what) { faults.push_back(std::move(what)); }

void GatewaySim::add_tools() {
    world_.tools.add(change_tool("infra__change", "infra__status"), [this](const agent::ToolCall& call,
                                                                           const agent::CallContext& context) {
        const std::string digest = approval::digest_of({{"tool", call.name}, {"arguments", call.arguments}});
        return change(json::string_or(call.arguments, "name"), digest, context);
    });
    world_.tools.add(
        change_tool("infra__apply", "infra__status"),
        [this](const agent::ToolCall& call, const agent::CallContext& context) -> Result<agent::ToolResult> {
            const std::string digest = json::string_or(call.arguments, "plan_digest");
            for (const auto& [name, known] : digest_of_) {
                if (known == digest) return change(name, digest, context);
            }
            return PINCER_FAIL(invalid_argument, "no such plan");
        });
    world_.tools.add(read_tool("infra__plan"),
                     [this](const agent::ToolCall& call, const agent::CallContext&) -> Result<agent::ToolResult> {
                         const std::string name = json::string_or(call.arguments, "name");
                         const json::object document = plan_document(name);
                         digest_of_[name] = approval::digest_of(document);
                         return text_result("a plan", {{"plan", json::object{{"digest", digest_of_[name]}}},
                                                       {"subject", document},
                                                       {"engine", "engine:1"}});
                     });
    world_.tools.add(read_tool("infra__status"),
                     [this](const agent::ToolCall& call, const agent::CallContext&) -> Result<agent::ToolResult> {
                         if (!world_.power.step("status")) return PINCER_FAIL(unavailable, "gone");
                         std::string name = json::string_or(call.arguments, "name");
                         for (const auto& [plan, digest] : digest_of_) {
                             if (digest == json::string_or(call.arguments, "plan_digest")) name = plan;
                         }
                         return text_result(applied_[name] ? "it was changed" : "it was not changed");
                     });
}

Result<agent::ToolResult> GatewaySim::change(const std::string& name, const std::string& digest,
                                             const agent::CallContext& context) {
    if (!world_.power.step("tool.before")) return PINCER_FAIL(unavailable, "gone");
    check_grant(context, digest);
    const bool times_out = failures_ && chance(10);
    if (times_out && chance(50)) return PINCER_FAIL(timed_out, "infra timed out");
    note("applied " + name);
    ++applied_[name];
    ++applied_in_all;
    if (times_out || !world_.power.step("tool.after")) return PINCER_FAIL(timed_out, "infra timed out");
    return text_result("changed " + name);
}

// As an engine does: nobody's word counts, only the signature.
void GatewaySim::check_grant(const agent::CallContext& context, const std::string& digest) {
    auto key = io::read_file(world_.state() / "identity/approval-authority.pub", 1024);
    if (!key) return fault("the authority's public key cannot be read: " + key.error().message());
    while (!key->empty() && key->back() == '\n') key->pop_back();
    const approval::PinnedAuthority pin{.name = "gateway", .public_key = *key, .ceiling = approval::Risk::destructive};
    const std::string audience = digest_of_.empty() ? "" : "engine:1";
    const auto grant =
        approval::verify_grant(context.grant, {pin}, digest, approval::Risk::medium, audience, world_.clock.wall());
    if (!grant) return fault("a grant does not verify: " + grant.error().message());
    if (grant->approver == grant->requester) fault(grant->approver + " approved their own request");
}

void GatewaySim::power_on() {
    world_.power.restore();
    for (int tries = 0; tries < 20 && !world_.running(); ++tries) {
        auto started = world_.start();
        if (started && world_.power.on()) return;
        note("does not come up");
        ++crashes;
        world_.crash();
    }
}

void GatewaySim::step() {
    world_.pump(int(1 + below(50)));
    if (world_.power.on()) return;
    note("the power fails");
    ++crashes;
    world_.crash();
    power_on();
}

void GatewaySim::play(int actions) {
    for (int i = 0; i < actions; ++i) {
        act();
        step();
    }
}

void GatewaySim::act() {
    const auto kind = below(100);
    if (kind < 30)
        ask();
    else if (kind < 65)
        decide();
    else
        disturb();
}

void GatewaySim::ask() {
    const char* const kinds[] = {"what about", "change", "plan"};
    const auto kind = below(3);
    Asked asked;
    asked.text = fmt::format("{} n{}", kinds[kind], asked_.size());
    asked.sender = kPeople[below(2)];
    asked.to = fmt::format("D-{}", asked.sender);
    asked.change = kind > 0;
    note(asked.sender + " asks: " + asked.text);
    events_.push_back(world_.platform.write(asked.sender, asked.text, asked.to));
    asked_.push_back(std::move(asked));
}

// Somebody decides, somewhere: on a card, by a command, or in the web page; maybe late, maybe without the right to.
void GatewaySim::decide() {
    std::vector<const ScriptedPlatform::Message*> cards;
    for (const auto& m : world_.platform.messages) {
        if (!m.buttons.empty()) cards.push_back(&m);
    }
    if (cards.empty()) return;
    const ScriptedPlatform::Message card = *cards[below(cards.size())];
    const std::size_t button = chance(70) ? 0 : 1;
    const std::string who = chance(80) ? "boss" : "eve";
    const std::string token = card.buttons[0][button].token;
    const std::string id = token.substr(5);
    note(fmt::format("{} decides {} on {}", who, button == 0 ? "allow" : "deny", id));
    switch (below(3)) {
        case 0: events_.push_back(world_.platform.click(who, card, button)); break;
        case 1:
            events_.push_back(world_.platform.write(
                who, fmt::format("/approve {} {}", id, button == 0 ? "allow-once" : "deny"), "D-" + who));
            break;
        default: {
            if (!world_.running()) break;
            const approval::Principal web{"operator:web", "Web", std::string(gateway::kOwner)};
            const auto decision = button == 0 ? approval::Decision::allow_once : approval::Decision::deny;
            auto decided = world_.run(world_.core().approvals.decide(id, decision, web, "web"));
            if (!decided && decided.error().message().empty()) fault("a late decision got no sentence");
        }
    }
}

void GatewaySim::disturb() {
    switch (below(6)) {
        case 0:
            if (!events_.empty()) world_.platform.redeliver(events_[below(events_.size())]);
            break;
        case 1: world_.advance(Millis(std::int64_t(1 + below(90'000)))); break;
        case 2:
            if (chance(15)) world_.advance(Millis(std::int64_t(below(45)) * 60'000));
            break;
        case 3: world_.clock.set_wall_by(Millis(std::int64_t(below(120'000)) - 60'000)); break;
        case 4: world_.platform.troubles.push_back({Error(ErrorCode::unavailable, "away"), false}); break;
        default: world_.platform.troubles.push_back({Error(ErrorCode::outcome_unknown, "cut off"), chance(50)});
    }
}

void GatewaySim::heal() {
    failures_ = false;
    world_.platform.troubles.clear();
    note("healing");
    if (!world_.power.on()) world_.crash();
    if (!world_.running()) power_on();
    for (int round = 0; round < 60; ++round) {
        world_.pump();
        for (const auto& pending : world_.core().approvals.desk().pending()) {
            const approval::Principal web{"operator:web", "Web", std::string(gateway::kOwner)};
            const auto decision = chance(50) ? approval::Decision::allow_once : approval::Decision::deny;
            (void)world_.run(world_.core().approvals.decide(pending.id.str(), decision, web, "web"));
        }
        world_.pump();
        auto open = world_.core().store.open_runs();
        const bool quiet =
            open && open->empty() && world_.platform.unacknowledged() == 0 && world_.core().outbox.waiting() == 0;
        if (quiet && round > 2) return;
        world_.advance(Millis(70'000));
    }
    fault("it never came to rest");
}

void GatewaySim::judge() {
    for (const Asked& asked : asked_) judge_question(asked);
    judge_approvals();
    judge_cards();
    for (const auto& [name, times] : applied_) {
        if (times > 1) fault(fmt::format("{} was changed {} times", name, times));
    }
    const std::string chain = world_.audit_faults();
    if (!chain.empty()) fault("the chain: " + chain);
    world_.stop();
}

// Taken once, answered once, truly.
void GatewaySim::judge_question(const Asked& asked) {
    const std::string session = "agent:main:slack:direct:" + asked.sender;
    const auto entries = world_.core().store.tail(session, 100'000, false);
    std::vector<const gateway::Entry*> questions;
    for (const auto& entry : *entries) {
        if (entry.message.role == agent::Role::user && entry.message.text == asked.text) questions.push_back(&entry);
    }
    if (questions.size() != 1)
        return fault(fmt::format("\"{}\" is {} times in the transcript", asked.text, questions.size()));
    const std::string run_id = questions[0]->run_id;
    const auto run = world_.core().store.find_run(run_id);
    if (!run || run->live()) return fault(fmt::format("the run of \"{}\" is not closed", asked.text));
    std::vector<std::string> last_words;
    for (const auto& entry : *entries) {
        const bool answer = entry.run_id == run_id && entry.visible && entry.message.role == agent::Role::assistant;
        if (answer) last_words.push_back(entry.message.text);
    }
    if (last_words.size() != 1)
        return fault(fmt::format("\"{}\" has {} answers in the transcript", asked.text, last_words.size()));
    std::vector<std::string> delivered;
    for (const auto& m : world_.platform.messages) {
        if (m.delivery_id == "answer:" + run_id) delivered.push_back(m.markdown);
        if (m.delivery_id == "answer:" + run_id && m.route.to != asked.to) fault("an answer went elsewhere");
    }
    const auto marked = std::count_if(delivered.begin(), delivered.end(),
                                      [](const std::string& text) { return text.starts_with("_(repeated"); });
    const auto plain = std::int64_t(delivered.size()) - marked;
    if (delivered.empty() || plain > 1)
        fault(fmt::format("\"{}\" was answered {} times in the channel, {} of them marked", asked.text,
                          delivered.size(), marked));
    if (world_.platform.capabilities.settles_deliveries && delivered.size() != 1)
        fault(fmt::format("\"{}\": a platform that can tell got {} answers", asked.text, delivered.size()));
    ++answers;
    if (!asked.change) return;
    const std::string name = asked.text.substr(asked.text.find(' ') + 1);
    const bool says_done = last_words[0].find("it was changed") != std::string::npos ||
                           last_words[0].find("changed " + name) != std::string::npos;
    const bool says_not = last_words[0].find("nothing was touched") != std::string::npos ||
                          last_words[0].find("it was not changed") != std::string::npos;
    if (says_done && applied_[name] != 1) fault(fmt::format("\"{}\" claims to be done: {}", asked.text, last_words[0]));
    if (says_not && applied_[name] != 0)
        fault(fmt::format("\"{}\" claims not to be done: {}", asked.text, last_words[0]));
    if (!says_done && !says_not && last_words[0].find("unknown") == std::string::npos)
        fault(fmt::format("\"{}\" ends in nothing: {}", asked.text, last_words[0]));
}

// One request for a call, one end of a request, and a change only when that end was a yes.
void GatewaySim::judge_approvals() {
    std::map<std::string, int> ends;
    for (const json::object& record : world_.audit_records()) {
        const std::string kind = json::string_or(record, "kind");
        const json::object* body = json::object_at(record, "body");
        if (!body || !kind.starts_with("approval.")) continue;
        const std::string id = json::string_or(*body, "id");
        if (kind == "approval.decided" || kind == "approval.expired" || kind == "approval.cancelled") ++ends[id];
        if (kind == "approval.void") ends[id] = 0;  // whatever was begun before did not take effect
    }
    for (const std::string& calls : world_.query("SELECT count(*) FROM gated_calls GROUP BY approval_id")) {
        if (calls != "1") fault("an approval stands for several calls");
    }
    for (const std::string& id : world_.query("SELECT approval_id FROM gated_calls")) {
        const auto record = world_.core().approvals.desk().find(approval::ApprovalId(id));
        if (!record) {
            fault("an approval is lost: " + id);
            continue;
        }
        if (record->status == approval::Status::pending) fault("an approval is still open: " + id);
        if (ends[id] != 1) fault(fmt::format("{} has {} ends in the chain", id, ends[id]));
        const json::object& subject = record->request.subject;
        const json::object* arguments = json::object_at(subject, "arguments");
        std::string name = arguments ? json::string_or(*arguments, "name") : "";
        for (const auto& [plan, digest] : digest_of_) {
            if (digest == record->request.subject_digest) name = plan;
        }
        if (applied_[name] > 0 && record->status != approval::Status::allowed)
            fault(name + " was changed without a yes");
    }
}

// Every card has become its outcome. Where a platform cannot tell whether a cut-off card arrived, a copy that nobody
// knows of may be left: then another one has changed, or we never heard of any (and the delivery says so).
void GatewaySim::judge_cards() {
    std::set<std::string> rewritten;
    for (const auto& m : world_.platform.messages) {
        if (m.edits > 0) rewritten.insert(m.delivery_id);
    }
    for (const std::string& id : world_.query("SELECT id FROM deliveries WHERE state = 'failed'")) rewritten.insert(id);
    for (const auto& m : world_.platform.messages) {
        const bool copy = !world_.platform.capabilities.settles_deliveries && rewritten.contains(m.delivery_id);
        if (!m.buttons.empty() && !copy) fault("a card still has its buttons: " + m.markdown.substr(0, 80));
    }
}

}  // namespace pincer::sim
