#include "wire/schema.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"

namespace pincer::wire {
namespace {

constexpr std::size_t kMaxFaults = 8;  // counted before equal ones are folded, as the protocol's checker does

// Where the checker stands: links on its own stack, which become text only when there is a fault to tell.
struct Path {
    const Path* above = nullptr;
    std::string_view name;
    std::size_t index = 0;
    bool in_array = false;

    bool is_root() const { return above == nullptr; }
    Path field(std::string_view key) const { return {this, key}; }
    Path item(std::size_t at) const { return {this, {}, at, true}; }
    std::string text() const {
        if (is_root()) return "";
        return fmt::format("{}/{}", above->text(),
                           in_array ? std::to_string(index) : truncate_utf8(strip_control(name), 64));
    }
};

class Checker {
public:
    void check(const Schema& schema, const json::value& value, const Path& path);
    std::vector<std::string> take() && { return std::move(faults_); }

private:
    void fault(const Path& path, const std::string& text) { fault_at(path.text(), text); }
    void fault_at(const std::string& where, const std::string& text) {
        if (found_++ >= kMaxFaults) return;
        std::string line = where.empty() ? text : "at " + where + ": " + text;
        if (std::find(faults_.begin(), faults_.end(), line) == faults_.end()) faults_.push_back(std::move(line));
    }
    void check_non_null(const Schema& schema, const json::value& value, const Path& path);
    void check_alternatives(const Schema& schema, const json::value& value, const Path& path);
    void check_value(const Schema& schema, const json::value& value, const Path& path);
    void check_object(const Schema& schema, const json::object& object, const Path& path);
    void check_array(const Schema& schema, const json::array& array, const Path& path);
    void check_text(const Schema& schema, std::string_view text, const Path& path);
    void check_number(const Schema& schema, double number, const Path& path);
    void check_words(const Schema& schema, const json::value& value, const Path& path);

    bool is_full() const { return found_ >= kMaxFaults; }

