#include <gtest/gtest.h>
#include <sys/stat.h>

#include "approval/approval.hpp"
#include "approval/detail/grant_codec.hpp"
#include "base/testing/fake_clock.hpp"
#include "base/text.hpp"
#include "storage/testing/scratch.hpp"

namespace pincer::approval {
namespace {

const storage::Migration kSchema[] = {{1, kGrantTableSql}};
constexpr const char* kPlan = "5f2b0a9c";
constexpr const char* kEngine = "clanker:install-1";

class Grants : public ::testing::Test {
protected:
    void SetUp() override {
        authority_ = *Authority::open(scratch_ / "gateway");
        pins_ = {{.name = "gateway", .public_key = authority_->public_key(), .ceiling = Risk::high}};
    }
    Grant a_grant() {
        return {.id = "nonce-1",
                .audience = kEngine,
                .plan_digest = kPlan,
                .approver = "operator:d1",
                .approver_display = "Bob",
                .requester = "slack:T1:U1",
                .approval_id = "plugin:1",
                .risk_ceiling = Risk::high,
                .issued_at = clock_.wall(),
                .expires_at = clock_.wall() + Millis(600'000),
                .follows = "gateway:7:" + std::string(64, 'a')};
    }
    std::string issue(const Grant& grant) { return *authority_->issue(grant); }
    Result<Grant> check(std::string_view wire, Risk risk = Risk::medium) {
        return verify_grant(wire, pins_, kPlan, risk, kEngine, clock_.wall());
    }
    std::string reason(std::string_view wire, Risk risk = Risk::medium) {
        const auto checked = check(wire, risk);
        return checked ? "" : checked.error().reason();
    }

    testing::Scratch scratch_;
    testing::FakeClock clock_;
    std::unique_ptr<Authority> authority_;
    std::vector<PinnedAuthority> pins_;
};

TEST_F(Grants, a_good_grant_says_who_approved_what) {
    const auto grant = check(issue(a_grant()));
    ASSERT_TRUE(grant) << grant.error().message();
    EXPECT_EQ(grant->authority, authority_->key_id());
    EXPECT_EQ(grant->approver, "operator:d1");
    EXPECT_EQ(grant->follows, a_grant().follows);
    EXPECT_EQ(grant->expires_at, a_grant().expires_at);
}

TEST_F(Grants, every_changed_byte_is_refused) {
    const std::string wire = issue(a_grant());
    for (std::size_t at = 0; at < wire.size(); ++at) {
        for (const char other : {'A', 'B', '_', '.', ' '}) {
            if (wire[at] == other) continue;
            std::string changed = wire;
            changed[at] = other;
            ASSERT_FALSE(check(changed)) << "byte " << at << " to " << other;
        }
        ASSERT_FALSE(check(wire.substr(0, at)));
    }
    EXPECT_EQ(reason(wire + "="), "GRANT_MALFORMED") << "one grant has one wire form";
    EXPECT_EQ(reason(wire + "\n"), "GRANT_MALFORMED");
    EXPECT_EQ(reason(std::string(100'000, 'a')), "GRANT_MALFORMED");
}

TEST_F(Grants, each_forgery_is_refused_with_its_reason) {
    auto stranger = Authority::open(scratch_ / "stranger");
    EXPECT_EQ(reason(*(*stranger)->issue(a_grant())), "GRANT_AUTHORITY_UNKNOWN");

    // The stranger's signature under the gateway's name.
    Grant posing = a_grant();
    posing.authority = authority_->key_id();
    const std::string foreign = *(*stranger)->issue(a_grant());
    const std::string signature = *from_base64(foreign.substr(foreign.find('.') + 1));
    EXPECT_EQ(reason(detail::wire_of(detail::payload_of(posing), signature)), "GRANT_SIGNATURE_INVALID");

    // The gateway's true signature moved to a payload with a higher ceiling.
    const std::string wire = issue(a_grant());
    Grant raised = *check(wire);
    raised.risk_ceiling = Risk::destructive;
    EXPECT_EQ(reason(detail::wire_of(detail::payload_of(raised), *from_base64(wire.substr(wire.find('.') + 1)))),
              "GRANT_SIGNATURE_INVALID");
}

TEST_F(Grants, each_wrong_use_is_refused_with_its_reason) {
    struct Case {
        const char* reason;
        std::function<void(Grant&)> change;
    };
    const WallTime now = clock_.wall();
    const Case cases[] = {
        {"", [](Grant& g) { g.audience = ""; }},
        {"GRANT_AUDIENCE", [](Grant& g) { g.audience = "clanker:install-2"; }},
        {"GRANT_NOT_FOR_THIS_PLAN", [](Grant& g) { g.plan_digest = "another"; }},
        {"GRANT_EXPIRED", [&](Grant& g) { g.issued_at = now - Millis(2), g.expires_at = now; }},
        {"", [&](Grant& g) { g.expires_at = now + Millis(1); }},
        {"", [&](Grant& g) { g.issued_at = now + kMostClockSkew; }},
        {"GRANT_NOT_YET_VALID", [&](Grant& g) { g.issued_at = now + kMostClockSkew + Millis(1); }},
        {"", [](Grant& g) { g.risk_ceiling = Risk::medium; }},
        {"GRANT_RISK_EXCEEDED", [](Grant& g) { g.risk_ceiling = Risk::low; }},
    };
    for (const Case& c : cases) {
        Grant grant = a_grant();
        c.change(grant);
        EXPECT_EQ(reason(issue(grant)), c.reason);
    }
}

TEST_F(Grants, the_pin_limits_what_its_authority_may_grant) {
    Grant grant = a_grant();
    grant.risk_ceiling = Risk::destructive;
    EXPECT_EQ(reason(issue(grant), Risk::high), "");
    EXPECT_EQ(reason(issue(grant), Risk::destructive), "GRANT_RISK_EXCEEDED");
    pins_[0].ceiling = Risk::destructive;
    EXPECT_EQ(reason(issue(grant), Risk::destructive), "");
    pins_[0].public_key = "not a key";
    EXPECT_EQ(reason(issue(grant)), "GRANT_AUTHORITY_UNKNOWN");
}

TEST_F(Grants, what_nobody_could_use_is_not_issued) {
    for (const auto& change :
         {+[](Grant& g) { g.id = ""; }, +[](Grant& g) { g.plan_digest = ""; }, +[](Grant& g) { g.approver = ""; },
          +[](Grant& g) { g.expires_at = g.issued_at; }, +[](Grant& g) { g.requester = std::string(10'000, 'x'); },
          +[](Grant& g) { g.requester = "\xff"; }}) {
        Grant grant = a_grant();
        change(grant);
        EXPECT_EQ(authority_->issue(grant).error().code(), ErrorCode::invalid_argument);
    }
    Grant odd_name = a_grant();
    odd_name.approver_display =
        "B\xff"
        "ob";
    EXPECT_TRUE(check(issue(odd_name))) << "a display name is for people and is mended";
}

TEST_F(Grants, a_grant_is_good_for_one_apply_even_after_a_restart) {
    io::Runtime runtime;
    auto db = storage::Database::open(runtime, scratch_ / "engine.db", kSchema);
    ASSERT_TRUE(db);
    const Grant grant = *check(issue(a_grant()));
    const WallTime now = clock_.wall();
    const auto consume = [&](const Grant& g, WallTime at) {
        std::function<Result<>(storage::Connection&)> work = [g, at](storage::Connection& c) {
            return consume_grant(c, g, at);
        };
        return runtime.run_until_done((*db)->write(std::move(work)));
    };
    EXPECT_EQ(consume(grant, grant.expires_at).error().reason(), "GRANT_EXPIRED");
    EXPECT_TRUE(consume(grant, now));
    EXPECT_EQ(consume(grant, now).error().reason(), "GRANT_ALREADY_USED");
    db->reset();
    db = storage::Database::open(runtime, scratch_ / "engine.db", kSchema);
    EXPECT_EQ(consume(grant, now).error().reason(), "GRANT_ALREADY_USED");
    Grant other = a_grant();
    other.id = "nonce-2";
    EXPECT_TRUE(consume(*check(issue(other)), now));
}

TEST_F(Grants, the_authority_keeps_its_key_and_shows_its_public_half) {
    const auto again = Authority::open(scratch_ / "gateway");
    ASSERT_TRUE(again);
    EXPECT_EQ((*again)->public_key(), authority_->public_key());
    struct stat status{};
    ASSERT_EQ(::stat((scratch_ / "gateway" / "approval-authority.key").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    EXPECT_TRUE(std::filesystem::exists(scratch_ / "gateway" / "approval-authority.pub"));
}

}  // namespace
}  // namespace pincer::approval
