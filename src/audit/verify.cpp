#include <algorithm>
#include <set>

#include "audit/detail/line_reader.hpp"
#include "audit/detail/record.hpp"
#include "base/text.hpp"
#include "crypto/key_file.hpp"

namespace pincer::audit {
namespace {

using detail::Head;
using detail::HeadFile;
using detail::Line;
using detail::LineReader;

struct ReadCheckpoint {
    Checkpoint checkpoint;
    std::size_t line = 0;
};

// One chain being read. Everything found is named as a person would: which record, what is wrong with it.
class Examination {
public:
    explicit Examination(std::filesystem::path directory) : directory_(std::move(directory)) {}

    Result<> run() {
        auto key = crypto::load_key(directory_ / detail::kKeyFile);
        if (!key) return Failure(std::move(key).error().context(fmt::format("verifying {}", directory_.string())));
        key_ = *std::move(key);
        // The order matters when the chain is in use: what is read later holds at least what was read before speaks of.
        read_head();
        PINCER_CHECK(read_checkpoints());
        PINCER_CHECK(read_records());
        compare_with_head();
        for (const auto& [checkpoint, line] : checkpoints_) compare_with(checkpoint, line, "checkpoint");
        return {};
    }

    void compare_with_exported(const Checkpoint& checkpoint) { compare_with(checkpoint, 0, "the exported checkpoint"); }

    bool holds(const RecordRef& ref) const {
        return ref.seq >= 1 && std::size_t(ref.seq) <= macs_.size() &&
               to_hex(macs_[std::size_t(ref.seq - 1)]) == ref.mac;
    }
    const std::set<std::string>& references() const { return references_; }
    Verification& result() { return result_; }

private:
    template <class... Args>
    void find(std::int64_t seq, std::size_t line, fmt::format_string<Args...> text, Args&&... args) {
        if (result_.findings.size() >= kMostFindings) return;
        result_.findings.push_back(
            {.seq = seq, .line = line, .problem = fmt::format(text, std::forward<Args>(args)...)});
    }

    void read_head() {
        auto file = detail::read_head_file(directory_, key_);
        // A slot that is being rewritten as we look may read as torn: look again before saying so.
        for (int again = 0; again < 3 && file && !file->whole(); ++again)
            file = detail::read_head_file(directory_, key_);
        if (!file) {
            find(0, 0, "{}: {}", detail::kHeadFile, file.error().message());
            return;
        }
        if (!file->whole()) find(0, 0, "{} was changed: its two halves do not both verify", detail::kHeadFile);
        if (const Head* newest = file->newest()) head_ = *newest;
    }

    Result<> read_checkpoints() {
        auto reader = LineReader::open(directory_ / detail::kCheckpointsFile);
        if (!reader && reader.error().code() == ErrorCode::not_found) {
            if (head_ && head_->checkpoints > 0) find(0, 0, "{} is missing", detail::kCheckpointsFile);
            return {};
        }
        if (!reader) return Failure(reader.error());
        std::int64_t expected = 1;
        std::size_t number = 0;
        for (auto piece = reader->next(); piece; piece = reader->next()) {
            ++number;
            const bool beyond = head_ && reader->offset() > head_->checkpoint_bytes;
            if (!piece->complete && beyond) break;  // a crash tore it before anybody was told of it
            auto checkpoint = Checkpoint::parse(piece->text);
            if (!checkpoint || !piece->complete) {
                find(0, number, "line {} of {} is not a checkpoint", number, detail::kCheckpointsFile);
            } else {
                if (checkpoint->number != expected)
                    find(checkpoint->seq, number, "checkpoint {} stands where {} belongs", checkpoint->number,
                         expected);
                checkpoints_.push_back({*checkpoint, number});
            }
            ++expected;
        }
        result_.checkpoints = std::int64_t(checkpoints_.size());
        if (head_ && expected - 1 < head_->checkpoints)
            find(0, number, "{} checkpoints are missing after {}", head_->checkpoints - expected + 1, expected - 1);
        return {};
    }

    Result<> read_records() {
        auto opened = LineReader::open(directory_ / detail::kRecordsFile);
        if (!opened && opened.error().code() == ErrorCode::not_found && head_) {
            find(0, 0, "{} is missing", detail::kRecordsFile);
            return {};
        }
        if (!opened) return Failure(opened.error());
        LineReader reader = *std::move(opened);
        std::size_t number = 0;
        for (auto piece = reader.next(); piece; piece = reader.next()) {
            ++number;
            if (!piece->complete && head_ && reader.offset() > head_->bytes && next_seq_ > head_->records) {
                result_.notes.push_back(
                    fmt::format("{} bytes after record {} are an unfinished write; the next open cuts them off",
                                piece->text.size(), next_seq_ - 1));
                break;
            }
            read_record(*piece, number);
        }
        if (reader.failed()) return PINCER_FAIL(io, "reading {} failed", (directory_ / detail::kRecordsFile).string());
        result_.records = verified_;
        last_line_ = number;
        return {};
    }

