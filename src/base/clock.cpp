#include "base/clock.hpp"

#include <array>
#include <charconv>
#include <cstdint>

namespace pincer {
namespace {

using Days = std::chrono::sys_days;

// Exactly `digits` decimal digits at the front of `text`, which is shortened by them.
bool take_number(std::string_view& text, std::size_t digits, int& out) {
    if (text.size() < digits) return false;
    const char* end = text.data() + digits;
    if (auto [at, ec] = std::from_chars(text.data(), end, out); ec != std::errc() || at != end) return false;
    if (text.front() == '-') return false;
    text.remove_prefix(digits);
    return true;
}

bool take_char(std::string_view& text, std::string_view any_of) {
    if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
}

struct Unit {
    std::string_view name;
    std::int64_t millis;
};
constexpr std::array kUnits{Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"ms", 1}, Unit{"m", 60'000},
                            Unit{"s", 1'000}};

}  // namespace

WallTime SystemClock::wall() const { return std::chrono::floor<Millis>(std::chrono::system_clock::now()); }
SteadyTime SystemClock::steady() const { return std::chrono::steady_clock::now(); }

std::string to_rfc3339_millis(WallTime t) {
    const auto day = std::chrono::floor<std::chrono::days>(t);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss time{t - day};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", int(date.year()), unsigned(date.month()),
                       unsigned(date.day()), time.hours().count(), time.minutes().count(), time.seconds().count(),
                       time.subseconds().count());
}

std::string to_rfc3339(WallTime t) {
    std::string text = to_rfc3339_millis(t);
    text.erase(text.size() - 5, 4);
    return text;
}

Result<WallTime> parse_rfc3339(std::string_view text) {
    const std::string_view whole = text;
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
    bool ok = take_number(text, 4, year) && take_char(text, "-") && take_number(text, 2, month) &&
              take_char(text, "-") && take_number(text, 2, day) && take_char(text, "Tt ") &&
              take_number(text, 2, hour) && take_char(text, ":") && take_number(text, 2, minute) &&
              take_char(text, ":") && take_number(text, 2, second);
    std::int64_t millis = 0;
    if (ok && take_char(text, ".")) {
        int seen = 0;
        for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1)) {
            if (seen++ < 3) millis = millis * 10 + (text.front() - '0');
        }
        ok = seen > 0;
        for (; seen < 3; ++seen) millis *= 10;
    }
    std::int64_t offset_minutes = 0;
    if (ok && !take_char(text, "Zz")) {
        const bool negative = text.starts_with('-');
        int oh = 0, om = 0;
        ok = take_char(text, "+-") && take_number(text, 2, oh) && take_char(text, ":") && take_number(text, 2, om) &&
             oh < 24 && om < 60;
        offset_minutes = (negative ? -1 : 1) * (oh * 60 + om);
    }
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(unsigned(month)),
                                           std::chrono::day(unsigned(day))};
    ok = ok && text.empty() && date.ok() && hour < 24 && minute < 60 && second <= 60;
    if (!ok) return PINCER_FAIL(invalid_argument, "not an RFC 3339 time: \"{}\"", whole);
    const auto since_midnight =
        std::chrono::hours(hour) + std::chrono::minutes(minute - offset_minutes) + std::chrono::seconds(second);
    return WallTime(Days(date)) + since_midnight + Millis(millis);
}

Result<Millis> parse_duration(std::string_view text) {
    constexpr std::int64_t kMost = std::int64_t{3650} * 86'400'000;
    const std::string_view whole = text;
    std::int64_t total = 0;
    bool ok = !text.empty();
    while (ok && !text.empty()) {
        std::int64_t count = 0;
        const auto [at, ec] = std::from_chars(text.data(), text.data() + text.size(), count);
        ok = ec == std::errc() && count >= 0;
        if (!ok) break;
        text.remove_prefix(std::size_t(at - text.data()));
        const Unit* found = nullptr;
        for (const Unit& unit : kUnits) {
            if (text.starts_with(unit.name) && (!found || unit.name.size() > found->name.size())) found = &unit;
        }
        ok = found && count <= (kMost - total) / found->millis;
        if (!ok) break;
        total += count * found->millis;
        text.remove_prefix(found->name.size());
    }
    if (!ok)
        return PINCER_FAIL(invalid_argument, "not a duration: \"{}\" (write it like 90s, 15m, 1h30m or 2d)", whole);
    return Millis(total);
}

std::string format_duration(Millis duration) {
    std::int64_t rest = duration.count();
    if (rest < 0) return "-" + format_duration(Millis(-rest));
    if (rest < 1000) return fmt::format("{}ms", rest);
    std::string text;
    int parts = 0;
    for (const auto& [name, millis] :
         {Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000}}) {
        if (parts == 2) break;
        if (const auto count = rest / millis; count > 0 || parts > 0) {
            if (count > 0) text += fmt::format("{}{}", count, name);
            rest %= millis;
            ++parts;
        }
    }
    return text;
}

}  // namespace pincer
