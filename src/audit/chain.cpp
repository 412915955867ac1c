#include "audit/chain.hpp"

#include "audit/detail/ledger.hpp"
#include "base/assert.hpp"
#include "base/log.hpp"
#include "io/files.hpp"
#include "storage/batcher.hpp"
#include "storage/file_lock.hpp"

namespace pincer::audit {
namespace {

using detail::Ledger;
using detail::Line;
using storage::Batcher;

constexpr std::size_t kMostInOneFsync = 1024;
constexpr std::size_t kMostNameBytes = 256;  // of kind, actor and chain name

// Everything that a line can be refused for, found before it is queued.
Result<Line> prepare(const Entry& entry, WallTime now) {
    const auto named = [](std::string_view text) { return !text.empty() && text.size() <= kMostNameBytes; };
    if (!named(entry.kind) || !named(entry.actor)) {
        return PINCER_FAIL(invalid_argument, "an audit record needs a kind and an actor of at most {} bytes",
                           kMostNameBytes);
    }
    Line line{.at = to_rfc3339_millis(now),
              .kind = entry.kind,
              .actor = entry.actor,
              .body = json::write_canonical(entry.body)};
    if (line.body.size() > kMostBodyBytes) {
        return PINCER_FAIL(too_large, "the body of an audit record has {} bytes, at most {} are allowed",
                           line.body.size(), kMostBodyBytes);
    }
    if (entry.follows) line.follows = entry.follows->str();
    // Text that is not UTF-8, a number that JSON has no word for: what would not read back is not written.
    Line probe = line;
    probe.seq = 1;
    probe.prev = probe.mac = detail::kNoMac;
    auto read_back = Line::parse(probe.str());
    if (!read_back) return Failure(std::move(read_back).error().context("an audit record that would not read back"));
    return line;
}

class FileChain final : public Chain {
public:
    FileChain(io::Runtime& runtime, storage::FileLock lock, std::unique_ptr<Ledger> ledger, std::string name,
              const Clock& clock)
        : lock_(std::move(lock)),
          ledger_(std::move(ledger)),
          clock_(clock),
          tip_(RecordRef{.chain = std::move(name), .seq = ledger_->head().records, .mac = ledger_->head().tip}),
          batcher_(std::make_unique<Batcher>(runtime, kMostInOneFsync,
                                             [this](Batcher::Batch batch) { run_batch(batch); })) {}

    ~FileChain() override {
        batcher_.reset();  // finishes what is queued; from here on this thread alone uses the ledger
        if (auto sealed = ledger_->commit(Ledger::Seal::now, to_rfc3339_millis(clock_.wall())); !sealed) {
            log::failure(log::Level::error, "audit.close", sealed.error());
        }
    }

    Task<Result<RecordRef>> append(Entry entry) override {
        PINCER_CO_TRY(Line line, prepare(entry, clock_.wall()));
        auto job = std::make_shared<AppendJob>();
        job->line = std::move(line);
        co_await batcher_->submit(job);
        if (!job->result) co_return Failure(job->result.error());
        tip_ = job->ref;
        co_return job->ref;
    }

    std::optional<RecordRef> tip() const override { return tip_; }

    Task<Result<Checkpoint>> checkpoint() override {
        auto job = std::make_shared<CheckpointJob>();
        job->at = to_rfc3339_millis(clock_.wall());
        co_await batcher_->submit(job);
        if (!job->result) co_return Failure(job->result.error());
        co_return job->checkpoint;
    }

private:
    struct AppendJob : Batcher::Job {
        Line line;
        RecordRef ref;
    };
    struct CheckpointJob : Batcher::Job {
        std::string at;
        Checkpoint checkpoint;
    };

    // On the batcher's thread.
    void run_batch(Batcher::Batch batch) {
        auto seal = Ledger::Seal::when_due;
        std::string at;
        for (const auto& job : batch) {
            if (auto* append = dynamic_cast<AppendJob*>(job.get())) {
                append->ref = ledger_->add(append->line);
                at = append->line.at;
            } else {
                at = static_cast<CheckpointJob&>(*job).at;
                seal = Ledger::Seal::now;
            }
        }
        const auto done = ledger_->commit(seal, at);
        for (const auto& job : batch) {
            if (!done) job->result = Failure(done.error());
            auto* asked = dynamic_cast<CheckpointJob*>(job.get());
            if (asked && ledger_->last_checkpoint()) asked->checkpoint = *ledger_->last_checkpoint();
        }
    }

    storage::FileLock lock_;
    std::unique_ptr<Ledger> ledger_;
    const Clock& clock_;
    RecordRef tip_;
    std::unique_ptr<Batcher> batcher_;
};

}  // namespace

Result<std::unique_ptr<Chain>> Chain::open(io::Runtime& runtime, const std::filesystem::path& directory,
                                           std::string name, const Clock& clock, ChainOptions options) {
    PINCER_ASSERT(options.checkpoint_every >= 1, "checkpoints come every so many records");
    if (name.empty() || name.size() > 128) return PINCER_FAIL(invalid_argument, "a chain's name has 1 to 128 bytes");
    PINCER_CHECK(io::make_private_directory(directory));
    PINCER_TRY(storage::FileLock lock, storage::FileLock::take(directory / detail::kLockFile, directory));
    auto ledger = Ledger::open(directory, name, options, to_rfc3339_millis(clock.wall()));
    if (!ledger)
        return Failure(
            std::move(ledger).error().context(fmt::format("opening the audit chain in {}", directory.string())));
    std::unique_ptr<Chain> chain =
        std::make_unique<FileChain>(runtime, std::move(lock), *std::move(ledger), std::move(name), clock);
    return chain;
}

}  // namespace pincer::audit
