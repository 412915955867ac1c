// An answer in sentences, written by rules and without a model. A sentence cannot be made without the evidence that it
// stands on; what could not be read is said at the end, always.
#pragma once

#include <string>
#include <vector>

#include "infra/engine/look.hpp"
#include "infra/engine/question.hpp"

namespace pincer::infra {

struct Sentence {
    std::string text;                   // one line, no markup
    std::vector<std::string> evidence;  // never empty
    WallTime read_at{};                 // of the oldest of them
    std::vector<std::string> quoted;    // log lines that follow it, others' text
};

struct Answer {
    std::string headline;  // the verdict in a few words, as a title
    std::vector<Sentence> verdict;
    std::vector<Sentence> changed;
    std::vector<Sentence> broken;
    std::vector<Sentence> other;        // logs, inventory
    std::vector<std::string> not_read;  // "cost: no billing source is connected"; those of one reason together
};

Answer write_answer(const Look& look, const Question& question);

// Text for a terminal (plain) or a chat (markdown: bold headings): each sentence ends with [ids · read hh:mm:ssZ].
enum class Markup { plain, markdown };
std::string to_text(const Answer& answer, Markup markup = Markup::plain);
json::object to_json(const Answer& answer);

}  // namespace pincer::infra
