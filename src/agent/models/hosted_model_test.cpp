#include "agent/models/hosted_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "agent/models/openai_completions/openai_completions_wire.hpp"
#include "io/runtime.hpp"

namespace pincer::agent {
namespace {

using ::testing::HasSubstr;

// One scripted answer: pieces of a body, and how it ends.
struct Answer {
    int status = 200;
    io::Headers headers{{"Content-Type", "text/event-stream; charset=utf-8"}};
    std::deque<std::string> pieces;
    std::optional<Error> open_error;
    std::optional<Error> read_error;  // after the pieces
};

class ScriptedStream final : public io::HttpStream {
public:
    explicit ScriptedStream(Answer answer) : answer_(std::move(answer)) {}
    int status() const override { return answer_.status; }
    const io::Headers& headers() const override { return answer_.headers; }
    Task<Result<std::string>> read_some(Deadline) override {
        if (answer_.pieces.empty()) {
            if (answer_.read_error) co_return Failure(*answer_.read_error);
            co_return std::string();
        }
        std::string piece = std::move(answer_.pieces.front());
        answer_.pieces.pop_front();
        co_return piece;
    }

private:
    Answer answer_;
};

class ScriptedClient final : public io::HttpClient {
public:
    Task<Result<io::HttpResponse>> send(io::HttpRequest, Deadline) override {
        co_return PINCER_FAIL(internal, "not used");
    }
    Task<Result<std::unique_ptr<io::HttpStream>>> open(io::HttpRequest request, Deadline) override {
        requests.push_back(std::move(request));
        Answer answer = std::move(answers.front());
        answers.pop_front();
        if (answer.open_error) co_return Failure(*answer.open_error);
        co_return std::make_unique<ScriptedStream>(std::move(answer));
    }
    std::deque<Answer> answers;
    std::vector<io::HttpRequest> requests;
};

constexpr std::string_view kHello =
    "data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"},\"finish_reason\":null}]}\n\n";
constexpr std::string_view kEnd = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

class HostedModelTest : public ::testing::Test {
protected:
    std::unique_ptr<Model> make(std::string base_url = "https://llm.example/v1/") {
        ModelConfig config;
        config.provider = "prov";
        config.model = "m-1";
        config.base_url = std::move(base_url);
        config.api_key = Secret("key-1");
        config.headers = {{"X-Team", "ops"}};
        HostedModelPolicy policy;
        policy.first_delay = Millis(0);
        auto model = make_hosted_model(std::move(config), std::make_unique<openai_completions::Wire>(), http, policy);
        EXPECT_TRUE(model);
        return *std::move(model);
    }
    Result<ModelReply> ask(Model& model) {
        return runtime.run_until_done(model.respond(
            ModelRequest{}, [this](std::string_view d) { deltas += d; }, Deadline::after(Millis(60'000))));
    }
    static Answer good() {
        Answer answer;
        // Cut at every kind of place.
        const std::string all = std::string(kHello) + std::string(kEnd);
        for (const char c : all) answer.pieces.emplace_back(1, c);
        return answer;
    }
    static Answer bad(int status, io::Headers headers = {}) {
        Answer answer;
        answer.status = status;
        answer.headers = std::move(headers);
        answer.pieces = {R"({"error":{"message":"no"}})"};
        return answer;
    }

    io::Runtime runtime;
    ScriptedClient http;
    std::string deltas;
};

TEST_F(HostedModelTest, asks_the_right_address_with_the_key_and_streams) {
    http.answers = {good()};
    auto model = make();
    auto reply = ask(*model);
    ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_EQ(reply->message.text, "Hello");
    EXPECT_EQ(deltas, "Hello");
    EXPECT_EQ(http.requests[0].url.str(), "https://llm.example/v1/chat/completions");
    EXPECT_EQ(http.requests[0].headers.get("authorization"), "Bearer key-1");
    EXPECT_EQ(http.requests[0].headers.get("x-team"), "ops");
    EXPECT_EQ(http.requests[0].body.find("key-1"), std::string::npos);
}

TEST_F(HostedModelTest, overload_and_rate_limits_are_tried_again_a_few_times) {
    http.answers = {bad(529), bad(429, {{"Retry-After", "0"}}), good()};
    auto model = make();
    EXPECT_TRUE(ask(*model));
    EXPECT_EQ(http.requests.size(), 3u);

    http.requests.clear();
    http.answers = {bad(503), bad(503), bad(503), good()};
    auto reply = ask(*model);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), ErrorCode::unavailable);
    EXPECT_EQ(http.requests.size(), 3u);
}

TEST_F(HostedModelTest, a_long_retry_after_is_handed_on_instead_of_waited_for) {
    http.answers = {bad(429, {{"Retry-After", "3600"}}), good()};
    auto model = make();
    auto reply = ask(*model);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), ErrorCode::rate_limited);
    EXPECT_EQ(http.requests.size(), 1u);
}

TEST_F(HostedModelTest, a_refused_key_is_not_tried_again) {
    http.answers = {bad(401), good()};
    auto model = make();
    auto reply = ask(*model);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), ErrorCode::unauthenticated);
    EXPECT_EQ(http.requests.size(), 1u);
}

