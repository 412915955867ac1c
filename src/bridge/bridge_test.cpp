#include "bridge/bridge.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <fstream>

#include "base/testing/fake_clock.hpp"
#include "mcp/testing/line_pipe.hpp"
#include "wire/testing/scripted_gateway.hpp"

namespace pincer::bridge {
namespace {

using ::testing::HasSubstr;
using wire::testing::ScriptedGateway;

Deadline soon() { return Deadline::after(Millis(5000)); }

std::filesystem::path golden(const std::string& name) {
    auto at = std::filesystem::current_path();
    while (!std::filesystem::exists(at / "tests/golden/bridge")) {
        if (at == at.parent_path()) return name;
        at = at.parent_path();
    }
    return at / "tests/golden/bridge" / name;
}

// The whole program with a scripted Gateway behind it and an MCP client that speaks plain lines before it.
class BridgeTest : public ::testing::Test {
protected:
    void SetUp() override {
        gateway.on("sessions.subscribe", json::object{{"subscribed", true}});
        gateway.on("exec.approval.list", json::array());
        gateway.on("plugin.approval.list", json::array());
        replay_nothing();
    }

    void replay_nothing() {
        gateway.on("events.replay", json::object{{"events", json::array()}, {"oldestId", 0}, {"newestId", 0}});
    }

    BridgeOptions options() {
        BridgeOptions out;
        out.client.url = *io::parse_url("ws://127.0.0.1:18789");
        out.client.token = Secret("secret-token");
        out.client.first_backoff = Millis(1);
        out.client.max_backoff = Millis(2);
        out.version = "2026.9.6";
        out.say = [this](std::string_view line) { said.emplace_back(line); };
        return out;
    }

    // Runs `body` as the MCP client, closes the input after it and gives back the exit code.
    int run(BridgeOptions opts, const std::function<Task<>()>& body) {
        auto pipe = mcp::testing::make_line_pipe(runtime);
        near = std::move(pipe.left);
        int code = -1;
        runtime.run_until_done(drive(std::move(opts), *pipe.right, body, code));
        return code;
    }

    Task<> drive(BridgeOptions opts, io::LineStream& far, const std::function<Task<>()>& body, int& code) {
        io::TaskGroup group(runtime);
        io::Event ended(runtime);
        group.spawn(serve_to_end(std::move(opts), far, code, ended));
        co_await body();
        near.reset();
        (void)co_await ended.wait(soon());
        co_await group.stop();
    }

    Task<> serve_to_end(BridgeOptions opts, io::LineStream& far, int& code, io::Event& ended) {
        code = co_await serve(runtime, far, gateway, clock, random, std::move(opts));
        ended.set();
    }

