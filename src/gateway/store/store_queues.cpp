// Store: deliveries, pairing, the event log.
#include <algorithm>

#include "base/text.hpp"
#include "channels/access.hpp"
#include "gateway/store/entry_codec.hpp"
#include "gateway/store/store.hpp"

namespace pincer::gateway {
namespace {

constexpr std::string_view kPairingColumns = "channel, account_id, sender_id, display, code, expires_at";

PairingRequest pairing_from(const storage::Row& row) {
    return {row.text(0), row.text(1), row.text(2), row.text(3), row.text(4), from_millis(row.integer(5))};
}

Result<PairingRequest> ask_pairing(storage::Connection& c, PairingRequest wanted, std::int64_t now) {
    PINCER_CHECK(c.execute("DELETE FROM pairing_requests WHERE expires_at <= ?", {now}));
    std::optional<PairingRequest> pending;
    PINCER_CHECK(
        c.query(fmt::format("SELECT {} FROM pairing_requests WHERE channel = ? AND account_id = ? AND sender_id = ?",
                            kPairingColumns),
                {wanted.channel, wanted.account_id, wanted.sender_id}, [&](const storage::Row& row) {
                    pending = pairing_from(row);
                    return false;
                }));
    if (pending) return *pending;
    std::int64_t waiting = 0;
    PINCER_CHECK(c.query("SELECT count(*) FROM pairing_requests WHERE channel = ? AND account_id = ?",
                         {wanted.channel, wanted.account_id}, [&](const storage::Row& row) {
                             waiting = row.integer(0);
                             return false;
                         }));
    if (waiting >= std::int64_t(channels::kMaxPendingPairings)) {
        return PINCER_FAIL(rate_limited, "{} people wait to be paired on {} already", waiting, wanted.channel);
    }
    PINCER_CHECK(
        c.execute("INSERT INTO pairing_requests (channel, account_id, sender_id, display, code, expires_at) VALUES (?, "
                  "?, ?, ?, ?, ?)",
                  {wanted.channel, wanted.account_id, wanted.sender_id, wanted.display, wanted.code,
                   to_millis(wanted.expires_at)}));
    return wanted;
}

// Takes the code and makes the pairing in one transaction, so a code works once.
Result<PairingRequest> take_code(storage::Connection& c, const std::string& channel, const std::string& code,
                                 const std::string& by, std::int64_t now) {
    std::optional<PairingRequest> found;
    PINCER_CHECK(c.query(fmt::format("SELECT {} FROM pairing_requests WHERE channel = ? AND code = ?", kPairingColumns),
                         {channel, code}, [&](const storage::Row& row) {
                             found = pairing_from(row);
                             return false;
                         }));
    if (!found) return PINCER_FAIL(not_found, "no pending pairing on {} has the code {}", channel, code);
    if (to_millis(found->expires_at) <= now)
        return PINCER_FAIL(expired, "the pairing code {} has expired; the sender gets a new one by writing again",
                           code);
    PINCER_CHECK(c.execute("DELETE FROM pairing_requests WHERE channel = ? AND account_id = ? AND sender_id = ?",
                           {found->channel, found->account_id, found->sender_id}));
    PINCER_CHECK(
        c.execute("INSERT INTO paired_senders (channel, account_id, sender_id, display, at, approved_by) VALUES (?, ?, "
                  "?, ?, ?, ?) "
                  "ON CONFLICT DO NOTHING",
                  {found->channel, found->account_id, found->sender_id, found->display, now, by}));
    return *found;
}

}  // namespace

Task<Result<Delivery>> Store::enqueue(Delivery delivery) {
    const std::int64_t now = to_millis(clock_.wall());
    if (delivery.out.delivery_id.empty()) delivery.out.delivery_id = random_.uuid();
    std::function<Result<>(storage::Connection&)> work = [delivery, now](storage::Connection& c) {
        return insert_delivery(c, delivery, now);
    };
    PINCER_CO_CHECK(co_await db_.write(std::move(work)));
    co_return delivery;
}

Result<std::vector<Delivery>> Store::open_deliveries() const {
    std::vector<Delivery> open;
    PINCER_CHECK(db_.read([&](storage::Connection& c) {
        return c.query(fmt::format("SELECT {} FROM deliveries WHERE state IN ('queued', 'sending') ORDER BY ordinal",
                                   kDeliveryColumns),
                       {}, [&](const storage::Row& row) {
                           open.push_back(delivery_from(row));
                           return true;
                       });
    }));
    return open;
}

Result<std::vector<Delivery>> Store::deliveries_of(std::string_view subject) const {
    std::vector<Delivery> found;
    PINCER_CHECK(db_.read([&](storage::Connection& c) {
        return c.query(fmt::format("SELECT {} FROM deliveries WHERE subject = ? AND subject <> '' ORDER BY ordinal",
                                   kDeliveryColumns),
                       {std::string(subject)}, [&](const storage::Row& row) {
                           found.push_back(delivery_from(row));
                           return true;
                       });
    }));
    return found;
}

Result<std::vector<Delivery>> Store::cards_without_outcome() const {
    std::vector<Delivery> found;
    PINCER_CHECK(db_.read([&](storage::Connection& c) {
        return c.query(fmt::format("SELECT {} FROM deliveries AS d WHERE purpose = 'approval' AND state = 'sent' AND "
                                   "refs <> '[]' AND NOT EXISTS "
                                   "(SELECT 1 FROM deliveries AS o WHERE o.id = 'outcome:' || d.id) ORDER BY ordinal",
                                   kDeliveryColumns),
                       {}, [&](const storage::Row& row) {
                           found.push_back(delivery_from(row));
                           return true;
                       });
    }));
    return found;
}

Task<Result<>> Store::set_delivery(std::string id, DeliveryState state, int attempts, std::vector<std::string> refs,
                                   std::string error) {
    const std::int64_t now = to_millis(clock_.wall());
    json::array list;
    for (const std::string& ref : refs) list.push_back(json::value(ref));
    const std::string refs_text = json::write(json::value(std::move(list)));
    std::function<Result<>(storage::Connection&)> work = [=](storage::Connection& c) -> Result<> {
        PINCER_CHECK(
            c.execute("UPDATE deliveries SET state = ?, attempts = ?, refs = ?, error = ?, updated_at = ? WHERE id = ?",
                      {std::string(name_of(state)), std::int64_t(attempts), refs_text, error, now, id}));
        return {};
    };
    co_return co_await db_.write(std::move(work));
}

std::vector<std::string> Store::paired(const std::string& channel, const std::string& account) const {
    const auto at = paired_.find({channel, account});
    return at == paired_.end() ? std::vector<std::string>{} : at->second;
}

std::vector<PairingRequest> Store::pairing_requests(const std::string& channel) const {
    std::vector<PairingRequest> pending;
    const auto done = db_.read([&](storage::Connection& c) {
        return c.query(
            fmt::format(
                "SELECT {} FROM pairing_requests WHERE (channel = ? OR ? = '') AND expires_at > ? ORDER BY expires_at",
                kPairingColumns),
            {channel, channel, to_millis(clock_.wall())}, [&](const storage::Row& row) {
                pending.push_back(pairing_from(row));
                return true;
            });
    });
    return done ? pending : std::vector<PairingRequest>{};
}

Task<Result<PairingRequest>> Store::request_pairing(std::string channel, std::string account, std::string sender_id,
                                                    std::string display) {
    const WallTime now = clock_.wall();
    PairingRequest wanted{channel,
                          account,
                          sender_id,
                          display,
                          random_.from_alphabet(channels::kPairingAlphabet, channels::kPairingCodeLength),
                          now + channels::kPairingTtl};
    std::function<Result<PairingRequest>(storage::Connection&)> work = [wanted, now](storage::Connection& c) {
        return ask_pairing(c, wanted, to_millis(now));
    };
    co_return co_await db_.write_returning(std::move(work));
}

Task<Result<PairingRequest>> Store::approve_pairing(std::string channel, std::string code, std::string approved_by) {
    const std::int64_t now = to_millis(clock_.wall());
    for (char& c : code) c = c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c;
    std::function<Result<PairingRequest>(storage::Connection&)> work = [=](storage::Connection& c) {
        return take_code(c, channel, code, approved_by, now);
    };
    PINCER_CO_TRY(PairingRequest taken, co_await db_.write_returning(std::move(work)));
    auto& known = paired_[{taken.channel, taken.account_id}];
    if (std::find(known.begin(), known.end(), taken.sender_id) == known.end()) known.push_back(taken.sender_id);
    co_return taken;
}

Task<Result<std::int64_t>> Store::log_event(std::string name, std::string payload) {
    const std::int64_t now = to_millis(clock_.wall());
    std::function<Result<std::int64_t>(storage::Connection&)> work = [=](storage::Connection& c) {
        return insert_event(c, name, payload, now);
    };
    PINCER_CO_TRY(const std::int64_t id, co_await db_.write_returning(std::move(work)));
    note_event(id);
    co_return id;
}

std::int64_t Store::approval_event(const std::string& name, const std::string& approval_id) {
    constexpr std::int64_t kSearched = 1'024;
    std::int64_t id = 0;
    const auto done = db_.read([&](storage::Connection& c) {
        return c.query(
            "SELECT id FROM events WHERE id > (SELECT max(id) FROM events) - ? AND name = ? AND payload = ? ORDER BY "
            "id DESC LIMIT 1",
            {kSearched, name, json::write(json::object{{"id", approval_id}})}, [&](const storage::Row& row) {
                id = row.integer(0);
                return false;
            });
    });
    if (done && id) note_event(id);
    return done ? id : 0;
}

void Store::note_event(std::int64_t id) {
    newest_event_ = std::max(newest_event_, id);
    oldest_event_ =
        std::max(oldest_event_ == 0 ? id : oldest_event_, newest_event_ - newest_event_ % 256 - kKeptEvents + 1);
}

Result<std::vector<LoggedEvent>> Store::events_after(std::int64_t id, std::size_t limit) const {
    std::vector<LoggedEvent> events;
    PINCER_CHECK(db_.read([&](storage::Connection& c) {
        return c.query("SELECT id, name, payload FROM events WHERE id > ? ORDER BY id LIMIT ?",
                       {id, std::int64_t(limit)}, [&](const storage::Row& row) {
                           events.push_back({row.integer(0), row.text(1), row.text(2)});
                           return true;
                       });
    }));
    return events;
}

}  // namespace pincer::gateway
