#include <algorithm>

#include "base/assert.hpp"
#include "channels/markdown/render.hpp"

namespace pincer::channels::markdown {
namespace {

constexpr std::size_t kSmallestLimit = 64;

std::string_view rest_of(const Block& block, std::size_t from) {
    for (const auto& span : block.spans) {
        if (from < span.text.size()) return std::string_view(span.text).substr(from);
        from -= span.text.size();
    }
    return {};
}

std::size_t text_bytes(const Block& block) {
    std::size_t bytes = 0;
    for (const auto& span : block.spans) bytes += span.text.size();
    return bytes;
}

// The text bytes [from, to) of a block, each span with its style.
Block slice(const Block& block, std::size_t from, std::size_t to) {
    Block out = block;
    out.spans.clear();
    out.continued = block.continued || from > 0;
    std::size_t begin = 0;
    for (const auto& span : block.spans) {
        const auto end = begin + span.text.size();
        const auto low = std::max(from, begin);
        const auto high = std::min(to, end);
        if (low < high) {
            Span piece = span;
            piece.text = span.text.substr(low - begin, high - low);
            out.spans.push_back(std::move(piece));
        }
        begin = end;
    }
    return out;
}

bool starts_character(const Block& block, std::size_t at) {
    const auto rest = rest_of(block, at);
    return rest.empty() || (static_cast<unsigned char>(rest.front()) & 0xC0) != 0x80;
}

class Splitter {
public:
    Splitter(std::size_t limit, const Cost& cost) : limit_(limit), cost_(cost) {}

    void add(const Block& block) {
        if (fits_with(block)) return part_.push_back(block);
        flush();
        if (fits_with(block)) return part_.push_back(block);
        add_cut(block);
    }

    std::vector<Document> finish() {
        flush();
        if (parts_.empty()) parts_.emplace_back();
        return std::move(parts_);
    }

private:
    bool fits_with(const Block& block) {
        part_.push_back(block);
        const bool fits = cost_(part_) <= limit_;
        part_.pop_back();
        return fits;
    }

    void flush() {
        if (part_.empty()) return;
        parts_.push_back(std::move(part_));
        part_.clear();
    }

    void add_cut(Block block) {
        while (!fits_with(block)) {
            auto cut = longest_prefix(block);
            if (cut == 0) {
                unlink_first(block);
                continue;
            }
            cut = nicer_cut(block, cut);
            part_.push_back(slice(block, 0, cut));
            flush();
            block = slice(block, skip_space(block, cut), text_bytes(block));
            if (block.spans.empty()) return;
        }
        part_.push_back(std::move(block));
    }

    // The most text bytes, at a character's boundary, that make a part of their own. A part cannot be larger than the
    // limit in bytes times four (a UTF-16 unit is at most three bytes), so the search starts there.
    std::size_t longest_prefix(const Block& block) {
        std::size_t low = 0;
        std::size_t high = std::min(text_bytes(block), limit_ * 4);
        while (low < high) {
            const auto middle = low + (high - low + 1) / 2;
            if (fits_with(slice(block, 0, middle)))
                low = middle;
            else
                high = middle - 1;
        }
        while (low > 0 && !starts_character(block, low)) --low;
        return low;
    }

    // Back to a line end or a space when one is in the second half.
    std::size_t nicer_cut(const Block& block, std::size_t cut) {
        const auto text = text_of({slice(block, 0, cut)});
        const auto next = rest_of(block, cut);
        if (next.starts_with('\n') || (next.starts_with(' ') && block.kind != BlockKind::code)) return cut;
        for (const char c : {'\n', ' '}) {
            if (c == ' ' && block.kind == BlockKind::code) break;
            const auto at = text.rfind(c);
            if (at != std::string::npos && at >= cut / 2 && at > 0) return at;
        }
        return cut;
    }

    // The white space that the cut replaces: one line end in code (indentation stays), all of it elsewhere.
    std::size_t skip_space(const Block& block, std::size_t cut) {
        if (block.kind == BlockKind::code) return rest_of(block, cut).starts_with('\n') ? cut + 1 : cut;
        while (!rest_of(block, cut).empty() && std::string_view(" \n\t").contains(rest_of(block, cut).front())) ++cut;
        return cut;
    }

    // Not even one character fits beside the address of its link: then the address becomes text.
    void unlink_first(Block& block) {
        auto& span = block.spans.front();
        PINCER_ASSERT(!span.href.empty(),
                      "indentation, marker, marks and one escaped character take less than the smallest limit");
        span.text += " (" + span.href + ")";
        span.href.clear();
    }

    std::size_t limit_;
    const Cost& cost_;
    Document part_;
    std::vector<Document> parts_;
};

}  // namespace

std::vector<Document> split(const Document& document, std::size_t limit, const Cost& cost) {
    PINCER_ASSERT(limit >= kSmallestLimit, "a part must hold a character with its marks");
    Splitter splitter(limit, cost);
    for (const auto& block : document) splitter.add(block);
    return splitter.finish();
}

}  // namespace pincer::channels::markdown
