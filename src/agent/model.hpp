// A model is asked with the conversation so far and the tools at hand; it answers with text, tool calls, or both.
// The built-in responder is a model too: deterministic, local, and always there.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/tool.hpp"
#include "base/secret.hpp"

namespace pincer::io {
class HttpClient;
}

namespace pincer::agent {

enum class Role { user, assistant, tool };

struct Message {
    Role role = Role::user;
    std::string text;
    std::vector<ToolCall> tool_calls;  // assistant
    std::string tool_call_id;          // tool
    std::string tool_name;             // tool
    bool is_error = false;             // tool
    json::object structured;           // tool: the result's structured content, kept for the built-in responder
    json::value provider_state;        // assistant: what a provider wants back verbatim (thinking signatures)
    std::int64_t timestamp_ms = 0;
};
json::object to_json(const Message& message);  // as it stands in transcripts
Result<Message> message_from_json(const json::object& o);

struct ModelRequest {
    std::string system;
    std::vector<Message> messages;
    std::vector<ToolSpec> tools;
    std::vector<std::string> absent_servers;  // configured, but their tools cannot be had now
    std::size_t max_output_tokens = 0;  // 0: what the configuration of the model says, which is the most in any case
};

struct Usage {
    std::int64_t input_tokens = 0;
    std::int64_t output_tokens = 0;
};

enum class StopReason { end, tool_use, length, refused };

struct ModelReply {
    Message message;
    StopReason stop = StopReason::end;
    Usage usage;
};

// Called with each piece of text as it streams in.
using DeltaSink = std::function<void(std::string_view delta)>;

class Model {
public:
    virtual ~Model() = default;
    virtual std::string_view id() const = 0;  // "<provider>/<model>"; "builtin/responder"
    virtual bool is_local() const = 0;        // nothing leaves this machine: the egress policy has nothing to decide
    // No delta is ever sent twice: an answer that broke off after its first delta is an error, not tried again.
    // Errors: unauthenticated (key refused), rate_limited (retry_after), timed_out (which wait), unavailable, protocol.
    virtual Task<Result<ModelReply>> respond(ModelRequest request, DeltaSink on_delta, Deadline deadline) = 0;
};

struct ModelConfig {  // models.providers.<id> and one of its models, of openclaw.json
    std::string provider;
    std::string model;
    std::string base_url;
    Secret api_key;
    std::int64_t context_window = 128'000;
    std::size_t max_tokens = 4096;
    std::vector<std::pair<std::string, std::string>> headers;
};

struct ModelApi {  // one wire format: "openai-completions", "anthropic-messages"
    std::string_view id;
    // `http` outlives the model. Error: invalid_argument naming the key of the configuration that does not fit.
    Result<std::unique_ptr<Model>> (*make)(ModelConfig config, io::HttpClient& http);
};
std::span<const ModelApi> all_model_apis();

std::unique_ptr<Model> make_builtin_responder();

}  // namespace pincer::agent
