// Ids are types of their own, so that a session id cannot be passed where a run id is meant.
//
//     using RunId = Id<struct RunIdTag>;
#pragma once

#include <compare>
#include <functional>
#include <string>

namespace pincer {

template <class Tag>
class Id {
public:
    Id() = default;
    explicit Id(std::string value) : value_(std::move(value)) {}

    const std::string& str() const { return value_; }
    bool empty() const { return value_.empty(); }

    friend auto operator<=>(const Id&, const Id&) = default;

private:
    std::string value_;
};

}  // namespace pincer

template <class Tag>
struct std::hash<pincer::Id<Tag>> {
    std::size_t operator()(const pincer::Id<Tag>& id) const noexcept { return std::hash<std::string>{}(id.str()); }
};
