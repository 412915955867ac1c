// An HttpClient that answers what the test wrote down, in the order in which it wrote it:
//
//     ScriptedHttp http(runtime);
//     http.when("GET", "/repos/a/b").header("Authorization", "Bearer t").reply(200, R"({"id":1})");
//     http.when("POST", "/events").body("{}").fail(Error(ErrorCode::unavailable, "gone").with_reason("NO_ANSWER"));
//
// A call that differs from the next one expected fails the test (GoogleTest) and gets an `internal` error; so does, at
// the end, an expected call that never came. Both send() and open() are served, bodies within the request's limit.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "io/http_client.hpp"

namespace pincer::io::testing {

// One expected call and its answer. Without reply() or fail() it is answered with an empty 200.
class ScriptedCall {
public:
    ScriptedCall(std::string method, std::string where) : method_(std::move(method)), where_(std::move(where)) {}

    // What the request must have, exactly.
    ScriptedCall& header(std::string name, std::string value);
    ScriptedCall& body(std::string text);
    // Anything else to look at, with EXPECT_*.
    ScriptedCall& check(std::function<void(const HttpRequest&)> look);

    ScriptedCall& reply(int status, std::string text = {}, Headers headers = {});
    // Pieces as open() gives them out one by one; send() gives their sum. `then`: how reading ends instead of the end.
    ScriptedCall& reply_in_pieces(int status, std::vector<std::string> pieces, Headers headers = {},
                                  std::optional<Error> then = {});
    ScriptedCall& fail(Error error);
    // No answer until the deadline, then timed_out (ANSWER_TIMEOUT); without a deadline, until it is cancelled.
    ScriptedCall& stay_silent();

private:
    friend class ScriptedHttp;
    std::string differs(const HttpRequest& request) const;  // empty: it does not

    std::string method_;
    std::string where_;
    std::vector<std::pair<std::string, std::string>> wanted_headers_;
    std::optional<std::string> wanted_body_;
    std::function<void(const HttpRequest&)> look_;
    int status_ = 200;
    Headers headers_;
    std::deque<std::string> pieces_;
    std::optional<Error> broken_;  // after the pieces
    std::optional<Error> failure_;
    bool silent_ = false;
};

class ScriptedHttp final : public HttpClient {
public:
    enum class Order { as_written, any };  // any: for calls that run at the same time; the first that fits is taken

    explicit ScriptedHttp(Runtime& runtime, Order order = Order::as_written) : runtime_(runtime), order_(order) {}
    ~ScriptedHttp() override;

    // `where`: "/path" (whatever the query), "/path?query", or a whole URL.
    ScriptedCall& when(std::string method, std::string where);

    Task<Result<HttpResponse>> send(HttpRequest request, Deadline deadline) override;
    Task<Result<std::unique_ptr<HttpStream>>> open(HttpRequest request, Deadline headers_by) override;

    const std::vector<HttpRequest>& requests() const { return requests_; }  // all that came, in order
    std::size_t left() const { return expected_.size(); }

private:
    Task<Result<ScriptedCall>> serve(HttpRequest request, Deadline deadline);
    Result<ScriptedCall> take(const HttpRequest& request);

    Runtime& runtime_;
    Order order_;
    std::deque<ScriptedCall> expected_;
    std::vector<HttpRequest> requests_;
};

}  // namespace pincer::io::testing
