#include "infra/engine/look.hpp"

#include <gtest/gtest.h>

#include "infra/engine/answer.hpp"

namespace pincer::infra {
namespace {

const WallTime kNow = from_millis(1'800'000'000'000);
WallTime before(int seconds) { return kNow - Millis(seconds * 1000LL); }

Change rollout(std::string id, int seconds_ago, std::string commit = "") {
    Change change;
    change.id = id;
    change.kind = ChangeKind::rollout;
    change.at = before(seconds_ago);
    change.object = {"kubernetes", "Deployment", "shop", "checkout"};
    change.revision = "8";
    change.summary = "revision 8 (v1.4.2) replaces revision 7 (v1.4.1)";
    change.release.commit = std::move(commit);
    change.evidence = {id};
    return change;
}

Change run(std::string id, int seconds_ago, std::string commit = "") {
    Change change;
    change.id = id;
    change.kind = ChangeKind::workflow_run;
    change.at = before(seconds_ago);
    change.object = {"github", "WorkflowRun", "acme/shop", "176"};
    change.summary = "workflow Deploy #128 succeeded";
    change.outcome = Outcome::succeeded;
    change.release.commit = std::move(commit);
    change.evidence = {id};
    return change;
}

Cause crash(int seconds_ago) {
    Cause cause;
    cause.klass = "crash_loop";
    cause.severity = Severity::critical;
    cause.object = {"kubernetes", "Deployment", "shop", "checkout"};
    cause.since = before(seconds_ago);
    cause.revision = "8";
    cause.summary = "2 pods are in CrashLoopBackOff";
    cause.evidence = {"k8s:pod"};
    return cause;
}

Coverage covered(std::string name, Reach state, bool health = true) {
    return {std::move(name), state, "", kNow, health};
}

TEST(Correlate, same_commit_is_a_fact) {
    std::vector<Change> changes{run("gh:1", 620, std::string(40, 'a')), rollout("k8s:1", 600, std::string(40, 'a'))};
    std::vector<Cause> causes;
    correlate(changes, causes);
    ASSERT_EQ(changes[1].links.size(), 1u);
    EXPECT_EQ(changes[1].links[0].change, "gh:1");
    EXPECT_EQ(changes[1].links[0].confidence, Confidence::fact);
}

TEST(Correlate, nearness_in_time_is_only_a_guess) {
    std::vector<Change> changes{run("gh:1", 640), rollout("k8s:1", 600)};
    std::vector<Cause> causes;
    correlate(changes, causes);
    ASSERT_EQ(changes[1].links.size(), 1u);
    EXPECT_EQ(changes[1].links[0].confidence, Confidence::hypothesis);
    EXPECT_EQ(changes[1].links[0].why, "it ended 40s before the rollout");
}

TEST(Correlate, what_names_another_commit_is_not_guessed_at) {
    std::vector<Change> changes{run("gh:1", 640, std::string(40, 'b')), rollout("k8s:1", 600, std::string(40, 'a'))};
    std::vector<Cause> causes;
    correlate(changes, causes);
    EXPECT_TRUE(changes[1].links.empty());
}

TEST(Correlate, trigger_is_a_fact_only_when_other_revisions_are_well) {
    for (const bool only : {true, false}) {
        std::vector<Change> changes{rollout("k8s:1", 600)};
        std::vector<Cause> causes{crash(590)};
        causes[0].only_this_revision = only;
        correlate(changes, causes);
        ASSERT_TRUE(causes[0].trigger);
        EXPECT_EQ(causes[0].trigger->confidence, only ? Confidence::fact : Confidence::hypothesis);
    }
}

TEST(Correlate, an_old_rollout_is_not_blamed) {
    std::vector<Change> changes{rollout("k8s:1", 86'400)};
    std::vector<Cause> causes{crash(600)};
    correlate(changes, causes);
    EXPECT_FALSE(causes[0].trigger);
}

struct JudgeCase {
    Reach kubernetes;
    Reach github;
    bool broken;
    Verdict expected;
};

TEST(Judge, what_could_not_be_read_is_never_healthy) {
    const JudgeCase cases[] = {
        {Reach::connected, Reach::connected, false, Verdict::healthy},
        {Reach::connected, Reach::not_connected, false, Verdict::healthy},
        {Reach::connected, Reach::timed_out, false, Verdict::unknown},
        {Reach::connected, Reach::forbidden, false, Verdict::unknown},
        {Reach::partial, Reach::connected, false, Verdict::unknown},
        {Reach::error, Reach::connected, false, Verdict::unknown},
        {Reach::not_connected, Reach::not_connected, false, Verdict::unknown},
        {Reach::timed_out, Reach::timed_out, false, Verdict::unknown},
        {Reach::connected, Reach::timed_out, true, Verdict::unhealthy},
        {Reach::partial, Reach::connected, true, Verdict::unhealthy},
    };
    for (const auto& c : cases) {
        Look look;
        look.coverage = {covered("kubernetes", c.kubernetes), covered("github", c.github),
                         covered("aws", Reach::unsupported, false)};
        if (c.broken) look.causes = {crash(60)};
        judge(look, {});
        EXPECT_EQ(look.verdict, c.expected) << name_of(c.kubernetes) << " " << name_of(c.github);
    }
}

TEST(Judge, a_warning_alone_degrades) {
    Look look;
    look.coverage = {covered("github", Reach::connected)};
    look.causes = {crash(60)};
    look.causes[0].severity = Severity::warning;
    judge(look, {});
    EXPECT_EQ(look.verdict, Verdict::degraded);
}

Look a_look() {
    Look look;
    look.as_of = kNow;
    look.since = before(3600);
    look.after_deploy = true;
    look.changes = {run("gh:1", 620, std::string(40, 'a')), rollout("k8s:1", 600, std::string(40, 'a')),
                    run("gh:old", 90'000)};
    look.causes = {crash(595)};
    look.causes[0].only_this_revision = true;
    look.causes[0].release.version = "v1.4.2";
    look.causes[0].last_log = {"starting", "panic: \x1b[31mmissing \"URL\"\x07"};
    look.causes[0].log_evidence = "k8s:log";
    for (const auto* id : {"gh:1", "k8s:1", "k8s:pod", "k8s:log", "gh:old"})
        look.evidence.push_back({id, "", "", kNow, "", "", ""});
    look.coverage = {covered("kubernetes", Reach::connected), covered("cost", Reach::not_connected, false)};
    look.coverage[1].reason = "no billing source is connected";
    correlate(look.changes, look.causes);
    judge(look, {});
    keep_relevant(look);
    return look;
}

TEST(Look, old_changes_that_explain_nothing_are_left_out) {
    const Look look = a_look();
    ASSERT_EQ(look.changes.size(), 2u);
    EXPECT_EQ(look.last_deploy, "k8s:1");
}

TEST(Answer, golden) {
    const std::string text =
        to_text(write_answer(a_look(), read_question("is production healthy after the last deploy?")));
    EXPECT_EQ(
        text,
        R"(Production is unhealthy: deployment shop/checkout (v1.4.2) is crash looping since 07:50:05Z (9m55s ago). [k8s:pod · read 08:00:00Z]
The last deploy: deployment shop/checkout, revision 8 (v1.4.2) replaces revision 7 (v1.4.1) (10m ago); it is what broke. [k8s:1 · read 08:00:00Z]

What broke
- deployment shop/checkout (v1.4.2) is crash looping since 07:50:05Z: 2 pods are in CrashLoopBackOff. [k8s:pod · read 08:00:00Z]
- Its last log lines were: [k8s:log · read 08:00:00Z]
    | starting
    | panic: [31mmissing "URL"
- It was triggered by this change: revision 8 (v1.4.2) replaces revision 7 (v1.4.1), at 07:50:00Z (only pods of revision 8 are affected, pods of the revision before are ready). [k8s:1 k8s:pod · read 08:00:00Z]

What changed
- 07:50:00Z deployment shop/checkout: revision 8 (v1.4.2) replaces revision 7 (v1.4.1); it comes from workflow Deploy #128 succeeded. [k8s:1 gh:1 · read 08:00:00Z]
- 07:49:40Z workflow Deploy #128 succeeded. [gh:1 · read 08:00:00Z]

What could not be read
- cost: not connected (no billing source is connected)
)");
}

TEST(Answer, headings_are_bold_in_a_chat_and_one_reason_is_said_once) {
    Look look = a_look();
    for (const char* provider : {"aws", "gcp"}) {
        look.coverage.push_back(covered(provider, Reach::unsupported, false));
        look.coverage.back().reason = "not built yet";
    }
    const Answer answer = write_answer(look, read_question("is production healthy after the last deploy?"));
    EXPECT_EQ(answer.not_read, (std::vector<std::string>{"cost: not connected (no billing source is connected)",
                                                         "aws, gcp: not built yet"}));
    const std::string text = to_text(answer, Markup::markdown);
    EXPECT_TRUE(text.contains("\n\n**What broke**\n- deployment")) << text;
    EXPECT_TRUE(text.contains("\n\n**What could not be read**\n- cost")) << text;
}

TEST(Answer, says_nothing_without_evidence) {
    Look look = a_look();
    look.evidence.clear();
    const Answer answer = write_answer(look, read_question("is it healthy"));
    EXPECT_TRUE(answer.verdict.empty());
    EXPECT_TRUE(answer.broken.empty());
    EXPECT_TRUE(answer.changed.empty());
    EXPECT_FALSE(answer.not_read.empty());
}

TEST(Evidence, id_is_stable_and_follows_the_bytes) {
    EvidenceBook a;
    EvidenceBook b;
    const EvidenceBook::Item item{"k8s", "kubernetes", "/api/v1/pods", kNow, "pods", ""};
    const std::string id = a.add(item, std::string_view("bytes"));
    EXPECT_EQ(b.add(item, std::string_view("bytes")), id);
    EXPECT_EQ(a.add(item, std::string_view("bytes")), id);
    EXPECT_EQ(a.all().size(), 1u);
    EXPECT_NE(a.add(item, std::string_view("other")), id);
    EXPECT_EQ(id.size(), std::string_view("k8s:123456").size());
}

}  // namespace
}  // namespace pincer::infra
