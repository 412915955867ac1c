// A folder for one test, gone with it; and children that can be killed at any moment.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

#include "base/assert.hpp"

namespace pincer::testing {

class Scratch {
public:
    explicit Scratch(const std::filesystem::path& parent = std::filesystem::temp_directory_path()) {
        std::string pattern = (parent / "pincer-test-XXXXXX").string();
        PINCER_ASSERT(::mkdtemp(pattern.data()) != nullptr, "the temporary folder can be written");
        path_ = pattern;
    }
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

// Runs `work` in a child process. Each byte that `work` writes to the given descriptor is an acknowledgement; when
// `acknowledgements` of them have been read the child is killed (SIGKILL). Gives back everything it had acknowledged.
// Call it while this process has one thread.
inline std::string run_and_kill(std::size_t acknowledgements, const std::function<void(int)>& work) {
    int ends[2];
    PINCER_ASSERT(::pipe(ends) == 0, "there are descriptors");
    const pid_t child = ::fork();
    PINCER_ASSERT(child >= 0, "there are processes");
    if (child == 0) {
        ::close(ends[0]);
        work(ends[1]);
        ::_exit(0);
    }
    ::close(ends[1]);
    std::string read;
    char buffer[4096];
    while (true) {
        const ssize_t n = ::read(ends[0], buffer, sizeof buffer);
        if (n <= 0) break;  // the child has ended, by itself or by us
        const bool enough_before = read.size() >= acknowledgements;
        read.append(buffer, std::size_t(n));
        if (!enough_before && read.size() >= acknowledgements) ::kill(child, SIGKILL);
    }
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    return read;
}

}  // namespace pincer::testing
