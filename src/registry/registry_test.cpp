#include "registry/registry.hpp"

#include <gtest/gtest.h>

#include "base/testing/fake_clock.hpp"
#include "registry/testing/memory_connector.hpp"

namespace pincer::registry {
namespace {

class Registries : public ::testing::Test {
protected:
    Registries() : infra({.implementation = {"infra", "1"}}), connector(runtime), gate(runtime) {
        const auto answer = [](const mcp::ToolCall& call) -> Result<mcp::ToolResult> {
            return mcp::ToolResult::of(call.meta);
        };
        EXPECT_TRUE(infra.add_tool({.info = {.name = "read", .annotations = {.read_only = true}}, .now = answer}));
        EXPECT_TRUE(infra.add_tool({.info = {.name = "apply",
                                             .annotations = {.destructive = false},
                                             .meta = {{"io.pincer/settledBy", "read"}}},
                                    .now = answer}));
        EXPECT_TRUE(
            infra.add_tool({.info = {.name = "wipe", .meta = {{"io.pincer/settledBy", "apply"}}}, .now = answer}));
        EXPECT_TRUE(infra.add_tool({.info = {.name = "gate"}, .run = [this](mcp::ToolCall) { return wait(); }}));
        connector.provide("infra", infra);
    }

    Task<Result<mcp::ToolResult>> wait() {
        PINCER_CO_CHECK(co_await gate.wait());
        co_return mcp::ToolResult::text("open");
    }

    static ServerDefinition define(const char* text, const char* name = "infra") {
        return *parse_definition(name, *json::parse_object(text));
    }
    static Task<Result<mcp::ToolResult>> call(Registry& registry, std::string name,
                                              Deadline deadline = Deadline::after(Millis(5000))) {
        json::object none;
        CallOptions options{.deadline = deadline, .meta = {{"io.pincer/grant", "g"}}};
        co_return co_await registry.call(std::move(name), std::move(none), std::move(options));
    }

    // Runs `body` with a registry of these definitions.
    using Body = std::function<Task<>(Registry&)>;
    void with_registry(std::vector<ServerDefinition> definitions, Body body, RegistryOptions options = {}) {
        runtime.run_until_done(run(std::move(definitions), std::move(body), std::move(options)));
    }
    Task<> run(std::vector<ServerDefinition> definitions, Body body, RegistryOptions options) {
        options.backoff_first = Millis(20);
        Registry registry(runtime, connector, clock, random, std::move(options));
        EXPECT_TRUE(co_await registry.reload(std::move(definitions)));
        co_await body(registry);
        co_await registry.stop();
    }

