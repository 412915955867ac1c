// The GitHub REST API (version 2022-11-28): pages by Link, ETags, rate limits, errors in our words.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "infra/engine/provider.hpp"

namespace pincer::infra::github {

struct Answer {
    json::value value;
    std::string source;  // path and query
    std::string bytes;
};

class Client {
public:
    // `api`: "https://api.github.com" or an enterprise address, checked by parse_api_url().
    Client(Services services, Settings settings, io::Url api, Secret token);
    ~Client();

    const io::Url& api() const { return api_; }
    json::object account() const;

    Task<Result<Answer>> get(std::string path, Deadline deadline);
    // Follows Link rel="next" up to `max_items`; `key` names the list inside the answer ("workflow_runs"), "" when the
    // answer itself is the list.
    Task<Result<Answer>> list(std::string path, std::string key, std::size_t max_items, Deadline deadline);
    // Follows the one redirect that log downloads make; the token does not go along to another origin.
    Task<Result<Answer>> log(std::string path, std::size_t max_bytes, Deadline deadline);
    // 2xx or an error; an error is definite unless its code is outcome_unknown.
    Task<Result<>> post(std::string path, Deadline deadline);

private:
    Task<Result<io::HttpResponse>> send(std::string method, io::Url url, std::size_t max_bytes, Deadline deadline);
    Task<Result<io::HttpResponse>> read(io::Url url, std::size_t max_bytes, Deadline deadline);
    Result<io::Url> url_of(const std::string& path) const;
    Error error_of(const io::HttpResponse& response, const std::string& what);

    struct Cached {
        std::string etag;
        io::HttpResponse response;
    };
    Services services_;
    io::Url api_;
    Secret token_;
    std::unique_ptr<io::HttpClient> http_;
    std::map<std::string, Cached> cache_;  // by URL, at most kMaxCached: it is emptied when full
    WallTime blocked_until_{};             // a rate limit that was told: until then nothing is sent
};

// https, or http on loopback only: a token must not cross a network in the clear. Error: invalid_argument.
Result<io::Url> parse_api_url(std::string_view text);
// "owner/name". Error: invalid_argument.
Result<std::string> parse_repository(std::string_view text);
// The address behind rel="next" of a Link header, "" when there is none (RFC 8288).
std::string next_link(std::string_view header);

}  // namespace pincer::infra::github