    std::vector<std::string> faults_;
    std::size_t found_ = 0;
};

bool is_whole(const json::value& value) {
    if (value.is_int64() || value.is_uint64()) return true;
    const double* d = value.if_double();
    return d && std::isfinite(*d) && std::nearbyint(*d) == *d;
}

bool has_type(Schema::Type type, const json::value& value) {
    switch (type) {
        case Schema::Type::any: return true;
        case Schema::Type::string: return value.is_string();
        case Schema::Type::integer: return is_whole(value);
        case Schema::Type::number: return value.is_number();
        case Schema::Type::boolean: return value.is_bool();
        case Schema::Type::object: return value.is_object();
        case Schema::Type::array: return value.is_array();
    }
    return false;
}

std::string_view name_of(Schema::Type type) {
    switch (type) {
        case Schema::Type::any: return "any";
        case Schema::Type::string: return "string";
        case Schema::Type::integer: return "integer";
        case Schema::Type::number: return "number";
        case Schema::Type::boolean: return "boolean";
        case Schema::Type::object: return "object";
        case Schema::Type::array: return "array";
    }
    return "any";
}

void Checker::check(const Schema& schema, const json::value& value, const Path& path) {
    const std::size_t before = found_;
    check_non_null(schema, value, path);
    if (found_ == before || schema.null != Schema::Null::any_of || !schema.alternatives.empty()) return;
    fault(path, "must be null");
    fault(path, "must match a schema in anyOf");
}

void Checker::check_alternatives(const Schema& schema, const json::value& value, const Path& path) {
    const std::size_t before = found_;
    const std::vector<std::string> kept = faults_;
    for (const Schema& alternative : schema.alternatives) {
        const std::size_t so_far = found_;
        check(alternative, value, path);
        if (found_ != so_far) continue;
        faults_ = kept;  // one fits: what the others lack does not matter
        found_ = before;
        return;
    }
    if (schema.null == Schema::Null::any_of) fault(path, "must be null");
    fault(path, "must match a schema in anyOf");
}

void Checker::check_non_null(const Schema& schema, const json::value& value, const Path& path) {
    if (schema.null != Schema::Null::refused && value.is_null()) return;
    if (schema.words == Schema::Words::any_of) return check_words(schema, value, path);
    if (!schema.alternatives.empty()) return check_alternatives(schema, value, path);
    if (!has_type(schema.type, value)) {
        const bool either = schema.null == Schema::Null::either;
        fault(path, either ? fmt::format("must be either {} or null", name_of(schema.type))
                           : fmt::format("must be {}", name_of(schema.type)));
        if (!schema.allowed.empty()) check_words(schema, value, path);
        if (schema.type == Schema::Type::integer && value.is_number())
            check_number(schema, value.to_number<double>(), path);
    } else {
        check_value(schema, value, path);
    }
}

void Checker::check_value(const Schema& schema, const json::value& value, const Path& path) {
    if (!schema.allowed.empty()) check_words(schema, value, path);
    if (schema.type == Schema::Type::object) check_object(schema, value.get_object(), path);
    if (schema.type == Schema::Type::array) check_array(schema, value.get_array(), path);
    if (schema.type == Schema::Type::string)
        check_text(schema, {value.get_string().data(), value.get_string().size()}, path);
    if (schema.type == Schema::Type::integer || schema.type == Schema::Type::number)
        check_number(schema, value.to_number<double>(), path);
}

void Checker::check_words(const Schema& schema, const json::value& value, const Path& path) {
    const auto* text = value.if_string();
    if (text && std::find(schema.allowed.begin(), schema.allowed.end(), std::string_view(text->data(), text->size())) !=
                    schema.allowed.end())
        return;
    if (schema.words == Schema::Words::allowed) fault(path, "must be equal to one of the allowed values");
    if (schema.words == Schema::Words::constant) fault(path, "must be equal to constant");
    if (schema.words != Schema::Words::any_of) return;
    for (std::size_t i = 0; i < schema.allowed.size(); ++i) {  // each word is an alternative of its own
        if (!text) fault(path, "must be string");
        fault(path, "must be equal to constant");
    }
    fault(path, "must match a schema in anyOf");
}

void Checker::check_object(const Schema& schema, const json::object& object, const Path& path) {
    for (const Field& field : schema.fields) {
        if (field.need != Need::required || object.contains(boost::json::string_view(field.name))) continue;
        fault(path, fmt::format("must have required property '{}'", field.name));
        break;  // one is named, as the protocol's own checker does
    }
    const bool is_map = schema.items != nullptr;
    if (!schema.open && !is_map) {
        for (const auto& [key, value] : object) {
            const std::string_view name(key.data(), key.size());
            if (std::any_of(schema.fields.begin(), schema.fields.end(), [&](const Field& f) { return f.name == name; }))
                continue;
            const std::string shown = truncate_utf8(strip_control(name), 64);
            const std::string line = fmt::format("unexpected property '{}'", shown);
            fault_at(path.is_root() ? "root" : path.text(), line);
            break;
        }
    }
    for (const Field& field : schema.fields) {
        if (const json::value* value = json::find(object, field.name))
            check(field.schema, *value, path.field(field.name));
    }
    if (is_map) {
        for (const auto& [key, value] : object)
            check(*schema.items, value, path.field(std::string_view(key.data(), key.size())));
    }
}

void Checker::check_array(const Schema& schema, const json::array& array, const Path& path) {
    const auto size = std::int64_t(array.size());
    if (schema.items) {
        for (std::size_t i = 0; i < array.size() && !is_full(); ++i) check(*schema.items, array[i], path.item(i));
    }
    if (size < schema.min) fault(path, fmt::format("must not have fewer than {} items", schema.min));
    if (size > schema.max) fault(path, fmt::format("must not have more than {} items", schema.max));
    if (!schema.unique) return;
    for (std::size_t i = 0; i < array.size(); ++i) {
        if (std::find(array.begin() + std::ptrdiff_t(i) + 1, array.end(), array[i]) != array.end()) {
            fault(path, "must not have duplicate items");
            return;
        }
    }
}

void Checker::check_text(const Schema& schema, std::string_view text, const Path& path) {
    if (schema.min <= 0 && std::uint64_t(text.size()) <= std::uint64_t(schema.max)) return;
    const auto length = std::int64_t(utf8_length(text));
    if (length < schema.min) fault(path, fmt::format("must not have fewer than {} characters", schema.min));
    if (length > schema.max) fault(path, fmt::format("must not have more than {} characters", schema.max));
}

void Checker::check_number(const Schema& schema, double number, const Path& path) {
    if (schema.min != std::numeric_limits<std::int64_t>::min() && number < double(schema.min))
        fault(path, fmt::format("must be >= {}", schema.min));
    if (schema.max != kNoLimit && number > double(schema.max)) fault(path, fmt::format("must be <= {}", schema.max));
}

}  // namespace

std::vector<std::string> find_faults(const Schema& schema, const json::value& value) {
    Checker checker;
    checker.check(schema, value, Path{});
    return std::move(checker).take();
}

Result<> check(const Schema& schema, const json::value& value, std::string_view what) {
    const auto faults = find_faults(schema, value);
    if (faults.empty()) return {};
    return PINCER_FAIL(invalid_argument, "invalid {}: {}", what, join(faults, "; "));
}

}  // namespace pincer::wire
