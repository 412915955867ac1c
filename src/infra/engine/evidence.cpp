#include "infra/engine/evidence.hpp"

#include "crypto/hash.hpp"

namespace pincer::infra {

std::string EvidenceBook::add(Item item, std::string_view bytes) {
    const std::string digest = crypto::sha256_hex(bytes);
    const std::string place =
        crypto::sha256_hex(crypto::Framed("evidence").add(item.provider).add(item.source).add(digest).bytes());
    // Six digits are enough for people; one more for as long as another item already has them.
    for (std::size_t digits = 6; digits <= place.size(); ++digits) {
        std::string id = std::string(item.prefix) + ":" + place.substr(0, digits);
        const Evidence* there = find(id);
        if (there && there->digest == digest && there->source == item.source && there->provider == item.provider)
            return id;
        if (there) continue;
        by_id_.emplace(id, items_.size());
        items_.push_back({id, std::move(item.provider), std::move(item.source), item.read_at, std::move(item.object),
                          digest, std::move(item.facts)});
        return id;
    }
    return {};  // not reached: equal places are equal items
}

const Evidence* EvidenceBook::find(std::string_view id) const {
    const auto at = by_id_.find(std::string(id));
    return at == by_id_.end() ? nullptr : &items_[at->second];
}

json::object to_json(const Evidence& item) {
    return {{"id", item.id},         {"provider", item.provider},
            {"source", item.source}, {"read_at", to_rfc3339(item.read_at)},
            {"object", item.object}, {"digest", item.digest},
            {"facts", item.facts}};
}

}  // namespace pincer::infra
