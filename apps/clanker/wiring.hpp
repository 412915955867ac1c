// The object graph of the program, in the order in which things depend on one another.
#pragma once

#include <filesystem>

#include "apps/clanker/arguments.hpp"
#include "crypto/random.hpp"
#include "infra/engine/engine.hpp"
#include "io/runtime.hpp"

namespace pincer::clanker {

// $CLANKER_HOME, else ~/.clanker.
std::filesystem::path home_folder();
std::string user_name();  // "operator:<name or uid>": who sits at the terminal

struct Program {
    explicit Program(const Arguments& arguments);

    SystemClock clock;
    crypto::SystemRandom random;
    io::Runtime runtime;
    infra::Services services;
    infra::Settings settings;
    infra::Engine engine;
};

}  // namespace pincer::clanker
