#include "apps/openclaw/table.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace pincer::openclaw {
namespace {

constexpr std::size_t kMostBytes = 200;  // of one cell

// What came from outside does not reach the terminal as it is.
std::string cell(const std::string& text) {
    std::string clean = strip_control(sanitize_utf8(text));
    std::replace(clean.begin(), clean.end(), '\n', ' ');
    return truncate_utf8(clean, kMostBytes);
}

}  // namespace

std::string table(const Row& head, const std::vector<Row>& rows) {
    std::vector<Row> lines = {head};
    for (const Row& row : rows) {
        Row& line = lines.emplace_back();
        for (const std::string& text : row) line.push_back(cell(text));
    }
    std::vector<std::size_t> widths(head.size(), 0);
    for (const Row& line : lines) {
        for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], utf8_length(line[i]));
    }
    std::string out;
    for (const Row& line : lines) {
        for (std::size_t i = 0; i < line.size(); ++i) {
            out += line[i];
            if (i + 1 < line.size()) out.append(widths[i] - utf8_length(line[i]) + 2, ' ');
        }
        out.erase(out.find_last_not_of(' ') + 1);
        out += '\n';
    }
    return out;
}

}  // namespace pincer::openclaw
