// Rows for people: columns as wide as their widest cell, the last one as long as it likes.
#pragma once

#include <string>
#include <vector>

namespace pincer::openclaw {

using Row = std::vector<std::string>;
std::string table(const Row& head, const std::vector<Row>& rows);

}  // namespace pincer::openclaw
