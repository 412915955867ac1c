// The registry's own connector with real processes and sockets: the conformance fixtures as the other side.
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "base/clock.hpp"
#include "io/process.hpp"
#include "registry/registry.hpp"

namespace pincer::registry {
namespace {

struct Rig {
    Rig() : connector(make_connector(runtime, {})) {}

    using Body = std::function<Task<>(Registry&)>;
    void with_server(std::string definition, Body body) {
        runtime.run_until_done(run(std::move(definition), std::move(body)));
    }
    Task<> run(std::string definition, Body body) {
        RegistryOptions options{.backoff_first = Millis(20)};
        Registry registry(runtime, *connector, clock, random, std::move(options));
        std::vector<ServerDefinition> definitions{*parse_definition("x", *json::parse_object(definition))};
        EXPECT_TRUE(co_await registry.reload(std::move(definitions)));
        co_await body(registry);
        co_await registry.stop();
    }
    static Task<Result<mcp::ToolResult>> call(Registry& registry, std::string name, json::object arguments = {}) {
        CallOptions options{.deadline = Deadline::after(Millis(10'000))};
        co_return co_await registry.call(std::move(name), std::move(arguments), std::move(options));
    }

    io::Runtime runtime;
    std::unique_ptr<Connector> connector;
    SystemClock clock;
    crypto::SystemRandom random;
};

// A zombie that waits for its keeper counts as gone.
bool is_running(int pid) {
    std::ifstream stat(fmt::format("/proc/{}/stat", pid));
    std::string number, name, state;
    return bool(stat >> number >> name >> state) && state != "Z";
}

std::string stdio_definition() { return fmt::format(R"({{"command":"{}"}})", EVERYTHING_SERVER); }

TEST(RegistryProcess, calls_a_child_and_takes_it_down) {
    struct Run {
        static Task<> body(Registry& r, int& pid) {
            json::object arguments{{"message", "hi"}};
            auto result = co_await Rig::call(r, "x__echo", std::move(arguments));
            EXPECT_TRUE(result) << result.error().message();
            if (result) EXPECT_EQ(result->joined_text(), "Echo: hi");
            pid = r.status().at(0).pid;
            EXPECT_TRUE(is_running(pid));
        }
    };
    Rig rig;
    int pid = 0;
    rig.with_server(stdio_definition(), [&](Registry& r) { return Run::body(r, pid); });
    EXPECT_FALSE(is_running(pid));
}

TEST(RegistryProcess, starts_a_killed_child_again) {
    struct Run {
        static Task<> body(Registry& r) {
            (void)co_await Rig::call(r, "x__test_simple_text");
            const int first = r.status().at(0).pid;
            ::kill(first, SIGKILL);
            while (r.status().at(0).health == Health::ready) co_await io::yield();
            auto again = co_await Rig::call(r, "x__test_simple_text");
            EXPECT_TRUE(again) << again.error().message();
            EXPECT_NE(r.status().at(0).pid, first);
        }
    };
    Rig().with_server(stdio_definition(), Run::body);
}

TEST(RegistryProcess, says_what_cannot_be_started) {
    struct Run {
        static Task<> missing(Registry& r) {
            auto result = co_await Rig::call(r, "x__echo");
            EXPECT_NE(result.error().message().find("stdio command not found or not executable: no-such-program"),
                      std::string::npos)
                << result.error().message();
        }
        static Task<> ends_at_once(Registry& r) {
            auto result = co_await Rig::call(r, "x__echo");
            EXPECT_EQ(result.error().code(), ErrorCode::unavailable) << result.error().message();
        }
        static Task<> legacy_sse(Registry& r) {
            auto result = co_await Rig::call(r, "x__echo");
            EXPECT_NE(result.error().message().find("transport \"sse\""), std::string::npos)
                << result.error().message();
        }
    };
    Rig().with_server(R"({"command":"no-such-program"})", Run::missing);
    Rig().with_server(R"({"command":"/bin/true"})", Run::ends_at_once);
    Rig().with_server(R"({"url":"https://127.0.0.1/","transport":"sse"})", Run::legacy_sse);
}

TEST(RegistryProcess, calls_a_server_by_url) {
    struct Run {
        static Task<std::string> url_of(io::Process& process) {
            const Deadline deadline = Deadline::after(Millis(10'000));
            auto line = co_await process.read_stdout(deadline);
            co_return line ? line->substr(0, line->find('\n')) : "";
        }
        static Task<> body(Registry& r) {
            json::object arguments{{"message", "hi"}};
            auto result = co_await Rig::call(r, "x__echo", std::move(arguments));
            EXPECT_TRUE(result) << result.error().message();
            EXPECT_EQ(r.status().at(0).protocol_version, mcp::kModernVersion);
            EXPECT_TRUE(co_await Rig::call(r, "x__test_tool_with_progress"));
        }
    };
    Rig rig;
    auto process = io::Process::start(rig.runtime, {.executable = EVERYTHING_SERVER, .arguments = {"--http", "0"}});
    ASSERT_TRUE(process);
    const std::string url = rig.runtime.run_until_done(Run::url_of(**process));
    rig.with_server(fmt::format(R"({{"url":"{}"}})", url), Run::body);
    rig.runtime.run_until_done((*process)->shut_down(Millis(1000)));
}

}  // namespace
}  // namespace pincer::registry
