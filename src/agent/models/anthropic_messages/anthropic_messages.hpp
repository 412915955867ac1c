#pragma once

#include "agent/models/hosted_model.hpp"

namespace pincer::agent::anthropic_messages {

Result<std::unique_ptr<Model>> make(ModelConfig config, io::HttpClient& http);

}  // namespace pincer::agent::anthropic_messages
