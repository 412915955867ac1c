#include "crypto/seal.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/text.hpp"
#include "crypto/key_file.hpp"
#include "crypto/testing/seeded_random.hpp"

namespace pincer::crypto {
namespace {

// Gives the same nonce again and again: for known answers only.
class FixedRandom final : public Random {
public:
    explicit FixedRandom(std::string bytes) : bytes_(std::move(bytes)) {}
    void fill(std::span<std::uint8_t> out) override { std::copy_n(bytes_.begin(), out.size(), out.begin()); }

private:
    std::string bytes_;
};

TEST(Seal, aes_256_gcm_known_answer) {
    // The GCM specification's test case 13 has no associated data and ours always has the version byte, so this one
    // was computed with Python's cryptography package: AESGCM(key).encrypt(nonce, text, b"\x01" + associated).
    const auto sealer = Sealer::with_key(Secret(std::string(32, '\x42')));
    FixedRandom nonce(std::string(12, '\x24'));
    const std::string box = sealer->seal(Secret("attack at dawn"), "place", nonce);
    EXPECT_EQ(to_hex(as_bytes(box)),
              "0124242424242424242424242474e5b0208aade65f52c846cbca5c8474e682c58e09816ea0250fcfa6222e");
}

TEST(Seal, opens_only_with_its_key_and_in_its_place) {
    testing::SeededRandom random(7);
    const auto sealer = Sealer::with_key(Secret(random.bytes(32)));
    for (const std::string& text : {std::string(), std::string("x"), std::string(100'000, 'y')}) {
        for (const char* place : {"", "tenant-7|token"}) {
            const std::string box = sealer->seal(Secret(text), place, random);
            const auto opened = sealer->open(box, place);
            ASSERT_TRUE(opened);
            EXPECT_EQ(opened->reveal(), text);
            EXPECT_EQ(sealer->open(box, "elsewhere").error().code(), ErrorCode::corrupt);
            EXPECT_FALSE(Sealer::with_key(Secret(random.bytes(32)))->open(box, place));
        }
    }
}

TEST(Seal, every_changed_or_missing_byte_is_found) {
    testing::SeededRandom random(8);
    const auto sealer = Sealer::with_key(Secret(random.bytes(32)));
    const std::string box = sealer->seal(Secret("fourteen bytes"), "here", random);
    for (std::size_t at = 0; at < box.size(); ++at) {
        std::string changed = box;
        changed[at] = char(changed[at] ^ 0x20);
        EXPECT_FALSE(sealer->open(changed, "here")) << "byte " << at;
        EXPECT_FALSE(sealer->open(box.substr(0, at), "here")) << "cut at " << at;
    }
    EXPECT_NE(box, sealer->seal(Secret("fourteen bytes"), "here", random)) << "a nonce is used once";
}

TEST(Seal, a_key_of_another_length_is_refused) { EXPECT_FALSE(Sealer::with_key(Secret("short"))); }

class KeyFile : public ::testing::Test {
protected:
    void SetUp() override {
        SystemRandom random;
        directory_ = std::filesystem::temp_directory_path() / ("pincer-key-" + random.token(9));
        std::filesystem::create_directory(directory_);
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }
    std::filesystem::path directory_;
};

TEST_F(KeyFile, is_made_once_and_private) {
    testing::SeededRandom random(9);
    const auto path = directory_ / "k.key";
    EXPECT_EQ(load_key(path).error().code(), ErrorCode::not_found);
    const auto first = load_or_make_key(path, random);
    const auto second = load_or_make_key(path, random);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->reveal(), second->reveal());
    EXPECT_EQ(first->reveal().size(), kKeyFileBytes);
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1) << "nothing temporary is left";
}

TEST_F(KeyFile, that_others_may_read_is_refused_with_the_command_to_type) {
    testing::SeededRandom random(10);
    const auto path = directory_ / "k.key";
    ASSERT_TRUE(load_or_make_key(path, random));
    ::chmod(path.c_str(), 0640);
    const auto loaded = load_or_make_key(path, random);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code(), ErrorCode::forbidden);
    EXPECT_NE(loaded.error().message().find("chmod 600 " + path.string()), std::string::npos);
}

TEST_F(KeyFile, that_is_damaged_is_never_replaced) {
    testing::SeededRandom random(11);
    const auto path = directory_ / "k.key";
    for (const char* text : {"", "not base64 at all!", "c2hvcnQ"}) {
        std::ofstream(path) << text;
        ::chmod(path.c_str(), 0600);
        EXPECT_EQ(load_or_make_key(path, random).error().code(), ErrorCode::corrupt) << text;
    }
}

}  // namespace
}  // namespace pincer::crypto
