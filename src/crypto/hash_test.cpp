#include "crypto/hash.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pincer::crypto {
namespace {

TEST(Sha256, fips_180_4_examples) {
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(sha256_hex(std::string(1'000'000, 'a')),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, pieces_give_the_same_as_the_whole_and_finish_starts_anew) {
    Sha256 hash;
    for (int i = 0; i < 1000; ++i) hash.add(std::string(1000, 'a'));
    EXPECT_EQ(hash.finish_hex(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    EXPECT_EQ(hash.add("a").add("").add("bc").finish(), sha256("abc"));
}

struct HmacCase {
    const char* name;
    std::string key, data;
    const char* mac;
};

TEST(Hmac, rfc_4231_cases) {
    const HmacCase cases[] = {
        {"1", std::string(20, '\x0b'), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"2", "Jefe", "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {"3", std::string(20, '\xaa'), std::string(50, '\xdd'),
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {"4", *from_hex("0102030405060708090a0b0c0d0e0f10111213141516171819"), std::string(50, '\xcd'),
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
        {"6", std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {"7", std::string(131, '\xaa'),
         "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be "
         "hashed before being used by the HMAC algorithm.",
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    };
    for (const auto& c : cases) EXPECT_EQ(hmac_sha256_hex(c.key, c.data), c.mac) << "case " << c.name;
}

TEST(Hmac, an_empty_key_is_a_key) {
    EXPECT_EQ(hmac_sha256_hex("", ""), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
    (void)hmac_sha256("another", "x");  // OpenSSL's HMAC() could remember this one
    EXPECT_EQ(hmac_sha256_hex(std::string_view(), ""),
              "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(ConstantTimeEqual, is_equality) {
    EXPECT_TRUE(constant_time_equal("", ""));
    EXPECT_TRUE(constant_time_equal("same", "same"));
    EXPECT_FALSE(constant_time_equal("same", "sane"));
    EXPECT_FALSE(constant_time_equal("same", "same "));
}

TEST(Framed, content_cannot_move_between_fields) {
    EXPECT_NE(Framed("p").add("ab").add("c").bytes(), Framed("p").add("a").add("bc").bytes());
    EXPECT_NE(Framed("p").add("").bytes(), Framed("p").bytes());
    EXPECT_NE(Framed("p").add("q").bytes(), Framed("pq").add("").bytes());
}

}  // namespace
}  // namespace pincer::crypto
