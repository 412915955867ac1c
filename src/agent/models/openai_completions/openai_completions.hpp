#pragma once

#include "agent/models/hosted_model.hpp"

namespace pincer::agent::openai_completions {

Result<std::unique_ptr<Model>> make(ModelConfig config, io::HttpClient& http);

}  // namespace pincer::agent::openai_completions
