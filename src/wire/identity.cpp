#include "wire/identity.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "io/files.hpp"
#include "wire/connect.hpp"

namespace pincer::wire {
namespace {

constexpr std::size_t kMaxFileBytes = 64u << 10;

Result<std::pair<Secret, std::map<std::string, Secret>>> read_identity(const std::filesystem::path& file) {
    PINCER_CHECK(io::check_private_file(file));
    PINCER_TRY(const std::string text, io::read_file(file, kMaxFileBytes));
    const auto broken = [&] { return PINCER_FAIL(corrupt, "{} is not a device identity", file.string()); };
    const auto parsed = json::parse_object(text);
    if (!parsed) return broken();
    const auto seed = from_base64(json::string_or(*parsed, "privateKey"));
    if (!seed || seed->size() != 32) return broken();
    std::map<std::string, Secret> tokens;
    if (const json::object* kept = json::object_at(*parsed, "deviceTokens")) {
        for (const auto& [gateway, token] : *kept) {
            if (token.is_string()) tokens.emplace(std::string(gateway), Secret(std::string(token.get_string())));
        }
    }
    return std::pair(Secret(*seed), std::move(tokens));
}

}  // namespace

DeviceIdentity::DeviceIdentity(std::filesystem::path file, crypto::Ed25519KeyPair key,
                               std::map<std::string, Secret> tokens)
    : file_(std::move(file)), key_(std::move(key)), id_(device_id(key_.public_key())), tokens_(std::move(tokens)) {}

Result<DeviceIdentity> DeviceIdentity::load_or_make(const std::filesystem::path& state_dir, crypto::Random& random) {
    const auto folder = state_dir / "identity";
    const auto file = folder / "device.json";
    PINCER_CHECK(io::make_private_directory(folder));
    std::error_code ec;
    if (std::filesystem::exists(file, ec)) {
        PINCER_TRY(auto kept, read_identity(file));
        PINCER_TRY(auto key, crypto::Ed25519KeyPair::from_seed(kept.first));
        return DeviceIdentity(file, std::move(key), std::move(kept.second));
    }
    DeviceIdentity made(file, crypto::Ed25519KeyPair::generate(random), {});
    PINCER_CHECK(made.save());
    return made;
}

Secret DeviceIdentity::token_for(const std::string& gateway) const {
    const auto at = tokens_.find(gateway);
    return at == tokens_.end() ? Secret() : at->second;
}

Result<> DeviceIdentity::keep_token(const std::string& gateway, Secret token) {
    const Secret before = token_for(gateway);
    if (before.reveal() == token.reveal()) return {};
    if (token.empty()) {
        tokens_.erase(gateway);
    } else {
        tokens_[gateway] = std::move(token);
    }
    return save();
}

Result<> DeviceIdentity::save() const {
    json::object tokens;
    for (const auto& [gateway, token] : tokens_) tokens[gateway] = token.reveal();
    const json::object file{{"version", 1},
                            {"deviceId", id_},
                            {"publicKey", key_.public_key().base64url()},
                            {"privateKey", to_base64url(key_.seed().reveal())},
                            {"deviceTokens", std::move(tokens)}};
    return io::write_file_atomically(file_, json::write_pretty(file) + "\n");
}

}  // namespace pincer::wire
