// Applying, over a provider that does as it is told: what is on disk when, what happens once, what is settled by
// reading.
#include "infra/engine/engine.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/testing/fake_clock.hpp"

namespace pincer::infra {
namespace {

// What the pretend account is like, and what was asked of it. The table of providers holds plain functions, hence
// global.
struct World {
    bool stamped = false;
    int applies = 0;
    int checks = 0;
    bool stale = false;
    std::optional<ErrorCode> apply_error;
    bool effect_despite_error = false;
    Recovery recovery = Recovery::recovered;
};
World world;

const ObjectRef kObject{"kubernetes", "Deployment", "shop", "checkout"};
constexpr OperationType kOperations[] = {{"kubernetes.rollout_restart", "restart", Risk::medium}};

class Pretend final : public Provider, public Planner, public Applier {
public:
    explicit Pretend(const Clock& clock) : clock_(clock) {}
    Planner* planner() override { return this; }
    Applier* applier() override { return this; }

    Task<Result<>> observe(Query, Reading& out) override {
        const std::string id =
            out.evidence.add({"k8s", "kubernetes", "/list", clock_.wall(), "deployments", ""}, std::string_view("x"));
        out.inventory.push_back({kObject, "3 of 3 pods ready", id});
        out.good = {id};
        co_return Result<>{};
    }
    std::span<const OperationType> operations() const override { return kOperations; }
    Task<Result<Step>> plan(Wish wish, Reading&, Deadline) override {
        Step step;
        step.operation = wish.operation;
        step.target = *wish.object;
        step.summary = "Restart it";
        step.undo = {false, "nothing to take back", {}, {}};
        co_return step;
    }
    Task<Result<>> check(const Step&, Deadline) override {
        ++world.checks;
        if (world.stale)
            co_return Failure(Error(ErrorCode::conflict, "changed since").with_reason("PRECONDITION_FAILED"));
        co_return Result<>{};
    }
    Task<Result<StepReport>> apply(const Step&, std::string, Deadline) override {
        ++world.applies;
        world.stamped = !world.apply_error || world.effect_despite_error;
        if (world.apply_error) co_return Failure(Error(*world.apply_error, "the wire broke"));
        StepReport report{StepState::done, "accepted"};
        co_return report;
    }
    Task<Result<StepReport>> settle(const Step&, std::string, Deadline) override {
        StepReport report{world.stamped ? StepState::done : StepState::not_applied, "seen by reading"};
        co_return report;
    }
    Task<Result<Recovery>> recovered(const Step&, Deadline) override { co_return world.recovery; }

private:
    const Clock& clock_;
};

Result<std::unique_ptr<Provider>> make(const Settings&, Services services) {
    return std::make_unique<Pretend>(services.clock);
}
constexpr ProviderType kType{.id = "kubernetes", .label = "Pretend", .health = true, .make = make};
constexpr const ProviderType* kTypes[] = {&kType};

class EngineTest : public ::testing::Test {
protected:
    void SetUp() override {
        world = World{};
        folder_ =
            std::filesystem::temp_directory_path() / ("engine-" + std::to_string(::getpid()) + "-" +
                                                      ::testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::create_directories(folder_);
        authority_ = *approval::Authority::open(folder_ / "authority");
        restart();
        ASSERT_TRUE(engine_->home().trust("gateway", authority_->public_key(), Risk::high));
    }
    void TearDown() override {
        engine_.reset();
        std::filesystem::remove_all(folder_);
    }
    void restart() {
        engine_.reset();
        const Services services{runtime_, clock_, random_, nullptr};
        EngineOptions options;
        options.settle_within = Millis(1);
        options.poll_every = Millis(1);
        engine_ = std::make_unique<Engine>(services, Settings{}, kTypes, folder_ / "home", options);
    }
    std::string planned() {
        const auto plan = runtime_.run_until_done(engine_->plan("restart checkout", "", "slack:T1:U1"));
        EXPECT_TRUE(plan) << plan.error().message();
        return plan ? plan->digest : "";
    }
    std::string grant(const std::string& digest) {
        approval::Grant g;
        g.id = random_.uuid();
        g.plan_digest = digest;
        g.approver = "slack:T1:U2";
        g.risk_ceiling = Risk::high;
        g.issued_at = clock_.wall();
        g.expires_at = clock_.wall() + Millis(600'000);
        return *authority_->issue(g);
    }
    Result<Applied> apply(const std::string& digest, std::string wire) {
        return runtime_.run_until_done(engine_->apply(digest, std::move(wire)));
    }
    Result<Applied> status(const std::string& digest) { return runtime_.run_until_done(engine_->status(digest)); }

    std::filesystem::path folder_;
    testing::FakeClock clock_;
    crypto::SystemRandom random_;
    io::Runtime runtime_;
    std::unique_ptr<approval::Authority> authority_;
    std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, applies_once_and_tells_the_first_outcome_again) {
    const std::string digest = planned();
    const auto first = apply(digest, grant(digest));
    ASSERT_TRUE(first) << first.error().message();
    EXPECT_EQ(first->record.state, ApplyState::done);
    EXPECT_EQ(first->record.recovery, "recovered");
    EXPECT_FALSE(first->repeated);
    const auto second = apply(digest, "not even a grant");
    ASSERT_TRUE(second);
    EXPECT_TRUE(second->repeated);
    EXPECT_EQ(second->record.state, ApplyState::done);
    EXPECT_EQ(world.applies, 1);
}

TEST_F(EngineTest, outcome_survives_a_restart) {
    const std::string digest = planned();
    ASSERT_TRUE(apply(digest, grant(digest)));
    restart();
    EXPECT_EQ(apply(digest, grant(digest))->record.state, ApplyState::done);
    EXPECT_EQ(world.applies, 1);
}

TEST_F(EngineTest, stale_preconditions_touch_nothing_and_use_nothing_up) {
    const std::string digest = planned();
    const std::string wire = grant(digest);
    world.stale = true;
    EXPECT_EQ(apply(digest, wire).error().reason(), "PRECONDITION_FAILED");
    EXPECT_EQ(world.applies, 0);
    EXPECT_EQ(status(digest).error().reason(), "APPLY_NOT_BEGUN");
    world.stale = false;
    EXPECT_TRUE(apply(digest, wire)) << "the grant is still good";
}

TEST_F(EngineTest, a_grant_opens_one_plan_only) {
    const std::string one = planned();
    const std::string two = planned();
    ASSERT_NE(one, two);
    const std::string wire = grant(one);
    EXPECT_EQ(apply(two, wire).error().reason(), "GRANT_NOT_FOR_THIS_PLAN");
    EXPECT_EQ(apply(two, "").error().code(), ErrorCode::approval_needed);
    EXPECT_EQ(apply(std::string(64, '0'), wire).error().reason(), "PLAN_NOT_FOUND");
    EXPECT_EQ(world.applies, 0);
}

TEST_F(EngineTest, an_expired_plan_is_refused) {
    const std::string digest = planned();
    clock_.advance(kPlanLife);
    EXPECT_EQ(apply(digest, grant(digest)).error().reason(), "PLAN_EXPIRED");
    EXPECT_EQ(world.checks, 0);
}

TEST_F(EngineTest, a_lost_answer_is_settled_by_reading) {
    world.apply_error = ErrorCode::outcome_unknown;
    world.effect_despite_error = true;
    const std::string digest = planned();
    const auto applied = apply(digest, grant(digest));
    ASSERT_TRUE(applied);
    EXPECT_EQ(applied->record.state, ApplyState::done);
    EXPECT_EQ(world.applies, 1);
}

TEST_F(EngineTest, not_there_yet_is_unknown_until_nothing_can_be_on_its_way) {
    world.apply_error = ErrorCode::outcome_unknown;
    const std::string digest = planned();
    const auto applied = apply(digest, grant(digest));
    ASSERT_TRUE(applied);
    EXPECT_EQ(applied->record.state, ApplyState::intended);
    EXPECT_EQ(json::string_or(applied->to_json(), "state"), "unknown");
    restart();
    EXPECT_EQ(status(digest)->record.state, ApplyState::intended);
    clock_.advance(Millis(31'000));
    EXPECT_EQ(status(digest)->record.state, ApplyState::failed);
    EXPECT_EQ(apply(digest, grant(digest))->record.state, ApplyState::failed);
    EXPECT_EQ(world.applies, 1) << "never done again";
}

TEST_F(EngineTest, a_late_effect_is_found_by_reading) {
    world.apply_error = ErrorCode::outcome_unknown;
    const std::string digest = planned();
    ASSERT_TRUE(apply(digest, grant(digest)));
    world.stamped = true;
    restart();
    runtime_.run_until_done(engine_->settle_interrupted());
    EXPECT_EQ(status(digest)->record.state, ApplyState::done);
    EXPECT_EQ(world.applies, 1);
}

TEST_F(EngineTest, a_definite_failure_is_a_failure) {
    world.apply_error = ErrorCode::forbidden;
    const std::string digest = planned();
    EXPECT_EQ(apply(digest, grant(digest))->record.state, ApplyState::failed);
    EXPECT_EQ(status(digest)->record.state, ApplyState::failed);
}

TEST_F(EngineTest, the_chain_tells_the_story_in_order) {
    const std::string digest = planned();
    ASSERT_TRUE(apply(digest, grant(digest)));
    const auto verified = audit::verify({engine_->home().audit_folder()});
    ASSERT_TRUE(verified);
    EXPECT_TRUE(verified->front().intact());
    EXPECT_EQ(verified->front().records, 5) << "chain.created, plan.made, grant.consumed, step.applied, apply.result";
}

TEST_F(EngineTest, what_is_unclear_is_asked_back) {
    EXPECT_EQ(runtime_.run_until_done(engine_->plan("make it nice", "", "")).error().reason(), "UNCLEAR");
    EXPECT_EQ(runtime_.run_until_done(engine_->plan("roll it back", "", "")).error().reason(), "AMBIGUOUS");
    const auto by_context = runtime_.run_until_done(engine_->plan(
        "restart it",
        R"({"causes":[{"object":{"provider":"kubernetes","kind":"Deployment","namespace":"shop","name":"checkout"}}]})",
        ""));
    EXPECT_TRUE(by_context) << by_context.error().message();
}

TEST_F(EngineTest, a_living_process_is_not_interrupted) {
    EXPECT_TRUE(is_alive(this_process()));
    EXPECT_FALSE(is_alive("999999999:1"));
    EXPECT_FALSE(is_alive(std::to_string(::getpid()) + ":1")) << "the same pid, another process";
    EXPECT_FALSE(is_alive(""));
}

}  // namespace
}  // namespace pincer::infra
