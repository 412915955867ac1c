// One document in each platform's own markup, and cut into parts that each platform takes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "channels/markdown/document.hpp"

namespace pincer::channels::markdown {

std::string render_plain(const Document& document);          // a link is "text (url)"
std::string render_telegram_html(const Document& document);  // Bot API, parse_mode HTML
std::string render_slack_mrkdwn(const Document& document);   // & < > escaped

// How many of the platform's units a part takes.
using Cost = std::function<std::size_t(const Document&)>;
std::size_t telegram_cost(const Document& document);  // UTF-16 units after entities parsing, and of the plain form
std::size_t slack_cost(const Document& document);     // UTF-16 units of the mrkdwn

// Parts of at most `limit` units (limit >= 64), at least one. Cut between blocks where it can be, else at a line end, a
// space, or between two characters; a cut code block, link or bold run is opened again in the next part. All the text
// is kept, but for the white space at a cut.
std::vector<Document> split(const Document& document, std::size_t limit, const Cost& cost);

}  // namespace pincer::channels::markdown
