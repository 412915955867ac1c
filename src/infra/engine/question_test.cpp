#include "infra/engine/question.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pincer::infra {
namespace {

std::string intents_of(const Question& q) {
    std::string out;
    const auto add = [&](bool asked, std::string_view name) {
        if (asked) out += (out.empty() ? "" : " ") + std::string(name);
    };
    add(q.intents.health, "health");
    add(q.intents.changes, "changes");
    add(q.intents.broken, "broken");
    add(q.intents.logs, "logs");
    add(q.intents.inventory, "inventory");
    add(q.intents.cost, "cost");
    add(q.intents.plan, "plan");
    return out;
}

struct Case {
    std::string_view text;
    std::string_view intents;
    std::string_view operation;
};

TEST(Question, is_routed_by_whole_words) {
    const Case cases[] = {
        {"Is production healthy after the last deploy?", "health", ""},
        {"what changed in production in the last hour", "changes", ""},
        {"why is checkout slow", "broken", ""},
        {"is our website up?", "health", ""},
        {"html page is broken", "broken", ""},
        {"show me the logs of checkout", "logs", ""},
        {"how much do we spend", "cost", ""},
        {"Roll it back.", "plan", "kubernetes.rollout_undo"},
        {"draft a rollback plan for the failed deployment", "broken plan", "kubernetes.rollout_undo"},
        {"restart the api", "plan", "kubernetes.rollout_restart"},
        {"can you scale down the idle staging database", "broken plan", "kubernetes.scale"},
        {"set the image of checkout to registry:5000/shop/checkout:v1.4.3", "plan", "kubernetes.set_image"},
        {"rerun the failed workflow", "broken plan", "github.rerun_failed_jobs"},
        {"cancel run 176", "plan", "github.cancel_run"},
        {"prod", "", ""},
        {"", "", ""},
    };
    for (const auto& c : cases) {
        const Question q = read_question(c.text);
        EXPECT_EQ(intents_of(q), c.intents) << c.text;
        EXPECT_EQ(q.operation, c.operation) << c.text;
    }
}

TEST(Question, window_in_the_ways_that_people_write_it) {
    const std::pair<std::string_view, std::int64_t> cases[] = {
        {"changes in the last hour", 3600}, {"changes in the past 30 minutes", 1800},
        {"what changed since 2h", 7200},    {"what changed within 3 days", 259200},
        {"what changed today", 86400},      {"last 99999999999999999999 hours", 0},
        {"since the dawn of time", 0},      {"the last deploy", 0},
    };
    for (const auto& [text, seconds] : cases) {
        const auto window = read_question(text).window;
        EXPECT_EQ(window ? window->count() / 1000 : 0, seconds) << text;
    }
}

TEST(Question, numbers_and_images_of_an_order) {
    EXPECT_EQ(read_question("scale checkout to 5").number, 5);
    EXPECT_EQ(read_question("scale 2 of them to 5").number, 5);
    EXPECT_EQ(read_question("roll checkout back to revision 7").number, 7);
    EXPECT_EQ(read_question("set image of web to repo/web:2.1").image, "repo/web:2.1");
    EXPECT_FALSE(read_question("roll it back").number);
}

TEST(Question, last_deploy_is_heard) {
    EXPECT_TRUE(read_question("is all well after the last deploy?").after_deploy);
    EXPECT_TRUE(read_question("healthy since the release?").after_deploy);
    EXPECT_FALSE(read_question("is the deployment of web healthy?").after_deploy);
}

TEST(Question, mentions_are_matched_against_what_exists) {
    const std::vector<InventoryItem> inventory{
        {{"kubernetes", "Deployment", "shop", "checkout"}, "", ""},
        {{"kubernetes", "Deployment", "shop", "checkout-worker"}, "", ""},
        {{"kubernetes", "Deployment", "shop", "payments-api"}, "", ""},
        {{"github", "WorkflowRun", "acme/shop", "176"}, "", ""},
    };
    const auto names = [&](std::string_view text) {
        std::vector<std::string> out;
        for (const auto& object : mentioned(read_question(text), inventory)) out.push_back(object.name);
        return join(out, " ");
    };
    EXPECT_EQ(names("restart checkout"), "checkout");
    EXPECT_EQ(names("restart shop/checkout."), "checkout");
    EXPECT_EQ(names("restart deployment/checkout-worker"), "checkout-worker");
    EXPECT_EQ(names("restart payments"), "payments-api");
    EXPECT_EQ(names("cancel run #176"), "176");
    EXPECT_EQ(names("restart it"), "");
}

TEST(Question, too_long_a_text_is_cut) {
    EXPECT_LE(read_question(std::string(1 << 20, 'x')).text.size(), kMaxQuestionBytes);
}

}  // namespace
}  // namespace pincer::infra
