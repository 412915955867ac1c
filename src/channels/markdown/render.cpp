#include "channels/markdown/render.hpp"

#include "base/text.hpp"

namespace pincer::channels::markdown {
namespace {

std::string escape(std::string_view text, bool quotes) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        if (c == '&')
            out += "&amp;";
        else if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else if (c == '"' && quotes)
            out += "&quot;";
        else
            out += c;
    }
    return out;
}

// The layout is the same everywhere; a dialect says how a span, a code block and a heading look.
struct Dialect {
    std::string (*span)(const Span&);
    std::string (*code_block)(const Block&);
    Span (*heading)(Span);
};

std::string render(const Document& document, const Dialect& dialect) {
    std::string out;
    const Block* previous = nullptr;
    for (const auto& block : document) {
        if (previous) {
            const bool tight = previous->kind == BlockKind::list_item && block.kind == BlockKind::list_item;
            out += tight || previous->kind == BlockKind::heading ? "\n" : "\n\n";
        }
        if (block.kind == BlockKind::list_item && !block.continued) {
            out += std::string(block.depth * 2, ' ') + block.marker + " ";
        }
        if (block.kind == BlockKind::code) {
            out += dialect.code_block(block);
        } else {
            for (const auto& span : block.spans) {
                out += dialect.span(block.kind == BlockKind::heading ? dialect.heading(span) : span);
            }
        }
        previous = &block;
    }
    return out;
}

std::string code_of(const Block& block) { return block.spans.empty() ? "" : block.spans.front().text; }
Span as_is(Span span) { return span; }
Span as_bold(Span span) {
    span.bold = !span.code;
    return span;
}

std::string plain_span(const Span& span) {
    if (span.href.empty() || span.href == span.text) return span.text;
    return span.text + " (" + span.href + ")";
}

// Bot API, "HTML style": code holds no other entity, and is no part of one.
std::string telegram_span(const Span& span) {
    std::string out = escape(span.text, false);
    if (!span.href.empty()) return "<a href=\"" + escape(span.href, true) + "\">" + out + "</a>";
    if (span.code) return "<code>" + out + "</code>";
    if (span.italic) out = "<i>" + out + "</i>";
    if (span.bold) out = "<b>" + out + "</b>";
    return out;
}

std::string telegram_code(const Block& block) {
    const auto text = escape(code_of(block), false);
    if (block.language.empty()) return "<pre>" + text + "</pre>";
    return "<pre><code class=\"language-" + escape(block.language, true) + "\">" + text + "</code></pre>";
}

// Slack's marks hold only against a word, not against white space.
std::string wrap_words(const std::string& text, std::string_view mark) {
    const auto first = text.find_first_not_of(" \n\t");
    if (first == std::string::npos) return text;
    const auto last = text.find_last_not_of(" \n\t") + 1;
    return text.substr(0, first) + std::string(mark) + text.substr(first, last - first) + std::string(mark) +
           text.substr(last);
}

std::string slack_span(const Span& span) {
    std::string out = escape(span.text, false);
    if (!span.href.empty()) {
        // In a link's label a bar or a line end would end it.
        for (char& c : out) c = c == '|' ? '/' : c == '\n' ? ' ' : c;
        const auto href = escape(span.href, false);
        return span.href == span.text ? "<" + href + ">" : "<" + href + "|" + out + ">";
    }
    if (span.code) return wrap_words(out, "`");
    if (span.italic) out = wrap_words(out, "_");
    if (span.bold) out = wrap_words(out, "*");
    return out;
}

// A fence inside the text would end the block: a zero-width space keeps it apart.
std::string slack_code(const Block& block) {
    std::string text = escape(code_of(block), false);
    for (auto at = text.find("``"); at != std::string::npos; at = text.find("``", at)) text.insert(at + 1, "\u200B");
    return "```\n" + text + "\n```";
}

constexpr Dialect kPlain{plain_span, code_of, as_is};
constexpr Dialect kTelegram{telegram_span, telegram_code, as_bold};
constexpr Dialect kSlack{slack_span, slack_code, as_bold};

}  // namespace

std::string render_plain(const Document& document) { return render(document, kPlain); }
std::string render_telegram_html(const Document& document) { return render(document, kTelegram); }
std::string render_slack_mrkdwn(const Document& document) { return render(document, kSlack); }

// The plain form has all that the parsed one has, and the addresses of the links: it is the longer of the two.
std::size_t telegram_cost(const Document& document) { return utf16_length(render_plain(document)); }
std::size_t slack_cost(const Document& document) { return utf16_length(render_slack_mrkdwn(document)); }

}  // namespace pincer::channels::markdown
