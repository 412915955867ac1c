#include "base/json5.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/detail/json5_reader.hpp"
#include "base/text.hpp"

namespace pincer::json5 {
namespace {

struct LineColumn {
    std::size_t line;
    std::size_t column;
};

LineColumn position_of(std::string_view text, std::size_t at) {
    const std::string_view before = text.substr(0, at);
    const auto line = std::size_t(std::count(before.begin(), before.end(), '\n')) + 1;
    const std::size_t line_begin = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    return {line, utf8_length(before.substr(line_begin)) + 1};
}

std::size_t line_begin(std::string_view text, std::size_t at) {
    const std::size_t newline = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
    return newline == std::string_view::npos ? 0 : newline + 1;
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r") == std::string_view::npos; }

// The white space that the line of this byte begins with.
std::string indent_of(std::string_view text, std::size_t at) {
    const std::size_t begin = line_begin(text, at);
    const std::size_t end = std::min(text.find_first_not_of(" \t", begin), text.size());
    return std::string(text.substr(begin, end - begin));
}

std::string indented(const json::value& value, const std::string& indent) {
    std::string out;
    for (char c : json::write_pretty(value)) {
        out += c;
        if (c == '\n') out += indent;
    }
    return out;
}

// Past blanks and comments that stand behind `at` on its line: an inserted line goes after them.
std::size_t after_comments_on_line(std::string_view text, std::size_t at) {
    std::size_t end = at;
    while (true) {
        const std::size_t next = text.find_first_not_of(" \t", end);
        if (next == std::string_view::npos) return text.size();
        if (text.substr(next, 2) == "//") return std::min(text.find('\n', next), text.size());
        if (text.substr(next, 2) != "/*") return text[next] == '\n' || text[next] == '\r' ? next : at;
        const std::size_t close = text.find("*/", next) + 2;
        if (text.substr(next, close - next).find('\n') != std::string_view::npos) return at;
        end = close;
    }
}

json::value nested(std::span<const std::string> keys, const json::value& value) {
    if (keys.empty()) return value;
    return json::object{{keys.front(), nested(keys.subspan(1), value)}};
}

json::value* walk(json::value& from, std::span<const std::string> path) {
    json::value* at = &from;
    for (const std::string& key : path) {
        json::object* object = at->if_object();
        at = object ? object->if_contains(boost::json::string_view(key)) : nullptr;
        if (!at) return nullptr;
    }
    return at;
}

}  // namespace

Path path_of(std::string_view dotted) {
    Path path;
    for (std::string_view part : split(dotted, '.')) path.emplace_back(part);
    return path;
}

std::string to_string(std::span<const std::string> path) {
    std::string out;
    for (const std::string& key : path) {
        if (!out.empty()) out += '.';
        const bool plain = !key.empty() && key.find_first_of(". \"") == std::string::npos;
        out += plain ? key : json::write(json::value(key));
    }
    return out;
}

Document::Document(std::string text, json::value root, std::unique_ptr<Node> tree)
    : text_(std::move(text)), root_(std::move(root)), tree_(std::move(tree)) {}
Document::~Document() = default;
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;

Result<Document> Document::parse(std::string text, json::Limits limits) {
    if (text.size() > limits.bytes)
        return PINCER_FAIL(too_large, "JSON5 of {} bytes is over the limit of {}", text.size(), limits.bytes);
    auto tree = std::make_unique<Node>();
    json::value root;
    detail::Reader reader(text, limits.depth);
    if (!reader.read_document(root, *tree)) {
        const auto [line, column] = position_of(text, reader.fault().at);
        return PINCER_FAIL(invalid_argument, "line {}, column {}: {}", line, column, reader.fault().what);
    }
    return Document(std::move(text), std::move(root), std::move(tree));
}

const Document::Node* Document::node_at(std::span<const std::string> path) const {
    const Node* at = tree_.get();
    for (const std::string& key : path) {
        at = at->child(key);
        if (!at) return nullptr;
    }
    return at;
}

const json::value* Document::find(std::span<const std::string> path) const {
    const json::value* at = &root_;
    for (const std::string& key : path) {
        if (const json::array* array = at->if_array()) {
            const auto index = std::size_t(std::strtoull(key.c_str(), nullptr, 10));
            at = index < array->size() && std::to_string(index) == key ? &(*array)[index] : nullptr;
        } else {
            at = at->is_object() ? json::find(at->get_object(), key) : nullptr;
        }
        if (!at) return nullptr;
    }
    return at;
}

Place Document::place(std::size_t begin, std::size_t end) const {
    const auto [line, column] = position_of(text_, begin);
    return {line, column, begin, end};
}

std::optional<Place> Document::place_of(std::span<const std::string> path) const {
    const Node* node = node_at(path);
    if (!node) return std::nullopt;
    return place(node->begin, node->end);
}

std::string Document::line_of(std::span<const std::string> path) const {
    while (!path.empty() && !node_at(path)) path = path.first(path.size() - 1);
    return fmt::format("line {}", place_of(path)->line);
}

Result<std::string> Document::with(std::span<const std::string> path, const json::value& value) const {
    PINCER_ASSERT(!path.empty(), "the root itself is not set");
    std::size_t known = 0;  // how much of the path is there
    while (known < path.size() && node_at(path.first(known + 1))) ++known;
    const std::size_t parents = std::min(known, path.size() - 1);
    for (std::size_t i = 0; i <= parents; ++i) {
        if (find(path.first(i))->is_object()) continue;
        const std::string name = i == 0 ? "the file" : to_string(path.first(i));
        return PINCER_FAIL(invalid_argument, "{} ({}) is not an object", name, line_of(path.first(i)));
    }
    std::string out = text_;
    const Node& parent = *node_at(path.first(parents));
    if (known == path.size()) {
        const Node& old = *node_at(path);
        out.replace(old.begin, old.end - old.begin, indented(value, indent_of(text_, old.begin)));
    } else {
        const json::value made = nested(path.subspan(known + 1), value);
        const std::string key = json::write(json::value(path[known])) + ": ";
        if (parent.members.empty()) {
            const std::string outer = indent_of(text_, parent.begin);
            const bool inside_is_empty =
                is_blank(std::string_view(text_).substr(parent.begin + 1, parent.end - parent.begin - 2));
            out.insert(parent.begin + 1, "\n" + outer + "  " + key + indented(made, outer + "  ") +
                                             (inside_is_empty ? "\n" + outer : ""));
        } else {
            const Node::Member& last = parent.members.back();
            const std::string indent = indent_of(text_, last.key_begin);
            const bool own_line = is_blank(std::string_view(text_).substr(
                line_begin(text_, last.key_begin), last.key_begin - line_begin(text_, last.key_begin)));
            const bool has_comma = last.comma != std::string::npos;
            const std::size_t behind = has_comma ? last.comma + 1 : last.value->end;
            const std::size_t at = own_line ? after_comments_on_line(text_, behind) : behind;
            out.insert(at, (own_line ? "\n" + indent : std::string(" ")) + key + indented(made, indent) +
                               (has_comma ? "," : ""));
            if (!has_comma) out.insert(last.value->end, ",");
        }
    }
    // What was meant and what stands there now must be the same thing; anything else would be a broken configuration.
    json::value expected = root_;
    json::value* at = walk(expected, path.first(parents));
    at->get_object()[path[parents]] = nested(path.subspan(parents + 1), value);
    const auto again = parse(out);
    if (!again || again->root() != expected)
        return PINCER_FAIL(internal, "{} could not be edited in place", to_string(path));
    return out;
}

Result<std::string> Document::without(std::span<const std::string> path) const {
    PINCER_ASSERT(!path.empty(), "the root itself is not taken out");
    const Node* parent = node_at(path.first(path.size() - 1));
    const json::value* parent_value = find(path.first(path.size() - 1));
    if (!parent || !parent_value->is_object() || !parent->child(path.back()))
        return PINCER_FAIL(not_found, "there is no {}", to_string(path));
    const auto member = std::find_if(parent->members.begin(), parent->members.end(),
                                     [&](const auto& m) { return m.key == path.back(); });
    const bool has_comma = member->comma != std::string::npos;

    std::size_t begin = member->key_begin;
    std::size_t end = has_comma ? member->comma + 1 : member->value->end;
    const std::size_t line = line_begin(text_, begin);
    const std::size_t behind = after_comments_on_line(text_, end);  // a comment on its line speaks of it
    const std::size_t line_end = std::min(text_.find('\n', behind), text_.size());
    const bool own_lines = is_blank(std::string_view(text_).substr(line, begin - line)) &&
                           is_blank(std::string_view(text_).substr(behind, line_end - behind));
    if (own_lines) {  // take the line break with it
        begin = line;
        end = std::min(line_end + 1, text_.size());
    } else {
        while (end < text_.size() && text_[end] == ' ' && has_comma) ++end;
    }
    std::string out = text_;
    out.erase(begin, end - begin);
    if (!has_comma && member != parent->members.begin())
        out.erase(std::prev(member)->comma, 1);  // the one before is now the last

    json::value expected = root_;
    walk(expected, path.first(path.size() - 1))->get_object().erase(path.back());
    const auto again = parse(out);
    if (!again || again->root() != expected)
        return PINCER_FAIL(internal, "{} could not be edited in place", to_string(path));
    return out;
}

Result<json::value> parse(std::string_view text) {
    PINCER_TRY(const Document document, Document::parse(std::string(text)));
    return document.root();
}

}  // namespace pincer::json5
