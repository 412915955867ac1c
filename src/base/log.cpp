#include "base/log.hpp"

#include <unistd.h>

#include <atomic>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace pincer::log {
namespace {

// The logger is one of the two globals that the style allows; both are set once, by main.
std::atomic<Level> g_level{Level::info};
std::atomic<Format> g_format{Format::text};

std::string_view name_of(Level level) {
    switch (level) {
        case Level::debug: return "debug";
        case Level::info: return "info";
        case Level::warn: return "warn";
        case Level::error: return "error";
        case Level::off: return "off";
    }
    return "off";
}

// One write call a line, so that lines of several threads or processes do not mix.
void emit(const std::string& line) {
    std::size_t done = 0;
    while (done < line.size()) {
        const ssize_t n = ::write(STDERR_FILENO, line.data() + done, line.size() - done);
        if (n <= 0) return;  // nobody reads us; logging must not stop the work
        done += std::size_t(n);
    }
}

std::string quoted(const Value& value) {
    const bool plain =
        value.bare() || (!value.text().empty() && value.text().find_first_of(" \"=\n\t\\") == std::string::npos);
    const std::string clean = strip_control(value.text());
    return plain ? clean : json::write(json::value(clean));
}

}  // namespace

void set_level(Level level) { g_level = level; }
void set_format(Format format) { g_format = format; }
bool enabled(Level level) { return level >= g_level.load(std::memory_order_relaxed) && level != Level::off; }

void write(Level level, std::string_view event, Fields fields) {
    if (!enabled(level)) return;
    const std::string now = to_rfc3339_millis(SystemClock().wall());
    std::string line;
    if (g_format == Format::json) {
        json::object record{{"ts", now}, {"level", name_of(level)}, {"event", event}};
        for (const Field& field : fields) record[field.name] = sanitize_utf8(field.value.text());
        line = json::write(record);
    } else {
        line = fmt::format("{} {:<5} {}", now, name_of(level), event);
        for (const Field& field : fields) line += fmt::format(" {}={}", field.name, quoted(field.value));
    }
    line += '\n';
    emit(line);
}

void failure(Level level, std::string_view event, const Error& error) {
    if (error.code() == ErrorCode::cancelled) level = Level::debug;
    write(level, event,
          {{"code", pincer::name_of(error.code())}, {"message", error.message()}, {"reason", error.reason()}});
    if (!error.foreign().empty()) write(Level::debug, event, {{"foreign", error.foreign()}});
}

}  // namespace pincer::log
