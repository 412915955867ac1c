// Reads the keys of one object of openclaw.json. A key that is not there gives the default; one whose value is of the
// wrong kind is remembered, the first of them with its path, and stops the start.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/secret.hpp"

namespace pincer::gateway {

class Section {
public:
    Section(const json::object& object, std::string path, std::optional<Error>& first_problem)
        : object_(&object), path_(std::move(path)), problem_(&first_problem) {}

    Section section(std::string_view key) const;  // empty when it is not there
    std::optional<std::string> text(std::string_view key) const;
    std::string text_or(std::string_view key, std::string_view otherwise) const {
        return text(key).value_or(std::string(otherwise));
    }
    Secret secret(std::string_view key) const;
    bool flag_or(std::string_view key, bool otherwise) const;
    std::optional<std::int64_t> number(std::string_view key, std::int64_t least, std::int64_t most) const;
    std::vector<std::string> texts(
        std::string_view key) const;  // whole numbers count as texts: ids are often written bare
    const json::array* list(std::string_view key) const;
    bool has(std::string_view key) const { return json::find(*object_, key) != nullptr; }
    const json::object& object() const { return *object_; }
    std::string path_of(std::string_view key) const;

    void wrong(std::string_view key, std::string_view what) const;

private:
    const json::object* object_;
    std::string path_;
    std::optional<Error>* problem_;
};

}  // namespace pincer::gateway