    io::Runtime runtime;
    mcp::Server infra;
    testing::MemoryConnector connector;
    io::Event gate;
    pincer::testing::FakeClock clock;
    crypto::SystemRandom random;
};

const ToolInfo* find(const std::vector<ToolInfo>& tools, std::string_view name) {
    for (const ToolInfo& tool : tools) {
        if (tool.name == name) return &tool;
    }
    return nullptr;
}

TEST_F(Registries, start_on_demand_and_share_one_connection) {
    struct Run {
        static Task<> body(Registry& r, testing::MemoryConnector& connector) {
            EXPECT_EQ(r.status().at(0).health, Health::idle);
            EXPECT_EQ(connector.connects("infra"), 0u);
            auto result = co_await call(r, "infra__read");
            EXPECT_TRUE(result) << result.error().message();
            if (result) EXPECT_EQ(result->structured->at("io.pincer/grant"), "g");
            (void)co_await call(r, "infra__wipe");
            EXPECT_EQ(connector.connects("infra"), 1u);
            const ServerStatus status = r.status().at(0);
            EXPECT_EQ(status.health, Health::ready);
            EXPECT_EQ(status.tools, 4u);
            EXPECT_EQ(status.pid, 4711);
            EXPECT_EQ(status.implementation.name, "infra");
        }
    };
    with_registry({define(R"({"command":"x"})")}, [this](Registry& r) { return Run::body(r, connector); });
}

TEST_F(Registries, believe_hints_only_where_the_operator_said_so) {
    struct Run {
        static Task<> distrusted(Registry& r) {
            co_await r.load_tools(Deadline::after(Millis(5000)));
            const auto tools = r.tools();
            EXPECT_FALSE(find(tools, "infra__read")->read_only);
            EXPECT_TRUE(find(tools, "infra__read")->destructive);
            EXPECT_TRUE(find(tools, "infra__apply")->destructive);
            EXPECT_EQ(find(tools, "infra__apply")->settled_by, "");
        }
        static Task<> trusted(Registry& r) {
            co_await r.load_tools(Deadline::after(Millis(5000)));
            const auto tools = r.tools();
            EXPECT_TRUE(find(tools, "infra__read")->read_only);
            EXPECT_FALSE(find(tools, "infra__read")->destructive);
            EXPECT_FALSE(find(tools, "infra__apply")->read_only);
            EXPECT_FALSE(find(tools, "infra__apply")->destructive);
            EXPECT_EQ(find(tools, "infra__apply")->settled_by, "infra__read");
            EXPECT_TRUE(find(tools, "infra__wipe")->destructive);
            EXPECT_EQ(find(tools, "infra__wipe")->settled_by, "");  // what settles must itself only read
        }
    };
    with_registry({define(R"({"command":"x"})")}, Run::distrusted);
    with_registry({define(R"({"command":"x","trust":"annotations"})")}, Run::trusted);
}

TEST_F(Registries, keep_to_the_filter_and_say_what_is_missing) {
    struct Run {
        static Task<> body(Registry& r) {
            EXPECT_EQ((co_await call(r, "infra__wipe")).error().code(), ErrorCode::forbidden);
            EXPECT_EQ((co_await call(r, "infra__read_more")).error().code(), ErrorCode::not_found);
            EXPECT_EQ((co_await call(r, "nobody__read")).error().code(), ErrorCode::not_found);
            EXPECT_EQ((co_await call(r, "read")).error().code(), ErrorCode::not_found);
            EXPECT_EQ((co_await call(r, "off__read")).error().message(), "MCP server \"off\" is disabled");
            EXPECT_EQ(r.tools().size(), 1u);
            EXPECT_TRUE(r.tool("infra__read"));
            EXPECT_FALSE(r.tool("infra__wipe"));
        }
    };
    with_registry({define(R"({"command":"x","toolFilter":{"include":["read*","wipe"],"exclude":["w*"]}})"),
                   define(R"({"command":"x","enabled":false})", "off")},
                  Run::body);
}

TEST_F(Registries, come_back_after_a_crash_and_never_repeat_the_call_that_was_cut) {
    struct Run {
        static Task<> crash(testing::MemoryConnector& connector) {
            for (int i = 0; i < 30; ++i) co_await io::yield();
            connector.crash("infra");
        }
        static Task<> body(Registry& r, io::Runtime& runtime, testing::MemoryConnector& connector) {
            (void)co_await call(r, "infra__read");
            io::TaskGroup tasks(runtime);
            tasks.spawn(crash(connector));
            auto cut = co_await call(r, "infra__gate");
            EXPECT_EQ(cut.error().code(), ErrorCode::outcome_unknown) << cut.error().message();
            EXPECT_EQ(connector.connects("infra"), 1u);
            auto again = co_await call(r, "infra__read");
            EXPECT_TRUE(again) << again.error().message();
            EXPECT_EQ(connector.connects("infra"), 2u);
            EXPECT_EQ(r.status().at(0).restarts, 0u);
            co_await tasks.stop();
        }
    };
    with_registry({define(R"({"command":"x"})")}, [this](Registry& r) { return Run::body(r, runtime, connector); });
}

TEST_F(Registries, wait_longer_after_each_failure_and_name_the_reason) {
    struct Run {
        static Task<> body(Registry& r, testing::MemoryConnector& connector) {
            for (int i = 0; i < 8; ++i) {
                auto failed = co_await call(r, "infra__read", Deadline::after(Millis(1)));
                EXPECT_FALSE(failed);
            }
            EXPECT_LT(connector.connects("infra"), 8u);  // most of them met the pause
            auto refused = co_await call(r, "infra__read", Deadline::after(Millis(1)));
            EXPECT_NE(refused.error().message().find("the kettle is off"), std::string::npos)
                << refused.error().message();
            const ServerStatus status = r.status().at(0);
            EXPECT_EQ(status.last_error, "the kettle is off");
            EXPECT_GE(status.restarts, 1u);
        }
        static Task<> both(Registry& r, testing::MemoryConnector& connector, mcp::Server& infra) {
            co_await body(r, connector);
            connector.provide("infra", infra);
            auto probed = co_await r.probe("infra", Deadline::after(Millis(5000)));
            EXPECT_TRUE(probed) << probed.error().message();
        }
    };
    connector.refuse("infra", Error(ErrorCode::unavailable, "the kettle is off"));
    with_registry({define(R"({"command":"x"})")}, [this](Registry& r) { return Run::both(r, connector, infra); });
}

TEST_F(Registries, one_bad_server_does_not_hold_up_the_others) {
    struct Run {
        static Task<> body(Registry& r) {
            co_await r.load_tools(Deadline::after(Millis(5000)));
            EXPECT_EQ(r.tools().size(), 4u);
            EXPECT_EQ(r.status().at(0).health, Health::backing_off);
            EXPECT_EQ(r.status().at(1).health, Health::ready);
        }
    };
    connector.refuse("bad", Error(ErrorCode::unavailable, "no"));
    with_registry({define(R"({"command":"x"})", "bad"), define(R"({"command":"x"})")}, Run::body);
}

TEST_F(Registries, reload_keeps_what_did_not_change) {
    struct Run {
        static Task<> body(Registry& r, testing::MemoryConnector& connector) {
            (void)co_await call(r, "infra__read");
            std::vector<ServerDefinition> trusting{define(R"({"command":"x","trust":"annotations"})")};
            EXPECT_TRUE(co_await r.reload(std::move(trusting)));
            EXPECT_TRUE(r.tool("infra__read")->read_only);
            EXPECT_EQ(connector.connects("infra"), 1u);
            std::vector<ServerDefinition> other{define(R"({"command":"y"})")};
            EXPECT_TRUE(co_await r.reload(std::move(other)));
            EXPECT_EQ(r.status().at(0).health, Health::idle);
            EXPECT_TRUE(co_await call(r, "infra__read"));
            EXPECT_EQ(connector.connects("infra"), 2u);
            std::vector<ServerDefinition> none;
            EXPECT_TRUE(co_await r.reload(std::move(none)));
            EXPECT_TRUE(r.tools().empty());
        }
    };
    with_registry({define(R"({"command":"x"})")}, [this](Registry& r) { return Run::body(r, connector); });
}

TEST_F(Registries, stop_what_nobody_uses) {
    struct Run {
        static Task<> body(Registry& r, testing::MemoryConnector& connector) {
            (void)co_await call(r, "infra__read");
            while (r.status().at(0).health == Health::ready) co_await io::yield();
            EXPECT_EQ(r.status().at(0).health, Health::idle);
            EXPECT_EQ(r.tools().size(), 4u);  // still known
            EXPECT_TRUE(co_await call(r, "infra__read"));
            EXPECT_EQ(connector.connects("infra"), 2u);
        }
    };
    with_registry({define(R"({"command":"x"})")}, [this](Registry& r) { return Run::body(r, connector); },
                  {.session_idle = Millis(20)});
}

TEST_F(Registries, follow_changes_of_the_list) {
    struct Run {
        static Task<> body(Registry& r, mcp::Server& infra, int& told) {
            (void)co_await call(r, "infra__read");
            const int before = told;
            EXPECT_TRUE(infra.remove_tool("wipe"));
            for (int i = 0; i < 1000 && told == before; ++i) co_await io::yield();
            EXPECT_EQ(r.tools().size(), 3u);
        }
    };
    int told = 0;
    RegistryOptions options;
    options.on_tools_changed = [&told] { ++told; };
    with_registry(
        {define(R"({"command":"x"})")}, [&](Registry& r) { return Run::body(r, infra, told); }, std::move(options));
}

TEST_F(Registries, wait_for_a_server_that_is_away) {
    struct Run {
        static Task<> come_back(testing::MemoryConnector& connector, mcp::Server& infra) {
            while (connector.connects("infra") < 3) co_await io::yield();
            connector.provide("infra", infra);
        }
        static Task<> body(Registry& r, io::Runtime& runtime, testing::MemoryConnector& connector, mcp::Server& infra) {
            const auto late = co_await r.reach("infra__read", Deadline::after(Millis(1)));
            EXPECT_EQ(late.error().code(), ErrorCode::unavailable);
            EXPECT_EQ(late.error().message(), "MCP server \"infra\" is not reachable (the kettle is off)");
            io::TaskGroup tasks(runtime);
            tasks.spawn(come_back(connector, infra));
            const auto there = co_await r.reach("infra__read", Deadline::after(Millis(30'000)));
            EXPECT_TRUE(there) << there.error().message();
            EXPECT_TRUE(r.tool("infra__read"));
            co_await tasks.stop();
        }
    };
    connector.refuse("infra", Error(ErrorCode::unavailable, "the kettle is off"));
    with_registry({define(R"({"command":"x"})")},
                  [this](Registry& r) { return Run::body(r, runtime, connector, infra); });
}

TEST_F(Registries, do_not_wait_for_what_cannot_come) {
    struct Run {
        static Task<> body(Registry& r) {
            EXPECT_EQ((co_await r.reach("infra__nothing", Deadline::never())).error().code(), ErrorCode::not_found);
            EXPECT_EQ((co_await r.reach("infra__wipe", Deadline::never())).error().code(), ErrorCode::not_found);
            EXPECT_EQ((co_await r.reach("nobody__read", Deadline::never())).error().code(), ErrorCode::not_found);
            EXPECT_EQ((co_await r.reach("infra", Deadline::never())).error().code(), ErrorCode::not_found);
            EXPECT_EQ((co_await r.reach("off__read", Deadline::never())).error().code(), ErrorCode::unavailable);
        }
    };
    with_registry({define(R"({"command":"x","toolFilter":{"exclude":["wipe"]}})"),
                   define(R"({"command":"x","enabled":false})", "off")},
                  Run::body);
}

TEST(Environment, drops_what_would_run_other_code) {
    for (const char* name :
         {"NODE_OPTIONS", "LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "PYTHONPATH", "PYTHONSTARTUP", "BASH_ENV",
          "BASH_FUNC_x%%", "ZDOTDIR", "GIT_SSH_COMMAND", "GIT_CONFIG_COUNT", "OPENSSL_CONF"})
        EXPECT_TRUE(is_forbidden_environment(name)) << name;
    for (const char* name : {"API_KEY", "PATH", "NODE_ENV", "OLD_PASSWORD"})
        EXPECT_FALSE(is_forbidden_environment(name)) << name;
}

}  // namespace
}  // namespace pincer::registry
