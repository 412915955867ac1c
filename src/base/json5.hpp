// JSON5 (json5.org, 1.0) as people write configuration in it: comments, trailing commas, unquoted keys, single quotes,
// hexadecimal. A document remembers where each value stands, so that an error can name the line, and it can be edited
// in place: everything that is not the edited value, comments above all, stays byte for byte.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace pincer::json5 {

struct Place {
    std::size_t line = 1;    // from 1
    std::size_t column = 1;  // from 1, in code points
    std::size_t begin = 0;   // bytes [begin, end) of the text
    std::size_t end = 0;
};

// A way down: keys of objects, decimal indices of arrays.
using Path = std::vector<std::string>;
Path path_of(std::string_view dotted);                     // "mcp.servers.docs"
std::string to_string(std::span<const std::string> path);  // keys with a dot in them are quoted

class Document {
public:
    // Errors: too_large; invalid_argument, "line 3, column 7: expected ',' or '}'". A key that stands twice in one
    // object and the numbers Infinity and NaN are refused: no reader of ours could keep them.
    static Result<Document> parse(std::string text, json::Limits limits = {.bytes = 8u << 20, .depth = 64});
    ~Document();
    Document(Document&&) noexcept;
    Document& operator=(Document&&) noexcept;

    const std::string& text() const { return text_; }
    const json::value& root() const { return root_; }
    const json::value* find(std::span<const std::string> path) const;
    // Where the value stands; for a member that is the value, not its key.
    std::optional<Place> place_of(std::span<const std::string> path) const;
    // "line 12": of the value, or of the deepest part of the path that is there.
    std::string line_of(std::span<const std::string> path) const;

    // The text with this member of an object set (objects on the way are made) or taken out; array elements are not
    // edited. Errors: invalid_argument (the way leads through something that is not an object), not_found (unset).
    Result<std::string> with(std::span<const std::string> path, const json::value& value) const;
    Result<std::string> without(std::span<const std::string> path) const;

    struct Node;  // the spans; json5.cpp only

private:
    Document(std::string text, json::value root, std::unique_ptr<Node> tree);
    const Node* node_at(std::span<const std::string> path) const;
    Place place(std::size_t begin, std::size_t end) const;

    std::string text_;
    json::value root_;
    std::unique_ptr<Node> tree_;
};

// The value alone.
Result<json::value> parse(std::string_view text);

}  // namespace pincer::json5
