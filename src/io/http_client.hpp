// HTTP/1.1 client: keep-alive pool per origin, TLS, streaming bodies, egress guard, no redirects followed (a redirect
// is an answer; the caller decides, and credentials never follow it to another origin).
#pragma once

#include <functional>
#include <memory>

#include "io/deadline.hpp"
#include "io/egress.hpp"
#include "io/http.hpp"
#include "io/runtime.hpp"
#include "io/tls.hpp"

namespace pincer::io {

struct HttpRequest {
    std::string method = "GET";
    Url url;
    Headers headers;  // Host, Content-Length and Connection are ours to set
    std::string body;
    std::size_t max_response_bytes = 16u << 20;  // of the body, after which the answer is too_large
};

struct HttpResponse {
    int status = 0;
    Headers headers;
    std::string body;
};

// An answer whose body is read piece by piece (SSE, logs -f). Dropping it closes the connection.
class HttpStream {
public:
    virtual ~HttpStream() = default;
    virtual int status() const = 0;
    virtual const Headers& headers() const = 0;
    // Next piece; empty at the end of the body. Errors: timed_out (READ_TIMEOUT; the next call goes on), unavailable,
    // protocol.
    virtual Task<Result<std::string>> read_some(Deadline deadline) = 0;
};

struct HttpClientOptions {
    EgressPolicy egress;
    std::shared_ptr<TlsContext> tls;  // null: TlsContext::system()
    std::string user_agent = "pincer";
    Millis connect_timeout{10'000};          // the part of the deadline that connecting may take
    std::size_t connections_per_origin = 8;  // more requests wait for one
    Millis idle_timeout{30'000};
};

// The interface, so that a test can put a script in its place (io/testing/scripted_http.hpp).
class HttpClient {
public:
    virtual ~HttpClient() = default;
    // Errors: timed_out, unavailable (could not connect, name not found, TLS not verified: the message says which),
    // refused (egress), too_large, protocol.
    // A status of 4xx or 5xx is an answer, not an error. An idempotent request on a kept-alive connection that turns
    // out closed is sent once more on a new one; any other is not. Reasons of `unavailable`: NAME_NOT_FOUND,
    // CONNECT_FAILED, TLS_FAILED, TLS_NOT_VERIFIED (it had no effect); NO_ANSWER (it was sent, and may have had its
    // effect). Reasons of `timed_out`: CONNECT_TIMEOUT (looking up the name, waiting for a free connection, connecting,
    // the TLS handshake: nothing was sent), ANSWER_TIMEOUT (no whole head of an answer came; the request may have had
    // its effect), READ_TIMEOUT (in the middle of the body).
    virtual Task<Result<HttpResponse>> send(HttpRequest request, Deadline deadline) = 0;
    // The same up to the head of the answer; its body has no limit, since it is never held whole.
    virtual Task<Result<std::unique_ptr<HttpStream>>> open(HttpRequest request, Deadline headers_by) = 0;
};

std::unique_ptr<HttpClient> make_http_client(Runtime& runtime, HttpClientOptions options);

}  // namespace pincer::io
