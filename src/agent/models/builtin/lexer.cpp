#include "agent/models/builtin/lexer.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace pincer::agent::builtin {
namespace {

constexpr std::size_t kMaxWords = 400;  // of a message; what follows is not a request that fits one plan

constexpr std::string_view kClauseWords = "and then but so";
constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kTails{{
    {"n't", "not"},
    {"'s", "is"},
    {"'re", "are"},
    {"'d", "would"},
    {"'ll", "will"},
    {"'ve", "have"},
    {"'m", "am"},
    {"cannot", "not"},
    {"dont", "not"},
}};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_edge(char c) { return std::string_view("\"'`()[]{}<>*_~,.!?;:#").contains(c); }

// The typographic apostrophe as the plain one.
std::string plain_apostrophes(std::string_view text) {
    constexpr std::string_view kCurly = "\xE2\x80\x99";
    std::string out(text);
    for (std::size_t at = out.find(kCurly); at != std::string::npos; at = out.find(kCurly, at))
        out.replace(at, kCurly.size(), "'");
    return out;
}

void add_word(Clause& clause, std::string_view raw) {
    std::string word = plain_apostrophes(to_lower(raw));
    if (word.starts_with('@') || word.starts_with("<@")) return;  // a mention calls somebody, it says nothing
    while (!word.empty() && is_edge(word.back())) word.pop_back();
    while (!word.empty() && is_edge(word.front())) word.erase(0, 1);
    if (word.empty()) return;
    if (word == "let's" || word == "lets") {
        clause.words.insert(clause.words.end(), {"let", "us"});
        return;
    }
    for (const auto& [tail, meaning] : kTails) {
        if (!word.ends_with(tail)) continue;
        std::string head = word.substr(0, word.size() - tail.size());
        if (word == "cannot") head = "can";
        if (word == "dont") head = "do";
        if (head.empty()) continue;
        clause.words.push_back(std::move(head));
        clause.words.emplace_back(meaning);
        return;
    }
    clause.words.push_back(std::move(word));
}

class Splitter {
public:
    explicit Splitter(std::string_view message) : message_(message) {}

    std::vector<Sentence> split() {
        std::size_t words = 0;
        while (at_ < message_.size() && words < kMaxWords) {
            if (is_blank(message_[at_])) {
                if (message_[at_] == '\n') end_sentence(false);
                ++at_;
                continue;
            }
            take_word();
            ++words;
        }
        end_sentence(false);
        return std::move(sentences_);
    }

private:
    void take_word() {
        const std::size_t begin = at_;
        while (at_ < message_.size() && !is_blank(message_[at_])) ++at_;
        std::string_view word = message_.substr(begin, at_ - begin);
        const std::size_t last = word.find_last_not_of("\"')*_~`");
        const char end = last == std::string_view::npos ? ' ' : word[last];
        if (is_one_of(to_lower(word), kClauseWords)) {
            end_clause();
            return;
        }
        if (clause_.source.empty()) clause_.source = message_.substr(begin, 0);
        add_word(clause_, word);
        std::string_view source = message_.substr(std::size_t(clause_.source.data() - message_.data()));
        clause_.source = source.substr(0, at_ - std::size_t(clause_.source.data() - message_.data()));
        if (end == '?' || end == '!' || end == '.' || end == ';') end_sentence(end == '?');
        if (end == ',' || end == ':') end_clause();
    }

    void end_clause() {
        if (!clause_.words.empty()) sentence_.clauses.push_back(std::move(clause_));
        clause_ = Clause();
    }

    void end_sentence(bool asked) {
        end_clause();
        sentence_.asked = asked;
        if (!sentence_.clauses.empty()) sentences_.push_back(std::move(sentence_));
        sentence_ = Sentence();
    }

    std::string_view message_;
    std::size_t at_ = 0;
    Clause clause_;
    Sentence sentence_;
    std::vector<Sentence> sentences_;
};

}  // namespace

bool Clause::has(std::string_view word) const { return std::ranges::find(words, word) != words.end(); }

std::vector<Sentence> read_sentences(std::string_view message) { return Splitter(message).split(); }

bool is_one_of(std::string_view word, std::string_view table) {
    for (std::size_t at = table.find(word); at != std::string_view::npos && !word.empty();
         at = table.find(word, at + 1)) {
        const bool begins = at == 0 || table[at - 1] == ' ';
        const bool ends = at + word.size() == table.size() || table[at + word.size()] == ' ';
        if (begins && ends) return true;
    }
    return false;
}

}  // namespace pincer::agent::builtin
