// Structured logging: a stable dotted event name, then fields for machines.
//
//     log::info("channel.connected", {{"channel", "slack"}, {"account", account}});
//
// debug: for us. info: a change that an operator wants to see. warn: degraded and going on. error: someone must act.
// Bodies of messages, prompts and tool arguments are never logged above debug; a Secret does not compile here.
// Lines go to stderr (stdout belongs to data); one JSON object a line with set_format(Format::json).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace pincer::log {

enum class Level { debug, info, warn, error, off };
enum class Format { text, json };

class Value {
public:
    Value(std::string_view text) : text_(text) {}
    Value(const char* text) : text_(text) {}
    Value(const std::string& text) : text_(text) {}
    Value(bool flag) : text_(flag ? "true" : "false"), bare_(true) {}
    template <class Number>
        requires std::is_arithmetic_v<Number>
    Value(Number number) : text_(std::to_string(number)), bare_(true) {}

    const std::string& text() const { return text_; }
    bool bare() const { return bare_; }  // written without quotes

private:
    std::string text_;
    bool bare_ = false;
};

struct Field {
    std::string_view name;
    Value value;
};
using Fields = std::initializer_list<Field>;

void set_level(Level level);
void set_format(Format format);
bool enabled(Level level);

void write(Level level, std::string_view event, Fields fields);
inline void debug(std::string_view event, Fields fields = {}) { write(Level::debug, event, fields); }
inline void info(std::string_view event, Fields fields = {}) { write(Level::info, event, fields); }
inline void warn(std::string_view event, Fields fields = {}) { write(Level::warn, event, fields); }
inline void error(std::string_view event, Fields fields = {}) { write(Level::error, event, fields); }
// Code, message and reason of an error as fields; its foreign text only at debug.
void failure(Level level, std::string_view event, const Error& error);

}  // namespace pincer::log
