#include "base/detail/json5_reader.hpp"

#include <charconv>
#include <cmath>

#include "base/text.hpp"

namespace pincer::json5 {

const Document::Node* Document::Node::child(std::string_view key) const {
    for (const Member& member : members) {
        if (member.key == key) return member.value.get();
    }
    return nullptr;
}

namespace detail {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_key_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '$' ||
           static_cast<unsigned char>(c) >= 0x80;
}

void append_utf8(std::uint32_t code, std::string& out) {
    if (code < 0x80) {
        out += char(code);
    } else if (code < 0x800) {
        out += char(0xC0 | (code >> 6));
        out += char(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        out += char(0xE0 | (code >> 12));
        out += char(0x80 | ((code >> 6) & 0x3F));
        out += char(0x80 | (code & 0x3F));
    } else {
        out += char(0xF0 | (code >> 18));
        out += char(0x80 | ((code >> 12) & 0x3F));
        out += char(0x80 | ((code >> 6) & 0x3F));
        out += char(0x80 | (code & 0x3F));
    }
}

}  // namespace

bool Reader::fail(std::size_t at, std::string what) {
    fault_ = {std::min(at, text_.size()), std::move(what)};
    return false;
}

std::size_t Reader::space_at(std::size_t at) const {
    const std::string_view rest = text_.substr(at);
    if (rest.empty()) return 0;
    if (rest[0] == ' ' || (rest[0] >= '\t' && rest[0] <= '\r')) return 1;
    if (rest.starts_with("\xC2\xA0")) return 2;
    for (std::string_view wide :
         {"\xEF\xBB\xBF", "\xE2\x80\xA8", "\xE2\x80\xA9"}) {  // byte order mark, line and paragraph separator
        if (rest.starts_with(wide)) return 3;
    }
    return 0;
}

bool Reader::skip_space() {
    while (at_ < text_.size()) {
        if (const std::size_t length = space_at(at_)) {
            at_ += length;
        } else if (text_.substr(at_, 2) == "//") {
            at_ = std::min(text_.find('\n', at_), text_.size());
        } else if (text_.substr(at_, 2) == "/*") {
            const std::size_t close = text_.find("*/", at_ + 2);
            if (close == std::string_view::npos) return fail(at_, "a comment that begins here does not end");
            at_ = close + 2;
        } else {
            break;
        }
    }
    return true;
}

bool Reader::read_document(json::value& value, Document::Node& node) {
    if (!skip_space()) return false;
    if (at_end()) return fail(at_, "there is no value");
    if (!read_value(value, node, 0) || !skip_space()) return false;
    if (!at_end()) return fail(at_, "expected the end of the file");
    return true;
}

bool Reader::read_value(json::value& value, Document::Node& node, std::size_t depth) {
    if (depth > max_depth_) return fail(at_, fmt::format("nested more than {} deep", max_depth_));
    node.begin = at_;
    bool read = false;
    const char c = peek();
    if (c == '{') {
        read = read_object(value, node, depth);
    } else if (c == '[') {
        read = read_array(value, node, depth);
    } else if (c == '"' || c == '\'') {
        std::string text;
        read = read_string(text);
        value = std::string_view(text);
    } else if (is_digit(c) || c == '.' || c == '-' || c == '+') {
        read = read_number(value);
    } else {
        read = read_word(value);
    }
    node.end = at_;
    return read;
}

bool Reader::read_object(json::value& value, Document::Node& node, std::size_t depth) {
    json::object& object = value.emplace_object();
    ++at_;
    while (true) {
        if (!skip_space()) return false;
        if (peek() == '}') break;
        Document::Node::Member member;
        member.key_begin = at_;
        if (!read_key(member.key)) return false;
        if (object.contains(boost::json::string_view(member.key)))
            return fail(member.key_begin,
                        fmt::format("\"{}\" stands here for the second time", strip_control(member.key)));
        if (!skip_space()) return false;
        if (peek() != ':') return fail(at_, fmt::format("expected ':' after \"{}\"", strip_control(member.key)));
        ++at_;
        if (!skip_space()) return false;
        member.value = std::make_unique<Document::Node>();
        json::value inner;
        if (!read_value(inner, *member.value, depth + 1) || !skip_space()) return false;
        object.emplace(member.key, std::move(inner));
        const bool more = peek() == ',';
        if (more) member.comma = at_++;
        node.members.push_back(std::move(member));
        if (more) continue;
        if (peek() != '}') return fail(at_, "expected ',' or '}'");
        break;
    }
    ++at_;
    return true;
}

bool Reader::read_array(json::value& value, Document::Node& node, std::size_t depth) {
    json::array& array = value.emplace_array();
    ++at_;
    while (true) {
        if (!skip_space()) return false;
        if (peek() == ']') break;
        Document::Node::Member member;
        member.key = std::to_string(array.size());
        member.key_begin = at_;
        member.value = std::make_unique<Document::Node>();
        json::value inner;
        if (!read_value(inner, *member.value, depth + 1) || !skip_space()) return false;
        array.push_back(std::move(inner));
        const bool more = peek() == ',';
        if (more) member.comma = at_++;
        node.members.push_back(std::move(member));
        if (more) continue;
        if (peek() != ']') return fail(at_, "expected ',' or ']'");
        break;
    }
    ++at_;
    return true;
}

bool Reader::read_key(std::string& key) {
    if (peek() == '"' || peek() == '\'') return read_string(key);
    const std::size_t begin = at_;
    while (!at_end()) {
        if (space_at(at_) > 0) break;
        if (text_.substr(at_, 2) == "\\u") {
            ++at_;
            if (!read_unicode_escape(key)) return false;
        } else if (is_key_char(peek())) {
            key += text_[at_++];
        } else {
            break;
        }
    }
    if (key.empty() || is_digit(text_[begin])) return fail(begin, "expected a key or '}'");
    return is_valid_utf8(key) || fail(begin, "this key is not UTF-8");
}

bool Reader::read_string(std::string& out) {
    const std::size_t begin = at_;
    const char quote = text_[at_++];
    while (!at_end() && peek() != quote) {
        const char c = peek();
        if (c == '\n' || c == '\r') return fail(at_, "this text does not end on its line");
        if (c == '\\') {
            ++at_;
            if (!read_escape(out)) return false;
        } else {
            out += c;
            ++at_;
        }
    }
    if (at_end()) return fail(begin, "a text that begins here does not end");
    ++at_;
    return is_valid_utf8(out) || fail(begin, "this text is not UTF-8");
}

bool Reader::read_escape(std::string& out) {
    const char c = peek();
    switch (c) {
        case 'b': out += '\b'; break;
        case 'f': out += '\f'; break;
        case 'n': out += '\n'; break;
        case 'r': out += '\r'; break;
        case 't': out += '\t'; break;
        case 'v': out += '\v'; break;
        case 'u': return read_unicode_escape(out);
        case 'x': {
            ++at_;
            std::uint32_t code = 0;
            if (!read_hex_digits(2, code)) return false;
            append_utf8(code, out);
            return true;
        }
        case '\r':
            if (text_.substr(at_, 2) == "\r\n") ++at_;
            break;  // the text goes on, on the next line
        case '\n': break;
        case '0':
            if (at_ + 1 < text_.size() && is_digit(text_[at_ + 1])) return fail(at_, "octal escapes are not JSON5");
            out += '\0';
            break;
        default:
            if (is_digit(c)) return fail(at_, "octal escapes are not JSON5");
            if (const std::size_t separator = space_at(at_);
                separator == 3) {  // U+2028 and U+2029 continue the line too
                at_ += separator;
                return true;
            }
            out += c;
    }
    ++at_;
    return true;
}

bool Reader::read_hex_digits(std::size_t count, std::uint32_t& code) {
    const std::string_view digits = text_.substr(at_, count);
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (ec != std::errc() || end != digits.data() + count || digits.size() != count)
        return fail(at_, fmt::format("expected {} hexadecimal digits", count));
    at_ += count;
    return true;
}

bool Reader::read_unicode_escape(std::string& out) {
    const std::size_t begin = at_++;
    std::uint32_t code = 0;
    if (!read_hex_digits(4, code)) return false;
    if (code >= 0xD800 && code < 0xDC00) {
        std::uint32_t low = 0;
        if (text_.substr(at_, 2) != "\\u") return fail(begin, "half of a surrogate pair");
        at_ += 2;
        if (!read_hex_digits(4, low)) return false;
        if (low < 0xDC00 || low > 0xDFFF) return fail(begin, "half of a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
        return fail(begin, "half of a surrogate pair");
    }
    append_utf8(code, out);
    return true;
}

bool Reader::read_number(json::value& value) {
    const std::size_t begin = at_;
    bool negative = false;
    if (peek() == '+' || peek() == '-') negative = text_[at_++] == '-';
    if (text_.substr(at_, 2) == "0x" || text_.substr(at_, 2) == "0X") {
        at_ += 2;
        std::uint64_t number = 0;
        const auto [end, ec] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), number, 16);
        if (ec != std::errc() || number > std::uint64_t(std::numeric_limits<std::int64_t>::max()))
            return fail(begin, "this is not a number that can be kept");
        at_ = std::size_t(end - text_.data());
        value = negative ? -std::int64_t(number) : std::int64_t(number);
        return true;
    }
    std::size_t end = at_;
    while (end < text_.size() &&
           (is_digit(text_[end]) || text_[end] == '.' || text_[end] == 'e' || text_[end] == 'E' ||
            ((text_[end] == '+' || text_[end] == '-') && (text_[end - 1] == 'e' || text_[end - 1] == 'E')))) {
        ++end;
    }
    std::string digits(text_.substr(at_, end - at_));
    if (digits.empty() || digits == ".") return fail(begin, "this is not a number that can be kept");
    if (digits.size() > 1 && digits[0] == '0' && is_digit(digits[1]))
        return fail(begin, "a number may not begin with 0");
    if (digits.find_first_not_of("0123456789") == std::string::npos) {
        std::int64_t whole = 0;
        const auto [stop, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), whole);
        if (ec == std::errc() && stop == digits.data() + digits.size()) {
            at_ = end;
            value = negative ? -whole : whole;
            return true;
        }
    }
    double number = 0;
    const auto [stop, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (ec != std::errc() || stop != digits.data() + digits.size() || !std::isfinite(number))
        return fail(begin, "this is not a number that can be kept");
    at_ = end;
    value = negative ? -number : number;
    return true;
}

bool Reader::read_word(json::value& value) {
    const std::size_t begin = at_;
    std::size_t end = at_;
    while (end < text_.size() && is_key_char(text_[end])) ++end;
    const std::string_view word = text_.substr(begin, end - begin);
    at_ = end;
    if (word == "true" || word == "false") {
        value = word == "true";
    } else if (word == "null") {
        value = nullptr;
    } else if (word.empty()) {
        return fail(begin, "expected a value");
    } else {
        return fail(begin, fmt::format("\"{}\" is not a value (texts stand in quotes)",
                                       truncate_utf8(strip_control(sanitize_utf8(word)), 40)));
    }
    return true;
}

}  // namespace detail
}  // namespace pincer::json5
