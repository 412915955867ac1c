#include "audit/detail/ledger.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "audit/detail/line_reader.hpp"
#include "base/text.hpp"
#include "crypto/key_file.hpp"
#include "io/files.hpp"

namespace pincer::audit::detail {
namespace {

namespace fs = std::filesystem;

Failure os_error(std::string_view doing, std::string_view file) {
    return PINCER_FAIL(io, "{} {}: {}", doing, file, std::strerror(errno));
}

Result<int> open_file(const fs::path& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return os_error("opening", path.string());
    return fd;
}

Result<std::string> read_range(int fd, std::int64_t from, std::int64_t to) {
    std::string bytes(std::size_t(to - from), '\0');
    for (std::size_t done = 0; done < bytes.size();) {
        const ssize_t n = ::pread(fd, bytes.data() + done, bytes.size() - done, from + std::int64_t(done));
        if (n < 0 && errno != EINTR) return os_error("reading", kRecordsFile);
        if (n == 0) return PINCER_FAIL(corrupt, "{} is shorter than its head says: records are missing", kRecordsFile);
        if (n > 0) done += std::size_t(n);
    }
    return bytes;
}

}  // namespace

Ledger::~Ledger() {
    for (const int fd : {records_fd_, checkpoints_fd_, head_fd_}) {
        if (fd >= 0) ::close(fd);
    }
}

Result<std::unique_ptr<Ledger>> Ledger::open(const fs::path& directory, const std::string& name, ChainOptions options,
                                             const std::string& now) {
    std::unique_ptr<Ledger> ledger(new Ledger(directory, name, options));
    const bool has_head = fs::exists(directory / kHeadFile);
    const bool has_records = fs::exists(directory / kRecordsFile);
    if (has_records && !has_head) return PINCER_FAIL(corrupt, "{} is missing though there are records", kHeadFile);
    PINCER_CHECK(ledger->load_keys(!has_head));
    PINCER_CHECK(ledger->load_head(!has_head));
    PINCER_CHECK(ledger->open_files());
    PINCER_CHECK(ledger->check_last_line());
    PINCER_CHECK(ledger->check_first_line());
    PINCER_TRY(const Cut cut, ledger->recover_tail());
    PINCER_CHECK(ledger->load_last_checkpoint());
    PINCER_CHECK(ledger->begin(cut, now));
    return ledger;
}

Result<> Ledger::load_keys(bool fresh) {
    crypto::SystemRandom random;  // keys never come from a simulation's generator
    const auto load = [&](const char* file) {
        return fresh ? crypto::load_or_make_key(directory_ / file, random) : crypto::load_key(directory_ / file);
    };
    PINCER_TRY(key_, load(kKeyFile));
    PINCER_TRY(const Secret seed, load(kSigningKeyFile));
    PINCER_TRY(signer_, crypto::Ed25519KeyPair::from_seed(seed));
    return {};
}

Result<> Ledger::load_head(bool fresh) {
    if (fresh) {
        Head second;
        second.generation = 1;
        const std::string both = Head().slot(key_) + second.slot(key_);
        PINCER_CHECK(io::write_file_atomically(directory_ / kHeadFile, both));
    }
    PINCER_TRY(const HeadFile file, read_head_file(directory_, key_));
    const Head* newest = file.newest();
    if (!newest) return PINCER_FAIL(corrupt, "{} does not verify", kHeadFile);
    head_ = *newest;
    pending_ = head_;
    return {};
}

Result<> Ledger::open_files() {
    const bool missing = head_.records > 0 && !fs::exists(directory_ / kRecordsFile);
    if (missing) return PINCER_FAIL(corrupt, "{} is missing: the head knows {} records", kRecordsFile, head_.records);
    PINCER_TRY(records_fd_, open_file(directory_ / kRecordsFile));
    PINCER_TRY(checkpoints_fd_, open_file(directory_ / kCheckpointsFile));
    PINCER_TRY(head_fd_, open_file(directory_ / kHeadFile));
    if (::lseek(checkpoints_fd_, 0, SEEK_END) < head_.checkpoint_bytes)
        return PINCER_FAIL(corrupt, "checkpoints are missing from {}", kCheckpointsFile);
    // The names of new files are durable only once their folder is.
    const int folder = ::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = folder >= 0 && ::fsync(folder) == 0;
    if (folder >= 0) ::close(folder);
    if (!synced) return os_error("making durable", directory_.string());
    return {};
}

// The record that the head names must be the last one before its mark.
Result<> Ledger::check_last_line() const {
    if (head_.records == 0) return {};
    const std::int64_t from = std::max<std::int64_t>(0, head_.bytes - std::int64_t(kMostLineBytes) - 2);
    PINCER_TRY(const std::string bytes, read_range(records_fd_, from, head_.bytes));
    const auto damaged = [&] {
        return PINCER_FAIL(corrupt, "record {} is not as the head has it; type: audit verify", head_.records);
    };
    if (bytes.empty() || bytes.back() != '\n') return damaged();
    const std::string_view text = std::string_view(bytes).substr(0, bytes.size() - 1);
    const auto line = Line::parse(text.substr(text.rfind('\n') + 1));
    if (!line || line->seq != head_.records || line->mac != head_.tip || line->computed_mac(key_) != line->mac)
        return damaged();
    return {};
}

Result<> Ledger::check_first_line() const {
    if (head_.records == 0) return {};
    PINCER_TRY(LineReader reader, LineReader::open(directory_ / kRecordsFile));
    const auto piece = reader.next();
    const auto line = piece ? Line::parse(piece->text) : Result<Line>(PINCER_FAIL(corrupt, "no line"));
    if (!line || line->seq != 1 || line->computed_mac(key_) != line->mac)
        return PINCER_FAIL(corrupt, "record 1 was changed");
    PINCER_TRY(const json::object body, json::parse_object(line->body));
    const std::string held = json::string_or(body, "name");
    if (held != name_)
        return PINCER_FAIL(invalid_argument, "{} holds the chain \"{}\", not \"{}\"", directory_.string(), held, name_);
    if (json::string_or(body, "publicKey") != signer_->public_key().base64url())
        return PINCER_FAIL(corrupt, "{} is not the key this chain began with", kSigningKeyFile);
    return {};
}

// Lines behind the head were written by a process that died before it could say so. Those that verify are taken in.
Result<Cut> Ledger::recover_tail() {
    PINCER_TRY(LineReader reader, LineReader::open(directory_ / kRecordsFile, head_.bytes));
    for (auto piece = reader.next(); piece && piece->complete && !piece->too_long; piece = reader.next()) {
        const auto line = Line::parse(piece->text);
        if (!line || line->seq != pending_.records + 1 || line->prev != pending_.tip ||
            line->computed_mac(key_) != line->mac)
            break;
        pending_.records = line->seq;
        pending_.tip = line->mac;
        pending_.bytes = reader.offset();
    }
    Cut cut;
    const std::int64_t end = ::lseek(records_fd_, 0, SEEK_END);
    if (end > pending_.bytes) {
        cut.bytes = end - pending_.bytes;
        crypto::Sha256 hash;
        constexpr std::int64_t kChunk = 1 << 20;
        for (std::int64_t at = pending_.bytes; at < end; at += kChunk) {
            PINCER_TRY(const std::string chunk, read_range(records_fd_, at, std::min(end, at + kChunk)));
            hash.add(chunk);
        }
        cut.sha256 = hash.finish_hex();
        if (::ftruncate(records_fd_, pending_.bytes) != 0) return os_error("cutting the torn end off", kRecordsFile);
    }
    if (::ftruncate(checkpoints_fd_, head_.checkpoint_bytes) != 0)
        return os_error("cutting the torn end off", kCheckpointsFile);
    return cut;
}

Result<> Ledger::load_last_checkpoint() {
    if (head_.checkpoints == 0) return {};
    const std::int64_t from = std::max<std::int64_t>(0, head_.checkpoint_bytes - 4096);
    PINCER_TRY(const std::string bytes, read_range(checkpoints_fd_, from, head_.checkpoint_bytes));
    std::string_view text(bytes);
    if (text.ends_with('\n')) text.remove_suffix(1);
    auto checkpoint = Checkpoint::parse(text.substr(text.rfind('\n') + 1));
    if (!checkpoint || checkpoint->number != head_.checkpoints)
        return PINCER_FAIL(corrupt, "the last checkpoint was changed");
    last_checkpoint_ = *std::move(checkpoint);
    return {};
}

// A new chain gets its first record; a repaired one says so; and both slots of the head are good again.
Result<> Ledger::begin(const Cut& cut, const std::string& now) {
    const bool fresh = pending_.records == 0;
    if (fresh) {
        Line line{.at = now, .kind = "chain.created", .actor = "audit"};
        line.body = json::write_canonical(
            json::object{{"format", 1}, {"name", name_}, {"publicKey", signer_->public_key().base64url()}});
        add(line);
    }
    if (cut.bytes > 0) {
        Line line{.at = now, .kind = "chain.repaired", .actor = "audit"};
        line.body = json::write_canonical(json::object{{"cutBytes", cut.bytes}, {"cutSha256", cut.sha256}});
        add(line);
    }
    PINCER_TRY(const HeadFile file, read_head_file(directory_, key_));
    if (pending_.records == head_.records && file.whole()) return {};
    PINCER_CHECK(commit(Seal::when_due, now));
    if (!file.whole()) return commit(Seal::when_due, now);  // the other slot
    return {};
}

RecordRef Ledger::add(Line& line) {
    line.seq = pending_.records + 1;
    line.prev = pending_.tip;
    line.mac = line.computed_mac(key_);
    const std::string text = line.str() + '\n';
    added_ += text;
    pending_.records = line.seq;
    pending_.tip = line.mac;
    pending_.bytes += std::int64_t(text.size());
    return RecordRef{.chain = name_, .seq = line.seq, .mac = line.mac};
}

Checkpoint Ledger::make_checkpoint(const std::string& at) const {
    Checkpoint checkpoint{
        .chain = name_, .number = head_.checkpoints + 1, .seq = pending_.records, .tip = pending_.tip, .at = at};
    checkpoint.signature = to_base64url(signer_->sign(signed_bytes(checkpoint)));
    return checkpoint;
}

Result<> Ledger::commit(Seal seal, const std::string& at) {
    if (broken_) return Failure(*broken_);
    Head next = pending_;
    next.generation = head_.generation + 1;
    std::optional<Checkpoint> checkpoint;
    std::string checkpoint_line;
    const std::int64_t unsealed = pending_.records - head_.checkpoint_seq;
    if (unsealed > 0 && (seal == Seal::now || unsealed >= options_.checkpoint_every)) {
        checkpoint = make_checkpoint(at);
        checkpoint_line = checkpoint->str() + '\n';
        next.checkpoints += 1;
        next.checkpoint_bytes += std::int64_t(checkpoint_line.size());
        next.checkpoint_seq = checkpoint->seq;
    }
    auto written = write_everything(next, checkpoint_line);
    added_.clear();
    if (!written) {
        pending_ = head_;
        // What was written in part must not stand in front of what comes next.
        const bool undone =
            ::ftruncate(records_fd_, head_.bytes) == 0 && ::ftruncate(checkpoints_fd_, head_.checkpoint_bytes) == 0;
        if (!undone && !broken_)
            broken_ = Error(ErrorCode::unavailable, "the audit chain could not undo a failed write")
                          .with_reason("AUDIT_FAILED");
        return written;
    }
    head_ = next;
    pending_ = next;
    if (checkpoint) last_checkpoint_ = std::move(checkpoint);
    return {};
}

// In this order: the head must never speak of what is not on disk.
Result<> Ledger::write_everything(const Head& next, const std::string& checkpoint_line) {
    if (!added_.empty()) {
        PINCER_CHECK(write_all(records_fd_, added_, next.bytes - std::int64_t(added_.size()), kRecordsFile));
        PINCER_CHECK(make_durable(records_fd_, kRecordsFile));
    }
    if (!checkpoint_line.empty()) {
        PINCER_CHECK(write_all(checkpoints_fd_, checkpoint_line, head_.checkpoint_bytes, kCheckpointsFile));
        PINCER_CHECK(make_durable(checkpoints_fd_, kCheckpointsFile));
    }
    PINCER_CHECK(
        write_all(head_fd_, next.slot(key_), (next.generation % 2) * std::int64_t(Head::kSlotBytes), kHeadFile));
    return make_durable(head_fd_, kHeadFile);
}

Result<> Ledger::write_all(int fd, std::string_view bytes, std::int64_t offset, std::string_view file) {
    while (!bytes.empty()) {
        const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return os_error("writing", file);
        bytes.remove_prefix(std::size_t(n));
        offset += n;
    }
    return {};
}

Result<> Ledger::make_durable(int fd, std::string_view file) {
    if (::fdatasync(fd) == 0) return {};
    // The next fsync may claim success for pages that this one lost, so there is no next one.
    auto failure = os_error("making durable", file);
    broken_ =
        Error(ErrorCode::unavailable, fmt::format("the audit chain takes nothing more until it is opened again ({})",
                                                  failure.error().message()))
            .with_reason("AUDIT_FAILED");
    return failure;
}

}  // namespace pincer::audit::detail
