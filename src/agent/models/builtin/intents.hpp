// What a message asks for, by rules over whole words and their place in the sentence: no model, no substrings, the same
// answer each time. A question about a change is not a change; a negated change is not a change; what may be either is
// asked back.
#pragma once

#include <string>
#include <string_view>

namespace pincer::agent::builtin {

enum class IntentKind {
    question,   // about infrastructure: for the ask tool
    change,     // somebody wants something done: for the plan tool
    clarify,    // may be a change and may not: `text` is the question to ask back
    declined,   // says that something is not to be done
    approval,   // "yes, do it": approves nothing here
    dismissal,  // "never mind"
    about,      // greetings, help
    thanks,
    none,  // nothing of ours
};

enum class Topic { general, changes, health };  // of a question

struct Intent {
    IntentKind kind = IntentKind::none;
    std::string text;  // question, change: the words to hand on; clarify: what to ask back
    Topic topic = Topic::general;
};

Intent classify(std::string_view message);
std::string_view name_of(IntentKind kind);

}  // namespace pincer::agent::builtin
