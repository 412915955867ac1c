// A Gateway's client: connects, proves its device, calls methods, hears events, and comes back after a break.
//
//     Client client(runtime, connector, clock, random, options, observer);
//     group.spawn(client.run());                                // until stop() or a failure that no retry can mend
//     PINCER_CO_TRY(auto hello, co_await client.ready(deadline));
//     PINCER_CO_TRY(auto payload, co_await client.call("sessions.list", params, deadline));
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "crypto/random.hpp"
#include "io/websocket.hpp"
#include "wire/connect.hpp"
#include "wire/frame.hpp"
#include "wire/identity.hpp"

namespace pincer::wire {

struct ClientOptions {
    io::Url url;
    ConnectParams connect;  // without auth and device: those are filled in
    Secret token;           // shared token; when there is no credential the device's own token is used
    Secret password;
    DeviceIdentity* device = nullptr;  // outlives the client; null: connect without a device
    io::EgressPolicy egress;           // what may be dialled
    Millis connect_timeout{15'000};    // one attempt, dial to hello-ok
    Millis first_backoff{1'000};
    Millis max_backoff{30'000};
    bool reconnect = true;  // false: the first failure ends run()
};

// Hears what happens, on the io thread. Must not destroy the client from inside.
class ClientObserver {
public:
    virtual ~ClientObserver() = default;
    // After each hello-ok, before ready() completes: the place to subscribe. `calls` may be made through the client.
    // A failure drops the connection and counts as a failed attempt.
    virtual Task<Result<>> on_connected(const Hello& hello) = 0;
    virtual void on_event(const EventFrame& event) = 0;
    // The connection broke or an attempt failed; `again_in` is when the next one starts.
    virtual void on_down(const Error& error, Millis again_in) = 0;
};

class Client {
public:
    Client(io::Runtime& runtime, io::WebSocketConnector& connector, const Clock& clock, crypto::Random& random,
           ClientOptions options, ClientObserver& observer);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Keeps a connection until stop(). Fails only with what retrying cannot mend: wrong credentials, pairing needed,
    // protocol mismatch, a refused address (see is_fatal). Completes with success after stop().
    Task<Result<>> run();
    void stop();

    // Completes when a connection is up and on_connected has succeeded; fails with run()'s fatal error, or timed_out.
    Task<Result<>> ready(Deadline deadline);
    bool is_ready() const;
    const Hello& hello() const;  // of the newest connection; asserts that there was one

    // One request on the present connection; answers may come in any order. Errors: what the Gateway said (from_wire),
    // unavailable (not connected, or the connection broke before the answer: whether it happened is then unknown to
    // us; the reason is CONNECTION_LOST), timed_out ("sessions.list timed out after ...").
    Task<Result<json::value>> call(std::string method, json::value params, Deadline deadline);

    class Impl;

private:
    std::unique_ptr<Impl> impl_;
};

// No use in trying again with the same credentials and the same request.
bool is_fatal(const Error& error);

// The waits between attempts: first, doubled each time up to max, each with up to a fifth taken off at random so that
// many clients do not come back at once. Pure.
class Backoff {
public:
    Backoff(Millis first, Millis max) : first_(first), max_(max) {}
    Millis next(crypto::Random& random);
    void reset() { failures_ = 0; }

private:
    Millis first_;
    Millis max_;
    unsigned failures_ = 0;
};

}  // namespace pincer::wire
