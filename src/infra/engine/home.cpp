#include "infra/engine/home.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/hash.hpp"
#include "infra/engine/quoting.hpp"
#include "io/files.hpp"

namespace pincer::infra {
namespace {

constexpr std::string_view kTables = R"(
    CREATE TABLE plan(
        digest TEXT PRIMARY KEY,
        bytes TEXT NOT NULL,
        made_ref TEXT NOT NULL,
        created_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE apply(
        digest TEXT PRIMARY KEY REFERENCES plan(digest),
        state TEXT NOT NULL,
        record TEXT NOT NULL,
        started_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
)";

const std::vector<storage::Migration>& migrations() {
    static const std::vector<storage::Migration> kAll{{1, kTables}, {2, approval::kGrantTableSql}};
    return kAll;
}

std::optional<ApplyState> parse_state(std::string_view text) {
    for (const auto state : {ApplyState::intended, ApplyState::done, ApplyState::failed, ApplyState::unknown}) {
        if (text == name_of(state)) return state;
    }
    return std::nullopt;
}

std::string to_text(const ApplyRecord& record) {
    json::array steps;
    for (const auto& step : record.steps)
        steps.push_back(json::object{{"state", name_of(step.state)}, {"text", step.text}});
    return json::write(json::object{{"text", record.text},
                                    {"approver", record.approver},
                                    {"grant_id", record.grant_id},
                                    {"recovery", record.recovery},
                                    {"begun_ref", record.begun_ref},
                                    {"ended_at", to_millis(record.ended_at)},
                                    {"owner", record.owner},
                                    {"steps", std::move(steps)}});
}

Result<ApplyRecord> from_row(const std::string& digest, const std::string& state, const std::string& text,
                             std::int64_t started) {
    const auto parsed = json::parse_object(text);
    const auto known = parse_state(state);
    if (!parsed || !known)
        return PINCER_FAIL(corrupt, "the record of applying plan {} cannot be read", digest.substr(0, 12));
    ApplyRecord record;
    record.digest = digest;
    record.state = *known;
    record.text = json::string_or(*parsed, "text");
    record.approver = json::string_or(*parsed, "approver");
    record.grant_id = json::string_or(*parsed, "grant_id");
    record.recovery = json::string_or(*parsed, "recovery");
    record.begun_ref = json::string_or(*parsed, "begun_ref");
    record.owner = json::string_or(*parsed, "owner");
    record.started_at = from_millis(started);
    record.ended_at = from_millis(json::int_at(*parsed, "ended_at").value_or(0));
    if (const auto* steps = json::array_at(*parsed, "steps")) {
        for (const auto& step : *steps) {
            if (!step.is_object()) continue;
            const auto step_state = parse_state(json::string_or(step.get_object(), "state"));
            record.steps.push_back(
                {step_state.value_or(ApplyState::unknown), json::string_or(step.get_object(), "text")});
        }
    }
    return record;
}

// Field 22 of /proc/<pid>/stat, counted after the name, which may hold anything.
std::string start_time(std::int64_t pid) {
    const auto text = io::read_file(fmt::format("/proc/{}/stat", pid), 4096);
    if (!text) return {};
    const auto end = text->rfind(')');
    if (end == std::string::npos) return {};
    const auto fields = split(std::string_view(*text).substr(end + 1), ' ');
    return fields.size() > 20 ? std::string(fields[20]) : std::string();
}

}  // namespace

std::string_view name_of(ApplyState state) {
    switch (state) {
        case ApplyState::intended: return "intended";
        case ApplyState::done: return "done";
        case ApplyState::failed: return "failed";
        case ApplyState::unknown: return "unknown";
    }
    return "unknown";
}

std::string this_process() { return fmt::format("{}:{}", ::getpid(), start_time(::getpid())); }

bool is_alive(std::string_view process) {
    const auto parts = split(process, ':');
    std::int64_t pid = 0;
    if (parts.size() != 2) return false;
    std::from_chars(parts[0].data(), parts[0].data() + parts[0].size(), pid);
    return pid > 0 && !parts[1].empty() && start_time(pid) == parts[1];
}

Task<Result<>> Ledger::keep(StoredPlan plan, WallTime now) {
    std::function<Result<>(storage::Connection&)> work = [plan = std::move(plan),
                                                          now](storage::Connection& c) -> Result<> {
        auto done = c.execute("INSERT INTO plan(digest, bytes, made_ref, created_at) VALUES(?, ?, ?, ?)",
                              {plan.digest, plan.bytes, plan.made_ref, to_millis(now)});
        if (!done) return Failure(std::move(done).error());
        return {};
    };
    return db_->write(std::move(work));
}

Result<StoredPlan> Ledger::plan(const std::string& digest) const {
    StoredPlan found;
    auto done = db_->read([&](storage::Connection& c) {
        return c.query("SELECT bytes, made_ref FROM plan WHERE digest = ?", {digest}, [&](const storage::Row& row) {
            found.bytes = row.text(0);
            found.made_ref = row.text(1);
            return false;
        });
    });
    if (!done) return Failure(std::move(done).error());
    if (found.bytes.empty()) {
        return Failure(Error(ErrorCode::not_found, fmt::format("no plan {} was made here", quote_line(digest, 64)))
                           .with_reason("PLAN_NOT_FOUND"));
    }
    found.digest = digest;
    if (crypto::sha256_hex(found.bytes) != digest) {
        return Failure(
            Error(ErrorCode::corrupt, "the stored plan is not the one of that digest").with_reason("PLAN_CORRUPT"));
    }
    PINCER_TRY(found.plan, parse_plan(found.bytes));
    return found;
}

Result<std::optional<ApplyRecord>> Ledger::apply(const std::string& digest) const {
    std::optional<Result<ApplyRecord>> found;
    auto done = db_->read([&](storage::Connection& c) {
        return c.query("SELECT state, record, started_at FROM apply WHERE digest = ?", {digest},
                       [&](const storage::Row& row) {
                           found = from_row(digest, row.text(0), row.text(1), row.integer(2));
                           return false;
                       });
    });
    if (!done) return Failure(std::move(done).error());
    if (!found) return std::optional<ApplyRecord>();
    if (!*found) return Failure(std::move(*found).error());
    return std::optional<ApplyRecord>(**std::move(found));
}

Result<std::vector<std::string>> Ledger::intended() const {
    std::vector<std::string> out;
    auto done = db_->read([&](storage::Connection& c) {
        return c.query("SELECT digest FROM apply WHERE state = 'intended' ORDER BY started_at", {},
                       [&](const storage::Row& row) {
                           out.push_back(row.text(0));
                           return true;
                       });
    });
    if (!done) return Failure(std::move(done).error());
    return out;
}

Task<Result<>> Ledger::begin(ApplyRecord record, approval::Grant grant, WallTime now) {
    std::function<Result<>(storage::Connection&)> work = [record = std::move(record), grant = std::move(grant),
                                                          now](storage::Connection& c) -> Result<> {
        auto made = c.execute(
            "INSERT INTO apply(digest, state, record, started_at) VALUES(?, ?, ?, ?)",
            {record.digest, std::string(name_of(record.state)), to_text(record), to_millis(record.started_at)});
        if (!made && made.error().code() == ErrorCode::already_exists) {
            return Failure(Error(ErrorCode::conflict, "this plan was applied before").with_reason("APPLY_EXISTS"));
        }
        if (!made) return Failure(std::move(made).error());
        return approval::consume_grant(c, grant, now);
    };
    return db_->write(std::move(work));
}

Task<Result<>> Ledger::update(ApplyRecord record) {
    std::function<Result<>(storage::Connection&)> work = [record =
                                                              std::move(record)](storage::Connection& c) -> Result<> {
        auto done = c.execute("UPDATE apply SET state = ?, record = ? WHERE digest = ?",
                              {std::string(name_of(record.state)), to_text(record), record.digest});
        if (!done) return Failure(std::move(done).error());
        return {};
    };
    return db_->write(std::move(work));
}

Task<Result<std::unique_ptr<Ledger>>> Home::open(Deadline deadline) {
    PINCER_CO_CHECK(io::make_private_directory(folder_));
    const std::filesystem::path file = folder_ / "clanker.db";
    while (true) {
        auto chain = audit::Chain::open(services_.runtime, audit_folder(), "clanker", services_.clock);
        if (chain) {
            auto db = storage::Database::open(services_.runtime, file, migrations());
            if (db) co_return std::make_unique<Ledger>(*std::move(db), *std::move(chain));
            if (db.error().reason() != "STORE_LOCKED" || deadline.passed()) co_return Failure(std::move(db).error());
        } else if (chain.error().reason() != "STORE_LOCKED" || deadline.passed()) {
            co_return Failure(std::move(chain).error());
        }
        chain = PINCER_FAIL(unavailable, "");  // given back before waiting: two who wait for each other never end
        PINCER_CO_CHECK(co_await io::sleep_for(Millis(15)));
    }
}

Result<std::string> Home::engine_id() {
    PINCER_CHECK(io::make_private_directory(folder_));
    const auto path = folder_ / "engine-id";
    auto there = io::read_file(path, 256);
    if (there) return std::string(trim(*there));
    if (there.error().code() != ErrorCode::not_found) return Failure(std::move(there).error());
    const std::string made = "clanker:" + services_.random.uuid();
    PINCER_CHECK(io::write_file_atomically(path, made + "\n"));
    return made;
}

Result<std::vector<Trusted>> Home::trusted() const {
    auto text = io::read_file(folder_ / "trust.json", 1u << 20);
    if (!text && text.error().code() == ErrorCode::not_found) return std::vector<Trusted>();
    if (!text) return Failure(std::move(text).error());
    const auto parsed = json::parse_object(*text);
    const auto* entries = parsed ? json::array_at(*parsed, "authorities") : nullptr;
    if (!entries)
        return PINCER_FAIL(corrupt, "{} is not what `clanker trust` writes", (folder_ / "trust.json").string());
    std::vector<Trusted> out;
    for (const auto& item : *entries) {
        if (!item.is_object()) return PINCER_FAIL(corrupt, "trust.json: authorities must hold objects");
        const json::object& o = item.get_object();
        const auto ceiling = approval::parse_risk(json::string_or(o, "ceiling"));
        if (!ceiling)
            return PINCER_FAIL(corrupt, "trust.json: ceiling of {} is not a risk",
                               quote_line(json::string_or(o, "name"), kNameBytes));
        out.push_back(
            {{json::string_or(o, "name"), json::string_or(o, "public_key"), *ceiling}, json::string_or(o, "added_at")});
    }
    return out;
}

Result<std::vector<approval::PinnedAuthority>> Home::pins() const {
    PINCER_TRY(const auto entries, trusted());
    std::vector<approval::PinnedAuthority> out;
    for (const auto& entry : entries) out.push_back(entry.authority);
    return out;
}

Result<> Home::save(const std::vector<Trusted>& entries) const {
    PINCER_CHECK(io::make_private_directory(folder_));
    json::array list;
    for (const auto& entry : entries) {
        list.push_back(json::object{{"name", entry.authority.name},
                                    {"public_key", entry.authority.public_key},
                                    {"ceiling", approval::name_of(entry.authority.ceiling)},
                                    {"added_at", entry.added_at}});
    }
    return io::write_file_atomically(folder_ / "trust.json",
                                     json::write_pretty(json::object{{"authorities", std::move(list)}}) + "\n");
}

Result<> Home::trust(const std::string& name, const std::string& public_key, Risk ceiling) {
    const bool plain = !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    });
    if (!plain)
        return PINCER_FAIL(invalid_argument, "a name of letters, digits, '-', '_' and '.', please, not {}",
                           quote_line(name, 64));
    auto key = crypto::Ed25519PublicKey::from_base64url(public_key);
    if (!key)
        return PINCER_FAIL(invalid_argument, "the public key must be an Ed25519 key in base64url (43 characters)");
    PINCER_TRY(auto entries, trusted());
    for (const auto& entry : entries) {
        if (entry.authority.name == name)
            return PINCER_FAIL(already_exists, "{} is trusted already; remove it first", name);
    }
    entries.push_back({{name, key->base64url(), ceiling}, to_rfc3339(services_.clock.wall())});
    return save(entries);
}

Result<> Home::distrust(const std::string& name) {
    PINCER_TRY(auto entries, trusted());
    const auto removed = std::erase_if(entries, [&](const Trusted& entry) { return entry.authority.name == name; });
    if (removed == 0) return PINCER_FAIL(not_found, "no authority named {} is trusted", quote_line(name, 64));
    return save(entries);
}

}  // namespace pincer::infra
