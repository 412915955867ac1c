#include "wire/frame.hpp"

#include <array>

#include "wire/schema.hpp"

namespace pincer::wire {
namespace {

constexpr std::array<std::string_view, 1> kReq = {"req"};
constexpr Field kRequestFields[] = {
    {"type", constant(kReq), Need::required},
    {"id", string(1, kMaxIdBytes), Need::required},
    {"method", string(1, 256), Need::required},
    {"params", any()},
    {"traceparent", string(0, 128)},
    {"expectedProfileId", string()},
};
constexpr Schema kRequest = object(kRequestFields);

std::string quoted(std::string_view text) {
    std::string out;
    json::append_string(out, text);
    return out;
}

// Room for one more level: the frame itself counts, and its params may have the whole depth.
json::Limits limits() { return {.bytes = kMaxPayloadBytes, .depth = kMaxFrameDepth}; }

}  // namespace

ParsedRequest parse_request(std::string_view text) {
    auto parsed = json::parse(text, limits());
    if (!parsed) {
        const auto code = parsed.error().code() == ErrorCode::too_large ? ErrorCode::too_large : ErrorCode::protocol;
        return {"invalid", Failure(Error(code, parsed.error().message()))};
    }
    ParsedRequest out{"invalid", RequestFrame{}};
    if (json::object* object = parsed->if_object()) {
        if (const auto id = json::string_at(*object, "id"); id && !id->empty() && id->size() <= kMaxIdBytes)
            out.answer_id = *id;
    }
    if (auto valid = check(kRequest, *parsed, "request frame"); !valid) {
        out.frame = Failure(std::move(valid).error());
        return out;
    }
    json::object& object = parsed->get_object();
    RequestFrame& frame = *out.frame;
    frame.id = out.answer_id;
    frame.method = json::string_or(object, "method");
    frame.traceparent = json::string_or(object, "traceparent");
    frame.expected_profile_id = json::string_or(object, "expectedProfileId");
    if (json::value* params = object.if_contains("params")) frame.params = std::move(*params);
    return out;
}

Result<ServerFrame> parse_server_frame(std::string_view text) {
    auto parsed = json::parse_in_arena(text, limits());
    if (!parsed) return PINCER_FAIL(protocol, "the Gateway sent a frame that is {}", parsed.error().message());
    json::object* object = parsed->if_object();
    if (!object) return PINCER_FAIL(protocol, "the Gateway sent a frame that is not an object");
    const auto take_payload = [&](json::value& into) {
        if (json::value* value = object->if_contains("payload")) json::take_over(into, std::move(*value));
    };
    ServerFrame frame;
    const std::string type = json::string_or(*object, "type");
    if (type == "res") {
        const auto ok = json::bool_at(*object, "ok");
        if (!ok) return PINCER_FAIL(protocol, "the Gateway sent a response without \"ok\"");
        frame.kind = ServerFrame::Kind::response;
        frame.response.id = json::string_or(*object, "id");
        frame.response.ok = *ok;
        take_payload(frame.response.payload);
        const json::value* error = json::find(*object, "error");
        if (!*ok) frame.response.error = parse_wire_error(error ? *error : json::value(nullptr));
    } else if (type == "event") {
        frame.kind = ServerFrame::Kind::event;
        frame.event.event = json::string_or(*object, "event");
        frame.event.seq = json::int_at(*object, "seq");
        take_payload(frame.event.payload);
        if (const json::object* version = json::object_at(*object, "stateVersion")) {
            frame.event.state_version = StateVersion{json::int_at(*version, "presence").value_or(0),
                                                     json::int_at(*version, "health").value_or(0)};
        }
    }
    return frame;
}

std::string write_request(std::string_view id, std::string_view method, const json::value& params) {
    return fmt::format(R"({{"type":"req","id":{},"method":{},"params":{}}})", quoted(id), quoted(method),
                       json::write(params));
}

std::string write_response(std::string_view id, const json::value& payload) {
    return write_response_text(id, json::write(payload));
}

std::string write_response_text(std::string_view id, std::string_view payload_json) {
    std::string out;
    out.reserve(payload_json.size() + id.size() + 48);
    out += R"({"type":"res","id":)";
    json::append_string(out, id);
    out += R"(,"ok":true,"payload":)";
    out += payload_json;
    out += '}';
    return out;
}

std::string write_failure(std::string_view id, const WireError& error) {
    return fmt::format(R"({{"type":"res","id":{},"ok":false,"error":{}}})", quoted(id), json::write(error.to_json()));
}

std::string write_event(std::string_view event, const json::value& payload) {
    return fmt::format(R"({{"type":"event","event":{},"payload":{}}})", quoted(event), json::write(payload));
}

SharedEvent::SharedEvent(std::string_view event, const json::value& payload, std::optional<StateVersion> version) {
    *this = from_text(event, json::write(payload));
    if (version)
        tail_ = fmt::format(R"(,"stateVersion":{{"presence":{},"health":{}}}}})", version->presence, version->health);
}

SharedEvent SharedEvent::from_text(std::string_view event, std::string_view payload_json) {
    SharedEvent out;
    out.event_ = event;
    out.head_ = std::make_shared<const std::string>(
        fmt::format(R"({{"type":"event","event":{},"payload":{})", quoted(event), payload_json));
    out.tail_ = "}";
    return out;
}

std::shared_ptr<const std::string> SharedEvent::for_connection(std::int64_t seq) const {
    auto text = std::make_shared<std::string>();
    text->reserve(bytes() + 20);
    *text += *head_;
    *text += R"(,"seq":)";
    *text += std::to_string(seq);
    *text += tail_;
    return text;
}

}  // namespace pincer::wire
