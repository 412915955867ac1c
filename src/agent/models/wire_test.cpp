// Both wire formats against the same conversation: what is sent (golden) and what is read back, event by event.
#include <gtest/gtest.h>

#include "agent/models/anthropic_messages/anthropic_messages_wire.hpp"
#include "agent/models/openai_completions/openai_completions_wire.hpp"

namespace pincer::agent {
namespace {

json::object object(std::string_view text) {
    auto parsed = json::parse_object(text);
    EXPECT_TRUE(parsed) << text;
    return parsed ? *parsed : json::object();
}

ModelConfig config() {
    ModelConfig c;
    c.provider = "prov";
    c.model = "m-1";
    c.base_url = "https://llm.example/v1";
    c.api_key = Secret("key-1");
    return c;
}

Message message(Role role, std::string text) {
    Message m;
    m.role = role;
    m.text = std::move(text);
    return m;
}

ToolCall tool_call(std::string id, std::string name, std::string_view arguments) {
    ToolCall c;
    c.id = std::move(id);
    c.name = std::move(name);
    c.arguments = object(arguments);
    return c;
}

// Question, two calls with one result missing (an aborted run), an orphaned result, and the next question.
ModelRequest request() {
    ModelRequest r;
    r.system = "Be short.";
    r.max_output_tokens = 100;
    ToolSpec tool;
    tool.name = "clanker__health.check";
    tool.description = "Is it well?";
    tool.input_schema = object(R"({"type":"object","properties":{}})");
    r.tools.push_back(tool);
    r.messages.push_back(message(Role::user, "Is it well?"));
    Message turn = message(Role::assistant, "Looking.");
    turn.tool_calls = {tool_call("run-1", "clanker__health.check", R"({"a":1})"), tool_call("run-2", "s__b", "{}")};
    r.messages.push_back(turn);
    Message result = message(Role::tool, "no such pod");
    result.tool_call_id = "run-1";
    result.tool_name = "clanker__health.check";
    result.is_error = true;
    r.messages.push_back(result);
    r.messages.push_back(message(Role::user, "And now?"));
    Message orphan = message(Role::tool, "nobody asked");
    orphan.tool_call_id = "run-9";
    r.messages.push_back(orphan);
    return r;
}

TEST(OpenAiCompletions, request_is_the_documented_one) {
    const ModelRequest r = request();
    const WireNames names(r.tools);
    const std::string wire = names.to_wire("clanker__health.check");
    EXPECT_EQ(wire.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"),
              std::string::npos);
    EXPECT_EQ(names.from_wire(wire), "clanker__health.check");
    const json::object expected = object(fmt::format(R"({{
      "model":"m-1","stream":true,"stream_options":{{"include_usage":true}},"max_tokens":100,
      "messages":[
        {{"role":"system","content":"Be short."}},
        {{"role":"user","content":"Is it well?"}},
        {{"role":"assistant","content":"Looking.","tool_calls":[
          {{"id":"run-1","type":"function","function":{{"name":"{0}","arguments":"{{\"a\":1}}"}}}},
          {{"id":"run-2","type":"function","function":{{"name":"s__b","arguments":"{{}}"}}}}]}},
        {{"role":"tool","tool_call_id":"run-1","content":"ERROR: no such pod"}},
        {{"role":"tool","tool_call_id":"run-2","content":"ERROR: No result of this call was recorded: the run ended before it came."}},
        {{"role":"user","content":"And now?"}}],
      "tools":[{{"type":"function","function":{{"name":"{0}","description":"Is it well?","parameters":{{"type":"object","properties":{{}}}}}}}}]}})",
                                                     wire));
    EXPECT_EQ(json::write_canonical(openai_completions::request_body(config(), r, names)),
              json::write_canonical(expected));
}

TEST(OpenAiCompletions, openai_itself_wants_the_new_name_of_the_limit) {
    ModelConfig c = config();
    c.base_url = "https://api.openai.com/v1";
    const json::object body = openai_completions::request_body(c, request(), WireNames({}));
    EXPECT_TRUE(body.contains("max_completion_tokens"));
    EXPECT_FALSE(body.contains("max_tokens"));
}

