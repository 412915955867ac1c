// A model behind HTTP: the edge that carries any WireFormat. Waits have three names, so that a timeout says which it
// was: connecting (the HTTP client's), the first byte, and the silence between two events.
#pragma once

#include <memory>

#include "agent/models/wire_format.hpp"
#include "io/http_client.hpp"

namespace pincer::agent {

struct HostedModelPolicy {
    Millis first_byte{120'000};  // a large model may think for long before it says anything
    Millis idle{90'000};         // between two reads of the stream; providers send pings more often than that
    int attempts = 3;            // in all; only what came before the first delta is tried again
    Millis first_delay{500};     // doubled each time, with up to a half more; Retry-After goes before it
    Millis longest_delay{30'000};
};

// Error: invalid_argument naming the configuration key.
Result<std::unique_ptr<Model>> make_hosted_model(ModelConfig config, std::unique_ptr<WireFormat> format,
                                                 io::HttpClient& http, HostedModelPolicy policy = {});

}  // namespace pincer::agent
