// main of every unit-test program: quiet logs, GoogleTest.
#include <gtest/gtest.h>

#include "base/log.hpp"

int main(int argc, char** argv) {
    ::testing::InitGoogleTest(&argc, argv);
    if (!std::getenv("PINCER_TEST_LOG")) pincer::log::set_level(pincer::log::Level::off);
    return RUN_ALL_TESTS();
}
