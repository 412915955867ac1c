// One connection to the Gateway for one command.
#pragma once

#include <string>
#include <vector>

#include "apps/openclaw/local.hpp"
#include "base/json.hpp"

namespace pincer::openclaw {

struct GatewayQuestion {
    std::string method;
    json::value params = json::object();
};

struct GatewayAnswers {
    std::string url;
    std::string version;                       // of the Gateway
    std::vector<Result<json::value>> answers;  // one for each question
};

// Connects with no more than `scopes`, asks all, hangs up. Errors: what kept us from connecting.
Result<GatewayAnswers> ask_gateway(const Local& local, const Arguments& arguments, std::vector<std::string> scopes,
                                   std::vector<GatewayQuestion> questions);
// The same with one question, whose failure is the function's.
Result<json::value> ask_gateway(const Local& local, const Arguments& arguments, std::string scope,
                                GatewayQuestion question);

}  // namespace pincer::openclaw
