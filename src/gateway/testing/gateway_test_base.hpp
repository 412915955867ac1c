// GatewayWorld as the base of GoogleTest fixtures.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/testing/gateway_fixture.hpp"

namespace pincer::gateway::testing {

class GatewayTest : public ::testing::Test, protected GatewayWorld {
protected:
    void SetUp() override {
        const auto started = start();
        ASSERT_TRUE(started) << started.error().message();
    }
    void TearDown() override {
        stop();
        EXPECT_EQ(audit_faults(), "");
    }
};

}  // namespace pincer::gateway::testing
