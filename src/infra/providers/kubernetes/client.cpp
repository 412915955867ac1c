#include "infra/providers/kubernetes/client.hpp"

#include <charconv>

#include "base/text.hpp"
#include "crypto/hash.hpp"
#include "infra/engine/quoting.hpp"
#include "io/files.hpp"

namespace pincer::infra::kubernetes {
namespace {

constexpr std::size_t kPage = 500;
constexpr std::size_t kMaxItems = 20'000;
constexpr std::size_t kMaxPageBytes = 32u << 20;
constexpr Millis kRetryAtMost{3'000};

ErrorCode code_of(int status) {
    switch (status) {
        case 400:
        case 422: return ErrorCode::invalid_argument;
        case 401: return ErrorCode::unauthenticated;
        case 403: return ErrorCode::forbidden;
        case 404: return ErrorCode::not_found;
        case 409: return ErrorCode::conflict;
        case 410: return ErrorCode::expired;
        case 429: return ErrorCode::rate_limited;
        default: return status >= 500 ? ErrorCode::unavailable : ErrorCode::protocol;
    }
}

std::string_view words_for(int status) {
    switch (status) {
        case 401: return "the credentials are not accepted: expired or revoked";
        case 403: return "not permitted";
        case 404: return "not found";
        case 409: return "somebody else changed it first";
        case 429: return "the API server asks us to slow down";
        default: return status >= 500 ? "the API server failed" : "the API server said no";
    }
}

Millis wait_of(const io::Headers& headers) {
    const auto text = headers.get("Retry-After");
    std::int64_t seconds = 1;
    if (text) std::from_chars(text->data(), text->data() + text->size(), seconds);
    return Millis(std::clamp<std::int64_t>(seconds, 0, 3600) * 1000);
}

}  // namespace

Error error_of(int status, const io::Headers& headers, std::string_view body, std::string_view what) {
    Error error(code_of(status), fmt::format("{}: {} ({})", what, words_for(status), status));
    if (status == 429 || status == 503) error = std::move(error).with_retry_after(wait_of(headers));
    if (auto parsed = json::parse_object(body, {.bytes = 1u << 20, .depth = 32})) {
        error = std::move(error).with_foreign(json::string_or(*parsed, "message"));
    }
    return error;
}

Client::Client(Services services, Settings settings, Access access)
    : services_(std::move(services)),
      settings_(std::move(settings)),
      access_(std::move(access)),
      prepared_(services_.runtime) {
    if (!access_.cluster.ca_pem.empty()) ca_fingerprint_ = crypto::sha256_hex(access_.cluster.ca_pem);
}

Client::~Client() = default;

json::object Client::account() const {
    return {{"provider", "kubernetes"}, {"server", access_.cluster.server}, {"ca_sha256", ca_fingerprint_}};
}

Result<> Client::connect(const std::string& certificate, const Secret& key) {
    PINCER_TRY(const io::Url url, io::parse_url(access_.cluster.server));
    io::HttpClientOptions options;
    options.egress = io::EgressPolicy::named(url.host);
    options.user_agent = "clanker/" + settings_.version;
    if (url.is_tls()) {
        io::TlsOptions tls{access_.cluster.ca_pem, certificate, key, access_.cluster.tls_server_name,
                           access_.cluster.insecure_skip_tls_verify};
        auto made = io::TlsContext::client(tls);
        if (!made) return Failure(std::move(made).error().context("TLS for " + access_.cluster.server));
        options.tls = *std::move(made);
    }
    http_ = services_.http(std::move(options));
    return {};
}

// Many reads start at once; the first of them makes the credentials, the others wait for it.
Task<Result<>> Client::prepare(Deadline deadline) {
    while (preparing_) {
        PINCER_CO_CHECK(co_await prepared_.wait(deadline));
        prepared_.reset();
    }
    const User& user = access_.user;
    if (!access_.cluster.proxy_url.empty())
        co_return PINCER_FAIL(unsupported, "the kubeconfig asks for a proxy, which is not supported");
    if (!user.unsupported.empty())
        co_return PINCER_FAIL(unsupported, "the kubeconfig uses {}, which Kubernetes removed", user.unsupported);
    if (user.exec) {
        // A minute before it ends it is renewed, so that no request starts with what expires on its way.
        const WallTime soon = services_.clock.wall() + Millis(60'000);
        if (plugin_credential_ && (!plugin_credential_->expires_at || *plugin_credential_->expires_at > soon) && http_)
            co_return Result<>{};
        preparing_ = true;
        auto made = co_await run_exec_plugin(services_, settings_, *user.exec, access_.cluster, deadline);
        preparing_ = false;
        prepared_.set();
        if (!made) co_return Failure(std::move(made).error());
        plugin_credential_ = *std::move(made);
        token_ = plugin_credential_->token;
        co_return connect(plugin_credential_->client_certificate_pem, plugin_credential_->client_key_pem);
    }
    token_ = user.token;
    if (!user.token_file.empty()) {
        PINCER_CO_TRY(std::string text, io::read_file(user.token_file, 64u << 10));
        token_ = Secret(std::string(trim(text)));
    }
    if (http_) co_return Result<>{};
    co_return connect(user.client_certificate_pem, user.client_key_pem);
}

Task<Result<io::HttpRequest>> Client::request(std::string method, std::string target, Deadline deadline) {
    PINCER_CO_CHECK(co_await prepare(deadline));
    io::HttpRequest made;
    PINCER_CO_TRY(made.url, io::parse_url(access_.cluster.server + target));
    made.method = std::move(method);
    made.headers.set("Accept", "application/json");
    if (!token_.empty()) {
        made.headers.set("Authorization", "Bearer " + token_.reveal());
    } else if (!access_.user.username_password.empty()) {
        made.headers.set("Authorization", "Basic " + to_base64(access_.user.username_password.reveal()));
    }
    co_return made;
}

Task<Result<io::HttpResponse>> Client::read(std::string target, std::size_t max_bytes, Deadline deadline) {
    for (int attempt = 0;; ++attempt) {
        PINCER_CO_TRY(io::HttpRequest made, co_await request("GET", target, deadline));
        made.max_response_bytes = max_bytes;
        PINCER_CO_TRY(io::HttpResponse response, co_await http_->send(std::move(made), deadline));
        // A plugin's token may have been revoked before its time: once, it is asked for another.
        if (response.status == 401 && access_.user.exec && attempt == 0) {
            plugin_credential_.reset();
            continue;
        }
        if ((response.status == 429 || response.status == 503) && attempt < 2) {
            const Millis wait = wait_of(response.headers);
            if (wait <= kRetryAtMost && wait < deadline.left()) {
                PINCER_CO_CHECK(co_await io::sleep_for(wait));
                continue;
            }
        }
        co_return response;
    }
}

namespace {

// "pods" of "/api/v1/namespaces/shop/pods": what an error says was being read.
std::string named_by(std::string_view path) {
    const auto parts = split(path, '/');
    std::string what = "reading " + std::string(parts.back());
    for (std::size_t i = 0; i + 2 < parts.size(); ++i) {
        if (parts[i] != "namespaces") continue;
        if (i + 4 <= parts.size() && i + 3 < parts.size())
            what = "reading " + std::string(parts[i + 2]) + " " + std::string(parts[i + 3]);
        what += " in " + std::string(parts[i + 1]);
    }
    return what;
}

}  // namespace

Task<Result<Listed>> Client::list(std::string path, std::vector<std::pair<std::string, std::string>> query,
                                  Deadline deadline) {
    Listed out;
    std::string next;
    bool restarted = false;
    query.emplace_back("limit", std::to_string(kPage));
    out.source = path + io::make_query(query);
    while (true) {
        auto page = query;
        if (!next.empty()) page.emplace_back("continue", next);
        const std::string target = path + io::make_query(page);
        PINCER_CO_TRY(const io::HttpResponse response, co_await read(target, kMaxPageBytes, deadline));
        if (response.status == 410 && !next.empty() && !restarted) {
            restarted = true;
            next.clear();
            out.items.clear();
            out.bytes.clear();
            continue;
        }
        if (response.status != 200)
            co_return Failure(error_of(response.status, response.headers, response.body, named_by(path)));
        auto parsed = json::parse_object(response.body);
        if (!parsed)
            co_return Failure(Error(ErrorCode::protocol, named_by(path) + ": the answer is not a list in JSON"));
        if (const auto* items = json::array_at(*parsed, "items")) {
            for (const auto& item : *items) {
                if (item.is_object()) out.items.push_back(item.get_object());
            }
        }
        out.bytes += response.body;
        const auto* meta = json::object_at(*parsed, "metadata");
        next = meta ? json::string_or(*meta, "continue") : "";
        if (next.empty()) co_return out;
        if (out.items.size() >= kMaxItems) {
            out.truncated = true;
            co_return out;
        }
    }
}

Task<Result<Fetched>> Client::get(std::string path, Deadline deadline) {
    PINCER_CO_TRY(io::HttpResponse response, co_await read(path, kMaxPageBytes, deadline));
    if (response.status != 200)
        co_return Failure(error_of(response.status, response.headers, response.body, named_by(path)));
    auto parsed = json::parse_object(response.body);
    if (!parsed) co_return Failure(Error(ErrorCode::protocol, named_by(path) + ": the answer is not a JSON object"));
    Fetched out{*std::move(parsed), path, std::move(response.body)};
    co_return out;
}

Task<Result<Fetched>> Client::text(std::string path, std::vector<std::pair<std::string, std::string>> query,
                                   std::size_t max_bytes, Deadline deadline) {
    std::string target = path + io::make_query(query);
    PINCER_CO_TRY(io::HttpResponse response, co_await read(target, max_bytes + (64u << 10), deadline));
    if (response.status == 400 || response.status == 404) {
        co_return Failure(
            Error(ErrorCode::not_found, "there is no log to read").with_foreign(response.body.substr(0, 500)));
    }
    if (response.status != 200)
        co_return Failure(error_of(response.status, response.headers, response.body, "reading a log"));
    Fetched out{{}, std::move(target), std::move(response.body)};
    co_return out;
}

Task<Result<json::object>> Client::json_patch(std::string path, json::array operations, Deadline deadline) {
    PINCER_CO_TRY(io::HttpRequest made, co_await request("PATCH", path + "?fieldManager=clanker", deadline));
    made.headers.set("Content-Type", "application/json-patch+json");
    made.body = json::write(operations);
    auto response = co_await http_->send(std::move(made), deadline);
    if (!response) {
        const bool never_left =
            response.error().code() == ErrorCode::refused || response.error().code() == ErrorCode::invalid_argument;
        if (never_left) co_return Failure(std::move(response).error());
        co_return PINCER_FAIL(outcome_unknown, "the change was sent, but no answer came: {}",
                              response.error().message());
    }
    if (response->status >= 500) {
        co_return PINCER_FAIL(outcome_unknown, "the API server failed while it made the change ({})", response->status);
    }
    if (response->status != 200 && response->status != 201) {
        co_return Failure(error_of(response->status, response->headers, response->body,
                                   "changing " + std::string(split(path, '/').back())));
    }
    auto parsed = json::parse_object(response->body);
    if (!parsed) co_return PINCER_FAIL(outcome_unknown, "the API server's answer to the change cannot be read");
    co_return *std::move(parsed);
}

}  // namespace pincer::infra::kubernetes
