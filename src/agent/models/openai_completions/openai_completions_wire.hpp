// OpenAI chat completions, streamed (api reference: POST /chat/completions with "stream": true). Spoken by OpenAI,
// Azure, Ollama, vLLM, llama.cpp, OpenRouter, Groq, DeepSeek, Gemini's compatible endpoint and many more, so the reader
// takes their dialects: calls without index, a call in one piece, "stop" where "tool_calls" belongs, no [DONE].
#pragma once

#include "agent/models/conversation.hpp"
#include "agent/models/wire_format.hpp"

namespace pincer::agent::openai_completions {

class Wire final : public WireFormat {
public:
    WireCall make_call(const ModelConfig& config, const ModelRequest& request) const override;
};

json::object request_body(const ModelConfig& config, const ModelRequest& request, const WireNames& names);

class Reader final : public StreamReader {
public:
    Reader(ModelConfig config, WireNames names) : config_(std::move(config)), names_(std::move(names)) {}
    Result<std::string> take(std::string_view event, std::string_view data) override;
    bool done() const override { return done_; }
    Result<ModelReply> finish() override;

private:
    struct Call {
        std::int64_t index = 0;
        std::string id;
        std::string name;
        std::string arguments;
    };
    Result<std::string> take_choice(const json::object& choice);
    Result<> take_call(const json::object& piece);
    Result<Call*> call_for(const json::object& piece);
    Result<> count(std::size_t bytes);

    ModelConfig config_;
    WireNames names_;
    std::string text_;
    std::vector<Call> calls_;
    std::string finish_reason_;
    bool refused_ = false;
    bool done_ = false;
    std::size_t bytes_ = 0;
    Usage usage_;
};

}  // namespace pincer::agent::openai_completions
