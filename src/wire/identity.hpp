// Who this machine is to a Gateway: an Ed25519 key and the tokens that Gateways gave to it, in one private file.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "crypto/ed25519.hpp"

namespace pincer::wire {

class DeviceIdentity {
public:
    // <state dir>/identity/device.json, made at first use (folder 0700, file 0600).
    // Errors: forbidden (others may read the file), corrupt, io.
    static Result<DeviceIdentity> load_or_make(const std::filesystem::path& state_dir, crypto::Random& random);

    const std::string& id() const { return id_; }
    const crypto::Ed25519KeyPair& key() const { return key_; }
    // The token that this Gateway issued to us, empty if none; `gateway` is the URL's origin.
    Secret token_for(const std::string& gateway) const;
    Result<> keep_token(const std::string& gateway, Secret token);  // written at once; an empty token forgets it

private:
    DeviceIdentity(std::filesystem::path file, crypto::Ed25519KeyPair key, std::map<std::string, Secret> tokens);
    Result<> save() const;

    std::filesystem::path file_;
    crypto::Ed25519KeyPair key_;
    std::string id_;
    std::map<std::string, Secret> tokens_;
};

}  // namespace pincer::wire
