// Applying, in an order that survives a cut at any point:
//   1. plan, grant and preconditions are checked; nothing is touched and the grant is not used up.
//   2. one transaction uses the grant up and writes `intended`; the chain gets grant.consumed. Both are on disk.
//   3. the one call that has the effect, conditional on what was just read, leaving the plan's digest on the object.
//   4. `done`, `failed` or `unknown` is written, then health is watched.
// Cut between 2 and 4, the record says `intended`, and whoever comes next settles it by reading the object.
#include <algorithm>

#include "base/log.hpp"
#include "infra/engine/engine.hpp"
#include "infra/engine/quoting.hpp"

namespace pincer::infra {
namespace {

constexpr Millis kLongestPoll{5'000};

audit::Entry entry_of(std::string kind, const ApplyRecord& record) {
    audit::Entry entry;
    entry.kind = std::move(kind);
    entry.actor = "engine";
    entry.body = {{"plan", record.digest}, {"state", name_of(record.state)}, {"text", quote_line(record.text, 500)}};
    if (!record.recovery.empty()) entry.body["recovery"] = record.recovery;
    return entry;
}

ApplyState state_of(StepState state) {
    switch (state) {
        case StepState::done: return ApplyState::done;
        case StepState::not_applied: return ApplyState::failed;
        case StepState::unknown: return ApplyState::unknown;
    }
    return ApplyState::unknown;
}

}  // namespace

std::string_view name_of(StepState state) {
    switch (state) {
        case StepState::done: return "done";
        case StepState::not_applied: return "not_applied";
        case StepState::unknown: return "unknown";
    }
    return "unknown";
}

std::string_view name_of(Recovery recovery) {
    switch (recovery) {
        case Recovery::recovered: return "recovered";
        case Recovery::not_yet: return "not_yet";
        case Recovery::unknown: return "unknown";
    }
    return "unknown";
}

Task<Result<Applied>> Engine::apply(std::string digest, std::string grant) {
    std::optional<Applied> before;
    StoredPlan plan;
    {
        PINCER_CO_TRY(auto ledger, co_await home_.open(Deadline::after(options_.lock_within)));
        PINCER_CO_TRY(plan, ledger->plan(digest));
        PINCER_CO_TRY(auto record, ledger->apply(digest));
        if (record) before = Applied{plan, *std::move(record), true, std::nullopt};
    }
    if (before) {
        // Not even the second caller's grant is looked at: there is nothing left that it could allow.
        if (before->record.state != ApplyState::intended) co_return *std::move(before);
        co_return co_await settle(*std::move(before));
    }
    PINCER_CO_TRY(Applied applied, co_await begin(std::move(plan), std::move(grant)));
    running_.insert(digest);
    auto ran = co_await run_steps(applied);
    if (ran) co_await watch(applied);
    running_.erase(digest);
    if (!ran) co_return Failure(std::move(ran).error());
    co_return applied;
}

Task<Result<Applied>> Engine::begin(StoredPlan plan, std::string grant_wire) {
    const WallTime now = services_.clock.wall();
    if (grant_wire.empty()) {
        co_return Failure(Error(ErrorCode::approval_needed, "this plan needs an approval: no grant was given")
                              .with_reason("APPROVAL_NEEDED"));
    }
    if (now >= plan.plan.expires_at) {
        std::string text = fmt::format("the plan expired at {}; make it again", to_rfc3339(plan.plan.expires_at));
        co_return Failure(Error(ErrorCode::expired, std::move(text)).with_reason("PLAN_EXPIRED"));
    }
    PINCER_CO_TRY(const std::string engine, home_.engine_id());
    PINCER_CO_TRY(const auto pins, home_.pins());
    PINCER_CO_TRY(approval::Grant grant,
                  approval::verify_grant(grant_wire, pins, plan.digest, plan.plan.risk(), engine, now));
    for (const Step& step : plan.plan.steps) {
        Provider* provider = provider_for(step.operation);
        Applier* applier = provider ? provider->applier() : nullptr;
        if (!applier) co_return PINCER_FAIL(unavailable, "{} is not connected", step.target.provider);
        PINCER_CO_CHECK(co_await applier->check(step, Deadline::after(options_.timeout)));
    }

    Applied applied{std::move(plan), {}, false, std::nullopt};
    ApplyRecord& record = applied.record;
    record.digest = applied.plan.digest;
    record.approver = grant.approver;
    record.grant_id = grant.id;
    record.started_at = services_.clock.wall();
    record.owner = process_;
    record.text = "under way";
    record.steps.resize(applied.plan.plan.steps.size());
    audit::Entry entry;
    entry.kind = "grant.consumed";
    entry.actor = grant.approver.empty() ? "unknown" : quote_line(grant.approver, 200);
    entry.body = {{"plan", record.digest},
                  {"grant", grant.id},
                  {"authority", grant.authority},
                  {"approval", grant.approval_id},
                  {"requester", quote_line(grant.requester, 200)},
                  {"made", applied.plan.made_ref}};
    if (auto follows = audit::RecordRef::parse(grant.follows)) entry.follows = *std::move(follows);
    PINCER_CO_TRY(auto ledger, co_await home_.open(Deadline::after(options_.lock_within)));
    PINCER_CO_CHECK(co_await ledger->begin(record, grant, services_.clock.wall()));
    // From here on the grant is gone: whatever happens now is written down as an outcome, not given back as an error.
    auto begun = co_await ledger->append(std::move(entry));
    if (begun) {
        record.begun_ref = begun->str();
        (void)co_await ledger->update(record);
        co_return applied;
    }
    record.state = ApplyState::failed;
    record.text = "nothing was done: the audit chain could not be written";
    record.ended_at = services_.clock.wall();
    (void)co_await ledger->update(record);
    co_return Failure(std::move(begun).error().context("nothing was done"));
}

Task<Result<>> Engine::run_steps(Applied& applied) {
    ApplyRecord& record = applied.record;
    for (std::size_t i = 0; i < record.steps.size(); ++i) {
        const Step& step = applied.plan.plan.steps[i];
        StepRecord& told = record.steps[i];
        Applier* applier = provider_for(step.operation)->applier();
        auto done = co_await applier->apply(step, record.digest, Deadline::after(options_.apply_timeout));
        if (!done && done.error().code() == ErrorCode::outcome_unknown) {
            told = {ApplyState::unknown, done.error().message()};
            auto seen = co_await applier->settle(step, record.digest, Deadline::after(options_.timeout));
            // "It is not there" proves nothing while the request may still be on its way.
            if (seen && seen->state == StepState::done) told = {ApplyState::done, seen->text};
        } else if (!done) {
            told = {ApplyState::failed, done.error().message()};
        } else {
            told = {state_of(done->state), done->text};
        }
        record.state = told.state;
        record.text = told.text;
        if (told.state != ApplyState::done) break;
    }
    // Unknown stays open: it is settled by reading once nothing can be on its way any more.
    if (record.state == ApplyState::unknown) record.state = ApplyState::intended;
    if (record.state != ApplyState::intended) record.ended_at = services_.clock.wall();
    audit::Entry entry = entry_of("step.applied", record);
    co_return co_await save(record, std::move(entry));
}

Task<Result<>> Engine::save(ApplyRecord record, audit::Entry entry) {
    PINCER_CO_TRY(auto ledger, co_await home_.open(Deadline::after(options_.lock_within)));
    auto ref = co_await ledger->append(std::move(entry));
    if (!ref) log::failure(log::Level::error, "audit.apply", ref.error());
    co_return co_await ledger->update(std::move(record));
}

Task<Recovery> Engine::recovered(const Plan& plan) {
    Recovery all = Recovery::recovered;
    for (const Step& step : plan.steps) {
        Provider* provider = provider_for(step.operation);
        if (!provider || !provider->applier()) co_return Recovery::unknown;
        auto seen = co_await provider->applier()->recovered(step, Deadline::after(options_.timeout));
        if (!seen || *seen == Recovery::unknown) co_return Recovery::unknown;
        if (*seen == Recovery::not_yet) all = Recovery::not_yet;
    }
    co_return all;
}

// Looks until the effect has settled or the time is up, then takes the verdict once more.
Task<> Engine::watch(Applied& applied) {
    ApplyRecord& record = applied.record;
    if (record.state == ApplyState::failed) co_return;
    const Deadline until = Deadline::after(options_.settle_within);
    Millis pause = options_.poll_every;
    Recovery seen = co_await recovered(applied.plan.plan);
    while (seen == Recovery::not_yet && !until.passed()) {
        auto slept = co_await io::sleep_for(std::min(pause, until.left()));
        if (!slept) break;
        pause = std::min(pause * 5 / 4, kLongestPoll);
        seen = co_await recovered(applied.plan.plan);
    }
    if (record.state == ApplyState::intended) {
        auto settled = co_await settle(applied);
        if (settled) applied = *std::move(settled);
        if (applied.record.state != ApplyState::done) co_return;
    }
    LookOptions options;
    options.after_deploy = true;
    applied.after = co_await look_at(options);
    const auto still = std::ranges::any_of(applied.after->causes, [&](const Cause& cause) {
        return std::ranges::any_of(applied.plan.plan.steps,
                                   [&](const Step& step) { return cause.object == step.target; });
    });
    if (seen == Recovery::recovered && still) seen = Recovery::not_yet;
    applied.record.recovery = name_of(seen);
    audit::Entry entry = entry_of("apply.result", applied.record);
    entry.body["verdict"] = name_of(applied.after->verdict);
    auto saved = co_await save(applied.record, std::move(entry));
    if (!saved) log::failure(log::Level::error, "apply.result", saved.error());
}

// By reading only. What is still under way in a living process is left to it.
Task<Result<Applied>> Engine::settle(Applied applied) {
    ApplyRecord& record = applied.record;
    const bool ours = record.owner == process_;
    const bool under_way =
        ours ? running_.contains(record.digest) && record.text == "under way" : is_alive(record.owner);
    if (under_way) {
        record.text = "it is being applied right now";
        co_return applied;
    }
    const bool may_be_in_flight = services_.clock.wall() - record.started_at < options_.in_flight;
    bool open = false;
    record.state = ApplyState::done;
    for (std::size_t i = 0; i < record.steps.size(); ++i) {
        const Step& step = applied.plan.plan.steps[i];
        StepRecord& told = record.steps[i];
        if (told.state == ApplyState::intended || told.state == ApplyState::unknown) {
            Provider* provider = provider_for(step.operation);
            if (!provider || !provider->applier())
                co_return PINCER_FAIL(unavailable, "{} is not connected, so it cannot be seen what happened",
                                      step.target.provider);
            PINCER_CO_TRY(const StepReport seen,
                          co_await provider->applier()->settle(step, record.digest, Deadline::after(options_.timeout)));
            told = {state_of(seen.state), seen.text};
            if (seen.state == StepState::not_applied && may_be_in_flight) {
                told = {ApplyState::unknown, seen.text + "; the change may still be on its way"};
                open = true;
            }
        }
        record.text = "it was cut off; settled by reading: " + told.text;
        if (told.state != ApplyState::done) {
            record.state = told.state;
            break;
        }
    }
    if (open) {
        record.state = ApplyState::intended;
    } else {
        record.ended_at = services_.clock.wall();
    }
    audit::Entry entry = entry_of("step.settled", record);
    PINCER_CO_CHECK(co_await save(record, std::move(entry)));
    co_return applied;
}

Task<Result<Applied>> Engine::status(std::string digest) {
    std::optional<Applied> found;
    {
        PINCER_CO_TRY(auto ledger, co_await home_.open(Deadline::after(options_.lock_within)));
        PINCER_CO_TRY(StoredPlan plan, ledger->plan(digest));
        PINCER_CO_TRY(auto record, ledger->apply(digest));
        if (!record)
            co_return Failure(
                Error(ErrorCode::not_found, "this plan has not been applied").with_reason("APPLY_NOT_BEGUN"));
        found = Applied{std::move(plan), *std::move(record), true, std::nullopt};
    }
    if (found->record.state == ApplyState::intended) {
        PINCER_CO_TRY(found, co_await settle(*std::move(found)));
    }
    // Done, but nobody has seen it recover yet: look once more.
    if (found->record.state == ApplyState::done && found->record.recovery != name_of(Recovery::recovered)) {
        const Recovery seen = co_await recovered(found->plan.plan);
        found->record.recovery = name_of(seen);
        audit::Entry entry = entry_of("apply.result", found->record);
        PINCER_CO_CHECK(co_await save(found->record, std::move(entry)));
    }
    co_return *std::move(found);
}

Task<> Engine::settle_interrupted() {
    std::vector<std::string> digests;
    {
        auto ledger = co_await home_.open(Deadline::after(options_.lock_within));
        if (!ledger) co_return;
        auto found = (*ledger)->intended();
        if (found) digests = *std::move(found);
    }
    for (const auto& digest : digests) {
        auto settled = co_await status(digest);
        if (!settled) log::failure(log::Level::warn, "apply.settle", settled.error());
    }
}

namespace {

std::string_view state_word(const ApplyRecord& record) {
    if (record.state != ApplyState::intended) return name_of(record.state);
    return record.text == "it is being applied right now" ? "in_progress" : "unknown";
}

}  // namespace

json::object Applied::to_json() const {
    json::array steps;
    for (std::size_t i = 0; i < record.steps.size(); ++i) {
        const Step& step = plan.plan.steps[i];
        const bool open = record.steps[i].state == ApplyState::intended;
        steps.push_back(json::object{{"operation", step.operation},
                                     {"target", step.target.str()},
                                     {"summary", step.summary},
                                     {"state", open ? "not_begun" : name_of(record.steps[i].state)},
                                     {"text", record.steps[i].text}});
    }
    json::object out{{"plan_digest", record.digest},
                     {"state", state_word(record)},
                     {"text", record.text},
                     {"recovery", record.recovery.empty() ? "unknown" : record.recovery},
                     {"repeated", repeated},
                     {"approver", record.approver},
                     {"started_at", to_rfc3339(record.started_at)},
                     {"ended_at", record.ended_at == WallTime() ? "" : to_rfc3339(record.ended_at)},
                     {"steps", std::move(steps)},
                     {"undo", plan.plan.steps.front().undo.text},
                     {"audit", record.begun_ref}};
    if (after) out["health"] = infra::to_json(*after);
    return out;
}

std::string Applied::to_text() const {
    const Step& first = plan.plan.steps.front();
    std::string text = fmt::format("{}: {}.", first.summary, state_word(record));
    if (repeated) text += " (It had been applied before; nothing was done again.)";
    text += "\n" + record.text + ".\n";
    if (record.state == ApplyState::done) {
        text += record.recovery == "recovered" ? "It has recovered: the expected effect is there.\n"
                : record.recovery == "not_yet" ? "It has not recovered yet; ask again for its status.\n"
                                               : "Whether it has recovered is not known.\n";
        text += first.undo.possible ? "To take it back: " + first.undo.text + ".\n" : "";
    }
    if (after) text += fmt::format("Health now: {} ({}).\n", infra::name_of(after->verdict), after->verdict_text);
    return text;
}

}  // namespace pincer::infra
