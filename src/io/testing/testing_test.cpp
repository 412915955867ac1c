// The fakes, since tests elsewhere believe them.
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include "io/testing/memory_line_stream.hpp"
#include "io/testing/scripted_http.hpp"

namespace pincer::io::testing {
namespace {

HttpRequest request(std::string method, std::string_view target, std::string body = {}) {
    HttpRequest out;
    out.method = std::move(method);
    out.url = *parse_url("https://api.test" + std::string(target));
    out.headers.set("X-Key", "k");
    out.body = std::move(body);
    return out;
}

struct Fixture {
    Result<HttpResponse> send(HttpRequest what, Deadline deadline = Deadline::never()) {
        return runtime.run_until_done(http->send(std::move(what), deadline));
    }
    Runtime runtime;
    std::unique_ptr<ScriptedHttp> http = std::make_unique<ScriptedHttp>(runtime);
};

TEST(ScriptedHttp, answers_in_the_order_of_the_script) {
    Fixture f;
    f.http->when("GET", "/a").header("x-key", "k").reply(200, "first", {{"ETag", "1"}});
    f.http->when("POST", "/b?x=1").body("sent").reply(404);
    f.http->when("GET", "https://api.test/c?y=2").fail(Error(ErrorCode::unavailable, "gone").with_reason("NO_ANSWER"));
    const auto first = f.send(request("GET", "/a?whatever=1"));
    EXPECT_EQ(first->body, "first");
    EXPECT_EQ(first->headers.get("etag"), "1");
    EXPECT_EQ(f.send(request("POST", "/b?x=1", "sent"))->status, 404);
    EXPECT_EQ(f.send(request("GET", "/c?y=2")).error().reason(), "NO_ANSWER");
    EXPECT_EQ(f.http->left(), 0u);
    EXPECT_EQ(f.http->requests().size(), 3u);
}

TEST(ScriptedHttp, what_is_not_in_the_script_fails_the_test) {
    Fixture f;
    f.http->when("GET", "/a").header("X-Key", "another");
    f.http->when("GET", "/b");
    Result<HttpResponse> answer;
    EXPECT_NONFATAL_FAILURE(answer = f.send(request("GET", "/b")), "expected GET /a");
    EXPECT_EQ(answer.error().code(), ErrorCode::internal);
    EXPECT_NONFATAL_FAILURE(answer = f.send(request("GET", "/a")), "expected X-Key: another, not k");
    EXPECT_EQ(f.http->left(), 2u);
    ::testing::TestPartResultArray failures;
    {
        const ::testing::ScopedFakeTestPartResultReporter catching(&failures);
        f.http.reset();
    }
    EXPECT_EQ(failures.size(), 2);
}

TEST(ScriptedHttp, calls_at_the_same_time_may_come_in_any_order) {
    Fixture f;
    f.http = std::make_unique<ScriptedHttp>(f.runtime, ScriptedHttp::Order::any);
    f.http->when("GET", "/a").reply(200, "a");
    f.http->when("GET", "/b").reply(200, "b");
    EXPECT_EQ(f.send(request("GET", "/b"))->body, "b");
    EXPECT_EQ(f.send(request("GET", "/a"))->body, "a");
}

TEST(ScriptedHttp, streams_piece_by_piece_and_breaks_where_it_is_told_to) {
    Fixture f;
    const Error reset(ErrorCode::unavailable, "reset");
    f.http->when("GET", "/s").reply_in_pieces(200, {"one", "", "two"}, {}, reset);
    auto stream = f.runtime.run_until_done(f.http->open(request("GET", "/s"), Deadline::never()));
    ASSERT_TRUE(stream);
    const auto read = [&] { return f.runtime.run_until_done((*stream)->read_some(Deadline::never())); };
    EXPECT_EQ(read().value(), "one");
    EXPECT_EQ(read().value(), "two");
    EXPECT_EQ(read().error().message(), "reset");
}

TEST(ScriptedHttp, keeps_the_limit_and_the_deadline_of_a_request) {
    Fixture f;
    f.http->when("GET", "/large").reply(200, "12345");
    HttpRequest large = request("GET", "/large");
    large.max_response_bytes = 4;
    EXPECT_EQ(f.send(std::move(large)).error().code(), ErrorCode::too_large);
    f.http->when("GET", "/silent").stay_silent();
    const auto silent = f.send(request("GET", "/silent"), Deadline::after(Millis(5)));
    EXPECT_EQ(silent.error().code(), ErrorCode::timed_out);
    EXPECT_EQ(silent.error().reason(), "ANSWER_TIMEOUT");
}

TEST(LinePipe, carries_lines_both_ways_and_tells_of_the_end) {
    Runtime runtime;
    LinePipe pipe = make_line_pipe(runtime);
    const auto main = [&]() -> Task<> {
        EXPECT_TRUE(co_await pipe.left->write_line("one"));
        EXPECT_TRUE(co_await pipe.left->write_line("two"));
        EXPECT_TRUE(co_await pipe.right->write_line("back"));
        EXPECT_EQ((co_await pipe.right->read_line())->value(), "one");
        EXPECT_EQ((co_await pipe.left->read_line())->value(), "back");
        pipe.left.reset();
        EXPECT_EQ((co_await pipe.right->read_line())->value(), "two");  // what was written before the end still comes
        EXPECT_FALSE((co_await pipe.right->read_line())->has_value());
        const Result<> late = co_await pipe.right->write_line("late");
        EXPECT_EQ(late.error().code(), ErrorCode::unavailable);
    };
    runtime.run_until_done(main());
}

}  // namespace
}  // namespace pincer::io::testing
