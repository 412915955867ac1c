#include "agent/models/anthropic_messages/anthropic_messages_wire.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace pincer::agent::anthropic_messages {
namespace {

constexpr std::string_view kApi = "anthropic-messages";

json::object text_block(std::string_view text) {
    json::object o;
    o["type"] = "text";
    o["text"] = text;
    return o;
}

// Blocks without a visible character are refused by the endpoint.
void push_text(json::array& content, std::string_view text) {
    if (!trim(text).empty()) content.push_back(text_block(text));
}

json::object tool_use_block(const ToolCall& call, const WireNames& names) {
    json::object o;
    o["type"] = "tool_use";
    o["id"] = wire_call_id(call.id);
    o["name"] = names.to_wire(call.name);
    o["input"] = call.arguments;
    return o;
}

json::object tool_result_block(const Message& message) {
    json::object o;
    o["type"] = "tool_result";
    o["tool_use_id"] = wire_call_id(message.tool_call_id);
    const std::string text = tool_text(message);
    if (!trim(text).empty()) o["content"] = text;
    if (message.is_error) o["is_error"] = true;
    return o;
}

// The recorded order of the turn's blocks; null when another provider made the turn.
const json::array* recorded_blocks(const Message& message) {
    const json::object* state = message.provider_state.if_object();
    return state && json::string_at(*state, "api") == kApi ? json::array_at(*state, "blocks") : nullptr;
}

json::array assistant_content(const Message& message, const WireNames& names) {
    json::array content;
    std::string_view text = message.text;
    std::size_t calls = 0;
    if (const json::array* blocks = recorded_blocks(message)) {
        for (const json::value& v : *blocks) {
            const json::object* block = v.if_object();
            if (!block) continue;
            const auto type = json::string_at(*block, "type");
            if (type == "tool_use") {
                if (calls < message.tool_calls.size())
                    content.push_back(tool_use_block(message.tool_calls[calls++], names));
            } else if (type == "text") {
                const auto bytes = std::size_t(std::max<std::int64_t>(0, json::int_at(*block, "bytes").value_or(0)));
                // A text that was changed since (redacted) no longer fits its pieces: all of it goes here.
                const bool fits =
                    json::int_at(message.provider_state.get_object(), "textBytes") == std::int64_t(message.text.size());
                const std::string_view piece = fits ? text.substr(0, std::min(bytes, text.size())) : text;
                push_text(content, piece);
                text.remove_prefix(piece.size());
            } else {
                content.push_back(v);
            }
        }
    }
    push_text(content, text);
    for (; calls < message.tool_calls.size(); ++calls)
        content.push_back(tool_use_block(message.tool_calls[calls], names));
    return content;
}

json::object turn(std::string_view role, json::array content) {
    json::object o;
    o["role"] = role;
    o["content"] = std::move(content);
    return o;
}

// Tool results are part of the user's turn here, all results of one assistant turn in the same one.
json::array turns_of(const ModelRequest& request, const WireNames& names) {
    json::array turns;
    json::array user;
    const auto flush_user = [&] {
        if (!user.empty()) turns.push_back(turn("user", std::move(user)));
        user = json::array();
    };
    for (const Message& message : complete_turns(request.messages)) {
        if (message.role == Role::user) {
            push_text(user, message.text);
        } else if (message.role == Role::tool) {
            user.push_back(tool_result_block(message));
        } else {
            flush_user();
            if (turns.empty())
                turns.push_back(
                    turn("user", json::array{text_block("(the beginning of the conversation is not shown)")}));
            json::array content = assistant_content(message, names);
            if (!content.empty()) turns.push_back(turn("assistant", std::move(content)));
        }
    }
    flush_user();
    return turns;
}

json::object cache_here() {
    json::object o;
    o["type"] = "ephemeral";
    return o;
}

// Two cache marks: after tools and system, which stay the same for a session, and after the newest turn, which the
// next call of this run repeats.
void mark_last_block(json::array& turns) {
    if (turns.empty()) return;
    json::object& last = turns.back().get_object();
    if (last["role"] != "user") return;
    json::array& content = last["content"].get_array();
    if (!content.empty()) content.back().get_object()["cache_control"] = cache_here();
}

StopReason stop_of(std::string_view reason, bool has_calls) {
    if (reason == "max_tokens" || reason == "model_context_window_exceeded") return StopReason::length;
    if (reason == "refusal") return StopReason::refused;
    return has_calls ? StopReason::tool_use : StopReason::end;
}

}  // namespace