TEST_F(HostedModelTest, what_broke_off_after_its_first_delta_is_not_said_twice) {
    Answer broken;
    broken.pieces = {std::string(kHello)};
    broken.read_error = Error(ErrorCode::io, "reset");
    http.answers = {broken, good()};
    auto model = make();
    auto reply = ask(*model);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), ErrorCode::unavailable);
    EXPECT_EQ(deltas, "Hello");
    EXPECT_EQ(http.requests.size(), 1u);
}

TEST_F(HostedModelTest, each_wait_has_its_name_in_its_timeout) {
    Answer connect;
    connect.open_error = Error(ErrorCode::timed_out, "connecting to llm.example timed out after 10s");
    Answer first;
    first.read_error = Error(ErrorCode::timed_out, "x");
    Answer idle;
    idle.pieces = {std::string(kHello)};
    idle.read_error = Error(ErrorCode::timed_out, "x");
    http.answers = {connect, first, idle};
    auto model = make();
    for (const auto* part : {"connecting to llm.example timed out", "no first byte within 2m", "silent for 1m30s"}) {
        auto reply = ask(*model);
        ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error().code(), ErrorCode::timed_out);
        EXPECT_THAT(reply.error().message(), HasSubstr(part));
    }
}

TEST_F(HostedModelTest, an_answer_that_is_no_event_stream_names_the_address_to_check) {
    Answer page;
    page.headers = {{"Content-Type", "text/html"}};
    page.pieces = {"<html>"};
    http.answers = {page};
    auto model = make();
    auto reply = ask(*model);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), ErrorCode::protocol);
    EXPECT_THAT(reply.error().message(), HasSubstr("models.providers.prov.baseUrl"));
}

TEST_F(HostedModelTest, only_this_machine_is_local) {
    EXPECT_TRUE(make("http://127.0.0.1:11434/v1")->is_local());
    EXPECT_TRUE(make("http://localhost:8080/v1")->is_local());
    EXPECT_TRUE(make("http://[::1]:8080")->is_local());
    EXPECT_FALSE(make("http://10.0.0.5:11434/v1")->is_local());
    EXPECT_FALSE(make("https://localhost.example.com/v1")->is_local());
}

TEST_F(HostedModelTest, a_broken_base_url_names_its_key) {
    ModelConfig config;
    config.provider = "prov";
    config.model = "m";
    config.base_url = "not a url";
    auto model = make_hosted_model(config, std::make_unique<openai_completions::Wire>(), http);
    ASSERT_FALSE(model);
    EXPECT_THAT(model.error().message(), HasSubstr("models.providers.prov.baseUrl"));
}

}  // namespace
}  // namespace pincer::agent
