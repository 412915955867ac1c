#include "agent/models/openai_completions/openai_completions_wire.hpp"

#include "base/text.hpp"

namespace pincer::agent::openai_completions {
namespace {

// OpenAI's own newer models refuse "max_tokens"; most compatible servers know nothing else.
std::string_view limit_key(const ModelConfig& config) {
    return config.base_url.contains("api.openai.com") ? "max_completion_tokens" : "max_tokens";
}

json::object function_call(const ToolCall& call, const WireNames& names) {
    json::object function;
    function["name"] = names.to_wire(call.name);
    function["arguments"] = call.malformed_arguments.empty() ? json::write(call.arguments) : call.malformed_arguments;
    json::object o;
    o["id"] = wire_call_id(call.id);
    o["type"] = "function";
    o["function"] = std::move(function);
    return o;
}

json::object message_body(const Message& message, const WireNames& names) {
    json::object o;
    switch (message.role) {
        case Role::user:
            o["role"] = "user";
            o["content"] = message.text;
            break;
        case Role::assistant:
            o["role"] = "assistant";
            o["content"] = message.text;
            if (message.tool_calls.empty()) break;
            if (message.text.empty()) o["content"] = nullptr;
            {
                json::array calls;
                for (const ToolCall& call : message.tool_calls) calls.push_back(function_call(call, names));
                o["tool_calls"] = std::move(calls);
            }
            break;
        case Role::tool:
            o["role"] = "tool";
            o["tool_call_id"] = wire_call_id(message.tool_call_id);
            // The format has no field for it, and a model must not take a failure for a finding.
            o["content"] = message.is_error ? "ERROR: " + tool_text(message) : tool_text(message);
            break;
    }
    return o;
}

json::object tool_body(const ToolSpec& tool, const WireNames& names) {
    json::object function;
    function["name"] = names.to_wire(tool.name);
    function["description"] = tool.description;
    function["parameters"] = tool.input_schema;
    json::object o;
    o["type"] = "function";
    o["function"] = std::move(function);
    return o;
}

StopReason stop_of(std::string_view finish_reason, bool has_calls) {
    if (finish_reason == "length") return StopReason::length;
    if (finish_reason == "content_filter") return StopReason::refused;
    return has_calls ? StopReason::tool_use : StopReason::end;
}

}  // namespace

json::object request_body(const ModelConfig& config, const ModelRequest& request, const WireNames& names) {
    json::array messages;
    if (!request.system.empty()) {
        json::object system;
        system["role"] = "system";
        system["content"] = request.system;
        messages.push_back(std::move(system));
    }
    for (const Message& message : complete_turns(request.messages)) messages.push_back(message_body(message, names));

    json::object body;
    body["model"] = config.model;
    body["messages"] = std::move(messages);
    body["stream"] = true;
    json::object stream_options;
    stream_options["include_usage"] = true;
    body["stream_options"] = std::move(stream_options);
    body[limit_key(config)] = output_limit(config, request);
    if (!request.tools.empty()) {
        json::array tools;
        for (const ToolSpec& tool : request.tools) tools.push_back(tool_body(tool, names));
        body["tools"] = std::move(tools);
    }
    return body;
}

WireCall Wire::make_call(const ModelConfig& config, const ModelRequest& request) const {
    WireNames names(request.tools);
    WireCall call;
    call.path = "/chat/completions";
    if (!config.api_key.empty()) call.headers.set("Authorization", "Bearer " + config.api_key.reveal());
    call.body = json::write(request_body(config, request, names));
    call.reader = std::make_unique<Reader>(config, std::move(names));
    return call;
}

Result<> Reader::count(std::size_t bytes) {
    bytes_ += bytes;
    if (bytes_ > kMaxAnswerBytes)
        return PINCER_FAIL(protocol, "the answer of {} is over {} bytes", config_.provider, kMaxAnswerBytes);
    return {};
}

Result<std::string> Reader::take(std::string_view, std::string_view data) {
    if (done_ || trim(data).empty()) return std::string();
    if (trim(data) == "[DONE]") {
        done_ = true;
        return std::string();
    }
    auto chunk = json::parse_object(data);
    if (!chunk) return PINCER_FAIL(protocol, "{} sent an event that is no JSON object", config_.provider);
    if (const json::value* error = json::find(*chunk, "error"); error && !error->is_null()) {
        const json::object* o = error->if_object();
        if (!o)
            return Failure(provider_error(
                config_, 0, "", error->is_string() ? std::string_view(error->get_string()) : std::string_view()));
        const int status = int(json::int_at(*o, "code").value_or(0));
        const std::string type = json::string_or(*o, "code", json::string_or(*o, "type"));
        return Failure(
            provider_error(config_, status >= 400 && status < 600 ? status : 0, type, json::string_or(*o, "message")));
    }
    if (const json::object* usage = json::object_at(*chunk, "usage")) {
        usage_.input_tokens = token_count(*usage, "prompt_tokens", usage_.input_tokens);
        usage_.output_tokens = token_count(*usage, "completion_tokens", usage_.output_tokens);
    }
    const json::array* choices = json::array_at(*chunk, "choices");
    if (!choices || choices->empty()) return std::string();  // the last chunk carries usage alone
    const json::object* choice = choices->front().if_object();
    if (!choice) return PINCER_FAIL(protocol, "{} sent a choice that is no object", config_.provider);
    return take_choice(*choice);
}

Result<std::string> Reader::take_choice(const json::object& choice) {
    if (const auto reason = json::string_at(choice, "finish_reason"); reason && !reason->empty())
        finish_reason_ = *reason;
    const json::object* delta = json::object_at(choice, "delta");
    if (!delta) return std::string();
    std::string piece = json::string_or(*delta, "content");
    if (const auto refusal = json::string_at(*delta, "refusal"); refusal && !refusal->empty()) {
        refused_ = true;
        piece += *refusal;
    }
    PINCER_CHECK(count(piece.size()));
    text_ += piece;
    if (const json::array* calls = json::array_at(*delta, "tool_calls")) {
        for (const json::value& v : *calls) {
            const json::object* o = v.if_object();
            if (!o) return PINCER_FAIL(protocol, "{} sent a tool call that is no object", config_.provider);
            PINCER_CHECK(take_call(*o));
        }
    }
    return piece;
}

// By index where there is one; otherwise a new id begins a new call, and a piece without id belongs to the last.
Result<Reader::Call*> Reader::call_for(const json::object& piece) {
    const auto index = json::int_at(piece, "index");
    const auto id = json::string_at(piece, "id");
    for (Call& call : calls_) {
        if (index && call.index == *index) return &call;
        if (!index && id && !id->empty() && call.id == *id) return &call;
    }
    if (!index && (!id || id->empty()) && !calls_.empty()) return &calls_.back();
    if (calls_.size() >= kMaxToolCalls)
        return PINCER_FAIL(protocol, "{} asks for more than {} tool calls at once", config_.provider, kMaxToolCalls);
    calls_.push_back(
        Call{.index = index.value_or(-1 - std::int64_t(calls_.size())), .id = {}, .name = {}, .arguments = {}});
    return &calls_.back();
}

Result<> Reader::take_call(const json::object& piece) {
    PINCER_TRY(Call * call, call_for(piece));
    if (call->id.empty()) call->id = json::string_or(piece, "id");
    const json::object* function = json::object_at(piece, "function");
    if (!function) return {};
    if (call->name.empty()) call->name = json::string_or(*function, "name");
    std::string arguments = json::string_or(*function, "arguments");
    if (const json::object* whole = json::object_at(*function, "arguments")) arguments = json::write(*whole);
    PINCER_CHECK(count(arguments.size()));
    call->arguments += arguments;
    return {};
}

Result<ModelReply> Reader::finish() {
    if (finish_reason_.empty() && !done_)
        return PINCER_FAIL(protocol, "the answer of {} broke off before its end", config_.provider);
    ModelReply reply;
    reply.message.role = Role::assistant;
    reply.message.text = std::move(text_);
    for (Call& piece : calls_) {
        ToolCall call;
        call.id = std::move(piece.id);
        call.name = names_.from_wire(piece.name);
        set_arguments(call, std::move(piece.arguments));
        reply.message.tool_calls.push_back(std::move(call));
    }
    reply.stop = refused_ ? StopReason::refused : stop_of(finish_reason_, !reply.message.tool_calls.empty());
    reply.usage = usage_;
    return reply;
}

}  // namespace pincer::agent::openai_completions
