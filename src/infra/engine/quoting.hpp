// Other people's text (log lines, commit messages, names) before it goes into an answer: one line, no control
// characters, valid UTF-8, cut. It is data: nothing reads it as an instruction, and a reader sees that it is quoted.
#pragma once

#include <string>
#include <string_view>

namespace pincer::infra {

inline constexpr std::size_t kTitleBytes = 120;
inline constexpr std::size_t kNameBytes = 64;
inline constexpr std::size_t kLogLineBytes = 240;

std::string quote_line(std::string_view foreign, std::size_t max_bytes);
// A line of a log, cut to kLogLineBytes; what looks like a secret is masked (base/sensitive_text.hpp): it goes into
// chats.
std::string quote_log_line(std::string_view foreign);
// The same between typographic quotation marks, its own ones made plain so that it cannot close them.
std::string in_quotes(std::string_view foreign, std::size_t max_bytes);

}  // namespace pincer::infra
