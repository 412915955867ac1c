// What every hosted wire format needs from a conversation before it can be written down.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/model.hpp"

namespace pincer::agent {

// Providers refuse a conversation in which a tool call has no result, or a result no call. A run that was aborted
// leaves such turns behind: a missing result is said to be missing, a result without a call is dropped.
std::vector<Message> complete_turns(std::vector<Message> messages);

// Tool names as providers allow them ([A-Za-z0-9_-], at most 64) and back again. MCP allows more than they do; what
// does not fit gets a short name that ends in a digest of the real one, the same each time.
class WireNames {
public:
    explicit WireNames(const std::vector<ToolSpec>& tools);
    std::string to_wire(const std::string& name) const;
    std::string from_wire(const std::string& wire) const;  // an unknown one comes back as it is

private:
    std::map<std::string, std::string> real_;  // by wire name
};

// Call ids as every provider allows them ([A-Za-z0-9_-], at most 40 characters); the same each time.
std::string wire_call_id(const std::string& id);

// The arguments as the model wrote them: an empty text is an empty object, anything but an object is malformed.
void set_arguments(ToolCall& call, std::string text);

// How much a model may answer: the request's wish within the configuration's limit.
std::size_t output_limit(const ModelConfig& config, const ModelRequest& request);

// A count of tokens as a provider reports it, kept within what can be added up.
std::int64_t token_count(const json::object& usage, std::string_view key, std::int64_t otherwise);

// The text of a tool result, for a model: the structured content stands in when the tool gave no text.
std::string tool_text(const Message& message);

}  // namespace pincer::agent
