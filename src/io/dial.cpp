#include "io/detail/dial.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/ssl/error.hpp>

#include <algorithm>

#include "io/detail/resolver.hpp"
#include "io/detail/tls_impl.hpp"

namespace pincer::io::detail {

namespace {

using Addresses = std::vector<asio::ip::address>;

constexpr std::string_view kTimeout = "CONNECT_TIMEOUT";

Failure unavailable(std::string message, std::string reason) {
    return Failure(Error(ErrorCode::unavailable, std::move(message)).with_reason(std::move(reason)));
}

// The addresses that may be dialled; the refusal when none may.
Result<Addresses> allowed_addresses(const EgressPolicy& policy, const std::string& host, const Addresses& found) {
    Addresses allowed;
    std::optional<Error> refusal;
    for (const asio::ip::address& address : found) {
        const Result<> checked = check_egress(policy, host, address.to_string());
        if (checked) {
            allowed.push_back(address);
        } else if (!refusal) {
            refusal = checked.error();
        }
    }
    if (allowed.empty()) return Failure(*refusal);
    return allowed;
}

// One of several addresses may lead nowhere; each gets its share of what time is left.
SteadyTime share_of(Deadline deadline, std::size_t attempts_left) {
    if (deadline.is_never()) return SteadyTime::max();
    const auto now = std::chrono::steady_clock::now();
    return now + (deadline.at() - now) / static_cast<std::int64_t>(attempts_left);
}

Task<Result<NetStream>> connect_one(Executor executor, tcp::endpoint endpoint, SteadyTime by) {
    NetStream stream{Socket(executor)};
    Watchdog watchdog(executor);
    watchdog.arm(stream, by);
    ErrorCodeAsio opened;
    stream.socket().open(endpoint.protocol(), opened);
    if (opened) co_return Failure(error_from(opened, "opening a socket"));
    auto [ec] = co_await stream.socket().async_connect(endpoint, kAwait);
    if (watchdog.fired()) co_return PINCER_FAIL(timed_out, "no answer");
    if (ec == asio::error::operation_aborted) co_return cancelled_failure();
    if (ec) co_return PINCER_FAIL(unavailable, "{}", ec.message());
    ErrorCodeAsio ignored;
    stream.socket().set_option(tcp::no_delay(true), ignored);
    co_return stream;
}

Task<Result<NetStream>> connect_any(Executor executor, Url url, Addresses addresses, Deadline deadline) {
    const Millis allowed = deadline.left();
    std::string failures;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        const tcp::endpoint endpoint(addresses[i], url.port);
        const SteadyTime by = share_of(deadline, addresses.size() - i);
        Result<NetStream> stream = co_await connect_one(executor, endpoint, by);
        if (stream || stream.error().code() == ErrorCode::cancelled) co_return stream;
        if (deadline.passed()) break;
        failures +=
            fmt::format("{}{}: {}", failures.empty() ? "" : "; ", addresses[i].to_string(), stream.error().message());
    }
    if (deadline.passed()) co_return timed_out_failure(fmt::format("connecting to {}", url.host), allowed, kTimeout);
    co_return unavailable(fmt::format("connecting to {} port {} failed ({})", url.host, url.port, failures),
                          "CONNECT_FAILED");
}

bool is_address(const std::string& host) {
    ErrorCodeAsio ec;
    asio::ip::make_address(host, ec);
    return !ec;
}

// Which name the peer has to prove, and that it has to (RFC 6125).
bool expect_name(SSL* tls, const std::string& name) {
    X509_VERIFY_PARAM* parameters = SSL_get0_param(tls);
    if (is_address(name)) return X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str()) == 1;
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(parameters, name.c_str(), name.size()) == 1 &&
           SSL_set_tlsext_host_name(tls, name.c_str()) == 1;
}

Failure handshake_failure(SSL* tls, const std::string& host, const std::string& name, const ErrorCodeAsio& ec) {
    const long verified = SSL_get_verify_result(tls);
    ERR_clear_error();
    // Without verification the result is still there, and says nothing about why the handshake failed.
    if (verified != X509_V_OK && SSL_get_verify_mode(tls) != SSL_VERIFY_NONE) {
        const std::string peer = name == host ? host : fmt::format("{} as {}", host, name);
        return unavailable(fmt::format("TLS with {}: the certificate does not verify: {}", peer,
                                       X509_verify_cert_error_string(verified)),
                           "TLS_NOT_VERIFIED");
    }
    const bool ended =
        ec == asio::error::eof || ec == asio::ssl::error::stream_truncated || ec == asio::error::connection_reset;
    const std::string why = ended ? "it closed the connection during the handshake" : ec.message();
    return unavailable(fmt::format("TLS with {} failed: {}", host, why), "TLS_FAILED");
}

Task<Result<NetStream>> start_tls(NetStream plain, std::string host, std::shared_ptr<TlsContext> context,
                                  Deadline deadline) {
    PINCER_CO_TRY(asio::ssl::context* const ready, context->impl().ready());
    const Millis allowed = deadline.left();
    auto tls = std::make_unique<TlsStream>(std::move(plain.socket()), *ready);
    SSL* const native = tls->native_handle();
    const std::string name = context->impl().server_name.empty() ? host : context->impl().server_name;
    if (!expect_name(native, name))
        co_return unavailable(fmt::format("TLS with {}: not a name to verify", host), "TLS_FAILED");
    TlsStream& handshaking = *tls;
    NetStream stream(std::move(tls));
    Watchdog watchdog(stream.get_executor());
    watchdog.arm(stream, deadline.at());
    auto [ec] = co_await handshaking.async_handshake(asio::ssl::stream_base::client, kAwait);
    if (watchdog.fired())
        co_return timed_out_failure(fmt::format("the TLS handshake with {}", host), allowed, kTimeout);
    if (ec == asio::error::operation_aborted) co_return cancelled_failure();
    if (ec) co_return handshake_failure(native, host, name, ec);
    co_return stream;
}

}  // namespace

Task<Result<NetStream>> dial(Runtime& runtime, Url url, DialOptions options, Deadline deadline) {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (is_cancelled(state)) co_return cancelled_failure();
    const Executor executor = runtime.impl().context.get_executor();
    const auto resolver = resolver_of(runtime);
    PINCER_CO_TRY(const Addresses found, co_await resolver->resolve(url.host, deadline));
    PINCER_CO_TRY(Addresses allowed, allowed_addresses(options.egress, url.host, found));
    PINCER_CO_TRY(NetStream stream, co_await connect_any(executor, url, std::move(allowed), deadline));
    if (!url.is_tls()) co_return stream;
    auto context = options.tls ? options.tls : TlsContext::system();
    co_return co_await start_tls(std::move(stream), url.host, std::move(context), deadline);
}

}  // namespace pincer::io::detail
