#include "wire/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/fake_clock.hpp"
#include "wire/testing/scripted_gateway.hpp"

namespace pincer::wire {
namespace {

struct Watcher : ClientObserver {
    Client* client = nullptr;
    std::vector<std::string> events;
    std::vector<Error> downs;
    std::string subscribe;  // called in on_connected when set
    int connected = 0;

    Task<Result<>> on_connected(const Hello&) override {
        ++connected;
        if (subscribe.empty()) co_return Result<>();
        json::object none;
        PINCER_CO_CHECK(co_await client->call(subscribe, std::move(none), Deadline::after(Millis(5000))));
        co_return Result<>();
    }
    void on_event(const EventFrame& event) override { events.push_back(event.event); }
    void on_down(const Error& error, Millis) override { downs.push_back(error); }
};

class ClientTest : public ::testing::Test {
protected:
    io::Runtime runtime;
    ::pincer::testing::FakeClock clock;
    crypto::SystemRandom random;
    testing::ScriptedGateway gateway{runtime, clock};
    Watcher watcher;

    static ClientOptions options() {
        ClientOptions out;
        out.url = *io::parse_url("ws://127.0.0.1:18789");
        out.token = Secret("secret-token");
        out.connect.client.version = "1";
        out.connect.client.platform = "linux";
        out.connect.scopes = {"operator.read"};
        out.first_backoff = Millis(1);
        out.max_backoff = Millis(2);
        return out;
    }

    // Runs `body` beside a running client, then stops it; gives back what run() ended with.
    Result<> with_client(ClientOptions opts, const std::function<Task<>(Client&)>& body) {
        Client client(runtime, gateway, clock, random, std::move(opts), watcher);
        watcher.client = &client;
        return runtime.run_until_done(drive(runtime, client, body));
    }

