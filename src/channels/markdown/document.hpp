// What a message of ours is made of: a small subset of CommonMark 0.31 (paragraphs, headings, bold, italic, code, code
// blocks, lists, links), kept flat so that it can be cut anywhere: a span carries its own style, and a part that begins
// in the middle of one opens it again by itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pincer::channels::markdown {

struct Span {
    std::string text;  // valid UTF-8
    bool bold = false;
    bool italic = false;
    bool code = false;
    std::string href;  // http, https or mailto; empty: not a link
    bool same_style(const Span& other) const {
        return bold == other.bold && italic == other.italic && code == other.code && href == other.href;
    }
    friend bool operator==(const Span&, const Span&) = default;
};

enum class BlockKind { paragraph, heading, list_item, code };

struct Block {
    BlockKind kind = BlockKind::paragraph;
    std::vector<Span> spans;  // code: one span, its text without the last newline
    std::string marker;       // list_item: "•" or "12."
    std::size_t depth = 0;    // list_item: 0 is the outermost
    std::string language;     // code
    bool continued = false;   // the rest of a block that was cut: no marker again
    friend bool operator==(const Block&, const Block&) = default;
};

using Document = std::vector<Block>;

// Never fails: what is not markup is text. Ill-formed UTF-8 becomes U+FFFD. Time is linear in practice and bounded by
// n * 2000. What the subset does not know (tables, quotes, images, HTML) stays as it was written.
Document parse(std::string_view markdown);

// The text alone, blocks apart by "\n": what a reader would select and copy, without markers.
std::string text_of(const Document& document);

// UTF-16 code units, which Telegram and Slack count in.
std::size_t utf16_length(std::string_view text);

}  // namespace pincer::channels::markdown
