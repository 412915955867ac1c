#include "infra/engine/plan.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pincer::infra {
namespace {

Plan a_plan() {
    Step step;
    step.operation = "kubernetes.rollout_undo";
    step.account = {
        {"provider", "kubernetes"}, {"server", "https://k8s.example:6443"}, {"ca_sha256", std::string(64, 'a')}};
    step.target = {"kubernetes", "Deployment", "shop", "checkout"};
    step.target_uid = "u-1";
    step.parameters = {{"to_revision", "2"}, {"template", "abc"}};
    step.preconditions = {{"generation", "3", "its spec is unchanged (generation 3)"}};
    step.risk = Risk::medium;
    step.summary = "Roll back deployment shop/checkout to revision 2 (v1.4.1)";
    step.blast_radius = "3 pods are replaced";
    step.effect = "3 pods of revision 2 are ready";
    step.verify = "the rollout is observed";
    step.undo = {true, "roll forward to revision 3", "kubernetes.rollout_undo", {{"to_revision", "3"}}};
    step.evidence = {"k8s:abc123"};
    Plan plan;
    plan.request = "roll it back";
    plan.requester = "slack:T1:U1";
    plan.tool_version = "1.0";
    plan.nonce = "n-1";
    plan.created_at = from_millis(1'800'000'000'000);
    plan.expires_at = plan.created_at + kPlanLife;
    plan.evidence = {{"k8s:abc123", std::string(64, 'b')}};
    plan.steps = {step};
    return plan;
}

std::string reason_of(std::string_view bytes) {
    const auto parsed = parse_plan(bytes);
    return parsed ? "" : parsed.error().message();
}

TEST(Plan, canonical_bytes_read_back_to_the_same_bytes) {
    const std::string bytes = canonical_bytes(a_plan());
    const auto parsed = parse_plan(bytes);
    ASSERT_TRUE(parsed) << parsed.error().message();
    EXPECT_EQ(canonical_bytes(*parsed), bytes);
    EXPECT_EQ(digest_of(*parsed), digest_of(a_plan()));
}

TEST(Plan, another_spelling_of_the_same_plan_has_the_same_digest) {
    const auto parsed = parse_plan(json::write_pretty(json::value(to_json(a_plan()))));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(digest_of(*parsed), digest_of(a_plan()));
}

TEST(Plan, any_field_changes_the_digest) {
    const std::string before = digest_of(a_plan());
    const std::function<void(Plan&)> changes[] = {
        [](Plan& p) { p.nonce = "n-2"; },
        [](Plan& p) { p.requester = "x"; },
        [](Plan& p) { p.expires_at += Millis(1); },
        [](Plan& p) { p.steps[0].target.name = "web"; },
        [](Plan& p) { p.steps[0].target_uid = "u-2"; },
        [](Plan& p) { p.steps[0].account["server"] = "https://other"; },
        [](Plan& p) { p.steps[0].parameters["to_revision"] = "1"; },
        [](Plan& p) { p.steps[0].preconditions[0].value = "4"; },
        [](Plan& p) { p.steps[0].risk = Risk::low; },
        [](Plan& p) { p.evidence[0].second = std::string(64, 'c'); },
    };
    for (const auto& change : changes) {
        Plan plan = a_plan();
        change(plan);
        EXPECT_NE(digest_of(plan), before);
    }
}

TEST(Plan, what_a_plan_does_not_have_is_refused) {
    json::object extra = to_json(a_plan());
    extra["approved"] = true;
    EXPECT_EQ(reason_of(json::write(extra)), "plan: approved is not a field that a plan has");
    json::object missing = to_json(a_plan());
    missing.erase("nonce");
    EXPECT_EQ(reason_of(json::write(missing)), "plan: nonce must be a string");
    json::object risk = to_json(a_plan());
    risk["steps"].get_array()[0].get_object()["risk"] = "none";
    EXPECT_EQ(reason_of(json::write(risk)), "plan: steps[0].risk must be read, low, medium, high or destructive");
    json::object steps = to_json(a_plan());
    steps["steps"] = json::array();
    EXPECT_EQ(reason_of(json::write(steps)), "plan: steps must be a list with at least one step");
    json::object v1 = as_plan_v1(a_plan());
    EXPECT_NE(reason_of(json::write(v1)), "") << "a view is not a plan";
    EXPECT_NE(reason_of("[]"), "");
}

TEST(Plan, card_keeps_the_limits_whatever_the_names) {
    Plan plan = a_plan();
    for (int i = 0; i < 400; ++i) plan.steps[0].summary += "\u00fc\n\x1b[31m";
    plan.steps[0].blast_radius = plan.steps[0].summary;
    plan.steps[0].undo.text = plan.steps[0].summary;
    const auto card = make_card(canonical_bytes(plan));
    ASSERT_TRUE(card);
    EXPECT_LE(utf8_length(card->title), 80u);
    EXPECT_LE(utf8_length(card->description), 512u);
    EXPECT_TRUE(is_valid_utf8(card->description));
    EXPECT_FALSE(card->description.contains('\x1b'));
    EXPECT_FALSE(card->title.contains('\n'));
}

TEST(Plan, card_is_of_the_bytes_that_are_hashed) {
    const auto card = make_card(canonical_bytes(a_plan()));
    ASSERT_TRUE(card);
    EXPECT_EQ(card->digest, digest_of(a_plan()));
    EXPECT_EQ(card->title, "Roll back deployment shop/checkout to revision 2 (v1.4.1)");
    EXPECT_EQ(card->severity, "warning");
    EXPECT_EQ(card->target, "deployment shop/checkout");
    EXPECT_TRUE(card->description.contains("https://k8s.example:6443"));
}

TEST(Plan, v1_is_a_view_that_names_the_digest) {
    const json::object v1 = as_plan_v1(a_plan());
    EXPECT_EQ(json::int_at(v1, "version"), 1);
    const json::value args = v1.at("commands").at(0).at("args");
    EXPECT_EQ(json::write(args), R"(["kubectl","-n","shop","rollout","undo","deployment/checkout","--to-revision=2"])");
    EXPECT_TRUE(json::write(v1).contains(digest_of(a_plan())));
}

}  // namespace
}  // namespace pincer::infra
