// The three files of a chain as one thing that grows: open (and recover), add lines, make them durable. Used by one
// thread at a time. Private to audit.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "audit/detail/record.hpp"

namespace pincer::audit::detail {

// What open() cut off behind the head: bytes of a write that a crash tore.
struct Cut {
    std::int64_t bytes = 0;
    std::string sha256;
};

class Ledger {
public:
    static Result<std::unique_ptr<Ledger>> open(const std::filesystem::path& directory, const std::string& name,
                                                ChainOptions options, const std::string& now);
    ~Ledger();
    Ledger(const Ledger&) = delete;
    Ledger& operator=(const Ledger&) = delete;

    // Gives `line` its seq, prev and mac and keeps it for commit().
    RecordRef add(Line& line);
    // Writes and fsyncs what was added, a checkpoint if one is due or wanted, then the head. On an error nothing of it
    // counts, and the ledger is as before; after an error of fsync it takes nothing more (unavailable, AUDIT_FAILED).
    enum class Seal { when_due, now };
    Result<> commit(Seal seal, const std::string& at);

    const Head& head() const { return head_; }
    const std::optional<Checkpoint>& last_checkpoint() const { return last_checkpoint_; }

private:
    explicit Ledger(std::filesystem::path directory, std::string name, ChainOptions options)
        : directory_(std::move(directory)), name_(std::move(name)), options_(options) {}

    Result<> load_keys(bool fresh);
    Result<> load_head(bool fresh);
    Result<> open_files();
    Result<> check_last_line() const;
    Result<> check_first_line() const;
    Result<Cut> recover_tail();
    Result<> load_last_checkpoint();
    Result<> begin(const Cut& cut, const std::string& now);

    Result<> write_all(int fd, std::string_view bytes, std::int64_t offset, std::string_view file);
    Result<> make_durable(int fd, std::string_view file);
    Result<> write_everything(const Head& next, const std::string& checkpoint_line);
    Checkpoint make_checkpoint(const std::string& at) const;

    std::filesystem::path directory_;
    std::string name_;
    ChainOptions options_;
    Secret key_;
    std::optional<crypto::Ed25519KeyPair> signer_;
    int records_fd_ = -1;
    int checkpoints_fd_ = -1;
    int head_fd_ = -1;
    Head head_;     // as it is on disk
    Head pending_;  // with what was added since
    std::string added_;
    std::optional<Checkpoint> last_checkpoint_;
    std::optional<Error> broken_;
};

}  // namespace pincer::audit::detail
