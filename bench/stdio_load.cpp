// One MCP server over stdio, called one request at a time, with a client that costs almost nothing: it reads lines and
// looks only at their "id".
//
//   stdio_load --calls 400 --tool conversations_list --arguments '{"limit":100}' -- openclaw mcp serve --url ws://...
// Prints one line of JSON: {"spawn_ms", "p50_us", "p99_us", "count", "answer_bytes", "rss_mb", "anonymous_mb"}.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "stdio_load: %s\n", what.c_str());
    std::exit(1);
}

double since(Clock::time_point begin) {
    return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

class Server {
public:
    explicit Server(const std::vector<char*>& command) {
        int in[2], out[2];
        if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) fail("pipe");
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, in[0], 0);
        ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
        if (::posix_spawnp(&pid_, command[0], &actions, nullptr, command.data(), environ) != 0)
            fail("cannot start the server");
        ::close(in[0]);
        ::close(out[1]);
        to_ = in[1];
        from_ = out[0];
    }
    ~Server() {
        ::close(to_);
        ::waitpid(pid_, nullptr, 0);
    }

    void tell(const std::string& line) {
        for (std::size_t done = 0; done < line.size();) {
            const ssize_t n = ::write(to_, line.data() + done, line.size() - done);
            if (n <= 0) fail("the server does not read");
            done += std::size_t(n);
        }
    }

    // The line that answers request `id`; what else the server says is dropped.
    std::string ask(int id, const std::string& method, const std::string& params) {
        tell(R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"method":")" + method + R"(","params":)" + params +
             "}\n");
        const std::string mark = "\"id\":" + std::to_string(id);
        for (;;) {
            std::string line = read_line();
            if (line.substr(0, 64).find(mark) != std::string::npos) return line;
        }
    }

    std::string smaps(const std::string& name) const {
        std::ifstream file("/proc/" + std::to_string(pid_) + "/smaps_rollup");
        for (std::string word; file >> word;) {
            if (word == name && file >> word) return word;
        }
        return "0";
    }

private:
    std::string read_line() {
        for (std::size_t seen = 0;;) {
            const std::size_t end = bytes_.find('\n', seen);
            if (end != std::string::npos) {
                std::string line = bytes_.substr(0, end);
                bytes_.erase(0, end + 1);
                return line;
            }
            seen = bytes_.size();
            bytes_.resize(seen + (256 << 10));
            const ssize_t n = ::read(from_, bytes_.data() + seen, 256 << 10);
            if (n <= 0) fail("the server closed");
            bytes_.resize(seen + std::size_t(n));
        }
    }

    pid_t pid_ = 0;
    int to_ = -1, from_ = -1;
    std::string bytes_;
};

}  // namespace

int main(int argc, char** argv) {
    int calls = 100;
    std::string tool, arguments = "{}";
    std::vector<char*> command;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--") {
            command.assign(argv + i + 1, argv + argc);
            break;
        }
        if (i + 1 == argc) fail("see the top of bench/stdio_load.cpp");
        if (word == "--calls") calls = std::atoi(argv[++i]);
        if (word == "--tool") tool = argv[++i];
        if (word == "--arguments") arguments = argv[++i];
    }
    if (command.empty()) fail("no command after --");
    command.push_back(nullptr);

    const auto begin = Clock::now();
    Server server(command);
    server.ask(1, "initialize",
               R"({"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"bench","version":"1"}})");
    const double spawn_ms = since(begin) / 1000;
    server.tell("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n");

    std::vector<double> took;
    std::size_t bytes = 0;
    const std::string params = R"({"name":")" + tool + R"(","arguments":)" + arguments + "}";
    for (int i = 0; !tool.empty() && i < calls + 20; ++i) {
        const auto at = Clock::now();
        const std::string answer = server.ask(i + 2, "tools/call", params);
        if (answer.find("\"isError\":true") != std::string::npos || answer.find("\"result\"") == std::string::npos)
            fail(answer.substr(0, 400));
        if (i >= 20) took.push_back(since(at));  // the first ones connect and warm up
        bytes = answer.size();
    }
    std::sort(took.begin(), took.end());
    const auto at = [&](double share) {
        return took.empty() ? 0.0 : took[std::size_t(double(took.size() - 1) * share)];
    };
    std::printf(
        R"({"spawn_ms":%.2f,"p50_us":%.1f,"p99_us":%.1f,"count":%zu,"answer_bytes":%zu,"rss_mb":%.1f,"anonymous_mb":%.1f})"
        "\n",
        spawn_ms, at(0.5), at(0.99), took.size(), bytes, std::atof(server.smaps("Rss:").c_str()) / 1024,
        std::atof(server.smaps("Anonymous:").c_str()) / 1024);
}