TEST(AnthropicMessages, request_is_the_documented_one) {
    const ModelRequest r = request();
    const WireNames names(r.tools);
    const json::object expected = object(fmt::format(R"({{
      "model":"m-1","stream":true,"max_tokens":100,
      "system":[{{"type":"text","text":"Be short.","cache_control":{{"type":"ephemeral"}}}}],
      "messages":[
        {{"role":"user","content":[{{"type":"text","text":"Is it well?"}}]}},
        {{"role":"assistant","content":[{{"type":"text","text":"Looking."}},
          {{"type":"tool_use","id":"run-1","name":"{0}","input":{{"a":1}}}},
          {{"type":"tool_use","id":"run-2","name":"s__b","input":{{}}}}]}},
        {{"role":"user","content":[
          {{"type":"tool_result","tool_use_id":"run-1","content":"no such pod","is_error":true}},
          {{"type":"tool_result","tool_use_id":"run-2","content":"No result of this call was recorded: the run ended before it came.","is_error":true}},
          {{"type":"text","text":"And now?","cache_control":{{"type":"ephemeral"}}}}]}}],
      "tools":[{{"name":"{0}","description":"Is it well?","input_schema":{{"type":"object","properties":{{}}}}}}]}})",
                                                     names.to_wire("clanker__health.check")));
    EXPECT_EQ(json::write_canonical(anthropic_messages::request_body(config(), r, names)),
              json::write_canonical(expected));
}

TEST(WireNames, long_names_stay_apart) {
    const std::string a(100, 'a');
    ToolSpec one, two;
    one.name = a + "1";
    two.name = a + "2";
    const WireNames names({one, two});
    EXPECT_LE(names.to_wire(one.name).size(), 64u);
    EXPECT_EQ(names.from_wire(names.to_wire(one.name)), one.name);
    EXPECT_EQ(names.from_wire(names.to_wire(two.name)), two.name);
    EXPECT_LE(wire_call_id(a).size(), 40u);
}

// Feeds the data of events; gives the deltas in one text, or the first error.
template <class Reader>
Result<std::string> feed(Reader& reader, std::initializer_list<std::string_view> events) {
    std::string deltas;
    for (const std::string_view data : events) {
        PINCER_TRY(const std::string delta, reader.take("message", data));
        deltas += delta;
    }
    return deltas;
}

TEST(OpenAiCompletions, text_and_usage) {
    openai_completions::Reader reader(config(), WireNames({}));
    auto deltas = feed(
        reader,
        {R"({"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null})",
         R"({"choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]})",
         R"({"choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":null}]})",
         R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})",
         R"({"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}})", "[DONE]"});
    ASSERT_TRUE(deltas);
    EXPECT_EQ(*deltas, "Hello");
    EXPECT_TRUE(reader.done());
    auto reply = reader.finish();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->message.text, "Hello");
    EXPECT_EQ(reply->stop, StopReason::end);
    EXPECT_EQ(reply->usage.input_tokens, 7);
    EXPECT_EQ(reply->usage.output_tokens, 2);
}

TEST(OpenAiCompletions, tool_calls_in_pieces_and_side_by_side) {
    openai_completions::Reader reader(config(), WireNames({}));
    ASSERT_TRUE(feed(
        reader,
        {R"({"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"a","arguments":""}}]}}]})",
         R"({"choices":[{"delta":{"tool_calls":[{"index":1,"id":"c2","type":"function","function":{"name":"b","arguments":"{\"y\""}}]}}]})",
         R"({"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":1}"}},{"index":1,"function":{"arguments":":2}"}}]}}]})",
         R"({"choices":[{"delta":{},"finish_reason":"tool_calls"}]})", "[DONE]"}));
    auto reply = reader.finish();
    ASSERT_TRUE(reply);
    ASSERT_EQ(reply->message.tool_calls.size(), 2u);
    EXPECT_EQ(reply->message.tool_calls[0].arguments, object(R"({"x":1})"));
    EXPECT_EQ(reply->message.tool_calls[1].arguments, object(R"({"y":2})"));
    EXPECT_EQ(reply->stop, StopReason::tool_use);
}

TEST(OpenAiCompletions, dialects_without_index_without_done_and_with_stop) {
    openai_completions::Reader reader(config(), WireNames({}));
    ASSERT_TRUE(feed(
        reader,
        {R"({"choices":[{"delta":{"tool_calls":[{"id":"c1","function":{"name":"a","arguments":"{}"}},{"id":"c2","function":{"name":"b","arguments":{"z":3}}}]}}]})",
         R"({"choices":[{"delta":{"content":null},"finish_reason":"stop"}]})"}));
    auto reply = reader.finish();
    ASSERT_TRUE(reply);
    ASSERT_EQ(reply->message.tool_calls.size(), 2u);
    EXPECT_EQ(reply->message.tool_calls[1].arguments, object(R"({"z":3})"));
    EXPECT_EQ(reply->stop, StopReason::tool_use);
}