    void read_record(const LineReader::Piece& piece, std::size_t number) {
        auto line = piece.too_long || !piece.complete ? Result<Line>(PINCER_FAIL(invalid_argument, "it has no end"))
                                                      : Line::parse(piece.text);
        if (!line) {
            find(next_seq_, number, "line {}, where record {} belongs, is not a record: {}", number, next_seq_,
                 line.error().message());
            previous_mac_.clear();
            ++next_seq_;
            return;
        }
        if (line->computed_mac(key_) != line->mac) {
            find(line->seq, number, "record {} was changed: its mac does not match", next_seq_);
            previous_mac_.clear();  // what follows is judged by its own mac and number
            ++next_seq_;
            return;
        }
        if (line->seq > next_seq_) {
            find(next_seq_, number, "{} records are missing after {}: record {} comes next", line->seq - next_seq_,
                 next_seq_ - 1, line->seq);
        } else if (line->seq < next_seq_) {
            find(line->seq, number, "record {} stands after record {}: records were reordered or repeated", line->seq,
                 next_seq_ - 1);
            return;
        } else if (!previous_mac_.empty() && line->prev != previous_mac_) {
            find(line->seq, number, "record {} does not follow the record {} that stands before it", line->seq,
                 line->seq - 1);
        }
        keep(*line);
    }

    void keep(const Line& line) {
        if (line.seq == 1) read_first(line);
        previous_mac_ = line.mac;
        next_seq_ = line.seq + 1;
        ++verified_;
        if (line.seq > std::int64_t(macs_.size()) + (1 << 24))
            return;  // a gap that large was reported; no memory for it
        macs_.resize(std::size_t(line.seq));
        const std::string raw = *from_hex(line.mac);
        std::copy(raw.begin(), raw.end(), macs_.back().begin());
        if (!line.follows.empty()) references_.insert(line.follows);
    }

    void read_first(const Line& line) {
        if (line.prev != detail::kNoMac || line.kind != "chain.created") find(1, 1, "record 1 does not begin a chain");
        const auto body = json::parse_object(line.body);
        if (!body) return;
        result_.chain = json::string_or(*body, "name");
        if (auto key = crypto::Ed25519PublicKey::from_base64url(json::string_or(*body, "publicKey")))
            signer_ = *std::move(key);
    }

    void compare_with_head() {
        if (!head_) return;
        const std::int64_t last = next_seq_ - 1;
        if (last < head_->records) {
            find(last, last_line_, "{} records are missing after {} (the head says {})", head_->records - last, last,
                 head_->records);
        } else if (head_->records > 0 && !holds({.seq = head_->records, .mac = head_->tip}) &&
                   result_.findings.empty()) {
            find(head_->records, 0, "record {} is not the one that the head names", head_->records);
        }
    }

    void compare_with(const Checkpoint& checkpoint, std::size_t line, std::string_view what) {
        const auto signature = from_base64(checkpoint.signature);
        const bool is_signed = signer_ && signature && to_base64url(*signature) == checkpoint.signature &&
                               signer_->verify(detail::signed_bytes(checkpoint), *signature);
        if (!is_signed || checkpoint.chain != result_.chain) {
            find(checkpoint.seq, line, "{} {} is forged or was changed: its signature does not verify", what,
                 checkpoint.number);
        } else if (checkpoint.seq >= next_seq_) {
            find(next_seq_ - 1, line, "{} records are missing after {} ({} says {})", checkpoint.seq - next_seq_ + 1,
                 next_seq_ - 1, what, checkpoint.seq);
        } else if (!holds({.seq = checkpoint.seq, .mac = checkpoint.tip})) {
            find(checkpoint.seq, line, "record {} is not the one that {} {} names", checkpoint.seq, what,
                 checkpoint.number);
        }
    }

    std::filesystem::path directory_;
    Secret key_;
    std::optional<Head> head_;
    std::optional<crypto::Ed25519PublicKey> signer_;
    std::vector<ReadCheckpoint> checkpoints_;
    std::vector<crypto::Digest> macs_;  // by seq - 1; zeros where none verified
    std::set<std::string> references_;
    std::string previous_mac_ = detail::kNoMac;
    std::int64_t next_seq_ = 1;
    std::int64_t verified_ = 0;
    std::size_t last_line_ = 0;
    Verification result_;
};

void find_dangling(std::vector<Examination>& examinations) {
    for (Examination& one : examinations) {
        for (const std::string& text : one.references()) {
            const auto ref = RecordRef::parse(text);
            const bool held = ref && std::any_of(examinations.begin(), examinations.end(), [&](Examination& other) {
                                  return other.result().chain == ref->chain && other.holds(*ref);
                              });
            if (!held) one.result().dangling.push_back(ref ? *ref : RecordRef{.chain = text});
        }
    }
}

}  // namespace

Result<std::vector<Verification>> verify(const std::vector<std::filesystem::path>& directories,
                                         const std::vector<Checkpoint>& exported) {
    std::vector<Examination> examinations;
    for (const auto& directory : directories) {
        examinations.emplace_back(directory);
        PINCER_CHECK(examinations.back().run());
    }
    for (const Checkpoint& checkpoint : exported) {
        const auto named = std::find_if(examinations.begin(), examinations.end(),
                                        [&](Examination& e) { return e.result().chain == checkpoint.chain; });
        if (named == examinations.end())
            return PINCER_FAIL(not_found, "no chain named \"{}\" was given, which an exported checkpoint is of",
                               checkpoint.chain);
        named->compare_with_exported(checkpoint);
    }
    find_dangling(examinations);
    std::vector<Verification> results;
    for (Examination& one : examinations) results.push_back(std::move(one.result()));
    return results;
}

}  // namespace pincer::audit