json::object request_body(const ModelConfig& config, const ModelRequest& request, const WireNames& names) {
    json::object body;
    body["model"] = config.model;
    body["max_tokens"] = output_limit(config, request);
    body["stream"] = true;
    if (!trim(request.system).empty()) {
        json::object system = text_block(request.system);
        system["cache_control"] = cache_here();
        json::array blocks;
        blocks.push_back(std::move(system));
        body["system"] = std::move(blocks);
    }
    if (!request.tools.empty()) {
        json::array tools;
        for (const ToolSpec& tool : request.tools) {
            json::object o;
            o["name"] = names.to_wire(tool.name);
            o["description"] = tool.description;
            o["input_schema"] = tool.input_schema;
            tools.push_back(std::move(o));
        }
        body["tools"] = std::move(tools);
    }
    json::array turns = turns_of(request, names);
    mark_last_block(turns);
    body["messages"] = std::move(turns);
    return body;
}

WireCall Wire::make_call(const ModelConfig& config, const ModelRequest& request) const {
    WireNames names(request.tools);
    WireCall call;
    call.path = config.base_url.ends_with("/v1") ? "/messages" : "/v1/messages";
    call.headers.set("anthropic-version", "2023-06-01");
    if (!config.api_key.empty()) call.headers.set("x-api-key", config.api_key.reveal());
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

void Reader::take_usage(const json::object& usage) {
    // Tokens read from or written to the cache are input too.
    std::int64_t input = 0;
    for (const auto key : {"input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"}) {
        input += token_count(usage, key, 0);
    }
    if (input > 0) usage_.input_tokens = input;
    usage_.output_tokens = token_count(usage, "output_tokens", usage_.output_tokens);
}

Result<std::string> Reader::take(std::string_view event, std::string_view data) {
    if (done_ || trim(data).empty()) return std::string();
    auto parsed = json::parse_object(data);
    if (!parsed) return PINCER_FAIL(protocol, "{} sent an event that is no JSON object", config_.provider);
    const std::string type = json::string_or(*parsed, "type", event);
    if (type == "message_start") {
        const json::object* message = json::object_at(*parsed, "message");
        const json::object* usage = message ? json::object_at(*message, "usage") : nullptr;
        if (usage) take_usage(*usage);
    } else if (type == "content_block_start") {
        PINCER_CHECK(start_block(*parsed));
    } else if (type == "content_block_delta") {
        return grow_block(*parsed);
    } else if (type == "content_block_stop") {
        PINCER_TRY(Block * block, block_at(*parsed));
        block->open = false;
    } else if (type == "message_delta") {
        if (const json::object* delta = json::object_at(*parsed, "delta"))
            stop_reason_ = json::string_or(*delta, "stop_reason", stop_reason_);
        if (const json::object* usage = json::object_at(*parsed, "usage")) take_usage(*usage);
    } else if (type == "message_stop") {
        done_ = true;
    } else if (type == "error") {
        const json::object* error = json::object_at(*parsed, "error");
        if (!error) return PINCER_FAIL(protocol, "{} sent an error without saying which", config_.provider);
        return Failure(provider_error(config_, 0, json::string_or(*error, "type"), json::string_or(*error, "message")));
    }
    return std::string();  // ping, and whatever comes after this version
}

Result<> Reader::start_block(const json::object& event) {
    const json::object* body = json::object_at(event, "content_block");
    const auto index = json::int_at(event, "index");
    if (!body || !index)
        return PINCER_FAIL(protocol, "{} began a content block without saying which", config_.provider);
    if (blocks_.size() >= 2 * kMaxToolCalls)
        return PINCER_FAIL(protocol, "{} sent more than {} content blocks", config_.provider, 2 * kMaxToolCalls);
    for (const Block& block : blocks_) {
        if (block.index == *index)
            return PINCER_FAIL(protocol, "{} began content block {} twice", config_.provider, *index);
    }
    PINCER_CHECK(count(json::write(*body).size()));
    Block block;
    block.index = *index;
    block.body = *body;
    block.text = json::string_or(*body, "text", json::string_or(*body, "thinking"));
    block.signature = json::string_or(*body, "signature");
    blocks_.push_back(std::move(block));
    return {};
}

Result<Reader::Block*> Reader::block_at(const json::object& event) {
    const auto index = json::int_at(event, "index");
    for (Block& block : blocks_) {
        if (index && block.index == *index && block.open) return &block;
    }
    return PINCER_FAIL(protocol, "{} went on with a content block that is not open", config_.provider);
}

Result<std::string> Reader::grow_block(const json::object& event) {
    PINCER_TRY(Block * block, block_at(event));
    const json::object* delta = json::object_at(event, "delta");
    if (!delta) return PINCER_FAIL(protocol, "{} sent a delta that is no object", config_.provider);
    const std::string type = json::string_or(*delta, "type");
    if (type == "text_delta") {
        std::string piece = json::string_or(*delta, "text");
        PINCER_CHECK(count(piece.size()));
        block->text += piece;
        return piece;
    }
    if (type == "input_json_delta") {
        const std::string piece = json::string_or(*delta, "partial_json");
        PINCER_CHECK(count(piece.size()));
        block->arguments += piece;
    } else if (type == "thinking_delta") {
        const std::string piece = json::string_or(*delta, "thinking");
        PINCER_CHECK(count(piece.size()));
        block->text += piece;
    } else if (type == "signature_delta") {
        const std::string piece = json::string_or(*delta, "signature");
        PINCER_CHECK(count(piece.size()));
        block->signature += piece;
    }
    return std::string();
}

void Reader::add_block(Block& block, ModelReply& reply, json::array& order, bool& has_thinking) const {
    const std::string type = json::string_or(block.body, "type");
    if (type == "text") {
        json::object mark;
        mark["type"] = "text";
        mark["bytes"] = block.text.size();
        order.push_back(std::move(mark));
        reply.message.text += block.text;
    } else if (type == "tool_use") {
        json::object mark;
        mark["type"] = "tool_use";
        order.push_back(std::move(mark));
        ToolCall call;
        call.id = json::string_or(block.body, "id");
        call.name = names_.from_wire(json::string_or(block.body, "name"));
        if (const json::object* input = json::object_at(block.body, "input")) call.arguments = *input;
        set_arguments(call, std::move(block.arguments));
        reply.message.tool_calls.push_back(std::move(call));
    } else if (type == "thinking" || type == "redacted_thinking") {
        has_thinking = true;
        if (type == "thinking") {
            block.body["thinking"] = std::move(block.text);
            block.body["signature"] = std::move(block.signature);
        }
        order.push_back(std::move(block.body));
    }
}

Result<ModelReply> Reader::finish() {
    if (!done_ && stop_reason_.empty())
        return PINCER_FAIL(protocol, "the answer of {} broke off before its end", config_.provider);
    ModelReply reply;
    reply.message.role = Role::assistant;
    json::array order;
    bool has_thinking = false;
    for (Block& block : blocks_) add_block(block, reply, order, has_thinking);
    if (has_thinking) {
        json::object state;
        state["api"] = kApi;
        state["blocks"] = std::move(order);
        state["textBytes"] = reply.message.text.size();
        reply.message.provider_state = std::move(state);
    }
    reply.stop = stop_of(stop_reason_, !reply.message.tool_calls.empty());
    reply.usage = usage_;
    return reply;
}

}  // namespace pincer::agent::anthropic_messages
