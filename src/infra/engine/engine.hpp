// The engine: questions, plans and applies over all providers. One object for the life of the program, on the io
// thread.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "infra/engine/answer.hpp"
#include "infra/engine/home.hpp"
#include "infra/engine/look.hpp"

namespace pincer::infra {

struct EngineOptions {
    Millis timeout{10'000};        // of each provider, for one look
    Millis apply_timeout{30'000};  // of the call that has the effect
    Millis settle_within{45'000};  // how long an apply watches whether things get better
    Millis poll_every{1'000};
    // Between sending a change and the moment at which "it is not there" means that it will not come any more.
    Millis in_flight{30'000};
    Millis lock_within{10'000};  // how long to wait for another process to leave the home folder
};

struct Asked {
    Question question;
    Look look;
    Answer answer;

    json::object to_json() const;  // the fields of a health answer, and the sentences under "answer"
};

// What came of applying, or what is known of it by now.
struct Applied {
    StoredPlan plan;
    ApplyRecord record;
    bool repeated = false;      // it had been applied before: this is that outcome
    std::optional<Look> after;  // health once more, after the effect settled

    json::object to_json() const;
    std::string to_text() const;
};

class Engine {
public:
    Engine(Services services, Settings settings, std::span<const ProviderType* const> types, std::filesystem::path home,
           EngineOptions options);
    ~Engine();

    Home& home() { return home_; }
    const Settings& settings() const { return settings_; }

    // Never fails as a whole: what cannot be read is said in the answer.
    Task<Asked> ask(std::string text, std::string requester);
    Task<Look> health(bool after_deploy, std::string requester);
    Task<Look> changes(Millis window, std::string requester);

    // Makes a plan and keeps it. `context`: what "it" means, as JSON of a health answer or as words; may be empty.
    // Errors: invalid_argument (AMBIGUOUS: which of these; UNCLEAR: not a request for an operation), not_found,
    // conflict, and what reading may meet.
    Task<Result<StoredPlan>> plan(std::string request, std::string context, std::string requester);

    // Trusts nothing of its caller but the digest and the signed grant. A second apply of a plan gives the first one's
    // outcome. Errors, before anything was touched: not_found (PLAN_NOT_FOUND), expired (PLAN_EXPIRED), the GRANT_*
    // reasons of approval::verify_grant, conflict (PRECONDITION_FAILED, GRANT_ALREADY_USED), refused
    // (ACCOUNT_MISMATCH), approval_needed (no grant at all).
    Task<Result<Applied>> apply(std::string digest, std::string grant);
    // Settles by reading what was cut off; never does anything. Error: not_found when the plan was never begun
    // (APPLY_NOT_BEGUN) or does not exist.
    Task<Result<Applied>> status(std::string digest);
    // All applies that a process left behind when it ended.
    Task<> settle_interrupted();

private:
    Task<Look> look_at(LookOptions options);
    Task<> record_question(std::string kind, std::string text, std::string requester, Look& look);
    Task<Result<std::vector<ObjectRef>>> objects_for(const Question& question, const std::string& context,
                                                     const Look& look);
    Task<Result<Step>> plan_step(const Question& question, std::vector<ObjectRef> objects, Reading& out);
    Provider* provider_for(std::string_view operation);

    Task<Result<Applied>> begin(StoredPlan plan, std::string grant_wire);
    Task<Result<>> run_steps(Applied& applied);
    Task<> watch(Applied& applied);
    Task<Result<>> save(ApplyRecord record, audit::Entry entry);
    Task<Result<Applied>> settle(Applied applied);
    Task<Recovery> recovered(const Plan& plan);

    Services services_;
    Settings settings_;
    EngineOptions options_;
    Home home_;
    std::vector<Connection> connections_;
    std::string process_;
    std::set<std::string> running_;  // digests that this process is applying right now
};

}  // namespace pincer::infra
