#include "gateway/testing/inline_disk.hpp"

#include "audit/detail/ledger.hpp"
#include "storage/sqlite/connection.hpp"
#include "storage/sqlite/migrate.hpp"

namespace pincer::gateway::testing {
namespace {

using audit::detail::Ledger;
using audit::detail::Line;
using storage::sqlite::Access;
using storage::sqlite::SqliteConnection;

Failure no_power() { return PINCER_FAIL(unavailable, "the power is off"); }

class InlineDatabase final : public storage::Database {
public:
    using Work = std::function<Result<>(storage::Connection&)>;

    InlineDatabase(std::unique_ptr<SqliteConnection> connection, Power& power)
        : connection_(std::move(connection)), power_(power) {}

    Task<Result<>> write(Work work) override {
        co_await io::yield();
        if (!power_.step("db.before")) co_return no_power();
        auto done = commit(work);
        if (!power_.step("db.after")) co_return no_power();  // it is on disk, but nobody hears of it
        co_return done;
    }
    Result<> read(Work work) override { return work(*connection_); }
    Task<Result<>> read_slow(Work work) override { co_return read(std::move(work)); }
    storage::Stats stats() const override { return {writes_, writes_}; }

private:
    Result<> commit(const Work& work) {
        PINCER_CHECK(connection_->execute("BEGIN IMMEDIATE"));
        auto done = work(*connection_);
        PINCER_CHECK(connection_->execute(done ? "COMMIT" : "ROLLBACK"));
        if (done) ++writes_;
        return done;
    }

    std::unique_ptr<SqliteConnection> connection_;
    Power& power_;
    std::int64_t writes_ = 0;
};

class InlineChain final : public audit::Chain {
public:
    InlineChain(std::unique_ptr<Ledger> ledger, std::string name, const Clock& clock, Power& power)
        : ledger_(std::move(ledger)), name_(std::move(name)), clock_(clock), power_(power) {}

    Task<Result<audit::RecordRef>> append(audit::Entry entry) override {
        co_await io::yield();
        if (!power_.step("chain.before")) co_return no_power();
        Line line{.at = to_rfc3339_millis(clock_.wall()),
                  .kind = entry.kind,
                  .actor = entry.actor,
                  .body = json::write_canonical(entry.body)};
        if (entry.follows) line.follows = entry.follows->str();
        const audit::RecordRef ref = ledger_->add(line);
        PINCER_CO_CHECK(ledger_->commit(Ledger::Seal::when_due, line.at));
        tip_ = ref;
        if (!power_.step("chain.after")) co_return no_power();
        co_return ref;
    }
    std::optional<audit::RecordRef> tip() const override { return tip_; }
    Task<Result<audit::Checkpoint>> checkpoint() override {
        PINCER_CO_CHECK(ledger_->commit(Ledger::Seal::now, to_rfc3339_millis(clock_.wall())));
        co_return *ledger_->last_checkpoint();
    }

private:
    std::unique_ptr<Ledger> ledger_;
    std::string name_;
    const Clock& clock_;
    Power& power_;
    std::optional<audit::RecordRef> tip_;
};

}  // namespace

Result<std::unique_ptr<storage::Database>> open_inline_database(const std::filesystem::path& file,
                                                                std::span<const storage::Migration> migrations,
                                                                Power& power) {
    PINCER_TRY(auto connection, SqliteConnection::open(file, Access::read_write));
    PINCER_CHECK(connection->run_script("PRAGMA synchronous = OFF"));
    PINCER_CHECK(storage::sqlite::migrate(*connection, migrations));
    return std::unique_ptr<storage::Database>(std::make_unique<InlineDatabase>(std::move(connection), power));
}

Result<std::unique_ptr<audit::Chain>> open_inline_chain(const std::filesystem::path& directory, const std::string& name,
                                                        const Clock& clock, Power& power) {
    std::filesystem::create_directories(directory);
    PINCER_TRY(auto ledger, Ledger::open(directory, name, audit::ChainOptions{}, to_rfc3339_millis(clock.wall())));
    return std::unique_ptr<audit::Chain>(std::make_unique<InlineChain>(std::move(ledger), name, clock, power));
}

}  // namespace pincer::gateway::testing
