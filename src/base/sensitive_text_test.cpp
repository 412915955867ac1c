#include "base/sensitive_text.hpp"

#include <gtest/gtest.h>

namespace pincer {
namespace {

TEST(MaskSecrets, TakesTheSecretAndLeavesTheLine) {
    const std::string token = std::string("gh") + "p_0123456789abcdefghijklmnopqrstuvwxyz";
    const std::string masked = mask_secrets("using GITHUB_TOKEN=" + token + " for the clone");
    EXPECT_EQ(masked.find(token), std::string::npos);
    EXPECT_TRUE(masked.starts_with("using GITHUB_TOKEN=[redacted: "));
    EXPECT_TRUE(masked.ends_with(" for the clone"));
    EXPECT_EQ(mask_secrets("postgres://checkout:hunter2-hunter2@db:5432/shop").find("hunter2"), std::string::npos);
}

TEST(MaskSecrets, LeavesWhatPeopleNeed) {
    for (const char* line :
         {"panic: missing environment variable PAYMENT_URL", "/src/checkout/config.go:41 +0x9c",
          "main.mustEnv({0x7b41c2, 0xb})", "", "commit 60ddb6c by dana", "pulled image shop/checkout:v1.4.2"}) {
        EXPECT_EQ(mask_secrets(line), line);
    }
}

}  // namespace
}  // namespace pincer
