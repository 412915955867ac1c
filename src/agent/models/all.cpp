// Every wire format, one line each, alphabetical. docs/guides/add-a-model.md says how to add one.
#include "agent/models/anthropic_messages/anthropic_messages.hpp"
#include "agent/models/openai_completions/openai_completions.hpp"

namespace pincer::agent {
namespace {

constexpr ModelApi kApis[] = {
    {"anthropic-messages", anthropic_messages::make},
    {"openai-completions", openai_completions::make},
};

}  // namespace

std::span<const ModelApi> all_model_apis() { return kApis; }

}  // namespace pincer::agent
