#include "gateway/config/section.hpp"

namespace pincer::gateway {

std::string Section::path_of(std::string_view key) const {
    return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

void Section::wrong(std::string_view key, std::string_view what) const {
    if (!*problem_) *problem_ = Error(ErrorCode::invalid_argument, fmt::format("{}: {}", path_of(key), what));
}

Section Section::section(std::string_view key) const {
    static const json::object kEmpty;
    const json::value* v = json::find(*object_, key);
    if (v && !v->is_object()) wrong(key, "must be an object");
    return Section(v && v->is_object() ? v->get_object() : kEmpty, path_of(key), *problem_);
}

std::optional<std::string> Section::text(std::string_view key) const {
    const json::value* v = json::find(*object_, key);
    if (!v) return std::nullopt;
    if (v->is_string()) return std::string(v->get_string());
    wrong(key, "must be a string");
    return std::nullopt;
}

Secret Section::secret(std::string_view key) const {
    const json::value* v = json::find(*object_, key);
    if (v && v->is_object()) wrong(key, "must be the secret itself (references to secret stores are not known here)");
    return Secret(text(key).value_or(""));
}

bool Section::flag_or(std::string_view key, bool otherwise) const {
    const json::value* v = json::find(*object_, key);
    if (!v) return otherwise;
    if (!v->is_bool()) wrong(key, "must be true or false");
    return v->is_bool() ? v->get_bool() : otherwise;
}

std::optional<std::int64_t> Section::number(std::string_view key, std::int64_t least, std::int64_t most) const {
    if (!has(key)) return std::nullopt;
    const auto number = json::int_at(*object_, key);
    if (number && *number >= least && *number <= most) return number;
    wrong(key, fmt::format("must be a whole number from {} to {}", least, most));
    return std::nullopt;
}

std::vector<std::string> Section::texts(std::string_view key) const {
    std::vector<std::string> found;
    const json::array* items = list(key);
    if (!items) return found;
    for (const auto& item : *items) {
        if (item.is_int64())
            found.push_back(std::to_string(item.get_int64()));
        else if (item.is_string())
            found.emplace_back(item.get_string());
        else
            wrong(key, "must be a list of strings");
    }
    return found;
}

const json::array* Section::list(std::string_view key) const {
    const json::value* v = json::find(*object_, key);
    if (!v) return nullptr;
    if (!v->is_array()) wrong(key, "must be a list");
    return v->if_array();
}

}  // namespace pincer::gateway
