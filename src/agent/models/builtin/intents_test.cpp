#include "agent/models/builtin/intents.hpp"

#include <gtest/gtest.h>

namespace pincer::agent::builtin {
namespace {

struct Labelled {
    std::string_view message;
    IntentKind expected;
};

constexpr auto Q = IntentKind::question;
constexpr auto C = IntentKind::change;
constexpr auto AskBack = IntentKind::clarify;
constexpr auto No = IntentKind::declined;
constexpr auto Yes = IntentKind::approval;
constexpr auto Stop = IntentKind::dismissal;
constexpr auto About = IntentKind::about;
constexpr auto None = IntentKind::none;

constexpr Labelled kMessages[] = {
    // questions, as the story asks them
    {"Is production healthy after the last deploy?", Q},
    {"what changed in production in the last hour", Q},
    {"what changed in the last hour", Q},
    {"what broke", Q},
    {"What broke?", Q},
    {"status", Q},
    {"why is checkout failing", Q},
    {"why is checkout slow?", Q},
    {"show me the logs of checkout", Q},
    {"logs for web please", Q},
    {"tail the last log lines of checkout", Q},
    {"who deployed last?", Q},
    {"when was the last deploy?", Q},
    {"is it up?", Q},
    {"everything ok?", Q},
    {"any problems in prod?", Q},
    {"how is production doing", Q},
    {"what's going on with checkout?", Q},
    {"did the last workflow run fail?", Q},
    {"list the pods in namespace shop", Q},
    {"can you tell me what changed today?", Q},
    {"could you check the health of the cluster", Q},
    {"@clanker is prod ok?", Q},
    {"checkout is down!", Q},
    {"the site is slow and users get 502s", Q},
    {"pods keep restarting", Q},
    {"prod status", Q},
    {"How much did we spend, any cost anomalies?", Q},
    // the traps that substring tables fall into
    {"is our website up?", Q},
    {"html page is broken", Q},
    {"what changed in production", Q},
    // questions about a change are not change requests
    {"was the rollback successful?", Q},
    {"did the rollback work?", Q},
    {"should we roll back?", Q},
    {"why did you roll back checkout?", Q},
    {"who restarted checkout", Q},
    {"what would a rollback change?", Q},
    {"what happens if I restart checkout?", Q},
    {"what happens if I stop it and restart it?", Q},
    {"how do I roll back checkout?", Q},
    {"show me the rollback plan", Q},
    {"is the rollout finished?", Q},
    {"do you think we should roll back?", Q},
    {"don't you think we should roll back?", Q},
    {"why didn't you roll back?", Q},
    {"restart loop on checkout, errors everywhere", Q},
    {"rollback failed", Q},
    {"deploy failed", Q},
    {"has anyone scaled web?", Q},
    {"Something is wrong with checkout", Q},
    {"The rollback did not work", Q},
    {"investigate checkout", Q},
    {"Would a restart help?", Q},
    {"Is it safe to restart checkout?", Q},
    {"when should we roll back?", Q},
    {"tell me how to roll back", Q},
    {"Will you roll back automatically?", Q},
    {"hi, is prod up?", Q},
    // change requests
    {"Roll it back.", C},
    {"roll it back", C},
    {"rollback", C},
    {"please roll back checkout", C},
    {"Can you roll it back?", C},
    {"could you please restart checkout?", C},
    {"restart checkout", C},
    {"scale web to 5", C},
    {"Scale down the web deployment", C},
    {"set image of web to registry.example/web:1.2.3", C},
    {"set the image of checkout to nginx:1.27", C},
    {"re-run the failed workflow", C},
    {"rerun it", C},
    {"run the failed workflow again", C},
    {"cancel run 123", C},
    {"cancel the workflow run", C},
    {"draft a rollback plan", C},
    {"draft a rollback plan for the failed deployment", C},
    {"make a plan to restart web", C},
    {"I want you to revert the last deploy", C},
    {"let's roll back", C},
    {"undo the last deploy", C},
    {"yes, roll it back", C},
    {"Production looks broken. Roll it back.", C},
    {"kubectl rollout undo deployment/web", C},
    {"can you scale down the idle staging database", C},
    {"don't roll back, restart checkout instead", C},
    {"delete the namespace shop", C},
    {"hey @clanker, go ahead and restart web", C},
    {"Re-run failed jobs of run 42", C},
    {"Increase replicas of web to 4", C},
    {"roll the deployment back", C},
    {"rollback!", C},
    {"thanks, now roll back", C},
    {"stop the deployment", C},
    {"update web to image nginx:1.27", C},
    // negations
    {"I don't want you to restart anything", No},
    {"we must not restart the db", No},
    {"no rollback please", No},
    {"hold off on the rollback", No},
    {"don't roll back", No},
    {"Don’t roll back!", No},
    {"do not restart anything", No},
    {"never restart the database", No},
    {"please don't touch production", No},
    {"no need to roll back", No},
    {"nothing should be rolled back", No},
    // ambiguous: asked back
    {"can we roll back?", AskBack},
    {"roll it back?", AskBack},
    {"restart checkout?", AskBack},
    {"we should roll back", AskBack},
    {"I think a rollback would help", AskBack},
    {"if it is unhealthy, roll it back", AskBack},
    {"roll back checkout if it keeps crashing", AskBack},
    {"re-run the workflow once the fix is in", AskBack},
    {"restart checkout and scale web to 5", AskBack},
    {"the runbook says to roll back", AskBack},
    {"Bob said: \"restart checkout\"", AskBack},
    {"Production was rolled back", AskBack},
    {"maybe restart checkout", AskBack},
    {"the deploy is stuck, cancel it", AskBack},
    // approval by chat approves nothing
    {"yes", Yes},
    {"yes, do it", Yes},
    {"Yes please", Yes},
    {"approve", Yes},
    {"I approve the rollback", Yes},
    {"approved!", Yes},
    {"apply it", Yes},
    {"apply the plan", Yes},
    {"go ahead", Yes},
    {"lgtm, ship it", Yes},
    {"proceed", Yes},
    {"deny", Yes},
    {"ok do it", Yes},
    {"Approve the plan and apply it", Yes},
    {"apply plan sha256:abcd", Yes},
    {"Yes, I approve. Go ahead.", Yes},
    // the rest
    {"never mind", Stop},
    {"cancel", Stop},
    {"stop", Stop},
    {"no", Stop},
    {"hi", About},
    {"Hello!", About},
    {"help", About},
    {"what can you do?", About},
    {"who are you", About},
    {"thanks", IntentKind::thanks},
    {"ok, thanks!", IntentKind::thanks},
    {"what is the capital of France?", None},
    {"tell me a joke", None},
    {"write a poem about logs", None},
    {"", None},
    {"🙂", None},
    {"ich verstehe nur Bahnhof", None},
};

TEST(Intents, labelled_set) {
    for (const Labelled& labelled : kMessages) {
        const Intent intent = classify(labelled.message);
        EXPECT_EQ(name_of(intent.kind), name_of(labelled.expected)) << labelled.message;
    }
}

TEST(Intents, a_question_is_handed_on_word_for_word) {
    EXPECT_EQ(classify("  Is prod healthy?\n").text, "Is prod healthy?");
}

TEST(Intents, what_is_not_to_be_done_is_not_handed_on) {
    EXPECT_EQ(classify("Don't roll back, restart checkout instead.").text, "restart checkout instead.");
    EXPECT_EQ(classify("Roll back checkout but do not touch web").text, "Roll back checkout");
}

TEST(Intents, topics_choose_the_fallback_tool) {
    EXPECT_EQ(classify("what changed in prod?").topic, Topic::changes);
    EXPECT_EQ(classify("is prod healthy?").topic, Topic::health);
    EXPECT_EQ(classify("why is checkout slow?").topic, Topic::general);
}

}  // namespace
}  // namespace pincer::agent::builtin
