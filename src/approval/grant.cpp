#include <algorithm>

#include "approval/detail/grant_codec.hpp"
#include "base/text.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/key_file.hpp"
#include "io/files.hpp"

namespace pincer::approval {

constexpr std::string_view kGrantTableSql = R"(
    CREATE TABLE approval_grant_used(
        authority TEXT NOT NULL,
        id TEXT NOT NULL,
        plan_digest TEXT NOT NULL,
        approver TEXT NOT NULL,
        approval_id TEXT NOT NULL,
        used_at INTEGER NOT NULL,
        PRIMARY KEY(authority, id)
    ) STRICT, WITHOUT ROWID;
)";

namespace {

Failure refuse(ErrorCode code, std::string reason, std::string message) {
    return Failure(Error(code, std::move(message)).with_reason(std::move(reason)));
}

Result<> check_time(const Grant& grant, WallTime now) {
    if (grant.issued_at > now + kMostClockSkew) {
        return refuse(ErrorCode::forbidden, "GRANT_NOT_YET_VALID",
                      fmt::format("the grant was issued at {}, which is in the future", to_rfc3339(grant.issued_at)));
    }
    if (now >= grant.expires_at)
        return refuse(ErrorCode::expired, "GRANT_EXPIRED",
                      fmt::format("the grant expired at {}", to_rfc3339(grant.expires_at)));
    return {};
}

class FileAuthority final : public Authority {
public:
    explicit FileAuthority(crypto::Ed25519KeyPair pair) : pair_(std::move(pair)) {}

    std::string public_key() const override { return pair_.public_key().base64url(); }
    std::string key_id() const override { return pair_.public_key().key_id(); }

    Result<std::string> issue(Grant grant) const override {
        grant.version = 1;
        grant.authority = key_id();
        grant.approver_display = sanitize_utf8(grant.approver_display);
        if (grant.expires_at <= grant.issued_at) return PINCER_FAIL(invalid_argument, "a grant ends after it begins");
        const std::string payload = detail::payload_of(grant);
        std::string wire = detail::wire_of(payload, pair_.sign(detail::signed_bytes_of(payload)));
        PINCER_CHECK(detail::parse_wire(wire));  // what nobody could read is not issued
        return wire;
    }

private:
    crypto::Ed25519KeyPair pair_;
};

}  // namespace

Result<std::unique_ptr<Authority>> Authority::open(const std::filesystem::path& directory) {
    PINCER_CHECK(io::make_private_directory(directory));
    crypto::SystemRandom random;  // a signing key never comes from a simulation's generator
    PINCER_TRY(const Secret seed, crypto::load_or_make_key(directory / "approval-authority.key", random));
    PINCER_TRY(auto pair, crypto::Ed25519KeyPair::from_seed(seed));
    const auto public_path = directory / "approval-authority.pub";
    const std::string text = pair.public_key().base64url() + "\n";
    const auto there = io::read_file(public_path, 4096);
    if (!there || *there != text) PINCER_CHECK(io::write_file_atomically(public_path, text, 0644));
    std::unique_ptr<Authority> authority = std::make_unique<FileAuthority>(std::move(pair));
    return authority;
}

Result<Grant> verify_grant(std::string_view wire, const std::vector<PinnedAuthority>& pins,
                           std::string_view plan_digest, Risk plan_risk, std::string_view audience, WallTime now) {
    PINCER_TRY(auto unverified, detail::parse_wire(wire));
    const Grant& grant = unverified.grant;
    std::optional<crypto::Ed25519PublicKey> key;
    const PinnedAuthority* pin = nullptr;
    for (const PinnedAuthority& one : pins) {
        auto pinned = crypto::Ed25519PublicKey::from_base64url(one.public_key);
        if (!pinned || pinned->key_id() != grant.authority) continue;
        key = *std::move(pinned);
        pin = &one;
        break;
    }
    if (!pin)
        return refuse(ErrorCode::forbidden, "GRANT_AUTHORITY_UNKNOWN",
                      "the grant was signed by an authority that this configuration does not name");
    if (!key->verify(unverified.signed_bytes, unverified.signature)) {
        return refuse(ErrorCode::forbidden, "GRANT_SIGNATURE_INVALID",
                      fmt::format("the grant was not signed by \"{}\", or was changed since", pin->name));
    }
    if (!grant.audience.empty() && grant.audience != audience)
        return refuse(ErrorCode::forbidden, "GRANT_AUDIENCE", "the grant is for another engine");
    if (grant.plan_digest != plan_digest)
        return refuse(ErrorCode::forbidden, "GRANT_NOT_FOR_THIS_PLAN", "the grant is for another plan");
    PINCER_CHECK(check_time(grant, now));
    const Risk ceiling = std::min(grant.risk_ceiling, pin->ceiling);
    if (plan_risk > ceiling) {
        return refuse(ErrorCode::forbidden, "GRANT_RISK_EXCEEDED",
                      fmt::format("the plan's risk is {}, and this grant from \"{}\" covers {} at most",
                                  name_of(plan_risk), pin->name, name_of(ceiling)));
    }
    return std::move(unverified.grant);
}

Result<> consume_grant(storage::Connection& connection, const Grant& grant, WallTime now) {
    PINCER_CHECK(check_time(grant, now));
    const auto used = connection.execute(
        "INSERT INTO approval_grant_used(authority, id, plan_digest, approver, approval_id, used_at) VALUES(?, ?, ?, "
        "?, ?, ?)",
        {grant.authority, grant.id, grant.plan_digest, grant.approver, grant.approval_id, to_millis(now)});
    if (used) return {};
    if (used.error().code() != ErrorCode::already_exists) return Failure(used.error());
    return refuse(ErrorCode::conflict, "GRANT_ALREADY_USED",
                  "this grant was used before; a grant is good for one apply");
}

}  // namespace pincer::approval
