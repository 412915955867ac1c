// A message as sentences and clauses of lower-case words. Words are whole tokens: "production" holds no "pr".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pincer::agent::builtin {

struct Clause {
    std::vector<std::string> words;  // lower case; "don't" is "do", "not"; "what's" is "what", "is"
    std::string_view source;         // as written

    bool has(std::string_view word) const;
    std::string_view word(std::size_t i) const {
        return i < words.size() ? std::string_view(words[i]) : std::string_view();
    }
};

struct Sentence {
    std::vector<Clause> clauses;  // split at commas and at "and", "then", "but", "so"
    bool asked = false;           // ends with a question mark
};

std::vector<Sentence> read_sentences(std::string_view message);

// Words stand in a table as one text, "a b c".
bool is_one_of(std::string_view word, std::string_view table);

}  // namespace pincer::agent::builtin
