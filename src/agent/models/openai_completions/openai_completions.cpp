#include "agent/models/openai_completions/openai_completions.hpp"

#include "agent/models/openai_completions/openai_completions_wire.hpp"

namespace pincer::agent::openai_completions {

Result<std::unique_ptr<Model>> make(ModelConfig config, io::HttpClient& http) {
    if (config.base_url.empty()) config.base_url = "https://api.openai.com/v1";
    return make_hosted_model(std::move(config), std::make_unique<Wire>(), http);
}

}  // namespace pincer::agent::openai_completions