    Task<json::object> request(std::string method, json::object params) {
        const int id = ++last_id;
        json::object message{{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", std::move(params)}};
        (void)co_await near->write_line(json::write(message));
        co_return co_await answer_to(id);
    }

    Task<> notify(std::string method, json::object params) {
        json::object message{{"jsonrpc", "2.0"}, {"method", method}, {"params", std::move(params)}};
        (void)co_await near->write_line(json::write(message));
    }

    Task<json::object> answer_to(int id) {
        while (true) {
            const auto line = co_await next_line();
            if (json::int_at(line, "id") == id) {
                const json::object* result = json::object_at(line, "result");
                co_return result ? *result : line;
            }
            notified.push_back(line);
        }
    }

    Task<json::object> next_line() {
        Task<Result<std::optional<std::string>>> reading = near->read_line();
        auto line = co_await io::with_deadline(std::move(reading), soon(), "reading the bridge's output");
        if (!line || !*line) {
            ADD_FAILURE() << (line ? "the bridge closed its output" : line.error().message());
            co_return json::object{{"id", last_id}};
        }
        co_return *json::parse_object(**line);
    }

    Task<json::object> call(std::string name, json::object arguments) {
        json::object params{{"name", name}, {"arguments", std::move(arguments)}};
        co_return co_await request("tools/call", std::move(params));
    }

    Task<> initialize() {
        json::object params{{"protocolVersion", "2025-06-18"},
                            {"capabilities", json::object()},
                            {"clientInfo", json::object{{"name", "t"}, {"version", "1"}}}};
        initialized = co_await request("initialize", std::move(params));
        json::object none;
        co_await notify("notifications/initialized", std::move(none));
    }

    static json::object message(std::string_view text, std::string_view id, std::int64_t event_id = 0,
                                bool owner = false) {
        json::object payload{{"sessionKey", "agent:main:main"},
                             {"senderIsOwner", owner},
                             {"message", json::object{{"role", "user"}, {"content", text}}},
                             {"messageId", id},
                             {"lastChannel", "telegram"},
                             {"lastTo", "+1"}};
        if (event_id) payload["__openclaw"] = json::object{{"eventId", event_id}};
        return payload;
    }

    io::Runtime runtime;
    ::pincer::testing::FakeClock clock;
    crypto::SystemRandom random;
    ScriptedGateway gateway{runtime, clock};
    std::unique_ptr<io::LineStream> near;
    std::vector<std::string> said;
    std::vector<json::object> notified;
    json::object initialized;
    int last_id = 0;
};

std::string structured(const json::object& result) {
    const json::value* v = json::find(result, "structuredContent");
    return v ? json::write(*v) : "";
}
std::string first_text(const json::object& result) {
    const json::array* content = json::array_at(result, "content");
    return content && !content->empty() ? json::string_or(content->front().get_object(), "text") : "";
}

TEST_F(BridgeTest, answers_as_the_original_did_in_the_recorded_session) {
    std::ifstream file(golden("session.jsonl"));
    ASSERT_TRUE(file) << "tests/golden/bridge/session.jsonl is missing";
    std::vector<json::object> steps;
    for (std::string line; std::getline(file, line);) steps.push_back(*json::parse_object(line));
    ASSERT_GT(steps.size(), 40u);

    std::deque<json::object> script;  // what the Gateway said, call by call
    const auto scripted = [&](const json::value& params) -> ScriptedGateway::Answer {
        if (script.empty()) return std::unexpected(wire::unknown_method("nothing was recorded here"));
        const json::object step = std::move(script.front());
        script.pop_front();
        json::object asked = params.get_object();
        asked.erase("idempotencyKey");
        EXPECT_EQ(json::write(asked), json::write(*json::object_at(step, "params")));
        if (const json::value* error = json::find(step, "error"))
            return std::unexpected(wire::parse_wire_error(*error));
        return std::expected<json::value, wire::WireError>(*json::find(step, "payload"));
    };
    for (const char* method : {"sessions.list", "sessions.describe", "sessions.get", "chat.message.get", "send",
                               "exec.approval.resolve", "plugin.approval.resolve"}) {
        gateway.on(method, scripted);
    }
    const auto body = [&]() -> Task<> {
        co_await initialize();
        json::object none;
        (void)co_await call("permissions_list_open", std::move(none));  // waits for the Gateway
        int calls = 0;
        for (const json::object& step : steps) {
            const std::string kind = json::string_or(step, "step");
            if (kind == "gateway") {
                script.push_back(step);
            } else if (kind == "event") {
                const json::value* payload = json::find(step, "payload");
                gateway.emit(json::string_or(step, "event"), *payload);
                for (int i = 0; i < 20; ++i) co_await io::yield();
            } else if (kind == "notify") {
                json::object params = *json::object_at(step, "params");
                co_await notify(json::string_or(step, "method"), std::move(params));
            } else if (kind == "notified") {
                if (notified.empty()) notified.push_back(co_await next_line());
                EXPECT_EQ(json::write(notified.front().at("params")), json::write(*json::find(step, "params")));
                notified.erase(notified.begin());
            } else {
                json::object arguments = *json::object_at(step, "arguments");
                const json::object got = co_await call(json::string_or(step, "name"), std::move(arguments));
                const json::object& want = *json::object_at(step, "result");
                EXPECT_EQ(first_text(got), first_text(want));
                EXPECT_EQ(structured(got), structured(want));
                EXPECT_EQ(json::bool_at(got, "isError"), json::bool_at(want, "isError"));
                ++calls;
            }
        }
        EXPECT_EQ(calls, 28);
        EXPECT_TRUE(script.empty());
    };
    EXPECT_EQ(run(options(), body), 0);
    EXPECT_EQ(
        json::write(initialized),
        R"({"protocolVersion":"2025-06-18","capabilities":{"experimental":{"claude/channel":{},"claude/channel/permission":{}},"tools":{"listChanged":true}},"serverInfo":{"name":"openclaw","version":"2026.9.6"}})");
}

TEST_F(BridgeTest, initialize_and_the_tool_list_are_answered_without_a_gateway) {
    gateway.refuse_dials(Error(ErrorCode::unavailable, "connection refused"));
    const auto body = [&]() -> Task<> {
        co_await initialize();
        json::object none;
        const json::object listed = co_await request("tools/list", std::move(none));
        EXPECT_EQ(json::array_at(listed, "tools")->size(), 9u);
    };
    auto opts = options();
    opts.claude = ClaudeMode::off;
    EXPECT_EQ(run(std::move(opts), body), 0);
    EXPECT_EQ(json::write(*json::find(initialized, "capabilities")), R"({"tools":{"listChanged":true}})");
}

TEST_F(BridgeTest, a_tool_waits_for_the_gateway_and_says_so_when_it_does_not_come) {
    gateway.refuse_dials(Error(ErrorCode::unavailable, "connection refused"));
    const auto body = [&]() -> Task<> {
        co_await initialize();
        json::object none;
        const json::object polled = co_await call("events_poll", std::move(none));
        EXPECT_EQ(json::bool_at(polled, "isError"), true);
        EXPECT_EQ(first_text(polled), "the Gateway at ws://127.0.0.1:18789 could not be reached in time");
        gateway.refuse_dials(std::nullopt);
        while (!gateway.connected()) co_await io::yield();
        json::object again;
        EXPECT_EQ(first_text(co_await call("events_poll", std::move(again))), "events: 0");
    };
    auto opts = options();
    opts.ready_within = Millis(50);
    EXPECT_EQ(run(std::move(opts), body), 0);
    EXPECT_THAT(said.front(), HasSubstr("the Gateway is not there: connection refused"));
    EXPECT_EQ(said.size(), 2u);  // told once, and once that it is back
}

TEST_F(BridgeTest, a_gateway_that_refuses_us_ends_the_program) {
    auto opts = options();
    opts.client.token = Secret("wrong");
    const auto body = [&]() -> Task<> {
        while (said.empty()) co_await io::yield();
    };
    EXPECT_EQ(run(std::move(opts), body), 1);
    EXPECT_EQ(said.front(),
              "openclaw mcp serve: the Gateway at ws://127.0.0.1:18789 refuses this bridge: unauthorized: gateway "
              "token mismatch (provide gateway auth token) "
              "[AUTH_TOKEN_MISMATCH]");
}

TEST_F(BridgeTest, what_happened_during_an_outage_is_replayed_once) {
    json::array log;
    gateway.on("events.replay", [&](const json::value& params) -> ScriptedGateway::Answer {
        const auto after = params.at("afterEventId").to_number<std::int64_t>();
        json::array page;
        for (const json::value& entry : log) {
            if (entry.at("id").to_number<std::int64_t>() > after) page.push_back(entry);
        }
        if (after > 0 && after < 100)
            gateway.emit("session.message", message("live", "m3", 3));  // arrives while we read
        return json::value(json::object{{"events", page}, {"oldestId", 1}, {"newestId", std::int64_t(log.size())}});
    });
    const auto body = [&]() -> Task<> {
        co_await initialize();
        json::object none;
        (void)co_await call("events_poll", std::move(none));
        log.push_back(json::object{{"id", 1}, {"event", "session.message"}, {"payload", message("one", "m1", 1)}});
        gateway.emit("session.message", message("one", "m1", 1));
        json::object wait{{"after_cursor", 0}};
        EXPECT_EQ(first_text(co_await call("events_wait", std::move(wait))), "event 1");
        gateway.drop();
        for (int id = 2; id <= 3; ++id) {
            log.push_back(json::object{
                {"id", id}, {"event", "session.message"}, {"payload", message("away", fmt::format("m{}", id), id)}});
        }
        json::object third{{"after_cursor", 2}};
        EXPECT_EQ(first_text(co_await call("events_wait", std::move(third))), "event 3");
        json::object all;
        EXPECT_EQ(first_text(co_await call("events_poll", std::move(all))), "events: 3");
    };
    EXPECT_EQ(run(options(), body), 0);
}

TEST_F(BridgeTest, approvals_of_an_outage_are_replayed_too) {
    const std::int64_t now = to_millis(clock.wall());
    json::array log;
    gateway.on("events.replay", [&](const json::value& params) -> ScriptedGateway::Answer {
        json::array page;
        for (const json::value& entry : log) {
            if (entry.at("id").to_number<std::int64_t>() > params.at("afterEventId").to_number<std::int64_t>())
                page.push_back(entry);
        }
        return json::value(
            json::object{{"events", page}, {"oldestId", log.empty() ? 0 : 1}, {"newestId", std::int64_t(log.size())}});
    });
    const auto body = [&]() -> Task<> {
        co_await initialize();
        json::object none;
        (void)co_await call("events_poll", std::move(none));
        gateway.drop();
        json::object asked{{"id", "plugin:1"},
                           {"request", json::object{{"title", "Roll back"}}},
                           {"createdAtMs", now},
                           {"expiresAtMs", now + 60'000}};
        asked["__openclaw"] = json::object{{"eventId", 1}};
        json::object decided{{"id", "plugin:1"}, {"decision", "deny"}, {"__openclaw", json::object{{"eventId", 2}}}};
        log.push_back(json::object{{"id", 1}, {"event", "plugin.approval.requested"}, {"payload", asked}});
        log.push_back(json::object{{"id", 2}, {"event", "plugin.approval.resolved"}, {"payload", decided}});
        json::object first{{"after_cursor", 0}};
        EXPECT_THAT(structured(co_await call("events_wait", std::move(first))), HasSubstr("plugin_approval_requested"));
        json::object second{{"after_cursor", 1}};
        EXPECT_THAT(structured(co_await call("events_wait", std::move(second))), HasSubstr("plugin_approval_resolved"));
        gateway.emit("plugin.approval.resolved", decided);  // said once more: seen already
        json::object all;
        EXPECT_EQ(first_text(co_await call("events_poll", std::move(all))), "events: 2");
        json::object open;
        EXPECT_EQ(first_text(co_await call("permissions_list_open", std::move(open))), "approvals: 0");
    };
    EXPECT_EQ(run(options(), body), 0);
}

TEST_F(BridgeTest, what_the_gateway_keeps_no_longer_is_a_gap) {
    const auto dir = std::filesystem::path(::testing::TempDir()) / ("bridge-" + random.uuid());
    auto opts = options();
    opts.state_dir = dir;
    std::int64_t oldest = 1, newest = 1;
    gateway.on("events.replay", [&](const json::value& params) -> ScriptedGateway::Answer {
        const auto after = params.at("afterEventId").to_number<std::int64_t>();
        json::array page;
        for (std::int64_t id = std::max(after + 1, oldest); id <= newest; ++id) {
            page.push_back(json::object{
                {"id", id}, {"event", "session.message"}, {"payload", message("x", fmt::format("m{}", id), id)}});
        }
        return json::value(json::object{{"events", page}, {"oldestId", oldest}, {"newestId", newest}});
    });
    const auto first_life = [&]() -> Task<> {
        co_await initialize();
        json::object none;
        (void)co_await call("events_poll", std::move(none));
        gateway.emit("session.message", message("two", "m2", 2));
        json::object wait{{"after_cursor", 0}};
        EXPECT_EQ(first_text(co_await call("events_wait", std::move(wait))), "event 1");
    };
    EXPECT_EQ(run(opts, first_life), 0);
    oldest = 701;
    newest = 702;
    const auto second_life = [&]() -> Task<> {
        co_await initialize();
        json::object wait{{"after_cursor", 1}};
        EXPECT_EQ(structured(co_await call("events_wait", std::move(wait))),
                  R"({"event":null,"gap":{"requested_after_cursor":1,"oldest_available_cursor":3}})");
        json::object rest{{"after_cursor", 2}};
        const json::object page = co_await call("events_poll", std::move(rest));
        EXPECT_EQ(first_text(page), "events: 2");
        EXPECT_THAT(structured(page), HasSubstr(R"("messageId":"m701")"));
        EXPECT_THAT(structured(page), ::testing::Not(HasSubstr("gap")));
    };
    EXPECT_EQ(run(opts, second_life), 0);
    EXPECT_THAT(said, ::testing::Contains(HasSubstr("the Gateway no longer keeps them")));
    const auto third_life = [&]() -> Task<> {
        co_await initialize();
        json::object wait{{"after_cursor", 1}};
        EXPECT_EQ(first_text(co_await call("events_wait", std::move(wait))), "event gap before 3");
    };
    EXPECT_EQ(run(opts, third_life), 0);
    std::filesystem::remove_all(dir);
}

TEST_F(BridgeTest, a_cursor_outlives_the_process_with_a_state_folder) {
    const auto dir = std::filesystem::path(::testing::TempDir()) / ("bridge-" + random.uuid());
    auto opts = options();
    opts.state_dir = dir;
    const auto first_life = [&]() -> Task<> {
        co_await initialize();
        json::object none;
        (void)co_await call("events_poll", std::move(none));
        gateway.emit("session.message", message("one", "m1"));
        gateway.emit("session.message", message("two", "m2"));
        json::object wait{{"after_cursor", 1}};
        EXPECT_EQ(first_text(co_await call("events_wait", std::move(wait))), "event 2");
    };
    EXPECT_EQ(run(opts, first_life), 0);
    const auto second_life = [&]() -> Task<> {
        co_await initialize();
        json::object after{{"after_cursor", 1}};
        const json::object polled = co_await call("events_poll", std::move(after));
        EXPECT_THAT(structured(polled), HasSubstr(R"("cursor":2)"));
        EXPECT_THAT(structured(polled), HasSubstr(R"("next_cursor":2)"));
        gateway.emit("session.message", message("three", "m3"));
        json::object wait{{"after_cursor", 2}};
        EXPECT_EQ(first_text(co_await call("events_wait", std::move(wait))), "event 3");
    };
    EXPECT_EQ(run(opts, second_life), 0);
    std::filesystem::remove_all(dir);
}

TEST_F(BridgeTest, approvals_are_listed_from_before_and_after_we_came) {
    const std::int64_t now = to_millis(clock.wall());
    const auto row = [&](std::string_view id, std::int64_t at) {
        return json::object{{"id", id},
                            {"request", json::object{{"command", "ls"}}},
                            {"createdAtMs", at},
                            {"expiresAtMs", now + 60'000}};
    };
    gateway.on("exec.approval.list", json::array{row("early", now - 5)});
    gateway.on("plugin.approval.resolve", json::object{{"ok", true}});
    const auto body = [&]() -> Task<> {
        co_await initialize();
        json::object none;
        EXPECT_EQ(first_text(co_await call("permissions_list_open", std::move(none))), "approvals: 1");
        gateway.emit("plugin.approval.requested", row("plugin:1", now));
        json::object wait{{"after_cursor", 0}};
        EXPECT_THAT(structured(co_await call("events_wait", std::move(wait))), HasSubstr("plugin_approval_requested"));
        json::object again;
        EXPECT_THAT(structured(co_await call("permissions_list_open", std::move(again))), HasSubstr(R"("id":"early")"));
        json::object decide{{"kind", "plugin"}, {"id", "plugin:1"}, {"decision", "allow-once"}};
        const json::object resolved = co_await call("permissions_respond", std::move(decide));
        EXPECT_EQ(first_text(resolved), "approval resolved");
        EXPECT_EQ(structured(resolved), R"({"result":{"ok":true}})");
        json::object last;
        EXPECT_EQ(first_text(co_await call("permissions_list_open", std::move(last))), "approvals: 1");
    };
    EXPECT_EQ(run(options(), body), 0);
}

TEST_F(BridgeTest, a_wait_is_released_by_cancelling_it) {
    const auto body = [&]() -> Task<> {
        co_await initialize();
        json::object params{{"name", "events_wait"}, {"arguments", json::object{{"timeout_ms", 300'000}}}};
        json::object waiting{{"jsonrpc", "2.0"}, {"id", 77}, {"method", "tools/call"}, {"params", std::move(params)}};
        (void)co_await near->write_line(json::write(waiting));
        json::object cancel{{"requestId", 77}};
        co_await notify("notifications/cancelled", std::move(cancel));
        json::object none;
        (void)co_await request("ping", std::move(none));
    };
    EXPECT_EQ(run(options(), body), 0);  // and does not hold up the end
    EXPECT_TRUE(notified.empty());
}

}  // namespace
}  // namespace pincer::bridge
