#include "agent/models/anthropic_messages/anthropic_messages.hpp"

#include "agent/models/anthropic_messages/anthropic_messages_wire.hpp"

namespace pincer::agent::anthropic_messages {

Result<std::unique_ptr<Model>> make(ModelConfig config, io::HttpClient& http) {
    if (config.base_url.empty()) config.base_url = "https://api.anthropic.com";
    return make_hosted_model(std::move(config), std::make_unique<Wire>(), http);
}

}  // namespace pincer::agent::anthropic_messages
