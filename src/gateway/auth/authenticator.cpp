#include "gateway/auth/authenticator.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"
#include "crypto/hash.hpp"
#include "gateway/approvals/approval_center.hpp"

namespace pincer::gateway {
namespace {

namespace failure = wire::connect_failure;

constexpr std::size_t kMaxFailures = 20;  // per address and minute, as the original
constexpr Millis kFailureWindow{60'000};
constexpr std::size_t kMaxTrackedAddresses = 4096;  // the map is fed from outside
constexpr std::size_t kMaxDevices = 1024;
constexpr std::size_t kMaxNameBytes = 80;
constexpr std::int64_t kTryAgainMs = 5'000;  // after our own disk said no

bool same_secret(const Secret& ours, const Secret& theirs) {
    return !ours.empty() && crypto::constant_time_equal(ours.reveal(), theirs.reveal());
}

std::string host_name(std::string_view host) {
    if (host.starts_with('[')) return std::string(host.substr(0, host.find(']') + 1));
    return to_lower(host.substr(0, host.find(':')));
}

bool is_address(std::string_view name) {
    return !name.empty() && (name.starts_with('[') || name.find_first_not_of("0123456789.") == std::string_view::npos);
}

// Whom a wrong secret is held against. An IPv6 customer has 2^64 addresses, so the network counts. Behind a proxy of
// this machine everybody has its address: they share one account among them, and not with those who sit here.
std::string who_asks(const Peer& peer) {
    if (peer.loopback) return "here";
    if (peer.ip.find(':') == std::string::npos) return peer.ip;
    std::string network;
    int groups = 0;
    for (std::string_view group : split(peer.ip, ':')) {
        if (groups++ == 4 || group.empty()) break;  // "::" stands for zeros: what comes before it is all that tells
        network += std::string(group) + ":";
    }
    return network + ":/64";
}

// What a client calls itself, for people: one short line.
std::string shown_name(const wire::ClientInfo& client) {
    std::string name = strip_control(client.display_name.empty() ? client.id : client.display_name);
    std::replace(name.begin(), name.end(), '\n', ' ');
    return truncate_utf8(trim(name), kMaxNameBytes);
}

std::string join_scopes(wire::ScopeSet scopes) {
    const std::vector<std::string> names = scopes.names();
    return join(names, ",");
}

wire::ScopeSet parse_scopes(std::string_view text) {
    std::vector<std::string> names;
    for (std::string_view name : split(text, ',')) {
        if (!name.empty()) names.emplace_back(name);
    }
    return wire::ScopeSet::parse(names).value_or(wire::ScopeSet{});
}

}  // namespace

Authenticator::Authenticator(const GatewayConfig& config, storage::Database& db, const Clock& clock,
                             crypto::Random& random)
    : config_(config), db_(db), clock_(clock), random_(random) {}

Result<> Authenticator::load() {
    return db_.read([this](storage::Connection& c) {
        return c.query(
            "SELECT device_id, public_key, token_digest, scopes, platform, family, revoked_at IS NOT NULL FROM devices",
            {}, [this](const storage::Row& row) {
                Device device{row.text(1),        row.text(2), row.text(4), row.text(5), parse_scopes(row.text(3)),
                              row.integer(6) != 0};
                devices_.insert_or_assign(row.text(0), std::move(device));
                return true;
            });
    });
}

bool Authenticator::host_allowed(std::string_view host) const {
    const std::string name = host_name(host);
    if (name == "localhost" || name == "127.0.0.1" || name == "[::1]") return true;
    // A name can be made to point anywhere (DNS rebinding), an address cannot.
    if (!is_loopback_bind(config_.bind_address) && (name == config_.bind_address || is_address(name))) return true;
    if (name.empty()) return false;
    const auto names_it = [&](const std::string& origin) {
        return host_name(origin.substr(origin.find("//") == std::string::npos ? 0 : origin.find("//") + 2)) == name;
    };
    return std::any_of(config_.allowed_origins.begin(), config_.allowed_origins.end(), names_it);
}

bool Authenticator::origin_allowed(std::string_view origin, std::string_view host) const {
    if (origin.empty()) return true;
    if (origin == "http://" + std::string(host) || origin == "https://" + std::string(host)) return host_allowed(host);
    return std::find(config_.allowed_origins.begin(), config_.allowed_origins.end(), origin) !=
           config_.allowed_origins.end();
}

bool Authenticator::too_many_failures(const std::string& who) {
    const auto at = failures_.find(who);
    if (at == failures_.end()) return false;
    while (!at->second.empty() && clock_.steady() - at->second.front() > kFailureWindow) at->second.pop_front();
    if (!at->second.empty()) return at->second.size() >= kMaxFailures;
    failures_.erase(at);
    return false;
}

// When the map is full, who has the shortest record is forgotten, the oldest of them first: however many fresh names
// come, they do not wash out who is locked out.
void Authenticator::note_failure(const std::string& who) {
    if (failures_.size() >= kMaxTrackedAddresses && !failures_.contains(who)) {
        const SteadyTime now = clock_.steady();
        failures_.erase(std::ranges::min_element(failures_, {}, [now](const auto& entry) {
            const bool over = now - entry.second.back() > kFailureWindow;
            return std::pair(over ? 0 : entry.second.size(), entry.second.back());
        }));
    }
    auto& list = failures_[who];
    if (list.size() < kMaxFailures) list.push_back(clock_.steady());
}

bool Authenticator::http_secret_matches(std::string_view presented) const {
    const Secret secret{std::string(presented)};
    return same_secret(config_.auth.mode == AuthMode::password ? config_.auth.password : config_.auth.token, secret);
}

Task<std::variant<Admitted, wire::ConnectFailure>> Authenticator::admit(wire::ConnectParams params, std::string nonce,
                                                                        Peer peer) {
    const std::string who = who_asks(peer);
    if (too_many_failures(who)) co_return failure::rate_limited(kFailureWindow.count());
    const std::string display = shown_name(params.client);
    if (params.role != "operator") co_return failure::role_not_supported(params.role);
    if (!params.device && params.auth.empty() && config_.auth.mode != AuthMode::none)
        co_return failure::device_identity_required();
    if (params.device) {
        if (auto problem = wire::verify_device(params, nonce, clock_.wall())) {
            note_failure(who);
            co_return *std::move(problem);
        }
    }
    const auto known = params.device ? devices_.find(params.device->id) : devices_.end();
    const bool paired = known != devices_.end() && !known->second.revoked;

    Admitted admitted;
    const bool by_password = config_.auth.mode == AuthMode::password;
    const Secret& ours = by_password ? config_.auth.password : config_.auth.token;
    const Secret& theirs = params.auth.token.empty() ? params.auth.password : params.auth.token;
    const Secret& device_token = params.auth.device_token.empty() ? params.auth.token : params.auth.device_token;
    bool shared = false;
    if (config_.auth.mode == AuthMode::none) {
        admitted.method = "none";
        shared = true;
    } else if (same_secret(ours, theirs)) {
        admitted.method = by_password ? "password" : "token";
        shared = true;
    } else if (paired && !device_token.empty() &&
               crypto::constant_time_equal(known->second.token_digest, crypto::sha256_hex(device_token.reveal()))) {
        admitted.method = "device-token";
    } else {
        note_failure(who);
        if (theirs.empty() && params.auth.device_token.empty())
            co_return by_password ? failure::password_missing() : failure::token_missing();
        co_return params.auth.device_token.empty()
            ? (by_password ? failure::password_mismatch() : failure::token_mismatch())
            : failure::device_token_mismatch();
    }
    auto asked = wire::ScopeSet::parse(params.scopes);
    if (!asked) co_return failure::invalid_params("invalid connect params: at /scopes: " + asked.error().message());

    if (!params.device) {
        if (!peer.loopback) co_return failure::device_identity_required();
        admitted.principal = {"operator:" + admitted.method, display, std::string(kOwner)};
        admitted.scopes = *asked;  // the shared secret's own record: every scope, on this machine
        co_return admitted;
    }
    // A new device, or one that wants more than its record: silently ours on this machine with the shared secret, a
    // matter for a person from elsewhere.
    const bool needs_more = !paired || !known->second.scopes.covers(*asked);
    const bool changed = paired && (known->second.platform != params.client.platform ||
                                    known->second.family != params.client.device_family);
    if ((needs_more || changed) && !(shared && peer.loopback)) {
        const auto reason = !paired   ? failure::PairingReason::not_paired
                            : changed ? failure::PairingReason::metadata_upgrade
                                      : failure::PairingReason::scope_upgrade;
        co_return failure::pairing_required(reason, random_.uuid());
    }
    if (needs_more || changed) {
        Device device = paired ? known->second : Device{};
        if (!paired && devices_.size() >= kMaxDevices) co_return failure::rate_limited(kFailureWindow.count());
        admitted.device_token = Secret(random_.token());
        admitted.issued_at_ms = to_millis(clock_.wall());
        device.public_key = params.device->public_key;
        device.token_digest = crypto::sha256_hex(admitted.device_token.reveal());
        device.platform = params.client.platform;
        device.family = params.client.device_family;
        for (const std::string& name : asked->names()) device.scopes.add(*wire::scope_named(name));
        auto stored = co_await store_device(params.device->id, device, display);
        if (!stored) {  // a token that is not on disk would be worth nothing after a restart
            log::failure(log::Level::error, "device.store", stored.error());
            co_return failure::starting_up(kTryAgainMs);
        }
    }
    admitted.device_id = params.device->id;
    admitted.principal = {"operator:" + params.device->id.substr(0, 16), display, std::string(kOwner)};
    admitted.scopes = *asked;
    co_return admitted;
}

namespace {

constexpr std::string_view kDeviceColumns = "device_id, display, platform, scopes, paired_at, revoked_at";

PairedDevice device_from(const storage::Row& row) {
    PairedDevice device{row.text(0), row.text(1), row.text(2), parse_scopes(row.text(3)), row.integer(4), std::nullopt};
    if (!row.is_null(5)) device.revoked_at_ms = row.integer(5);
    return device;
}

}  // namespace

Result<std::vector<PairedDevice>> Authenticator::devices() const {
    std::vector<PairedDevice> devices;
    PINCER_CHECK(db_.read([&](storage::Connection& c) {
        return c.query(fmt::format("SELECT {} FROM devices ORDER BY paired_at, device_id", kDeviceColumns), {},
                       [&](const storage::Row& row) {
                           devices.push_back(device_from(row));
                           return true;
                       });
    }));
    return devices;
}

std::optional<PairedDevice> Authenticator::device(std::string_view id) const {
    std::optional<PairedDevice> found;
    const auto done = db_.read([&](storage::Connection& c) {
        return c.query(fmt::format("SELECT {} FROM devices WHERE device_id = ?", kDeviceColumns), {std::string(id)},
                       [&](const storage::Row& row) {
                           found = device_from(row);
                           return false;
                       });
    });
    return done ? found : std::nullopt;
}

Task<Result<>> Authenticator::revoke_device(std::string id) {
    if (const auto known = devices_.find(id); known != devices_.end())
        known->second.revoked = true;  // at once; the disk follows
    std::function<Result<>(storage::Connection&)> work =
        [id, now = to_millis(clock_.wall())](storage::Connection& c) -> Result<> {
        PINCER_CHECK(
            c.execute("UPDATE devices SET revoked_at = ? WHERE device_id = ? AND revoked_at IS NULL", {now, id}));
        return {};
    };
    return end_device(std::move(id), std::move(work));
}

Task<Result<>> Authenticator::remove_device(std::string id) {
    devices_.erase(id);
    std::function<Result<>(storage::Connection&)> work = [id](storage::Connection& c) -> Result<> {
        PINCER_CHECK(c.execute("DELETE FROM devices WHERE device_id = ?", {id}));
        return {};
    };
    return end_device(std::move(id), std::move(work));
}

// Its connections are closed first, whatever the disk says then.
Task<Result<>> Authenticator::end_device(std::string id, std::function<Result<>(storage::Connection&)> work) {
    if (on_ended_) on_ended_(id);
    log::info("device.ended", {{"device", id}});
    co_return co_await db_.write(std::move(work));
}

Task<Result<>> Authenticator::store_device(std::string id, Device device, std::string display) {
    const std::int64_t now = to_millis(clock_.wall());
    std::function<Result<>(storage::Connection&)> work = [=](storage::Connection& c) -> Result<> {
        PINCER_CHECK(
            c.execute("INSERT INTO devices (device_id, public_key, token_digest, role, scopes, platform, family, "
                      "display, paired_at) "
                      "VALUES (?, ?, ?, 'operator', ?, ?, ?, ?, ?) ON CONFLICT (device_id) DO UPDATE SET token_digest "
                      "= excluded.token_digest, "
                      "scopes = excluded.scopes, platform = excluded.platform, family = excluded.family, display = "
                      "excluded.display, revoked_at = NULL",
                      {id, device.public_key, device.token_digest, join_scopes(device.scopes), device.platform,
                       device.family, display, now}));
        return {};
    };
    PINCER_CO_CHECK(co_await db_.write(std::move(work)));
    devices_.insert_or_assign(std::move(id), std::move(device));
    co_return Result<>{};
}

}  // namespace pincer::gateway
