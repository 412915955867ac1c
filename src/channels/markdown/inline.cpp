#include "channels/markdown/inline.hpp"

#include <array>
#include <optional>

#include "base/text.hpp"

namespace pincer::channels::markdown {
namespace {

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\0'; }
bool is_punctuation(char c) { return std::string_view("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~").contains(c); }
bool is_word(char c) { return !is_space(c) && !is_punctuation(c); }

bool may_link_to(std::string_view href) {
    if (href.size() > kMaxHrefBytes || href.find_first_of(" \n\t<>\"|") != std::string_view::npos) return false;
    const auto scheme = to_lower(href.substr(0, 8));
    for (const std::string_view known : {"http://", "https://", "mailto:"}) {
        if (scheme.starts_with(known) && href.size() > known.size()) return true;
    }
    return false;
}

// Delimiters of emphasis; a run of three is the first and the second of its character.
enum Kind : std::size_t { star2, star1, line2, line1, kKinds };

struct Piece {
    std::string text;
    bool code = false;
    std::string href;
    std::optional<Kind> delimiter;
    bool can_open = false;
    bool can_close = false;
    int bold = 0;  // how many bold runs open (or, below zero, close) at this piece
    int italic = 0;
};

class InlineParser {
public:
    explicit InlineParser(std::string_view text) : text_(text) {}

    std::vector<Span> parse() {
        while (at_ < text_.size()) step();
        match_emphasis();
        return spans();
    }

private:
    char peek(std::size_t at) const { return at < text_.size() ? text_[at] : '\0'; }

    void step() {
        const char c = text_[at_];
        if (c == '\\' && is_punctuation(peek(at_ + 1))) return literal(text_.substr(at_ + 1, 1), 2);
        if (c == '`' && code_span()) return;
        if (c == '<' && autolink()) return;
        if (c == '[') brackets_.push_back(begin_piece());
        if (c == ']' && link()) return;
        if (c == '*' || c == '_') return delimiter_run(c);
        literal(text_.substr(at_, 1), 1);
    }

    void literal(std::string_view text, std::size_t consumed) {
        if (pieces_.empty() || closed_ || pieces_.back().delimiter || pieces_.back().code ||
            !pieces_.back().href.empty()) {
            pieces_.emplace_back();
        }
        closed_ = false;
        pieces_.back().text += text;
        at_ += consumed;
    }

    // The next literal starts a piece of its own, whose index is given back.
    std::size_t begin_piece() {
        closed_ = true;
        return pieces_.size();
    }

    bool code_span() {
        const auto end = std::min(text_.find_first_not_of('`', at_), text_.size());
        const auto length = end - at_;
        if (length < unclosed_.size() && !unclosed_[length]) {
            for (auto close = text_.find('`', end); close != std::string_view::npos;) {
                const auto after = std::min(text_.find_first_not_of('`', close), text_.size());
                if (after - close == length) {
                    auto inside = text_.substr(end, close - end);
                    const bool padded = inside.size() > 2 && inside.front() == ' ' && inside.back() == ' ';
                    pieces_.push_back(
                        {.text = std::string(padded ? inside.substr(1, inside.size() - 2) : inside), .code = true});
                    at_ = after;
                    return true;
                }
                close = text_.find('`', after);
            }
            unclosed_[length] = true;  // no closer ahead: never looked for again, so that the whole stays linear
        }
        literal(text_.substr(at_, length), length);
        return true;
    }

    bool autolink() {
        const auto end = text_.substr(0, at_ + kMaxHrefBytes + 2).find('>', at_);
        if (end == std::string_view::npos) return false;
        const auto href = text_.substr(at_ + 1, end - at_ - 1);
        if (!may_link_to(href)) return false;
        pieces_.push_back({.text = std::string(href), .href = std::string(href)});
        at_ = end + 1;
        return true;
    }

