// The recursive-descent reader behind json5.hpp: fills the value and the tree of spans.
#pragma once

#include "base/json5.hpp"

namespace pincer::json5 {

struct Document::Node {
    struct Member {
        std::string key;
        std::size_t key_begin = 0;
        std::unique_ptr<Node> value;
        std::size_t comma = std::string::npos;  // where its comma stands, if it has one
    };
    std::size_t begin = 0;
    std::size_t end = 0;
    std::vector<Member> members;  // of an object, in order; elements of an array with key "0", "1", ...

    const Node* child(std::string_view key) const;
};

namespace detail {

struct Fault {
    std::size_t at;
    std::string what;
};

class Reader {
public:
    Reader(std::string_view text, std::size_t max_depth) : text_(text), max_depth_(max_depth) {}
    // False when the text is not JSON5: see fault().
    bool read_document(json::value& value, Document::Node& node);
    const Fault& fault() const { return fault_; }

private:
    bool fail(std::size_t at, std::string what);
    bool skip_space();                           // and comments; false on a comment without an end
    std::size_t space_at(std::size_t at) const;  // length of a white-space character, 0 if it is none
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    bool at_end() const { return at_ >= text_.size(); }

    bool read_value(json::value& value, Document::Node& node, std::size_t depth);
    bool read_object(json::value& value, Document::Node& node, std::size_t depth);
    bool read_array(json::value& value, Document::Node& node, std::size_t depth);
    bool read_key(std::string& key);
    bool read_string(std::string& out);
    bool read_escape(std::string& out);
    bool read_unicode_escape(std::string& out);
    bool read_hex_digits(std::size_t count, std::uint32_t& code);
    bool read_number(json::value& value);
    bool read_word(json::value& value);

    std::string_view text_;
    std::size_t max_depth_;
    std::size_t at_ = 0;
    Fault fault_{0, ""};
};

}  // namespace detail
}  // namespace pincer::json5