TEST(OpenAiCompletions, arguments_cut_by_the_limit_are_kept_as_they_are) {
    openai_completions::Reader reader(config(), WireNames({}));
    ASSERT_TRUE(feed(
        reader,
        {R"({"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"a","arguments":"{\"x\": "}}]},"finish_reason":"length"}]})"}));
    auto reply = reader.finish();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->message.tool_calls[0].malformed_arguments, "{\"x\": ");
    EXPECT_EQ(reply->stop, StopReason::length);
}

TEST(OpenAiCompletions, errors_in_the_stream_and_broken_streams) {
    const auto code_of = [](std::initializer_list<std::string_view> events) {
        openai_completions::Reader reader(config(), WireNames({}));
        auto fed = feed(reader, events);
        if (!fed) return fed.error().code();
        auto reply = reader.finish();
        return reply ? ErrorCode::internal : reply.error().code();
    };
    EXPECT_EQ(code_of({R"({"error":{"message":"slow down","type":"rate_limit_exceeded"}})"}), ErrorCode::rate_limited);
    EXPECT_EQ(code_of({R"({"error":{"message":"boom","code":502}})"}), ErrorCode::unavailable);
    EXPECT_EQ(code_of({R"({"error":"boom"})"}), ErrorCode::unavailable);
    EXPECT_EQ(code_of({"{not json"}), ErrorCode::protocol);
    EXPECT_EQ(code_of({R"({"choices":[{"delta":{"content":"Hel"}}]})"}), ErrorCode::protocol);
    EXPECT_EQ(code_of({}), ErrorCode::protocol);
    EXPECT_EQ(code_of({R"({"choices":[7]})"}), ErrorCode::protocol);
}

TEST(AnthropicMessages, text_tools_thinking_and_usage) {
    anthropic_messages::Reader reader(config(), WireNames({}));
    auto deltas = feed(
        reader,
        {R"({"type":"message_start","message":{"id":"m","role":"assistant","content":[],"usage":{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":1}}})",
         R"({"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}})",
         R"({"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Let me "}})",
         R"({"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"see."}})",
         R"({"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}})",
         R"({"type":"content_block_stop","index":0})", R"({"type": "ping"})",
         R"({"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}})",
         R"({"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Looking."}})",
         R"({"type":"content_block_stop","index":1})",
         R"({"type":"content_block_start","index":2,"content_block":{"type":"redacted_thinking","data":"b3Bh"}})",
         R"({"type":"content_block_stop","index":2})",
         R"({"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"toolu_1","name":"a","input":{}}})",
         R"({"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":""}})",
         R"({"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"x\":"}})",
         R"({"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"1}"}})",
         R"({"type":"content_block_stop","index":3})",
         R"({"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":42}})",
         R"({"type":"message_stop"})"});
    ASSERT_TRUE(deltas) << deltas.error().message();
    EXPECT_EQ(*deltas, "Looking.");
    EXPECT_TRUE(reader.done());
    auto reply = reader.finish();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->stop, StopReason::tool_use);
    EXPECT_EQ(reply->usage.input_tokens, 15);
    EXPECT_EQ(reply->usage.output_tokens, 42);
    ASSERT_EQ(reply->message.tool_calls.size(), 1u);
    EXPECT_EQ(reply->message.tool_calls[0].arguments, object(R"({"x":1})"));

    // And back: every block verbatim and in its place, whatever id the run gave the call; through the transcript too.
    reply->message.tool_calls[0].id = "run-1";
    auto reread = message_from_json(to_json(reply->message));
    ASSERT_TRUE(reread);
    ModelRequest next;
    next.messages = {message(Role::user, "q"), *reread};
    const json::object body = anthropic_messages::request_body(config(), next, WireNames({}));
    EXPECT_EQ(body.at("messages").at(1).at("content"), *json::parse(R"([
        {"type":"thinking","thinking":"Let me see.","signature":"c2ln"},
        {"type":"text","text":"Looking."},
        {"type":"redacted_thinking","data":"b3Bh"},
        {"type":"tool_use","id":"run-1","name":"a","input":{"x":1}}])"));
    // Another provider's turn carries nothing of it.
    const json::object other = openai_completions::request_body(config(), next, WireNames({}));
    EXPECT_EQ(json::write(other).find("thinking"), std::string::npos);
}

