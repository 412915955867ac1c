// The attacker's list: each thing that can be done to the files, and that verify() finds and names it.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>

#include "audit/chain.hpp"
#include "audit/detail/record.hpp"
#include "base/testing/fake_clock.hpp"
#include "base/text.hpp"
#include "crypto/key_file.hpp"
#include "crypto/testing/seeded_random.hpp"
#include "storage/testing/scratch.hpp"

namespace pincer::audit {
namespace {

constexpr const char* kFiles[] = {"audit.jsonl", "checkpoints.jsonl", "audit.head"};

class Tampering : public ::testing::Test {
protected:
    void SetUp() override {
        auto chain = Chain::open(runtime_, scratch_ / "a", "gateway", clock_, {.checkpoint_every = 3});
        ASSERT_TRUE(chain);
        grow(**chain, 2);
        for (const char* file : kFiles) old_[file] = read(file);
        exported_.push_back(*runtime_.run_until_done((*chain)->checkpoint()));
        grow(**chain, 3);
        exported_.push_back(*runtime_.run_until_done((*chain)->checkpoint()));
        chain->reset();
        for (const char* file : kFiles) good_[file] = read(file);
        lines_ = split_lines(good_["audit.jsonl"]);
        ASSERT_EQ(lines_.size(), 6u);
        ASSERT_TRUE(verified().intact());
    }

