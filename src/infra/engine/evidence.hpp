// What was read, where and when: the ground that every sentence of an answer stands on.
//
// An id is short and stable: the provider's letters and the first six hex digits of the SHA-256 over source and bytes
// ("k8s:e7f3a2"). The same bytes from the same place have the same id in every run, so an id in a chat message still
// finds its record in the audit chain.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"

namespace pincer::infra {

struct Evidence {
    std::string id;
    std::string provider;  // "kubernetes"
    std::string source;    // path and query that was read; never a host with credentials, never a header
    WallTime read_at{};    // the answer is as of this moment
    std::string object;    // "pod shop/checkout-7c9f-x2x", or what was listed: "pods"
    std::string digest;    // hex SHA-256 of the bytes
    std::string facts;     // what it says, in a few of our own words
};

// The evidence of one question. Adding the same bytes from the same source again gives back the same id.
class EvidenceBook {
public:
    struct Item {
        std::string_view prefix;  // "k8s", "gh"
        std::string provider;
        std::string source;
        WallTime read_at{};
        std::string object;
        std::string facts;
    };
    std::string add(Item item, std::string_view bytes);
    // One object out of a list: the bytes are its canonical spelling.
    std::string add(Item item, const json::value& object) {
        return add(std::move(item), json::write_canonical(object));
    }

    const Evidence* find(std::string_view id) const;
    const std::vector<Evidence>& all() const { return items_; }

private:
    std::vector<Evidence> items_;
    std::unordered_map<std::string, std::size_t> by_id_;
};

json::object to_json(const Evidence& item);

}  // namespace pincer::infra