TEST(AnthropicMessages, errors_in_the_stream_and_broken_streams) {
    const auto code_of = [](std::initializer_list<std::string_view> events) {
        anthropic_messages::Reader reader(config(), WireNames({}));
        auto fed = feed(reader, events);
        if (!fed) return fed.error().code();
        auto reply = reader.finish();
        return reply ? ErrorCode::internal : reply.error().code();
    };
    EXPECT_EQ(code_of({R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})"}),
              ErrorCode::unavailable);
    EXPECT_EQ(code_of({R"({"type":"error","error":{"type":"rate_limit_error","message":"x"}})"}),
              ErrorCode::rate_limited);
    EXPECT_EQ(
        code_of(
            {R"({"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 300000 tokens"}})"}),
        ErrorCode::too_large);
    EXPECT_EQ(code_of({R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}})"}),
              ErrorCode::protocol);
    EXPECT_EQ(code_of({R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})",
                       R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})"}),
              ErrorCode::protocol);
    EXPECT_EQ(code_of({R"({"type":"message_start","message":{}})"}), ErrorCode::protocol);
    EXPECT_EQ(code_of({"[1]"}), ErrorCode::protocol);
}

TEST(AnthropicMessages, stop_reasons) {
    for (const auto& [reason, stop] : {std::pair{"end_turn", StopReason::end},
                                       {"max_tokens", StopReason::length},
                                       {"refusal", StopReason::refused},
                                       {"stop_sequence", StopReason::end},
                                       {"pause_turn", StopReason::end}}) {
        anthropic_messages::Reader reader(config(), WireNames({}));
        ASSERT_TRUE(
            feed(reader, {fmt::format(R"({{"type":"message_delta","delta":{{"stop_reason":"{}"}}}})", reason)}));
        auto reply = reader.finish();
        ASSERT_TRUE(reply);
        EXPECT_EQ(reply->stop, stop) << reason;
    }
}

TEST(ProviderErrors, each_status_has_its_meaning_and_names_the_key) {
    const auto error_of = [](int status, io::Headers headers = {}, std::string_view body = "{}") {
        return error_of_answer(config(), status, headers, body);
    };
    EXPECT_EQ(error_of(401).code(), ErrorCode::unauthenticated);
    EXPECT_NE(error_of(401).message().find("models.providers.prov.apiKey"), std::string::npos);
    EXPECT_EQ(error_of(403).code(), ErrorCode::unauthenticated);
    EXPECT_EQ(error_of(404).code(), ErrorCode::not_found);
    EXPECT_EQ(error_of(529).code(), ErrorCode::unavailable);
    EXPECT_EQ(error_of(503).code(), ErrorCode::unavailable);
    EXPECT_EQ(error_of(302).code(), ErrorCode::protocol);
    const Error limited =
        error_of(429, {{"Retry-After", "7"}}, R"({"error":{"message":"secret of theirs","type":"x"}})");
    EXPECT_EQ(limited.code(), ErrorCode::rate_limited);
    EXPECT_EQ(limited.retry_after(), Millis(7000));
    EXPECT_EQ(limited.foreign(), "secret of theirs");
    EXPECT_EQ(limited.message().find("theirs"), std::string::npos);
    EXPECT_EQ(error_of(429, {{"retry-after-ms", "250"}}).retry_after(), Millis(250));
    EXPECT_EQ(
        error_of(503, {{"Retry-After", "Sat, 21 Nov 2026 10:00:30 GMT"}, {"Date", "Sat, 21 Nov 2026 10:00:00 GMT"}})
            .retry_after(),
        Millis(30'000));
    EXPECT_EQ(error_of(503, {{"Retry-After", "soon"}}).retry_after(), std::nullopt);
    EXPECT_EQ(error_of(400, {}, R"({"error":{"code":"context_length_exceeded","message":"x"}})").reason(),
              "CONTEXT_TOO_LONG");
    EXPECT_EQ(error_of(429, {}, R"({"error":{"code":"insufficient_quota","message":"x"}})").reason(), "NO_CREDIT");
}

}  // namespace
}  // namespace pincer::agent