    void grow(Chain& chain, int records) {
        for (int i = 0; i < records; ++i) {
            clock_.advance(Millis(1001));
            Entry e{.kind = "step.applied",
                    .actor = "slack:T1:U" + std::to_string(i),
                    .body = {{"digest", "ab"}, {"n", i}}};
            ASSERT_TRUE(runtime_.run_until_done(chain.append(std::move(e))));
        }
    }
    static std::vector<std::string> split_lines(const std::string& text) {
        std::vector<std::string> lines;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t end = text.find('\n', at) + 1;
            lines.push_back(text.substr(at, end - at));
            at = end;
        }
        return lines;
    }
    static std::string join(const std::vector<std::string>& lines) {
        std::string text;
        for (const auto& line : lines) text += line;
        return text;
    }
    std::string read(const char* file) {
        std::ifstream in(scratch_ / "a" / file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void write(const char* file, std::string_view bytes) {
        std::ofstream(scratch_ / "a" / file, std::ios::binary) << bytes;
    }
    // In place: a file that is written anew is flushed to the disk by some file systems, thousands of times here.
    void poke(const char* file, std::size_t at, char byte) {
        std::fstream out(scratch_ / "a" / file, std::ios::binary | std::ios::in | std::ios::out);
        out.seekp(std::streamoff(at));
        out.put(byte);
    }
    Verification verified(const std::vector<Checkpoint>& exported = {}) {
        auto done = verify({scratch_ / "a"}, exported);
        EXPECT_TRUE(done) << done.error().message();
        return done ? done->at(0) : Verification{};
    }
    std::string problems(const Verification& v) {
        std::string all;
        for (const auto& finding : v.findings) all += finding.problem + "\n";
        return all;
    }

    testing::Scratch scratch_;
    testing::FakeClock clock_;
    io::Runtime runtime_;
    std::map<std::string, std::string> good_, old_;
    std::vector<std::string> lines_;
    std::vector<Checkpoint> exported_;
};

TEST_F(Tampering, one_changed_byte_anywhere_is_found) {
    for (const char* file : kFiles) {
        for (std::size_t at = 0; at < good_[file].size(); ++at) {
            // One bit, or the one that makes upper case of lower case, digits of a hex escape, a control of a space.
            const char good = good_[file][at];
            poke(file, at, char(good ^ (at % 2 == 0 ? 0x20 : 1 << (at / 2 % 8))));
            ASSERT_FALSE(verified().intact()) << file << " byte " << at;
            poke(file, at, good);
        }
    }
    EXPECT_TRUE(verified().intact());
}

TEST_F(Tampering, the_changed_record_is_named) {
    for (std::size_t i = 0; i < lines_.size(); ++i) {
        auto changed = lines_;
        const std::size_t at = changed[i].find("\"actor\":\"") + 9;
        changed[i][at] = 'X';
        write("audit.jsonl", join(changed));
        const Verification v = verified();
        ASSERT_FALSE(v.intact());
        EXPECT_EQ(v.findings[0].line, i + 1);
        EXPECT_EQ(v.findings[0].seq, std::int64_t(i + 1));
        EXPECT_EQ(v.findings[0].problem, fmt::format("record {} was changed: its mac does not match", i + 1));
    }
}

TEST_F(Tampering, a_dropped_tail_of_any_length_is_found) {
    for (std::size_t kept = 0; kept < lines_.size(); ++kept) {
        std::vector<std::string> rest(lines_.begin(), lines_.begin() + std::ptrdiff_t(kept));
        write("audit.jsonl", join(rest));
        const Verification v = verified();
        EXPECT_NE(problems(v).find(fmt::format("{} records are missing after {} (the head says 6)", 6 - kept, kept)),
                  std::string::npos)
            << problems(v);
        write("checkpoints.jsonl", "");  // and the checkpoints gone with it
        EXPECT_FALSE(verified().intact());
        write("checkpoints.jsonl", good_["checkpoints.jsonl"]);
    }
}

TEST_F(Tampering, a_file_cut_at_any_byte_is_found) {
    for (const char* file : kFiles) {
        for (std::size_t kept = 0; kept < good_[file].size(); kept += 11) {
            write(file, good_[file].substr(0, kept));
            ASSERT_FALSE(verified().intact()) << file << " cut at " << kept;
        }
        write(file, good_[file]);
    }
}

TEST_F(Tampering, any_two_records_swapped_are_found) {
    for (std::size_t i = 0; i < lines_.size(); ++i) {
        for (std::size_t j = i + 1; j < lines_.size(); ++j) {
            auto swapped = lines_;
            std::swap(swapped[i], swapped[j]);
            write("audit.jsonl", join(swapped));
            const Verification v = verified();
            EXPECT_NE(problems(v).find("reordered"), std::string::npos) << i << " and " << j << "\n" << problems(v);
        }
    }
}

TEST_F(Tampering, a_record_missing_in_the_middle_is_found_and_named) {
    for (std::size_t gone = 0; gone + 1 < lines_.size(); ++gone) {
        auto rest = lines_;
        rest.erase(rest.begin() + std::ptrdiff_t(gone));
        write("audit.jsonl", join(rest));
        const Verification v = verified();
        ASSERT_FALSE(v.intact());
        EXPECT_EQ(v.findings[0].problem,
                  fmt::format("1 records are missing after {}: record {} comes next", gone, gone + 2));
    }
}

TEST_F(Tampering, an_inserted_record_is_found) {
    for (std::size_t place = 0; place <= lines_.size(); ++place) {
        for (const std::string& inserted :
             {lines_[2], std::string("{}\n"), std::string("\n"), std::string("not a record\n")}) {
            auto more = lines_;
            more.insert(more.begin() + std::ptrdiff_t(place), inserted);
            write("audit.jsonl", join(more));
            EXPECT_FALSE(verified().intact()) << "at " << place << ": " << inserted;
        }
    }
}

// What only somebody with the MAC key can do, who lacks the signing key or an old copy: the checkpoints still speak.
TEST_F(Tampering, a_record_rewritten_with_the_key_breaks_the_chain_behind_it) {
    const auto key = crypto::load_key(scratch_ / "a" / "audit.key");
    for (std::size_t i = 0; i < lines_.size(); ++i) {
        auto line = detail::Line::parse(std::string_view(lines_[i]).substr(0, lines_[i].size() - 1));
        ASSERT_TRUE(line);
        line->actor = "somebody else";
        line->mac = line->computed_mac(*key);
        auto changed = lines_;
        changed[i] = line->str() + "\n";
        write("audit.jsonl", join(changed));
        EXPECT_FALSE(verified().intact()) << "record " << i + 1;
    }
}

TEST_F(Tampering, a_forged_checkpoint_is_found) {
    testing::SeededRandom random(1);
    const auto other = crypto::Ed25519KeyPair::generate(random);
    auto lines = split_lines(good_["checkpoints.jsonl"]);
    for (std::string& text : lines) {
        const std::string original = text;
        auto checkpoint = Checkpoint::parse(std::string_view(text).substr(0, text.size() - 1));
        ASSERT_TRUE(checkpoint);
        checkpoint->signature = to_base64url(other.sign(detail::signed_bytes(*checkpoint)));
        text = checkpoint->str() + "\n";
        write("checkpoints.jsonl", join(lines));
        EXPECT_NE(problems(verified()).find("forged"), std::string::npos);
        text = original;
    }
}

TEST_F(Tampering, missing_or_reordered_checkpoints_are_found) {
    const auto lines = split_lines(good_["checkpoints.jsonl"]);
    ASSERT_EQ(lines.size(), 2u);
    for (const std::string& text :
         {lines[0], lines[1], lines[1] + lines[0], std::string(), lines[0] + lines[1] + lines[1]}) {
        write("checkpoints.jsonl", text);
        EXPECT_FALSE(verified().intact());
    }
    std::filesystem::remove(scratch_ / "a" / "checkpoints.jsonl");
    EXPECT_FALSE(verified().intact());
}

TEST_F(Tampering, any_file_missing_is_found) {
    for (const char* file : kFiles) {
        std::filesystem::remove(scratch_ / "a" / file);
        EXPECT_FALSE(verified().intact()) << file;
        write(file, good_[file]);
    }
    EXPECT_EQ(verify({scratch_ / "nowhere"}).error().code(), ErrorCode::not_found);
}

TEST_F(Tampering, one_half_of_the_head_put_in_place_of_the_other_is_found) {
    const std::string head = good_["audit.head"];
    write("audit.head", head.substr(0, 512) + head.substr(0, 512));
    EXPECT_FALSE(verified().intact());
    write("audit.head", head.substr(512) + head.substr(512));
    EXPECT_FALSE(verified().intact());
    write("audit.head", head.substr(512) + head.substr(0, 512));
    EXPECT_FALSE(verified().intact());
}

TEST_F(Tampering, everything_put_back_together_shows_only_against_an_exported_checkpoint) {
    EXPECT_TRUE(verified(exported_).intact());
    for (const char* file : kFiles) write(file, old_[file]);
    EXPECT_TRUE(verified().intact()) << "an honest limit: nothing in the files themselves can tell";
    const Verification v = verified(exported_);
    EXPECT_NE(problems(v).find("3 records are missing after 3 (the exported checkpoint says 6)"), std::string::npos)
        << problems(v);
}

TEST_F(Tampering, an_exported_checkpoint_that_was_changed_or_is_of_another_chain_is_refused) {
    auto changed = exported_;
    changed[0].seq = 2;
    EXPECT_NE(problems(verified(changed)).find("forged"), std::string::npos);
    changed[0].chain = "clanker";
    EXPECT_EQ(verify({scratch_ / "a"}, changed).error().code(), ErrorCode::not_found);
    EXPECT_EQ(*Checkpoint::parse(exported_[0].str()), exported_[0]);
}

TEST_F(Tampering, one_chain_cannot_be_passed_off_as_another) {
    auto other = Chain::open(runtime_, scratch_ / "b", "clanker", clock_);
    ASSERT_TRUE(other);
    grow(**other, 5);
    other->reset();
    for (const char* file : kFiles)
        std::filesystem::copy_file(scratch_ / "b" / file, scratch_ / "a" / file,
                                   std::filesystem::copy_options::overwrite_existing);
    EXPECT_FALSE(verified().intact());
}

TEST_F(Tampering, a_line_without_end_costs_no_memory) {
    write("audit.jsonl", good_["audit.jsonl"] + std::string(5u << 20, 'x') + "\n");
    EXPECT_FALSE(verified().intact());
}

}  // namespace
}  // namespace pincer::audit
