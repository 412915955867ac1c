// Anthropic messages, streamed (POST /v1/messages with "stream": true, version 2023-06-01). Thinking blocks carry a
// signature and must come back verbatim and in their place, so the order of an assistant turn's blocks is kept in
// Message::provider_state: {"api":"anthropic-messages","blocks":[{"type":"thinking",...} | {"type":"text","bytes":n} |
// {"type":"tool_use"}]}.
#pragma once

#include "agent/models/conversation.hpp"
#include "agent/models/wire_format.hpp"

namespace pincer::agent::anthropic_messages {

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
    struct Block {
        std::int64_t index = 0;
        json::object body;      // as it started
        std::string text;       // of a text or thinking block
        std::string signature;  // of a thinking block
        std::string arguments;  // of a tool_use block, as JSON text
        bool open = true;
    };
    Result<> start_block(const json::object& event);
    Result<std::string> grow_block(const json::object& event);
    Result<Block*> block_at(const json::object& event);
    void take_usage(const json::object& usage);
    Result<> count(std::size_t bytes);
    void add_block(Block& block, ModelReply& reply, json::array& order, bool& has_thinking) const;

    ModelConfig config_;
    WireNames names_;
    std::vector<Block> blocks_;
    std::string stop_reason_;
    bool done_ = false;
    std::size_t bytes_ = 0;
    Usage usage_;
};

}  // namespace pincer::agent::anthropic_messages
