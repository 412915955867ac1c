#include "crypto/random.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "crypto/testing/seeded_random.hpp"

namespace pincer::crypto {
namespace {

TEST(Random, uuid_is_version_4) {
    SystemRandom random;
    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i) {
        const std::string id = random.uuid();
        ASSERT_EQ(id.size(), 36u);
        EXPECT_EQ(id[8], '-');
        EXPECT_EQ(id[13], '-');
        EXPECT_EQ(id[18], '-');
        EXPECT_EQ(id[23], '-');
        EXPECT_EQ(id[14], '4');
        EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
        EXPECT_TRUE(seen.insert(id).second);
    }
}

TEST(Random, below_is_in_range_and_fair) {
    testing::SeededRandom random(3);
    std::array<int, 6> counts{};
    for (int i = 0; i < 60'000; ++i) ++counts.at(random.below(6));
    for (int count : counts) EXPECT_NEAR(count, 10'000, 500);
    EXPECT_EQ(random.below(1), 0u);
    const std::uint64_t most = std::uint64_t(1) << 63 | 1;
    for (int i = 0; i < 100; ++i) EXPECT_LT(random.below(most), most);
}

TEST(Random, alphabet_and_token) {
    testing::SeededRandom random(4);
    const std::string code = random.from_alphabet("ABCD", 200);
    EXPECT_EQ(code.size(), 200u);
    EXPECT_EQ(code.find_first_not_of("ABCD"), std::string::npos);
    EXPECT_EQ(random.token(32).size(), 43u);
}

TEST(Random, a_seed_always_gives_the_same) {
    testing::SeededRandom a(5), b(5), c(6);
    const std::string first = a.bytes(100);
    EXPECT_EQ(first, b.bytes(100));
    EXPECT_NE(first, c.bytes(100));
}

}  // namespace
}  // namespace pincer::crypto
