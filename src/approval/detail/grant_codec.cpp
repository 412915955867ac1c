#include "approval/detail/grant_codec.hpp"

#include "base/text.hpp"
#include "crypto/hash.hpp"

namespace pincer::approval::detail {
namespace {

Failure malformed(std::string_view why) {
    return Failure(
        Error(ErrorCode::invalid_argument, fmt::format("this is not a grant: {}", why)).with_reason("GRANT_MALFORMED"));
}

Result<Grant> grant_from(std::string_view payload) {
    const auto parsed = json::parse_object(payload, {.bytes = kMostGrantBytes, .depth = 1});
    if (!parsed) return malformed(parsed.error().message());
    const json::object& o = *parsed;
    const auto version = json::int_at(o, "version");
    const auto risk = parse_risk(json::string_or(o, "riskCeiling"));
    const auto issued = json::int_at(o, "issuedAt");
    const auto expires = json::int_at(o, "expiresAt");
    if (version != 1) return malformed("its version is unknown");
    if (!risk || !issued || !expires) return malformed("a field is missing");
    Grant grant{.id = json::string_or(o, "id"),
                .authority = json::string_or(o, "authority"),
                .audience = json::string_or(o, "audience"),
                .plan_digest = json::string_or(o, "planDigest"),
                .approver = json::string_or(o, "approver"),
                .approver_display = json::string_or(o, "approverDisplay"),
                .requester = json::string_or(o, "requester"),
                .approval_id = json::string_or(o, "approvalId"),
                .risk_ceiling = *risk,
                .issued_at = from_millis(*issued),
                .expires_at = from_millis(*expires),
                .follows = json::string_or(o, "follows")};
    if (grant.id.empty() || grant.authority.empty() || grant.plan_digest.empty() || grant.approver.empty())
        return malformed("a field is empty");
    if (payload_of(grant) != payload) return malformed("it is not written as we write it");
    return grant;
}

}  // namespace

std::string payload_of(const Grant& g) {
    return json::write_canonical(json::object{{"version", g.version},
                                              {"id", g.id},
                                              {"authority", g.authority},
                                              {"audience", g.audience},
                                              {"planDigest", g.plan_digest},
                                              {"approver", g.approver},
                                              {"approverDisplay", g.approver_display},
                                              {"requester", g.requester},
                                              {"approvalId", g.approval_id},
                                              {"riskCeiling", name_of(g.risk_ceiling)},
                                              {"issuedAt", to_millis(g.issued_at)},
                                              {"expiresAt", to_millis(g.expires_at)},
                                              {"follows", g.follows}});
}

std::string signed_bytes_of(std::string_view payload) {
    return crypto::Framed("pincer approval grant 1").add(payload).bytes();
}

std::string wire_of(std::string_view payload, std::string_view signature) {
    return to_base64url(payload) + "." + to_base64url(signature);
}

Result<UnverifiedGrant> parse_wire(std::string_view wire) {
    if (wire.size() > kMostGrantBytes) return malformed("it is too long");
    const std::size_t dot = wire.find('.');
    if (dot == std::string_view::npos) return malformed("it has no signature");
    const auto payload = from_base64(wire.substr(0, dot));
    const auto signature = from_base64(wire.substr(dot + 1));
    if (!payload || !signature || wire_of(*payload, *signature) != wire) return malformed("it is not base64url");
    PINCER_TRY(Grant grant, grant_from(*payload));
    return UnverifiedGrant{
        .grant = std::move(grant), .signed_bytes = signed_bytes_of(*payload), .signature = *signature};
}

}  // namespace pincer::approval::detail