    // At "](": the nearest open bracket begins the link's text.
    bool link() {
        if (brackets_.empty()) return false;
        const auto from = brackets_.back();
        brackets_.pop_back();
        if (peek(at_ + 1) != '(') return false;
        const auto end = link_end(at_ + 2);
        if (end == std::string_view::npos) return false;
        auto href = text_.substr(at_ + 2, end - at_ - 2);
        if (href.starts_with('<') && href.ends_with('>') && href.size() > 2) href = href.substr(1, href.size() - 2);
        if (!may_link_to(href) || from >= pieces_.size()) return false;
        if (!close_link(from, href)) return false;
        brackets_.clear();  // links do not hold links
        begin_piece();
        at_ = end + 1;
        return true;
    }

    std::size_t link_end(std::size_t from) const {
        int nested = 0;
        for (auto i = from; i < text_.size() && i - from <= kMaxHrefBytes + 2; ++i) {
            if (text_[i] == ' ' || text_[i] == '\n') break;
            nested += text_[i] == '(';
            if (text_[i] == ')' && nested-- == 0) return i;
        }
        return std::string_view::npos;
    }

    bool close_link(std::size_t from, std::string_view href) {
        std::size_t bytes = 0;
        for (auto i = from; i < pieces_.size(); ++i) bytes += pieces_[i].text.size();
        if (bytes < 2) return false;  // "[" alone: nothing to click on
        pieces_[from].text.erase(0, 1);
        for (auto i = from; i < pieces_.size(); ++i) {
            if (pieces_[i].href.empty()) pieces_[i].href = href;
        }
        return true;
    }

    void delimiter_run(char c) {
        const auto end = std::min(text_.find_first_not_of(c, at_), text_.size());
        const auto length = end - at_;
        const char before = at_ == 0 ? '\0' : text_[at_ - 1];
        const char after = peek(end);
        const bool left = !is_space(after) && (!is_punctuation(after) || !is_word(before));
        const bool right = !is_space(before) && (!is_punctuation(before) || !is_word(after));
        const bool inside_word = c == '_' && left && right;
        if (length > 3 || inside_word || (!left && !right)) return literal(text_.substr(at_, length), length);
        const auto add = [&](std::string_view text, Kind kind) {
            pieces_.push_back({.text = std::string(text), .delimiter = kind, .can_open = left, .can_close = right});
        };
        if (length >= 2) add(text_.substr(at_, 2), c == '*' ? star2 : line2);
        if (length != 2) add(text_.substr(at_, 1), c == '*' ? star1 : line1);
        at_ = end;
    }

    // Each closer takes the nearest opener of its kind. Spans carry their own style, so runs need not nest.
    void match_emphasis() {
        std::array<std::vector<std::size_t>, kKinds> open;
        for (std::size_t i = 0; i < pieces_.size(); ++i) {
            auto& piece = pieces_[i];
            if (!piece.delimiter) continue;
            auto& openers = open[*piece.delimiter];
            if (piece.can_close && !openers.empty() && openers.back() + 1 < i) {
                auto& opener = pieces_[openers.back()];
                openers.pop_back();
                const bool bold = *piece.delimiter == star2 || *piece.delimiter == line2;
                (bold ? opener.bold : opener.italic) += 1;
                (bold ? piece.bold : piece.italic) -= 1;
                opener.text.clear();
                piece.text.clear();
            } else if (piece.can_open) {
                openers.push_back(i);
            }
        }
    }

    std::vector<Span> spans() {
        std::vector<Span> out;
        int bold = 0;
        int italic = 0;
        for (auto& piece : pieces_) {
            bold += piece.bold;
            italic += piece.italic;
            if (piece.text.empty()) continue;
            Span span{std::move(piece.text), bold > 0, italic > 0, piece.code, std::move(piece.href)};
            if (!out.empty() && out.back().same_style(span))
                out.back().text += span.text;
            else
                out.push_back(std::move(span));
        }
        return out;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::vector<Piece> pieces_;
    std::vector<std::size_t> brackets_;  // pieces that begin with an open '['
    std::array<bool, 17> unclosed_{};    // by length: a backtick run that is known to have no closer
    bool closed_ = false;
};

}  // namespace

std::vector<Span> parse_inline(std::string_view text) { return InlineParser(text).parse(); }

}  // namespace pincer::channels::markdown
