#include "jsonrpc/codec.hpp"

#include <utility>

namespace pincer::jsonrpc {
namespace {

Malformed malformed(std::optional<RequestId> id, int code, std::string message) {
    return {std::move(id), {code, std::move(message), std::nullopt}, true};
}

// An id that is there and is neither string nor integer makes the message invalid; null counts as absent.
struct IdField {
    std::optional<RequestId> id;
    bool valid = true;
};
IdField read_id(const json::object& o) {
    const json::value* field = json::find(o, "id");
    if (!field || field->is_null()) return {};
    auto id = RequestId::from_json(*field);
    return {id, id.has_value()};
}

Item take_response(json::object& o, IdField id) {
    const auto broken = [&](std::string why) -> Item {
        return Malformed{id.id, {kInvalidRequest, "Invalid response: " + std::move(why), std::nullopt}, false};
    };
    json::value* result = o.if_contains("result");
    json::value* error = o.if_contains("error");
    if (result && error) return broken("both result and error");
    if (result) {
        if (!id.id) return broken("a result without an id");
        return Message(Response{std::move(id.id), std::move(*result)});
    }
    json::object* fields = error->if_object();
    if (!fields) return broken("error is not an object");
    const auto code = json::int_at(*fields, "code");
    if (!code || *code < INT32_MIN || *code > INT32_MAX) return broken("error.code is not an integer");
    RpcError rpc{int(*code), json::string_or(*fields, "message"), std::nullopt};
    if (json::value* data = fields->if_contains("data")) rpc.data = std::move(*data);
    return Message(Response{std::move(id.id), std::unexpected(std::move(rpc))});
}

Item take_call(json::object& o, IdField id) {
    const auto method = json::string_at(o, "method");
    if (!method) return malformed(id.id, kInvalidRequest, "Invalid Request: method must be a string");
    json::object params;
    if (json::value* field = o.if_contains("params")) {
        if (!field->is_object()) return malformed(id.id, kInvalidParams, "Invalid params: an object is expected");
        params = std::move(field->get_object());
    }
    if (!json::find(o, "id")) return Message(Notification{std::string(*method), std::move(params)});
    if (!id.id) return malformed(std::nullopt, kInvalidRequest, "Invalid Request: id must be a string or an integer");
    return Message(Request{std::move(*id.id), std::string(*method), std::move(params)});
}

void append_string(std::string& out, std::string_view text) { out += json::write(json::value(text)); }

void append_id(std::string& out, const RequestId& id) {
    if (id.is_number())
        out += std::to_string(id.number());
    else
        append_string(out, id.text());
}

json::object error_object(const RpcError& error) {
    json::object o{{"code", error.code}, {"message", error.message}};
    if (error.data) o["data"] = *error.data;
    return o;
}

}  // namespace

Item classify(json::value&& v) {
    json::object* o = v.if_object();
    if (!o) return malformed(std::nullopt, kInvalidRequest, "Invalid Request: a message must be an object");
    IdField id = read_id(*o);
    const bool is_response = !o->contains("method") && (o->contains("result") || o->contains("error"));
    if (json::string_at(*o, "jsonrpc") != "2.0") {
        Malformed bad = malformed(id.id, kInvalidRequest, "Invalid Request: jsonrpc must be \"2.0\"");
        bad.answerable = !is_response;
        return bad;
    }
    return is_response ? take_response(*o, std::move(id)) : take_call(*o, std::move(id));
}

Decoded decode(std::string_view text, const Limits& limits) {
    auto parsed = json::parse(text, {.bytes = limits.bytes, .depth = limits.depth});
    if (!parsed) return malformed(std::nullopt, kParseError, "Parse error: " + parsed.error().message());
    json::array* members = parsed->if_array();
    if (!members) {
        Item item = classify(std::move(*parsed));
        if (auto* message = std::get_if<Message>(&item)) return std::move(*message);
        return std::move(std::get<Malformed>(item));
    }
    if (limits.batch == 0)
        return malformed(std::nullopt, kInvalidRequest, "Invalid Request: batches are not supported");
    if (members->empty()) return malformed(std::nullopt, kInvalidRequest, "Invalid Request: an empty batch");
    if (members->size() > limits.batch) {
        return malformed(std::nullopt, kInvalidRequest,
                         fmt::format("Invalid Request: a batch of {} messages is over the limit of {}", members->size(),
                                     limits.batch));
    }
    Batch batch;
    batch.items.reserve(members->size());
    for (json::value& member : *members) batch.items.push_back(classify(std::move(member)));
    return batch;
}

std::string encode_request(const RequestId& id, std::string_view method, const json::object& params) {
    std::string out = R"({"jsonrpc":"2.0","id":)";
    append_id(out, id);
    out += R"(,"method":)";
    append_string(out, method);
    if (!params.empty()) out += R"(,"params":)" + json::write(params);
    out += '}';
    return out;
}

std::string encode_notification(std::string_view method, const json::object& params) {
    std::string out = R"({"jsonrpc":"2.0","method":)";
    append_string(out, method);
    if (!params.empty()) out += R"(,"params":)" + json::write(params);
    out += '}';
    return out;
}

std::string encode_result_text(const RequestId& id, std::string_view result_text) {
    std::string out;
    out.reserve(result_text.size() + 64);
    out += R"({"jsonrpc":"2.0","id":)";
    append_id(out, id);
    out += R"(,"result":)";
    out += result_text;
    out += '}';
    return out;
}

std::string encode_result(const RequestId& id, const json::object& result) {
    return encode_result_text(id, json::write(result));
}

std::string encode_error(const std::optional<RequestId>& id, const RpcError& error) {
    std::string out = R"({"jsonrpc":"2.0","id":)";
    if (id)
        append_id(out, *id);
    else
        out += "null";
    out += R"(,"error":)" + json::write(error_object(error)) + '}';
    return out;
}

std::string encode(const Message& message) {
    if (const auto* request = std::get_if<Request>(&message))
        return encode_request(request->id, request->method, request->params);
    if (const auto* note = std::get_if<Notification>(&message)) return encode_notification(note->method, note->params);
    const auto& response = std::get<Response>(message);
    if (!response.outcome) return encode_error(response.id, response.outcome.error());
    return encode_result_text(response.id.value_or(RequestId()), json::write(*response.outcome));
}

}  // namespace pincer::jsonrpc