    static Task<Result<>> drive(io::Runtime& runtime, Client& client, const std::function<Task<>(Client&)>& body) {
        io::TaskGroup group(runtime);
        io::Event ended(runtime);
        Result<> outcome;
        group.spawn(keep_outcome(client, outcome, ended));
        co_await body(client);
        client.stop();
        (void)co_await ended.wait(Deadline::after(Millis(5000)));
        co_await group.stop();
        co_return outcome;
    }
    static Task<> keep_outcome(Client& client, Result<>& outcome, io::Event& ended) {
        outcome = co_await client.run();
        ended.set();
    }
};

Deadline soon() { return Deadline::after(Millis(5000)); }

TEST_F(ClientTest, connects_calls_and_hears_events) {
    gateway.on("health", json::object{{"ok", true}});
    const auto body = [&](Client& client) -> Task<> {
        EXPECT_TRUE(co_await client.ready(soon()));
        gateway.emit("tick", json::object{{"ts", 1}});
        auto answer = co_await client.call("health", json::object(), soon());
        if (!answer) {
            ADD_FAILURE() << answer.error().message();
            co_return;
        }
        EXPECT_EQ(json::write(*answer), R"({"ok":true})");
    };
    EXPECT_TRUE(with_client(options(), body));
    EXPECT_THAT(watcher.events, ::testing::ElementsAre("tick"));
    EXPECT_EQ(gateway.closed_by_client(), 1000);
}

TEST_F(ClientTest, answers_may_come_in_any_order) {
    std::vector<std::string> ids;
    gateway.on("status", [](const json::value&) -> testing::ScriptedGateway::Answer { return std::nullopt; });
    const auto ask = [](Client& client, std::string& into, io::Event& done) -> Task<> {
        json::object none;
        auto answer = co_await client.call("status", std::move(none), soon());
        into = answer ? json::write(*answer) : answer.error().message();
        done.set();
    };
    const auto body = [&](Client& client) -> Task<> {
        EXPECT_TRUE(co_await client.ready(soon()));
        io::TaskGroup group(runtime);
        std::string first, second;
        io::Event first_done(runtime), second_done(runtime);
        group.spawn(ask(client, first, first_done));
        group.spawn(ask(client, second, second_done));
        while (gateway.calls().size() < 2) co_await io::yield();
        gateway.answer(gateway.calls()[1].id, 2);
        (void)co_await second_done.wait(soon());
        EXPECT_EQ(second, "2");
        EXPECT_EQ(first, "");
        gateway.answer(gateway.calls()[0].id, 1);
        (void)co_await first_done.wait(soon());
        EXPECT_EQ(first, "1");
        co_await group.stop();
    };
    EXPECT_TRUE(with_client(options(), body));
}

TEST_F(ClientTest, a_call_in_flight_fails_when_the_connection_breaks_and_the_client_comes_back) {
    watcher.subscribe = "sessions.subscribe";
    gateway.on("sessions.subscribe", json::object{{"subscribed", true}});
    gateway.on("health", [&](const json::value&) -> testing::ScriptedGateway::Answer {
        gateway.drop();
        return std::nullopt;
    });
    const auto body = [&](Client& client) -> Task<> {
        EXPECT_TRUE(co_await client.ready(soon()));
        json::object none;
        const auto answer = co_await client.call("health", std::move(none), soon());
        if (answer) {
            ADD_FAILURE() << "an answer came from nowhere";
            co_return;
        }
        EXPECT_EQ(answer.error().code(), ErrorCode::unavailable);
        EXPECT_EQ(answer.error().reason(), "CONNECTION_LOST");
        EXPECT_TRUE(co_await client.ready(soon()));
    };
    EXPECT_TRUE(with_client(options(), body));
    EXPECT_EQ(watcher.connected, 2);
    EXPECT_EQ(watcher.downs.size(), 1u);
    EXPECT_EQ(gateway.calls().size(), 3u);  // subscribe, health, subscribe
}

TEST_F(ClientTest, wrong_token_ends_it) {
    auto opts = options();
    opts.token = Secret("wrong");
    const auto body = [](Client& client) -> Task<> {
        const Result<> ready = co_await client.ready(soon());
        EXPECT_FALSE(ready);
        if (!ready) EXPECT_EQ(ready.error().reason(), "AUTH_TOKEN_MISMATCH");
    };
    const auto outcome = with_client(std::move(opts), body);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code(), ErrorCode::unauthenticated);
    EXPECT_EQ(outcome.error().message(), "unauthorized: gateway token mismatch (provide gateway auth token)");
    EXPECT_EQ(gateway.dials(), 1u);
}

TEST_F(ClientTest, an_unreachable_gateway_is_tried_again) {
    gateway.refuse_dials(Error(ErrorCode::unavailable, "connection refused"));
    const auto body = [&](Client& client) -> Task<> {
        while (watcher.downs.size() < 3) co_await io::yield();
        EXPECT_FALSE(client.is_ready());
        gateway.refuse_dials(std::nullopt);
        EXPECT_TRUE(co_await client.ready(soon()));
    };
    EXPECT_TRUE(with_client(options(), body));
    EXPECT_GE(gateway.dials(), 4u);
}

TEST_F(ClientTest, silence_for_two_ticks_closes_with_4000) {
    gateway.tick_interval_ms = 1'000;
    const auto body = [&](Client& client) -> Task<> {
        EXPECT_TRUE(co_await client.ready(soon()));
        while (watcher.downs.empty()) (void)co_await io::sleep_for(Millis(20));
    };
    EXPECT_TRUE(with_client(options(), body));
    EXPECT_THAT(watcher.downs.front().message(), ::testing::HasSubstr("silent for 2s"));
}

TEST_F(ClientTest, frames_that_are_no_frames_are_passed_over) {
    gateway.on("health", json::object());
    const auto body = [&](Client& client) -> Task<> {
        EXPECT_TRUE(co_await client.ready(soon()));
        gateway.send_text("garbage");
        gateway.send_text("[]");
        gateway.send_text(R"({"type":"res","id":"nobody","ok":true})");
        json::object none;
        EXPECT_TRUE(co_await client.call("health", std::move(none), soon()));
    };
    EXPECT_TRUE(with_client(options(), body));
}

TEST_F(ClientTest, a_call_that_gets_no_answer_times_out_by_name) {
    gateway.on("health", [](const json::value&) -> testing::ScriptedGateway::Answer { return std::nullopt; });
    const auto body = [&](Client& client) -> Task<> {
        EXPECT_TRUE(co_await client.ready(soon()));
        json::object none;
        const auto answer = co_await client.call("health", std::move(none), Deadline::after(Millis(10)));
        EXPECT_FALSE(answer);
        if (!answer) EXPECT_EQ(answer.error().message(), "health timed out after 10ms");
    };
    EXPECT_TRUE(with_client(options(), body));
}

TEST_F(ClientTest, the_device_token_is_kept_and_used_when_there_is_no_other_credential) {
    const auto dir = std::filesystem::path(::testing::TempDir()) / ("identity-" + random.uuid());
    auto identity = DeviceIdentity::load_or_make(dir, random);
    ASSERT_TRUE(identity);
    auto opts = options();
    opts.device = &*identity;
    const auto body = [](Client& client) -> Task<> { EXPECT_TRUE(co_await client.ready(soon())); };
    EXPECT_TRUE(with_client(opts, body));

    auto again = DeviceIdentity::load_or_make(dir, random);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->id(), identity->id());
    EXPECT_EQ(again->token_for("ws://127.0.0.1:18789").reveal(), "device-token-1");
    opts.device = &*again;
    opts.token = Secret();
    EXPECT_TRUE(with_client(opts, body));
    ASSERT_EQ(gateway.connects().size(), 2u);
    EXPECT_EQ(gateway.connects()[1].auth.device_token.reveal(), "device-token-1");
    EXPECT_EQ(gateway.connects()[1].device->id, identity->id());
    std::filesystem::remove_all(dir);
}

TEST(Backoff, doubles_up_to_its_ceiling_and_starts_anew) {
    crypto::SystemRandom random;
    Backoff backoff(Millis(1000), Millis(30'000));
    const std::int64_t full[] = {1000, 2000, 4000, 8000, 16'000, 30'000, 30'000};
    for (const std::int64_t most : full) {
        const auto wait = backoff.next(random).count();
        EXPECT_LE(wait, most);
        EXPECT_GE(wait, most - most / 5 - 1);
    }
    backoff.reset();
    EXPECT_LE(backoff.next(random).count(), 1000);
}

}  // namespace
}  // namespace pincer::wire
