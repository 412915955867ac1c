// The frames of the Gateway's protocol 4: one JSON text per WebSocket message (reference: the published protocol
// package, RequestFrame, ResponseFrame, EventFrame).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "wire/errors.hpp"

namespace pincer::wire {

inline constexpr std::int64_t kProtocolVersion = 4;
inline constexpr std::int64_t kMinProbeProtocol = 3;
inline constexpr std::size_t kMaxHandshakeBytes = 64u << 10;  // one message before hello-ok
inline constexpr std::size_t kMaxPayloadBytes = 26'214'400;   // one message after it; hello-ok's policy.maxPayload
inline constexpr std::size_t kMaxBufferedBytes = 52'428'800;  // policy.maxBufferedBytes
inline constexpr std::int64_t kTickIntervalMs = 30'000;
inline constexpr std::size_t kMaxFrameDepth = 64;

struct RequestFrame {
    std::string id;  // at least one character, at most kMaxIdBytes
    std::string method;
    json::value params = json::object();  // {} when left out
    std::string traceparent;
    std::string expected_profile_id;
};
inline constexpr std::size_t kMaxIdBytes = 256;

// What came of one message. When `frame` fails with `protocol` it was not JSON at all; with `invalid_argument` the
// message is the "invalid request frame: ..." sentence and goes back under `answer_id`.
struct ParsedRequest {
    std::string answer_id;  // the frame's id if it has a usable one, otherwise "invalid"
    Result<RequestFrame> frame;
};
ParsedRequest parse_request(std::string_view text);

struct StateVersion {
    std::int64_t presence = 0;
    std::int64_t health = 0;
};

struct ResponseFrame {
    std::string id;
    bool ok = false;
    json::value payload = nullptr;
    WireError error;  // when !ok
};
struct EventFrame {
    std::string event;
    json::value payload = nullptr;
    std::optional<std::int64_t> seq = std::nullopt;
    std::optional<StateVersion> state_version = std::nullopt;
};
// What a Gateway sent to a client. Lenient: fields that we do not know are skipped. Errors: protocol, too_large.
struct ServerFrame {
    enum class Kind { response, event, other } kind = Kind::other;
    ResponseFrame response;
    EventFrame event;
};
Result<ServerFrame> parse_server_frame(std::string_view text);

std::string write_request(std::string_view id, std::string_view method, const json::value& params);
std::string write_response(std::string_view id, const json::value& payload);
// `payload_json` is JSON already: rows that a method keeps serialized go out without being parsed again.
std::string write_response_text(std::string_view id, std::string_view payload_json);
std::string write_failure(std::string_view id, const WireError& error);
// An event without seq: connect.challenge, before the connection counts.
std::string write_event(std::string_view event, const json::value& payload);

// An event for many connections: the payload is serialized once, only the connection's own seq is put in.
class SharedEvent {
public:
    SharedEvent(std::string_view event, const json::value& payload, std::optional<StateVersion> version = std::nullopt);
    static SharedEvent from_text(std::string_view event, std::string_view payload_json);

    const std::string& event() const { return event_; }
    std::size_t bytes() const { return head_->size() + tail_.size() + 12; }
    // seq counts from 1 and only what this connection was sent.
    std::shared_ptr<const std::string> for_connection(std::int64_t seq) const;

private:
    SharedEvent() = default;
    std::string event_;
    std::shared_ptr<const std::string> head_;  // {"type":"event","event":"…","payload":…
    std::string tail_;                         // ,"stateVersion":{…}} or }
};

}  // namespace pincer::wire
