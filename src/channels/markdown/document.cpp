#include "channels/markdown/document.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "channels/markdown/inline.hpp"

namespace pincer::channels::markdown {
namespace {

constexpr std::size_t kMaxLanguageBytes = 32;

std::size_t indentation(std::string_view line) { return std::min(line.find_first_not_of(' '), line.size()); }

struct Fence {
    char mark = 0;
    std::size_t length = 0;
    std::size_t indent = 0;
    std::string language;
};

// "```json" or "~~~": at least three, and no backtick after backticks.
bool opens_fence(std::string_view line, Fence& fence) {
    fence.indent = indentation(line);
    line.remove_prefix(fence.indent);
    if (line.empty() || (line[0] != '`' && line[0] != '~')) return false;
    fence.mark = line[0];
    fence.length = std::min(line.find_first_not_of(fence.mark), line.size());
    const auto info = trim(line.substr(fence.length));
    if (fence.length < 3 || (fence.mark == '`' && info.contains('`'))) return false;
    const auto language = info.substr(0, info.find_first_of(" \t{"));
    fence.language = language.size() <= kMaxLanguageBytes ? std::string(language) : "";
    return true;
}

bool closes_fence(std::string_view line, const Fence& fence) {
    line = trim(line);
    return line.size() >= fence.length && line.find_first_not_of(fence.mark) == std::string_view::npos;
}

// "## Title" with one to six marks.
bool is_heading(std::string_view line, std::string_view& title) {
    const auto marks = std::min(line.find_first_not_of('#'), line.size());
    if (marks == 0 || marks > 6 || (marks < line.size() && line[marks] != ' ')) return false;
    title = trim(line.substr(marks));
    const auto last = title.find_last_not_of('#');
    if (last == std::string_view::npos)
        title = "";
    else if (last + 1 < title.size() && title[last] == ' ')
        title = trim(title.substr(0, last));
    return true;
}

// "- x", "* x", "+ x", "12. x", "12) x".
bool is_list_item(std::string_view line, std::string& marker, std::size_t& depth, std::string_view& rest) {
    const auto indent = indentation(line);
    line.remove_prefix(indent);
    std::size_t width = 0;
    if (line.starts_with("- ") || line.starts_with("* ") || line.starts_with("+ ")) {
        marker = "•";
        width = 2;
    } else {
        const auto digits = std::min(line.find_first_not_of("0123456789"), line.size());
        if (digits == 0 || digits > 9 || digits + 1 >= line.size()) return false;
        if ((line[digits] != '.' && line[digits] != ')') || line[digits + 1] != ' ') return false;
        marker = std::string(line.substr(0, digits)) + ".";
        width = digits + 2;
    }
    depth = std::min<std::size_t>(indent / 2, 6);
    rest = trim(line.substr(width));
    return true;
}

class Parser {
public:
    Document parse(const std::string& text) {
        for (auto line : split(text, '\n')) {
            if (line.ends_with('\r')) line.remove_suffix(1);
            take(line);
        }
        flush();
        return std::move(document_);
    }

private:
    void take(std::string_view line) {
        if (in_code_) return take_code(line);
        Fence fence;
        std::string_view rest;
        std::string marker;
        std::size_t depth = 0;
        if (opens_fence(line, fence)) {
            flush();
            start({.kind = BlockKind::code, .language = fence.language});
            fence_ = fence;
            in_code_ = true;
        } else if (trim(line).empty()) {
            flush();
        } else if (is_heading(line, rest)) {
            flush();
            start({.kind = BlockKind::heading});
            add_line(rest);
            flush();
        } else if (is_list_item(line, marker, depth, rest)) {
            flush();
            start({.kind = BlockKind::list_item, .marker = marker, .depth = depth});
            add_line(rest);
        } else {
            if (!open_) start({.kind = BlockKind::paragraph});
            add_line(block_.kind == BlockKind::list_item ? trim(line) : line);
        }
    }

    void take_code(std::string_view line) {
        if (closes_fence(line, fence_)) {
            in_code_ = false;
            return flush();
        }
        line.remove_prefix(std::min(indentation(line), fence_.indent));
        add_line(line);
    }

    void start(Block block) {
        block_ = std::move(block);
        open_ = true;
        lines_ = 0;
    }

    void add_line(std::string_view line) {
        if (lines_++ > 0) text_ += '\n';
        text_ += line;
    }

    void flush() {
        if (open_) {
            if (block_.kind == BlockKind::code)
                block_.spans = {Span{.text = std::move(text_)}};
            else
                block_.spans = parse_inline(text_);
            document_.push_back(std::move(block_));
        }
        text_.clear();
        open_ = false;
        in_code_ = false;
    }

    Document document_;
    Block block_;
    std::string text_;
    Fence fence_;
    std::size_t lines_ = 0;
    bool open_ = false;
    bool in_code_ = false;
};

}  // namespace

Document parse(std::string_view markdown) { return Parser().parse(sanitize_utf8(markdown)); }

std::string text_of(const Document& document) {
    std::string out;
    for (std::size_t i = 0; i < document.size(); ++i) {
        if (i > 0) out += '\n';
        for (const auto& span : document[i].spans) out += span.text;
    }
    return out;
}

std::size_t utf16_length(std::string_view text) {
    std::size_t units = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        units += (byte & 0xC0) != 0x80;  // one for each character
        units += byte >= 0xF0;           // and one more beyond the first plane
    }
    return units;
}

}  // namespace pincer::channels::markdown
