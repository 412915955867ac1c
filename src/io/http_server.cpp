#include "io/http_server.hpp"

#include <boost/asio/ip/address.hpp>

#include "base/log.hpp"
#include "io/detail/server_connection.hpp"

namespace pincer::io {
namespace {

using detail::ErrorCodeAsio;
using detail::Socket;
using detail::tcp;
using Acceptor = asio::basic_socket_acceptor<tcp, detail::Executor>;

std::string plain_text(const asio::ip::address& address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
    }
    return address.to_string();
}

class Server final : public HttpServer {
public:
    Server(Runtime& runtime, Acceptor acceptor, std::shared_ptr<detail::ServerState> state)
        : runtime_(runtime),
          acceptor_(std::move(acceptor)),
          state_(std::move(state)),
          accepting_(runtime),
          serving_(runtime) {
        port_ = acceptor_.local_endpoint().port();
        accepting_.spawn(accept_all());
    }

    std::uint16_t port() const override { return port_; }
    Task<> stop(Deadline deadline) override;

private:
    Task<> accept_all();
    void admit(Socket socket, const tcp::endpoint& peer);

    Runtime& runtime_;
    Acceptor acceptor_;
    std::shared_ptr<detail::ServerState> state_;
    std::uint16_t port_ = 0;
    TaskGroup accepting_;
    TaskGroup serving_;
};

Task<> Server::accept_all() {
    for (;;) {
        tcp::endpoint peer;
        Socket socket(acceptor_.get_executor());
        auto [ec] = co_await acceptor_.async_accept(socket, peer, detail::kAwait);
        if (ec == asio::error::operation_aborted || !acceptor_.is_open()) co_return;
        if (ec == asio::error::no_descriptors || ec == asio::error::no_memory) {
            log::warn("http.accept", {{"message", ec.message()}});
            const Result<> slept = co_await sleep_for(Millis(100));  // until something is closed
            if (!slept) co_return;
            continue;
        }
        if (!ec) admit(std::move(socket), peer);
    }
}

void Server::admit(Socket socket, const tcp::endpoint& peer) {
    const std::string ip = plain_text(peer.address());
    auto place = detail::Place::take(state_, ip);
    if (!place) {
        log::debug("http.refused_connection", {{"ip", ip}});
        return;  // closed as it goes out of scope
    }
    ErrorCodeAsio ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    auto connection = std::make_shared<detail::ServerConnection>(state_, detail::NetStream(std::move(socket)), ip,
                                                                 peer.port(), place);
    const std::weak_ptr<detail::ServerConnection> cuttable = connection;
    place->on_cut([cuttable] {
        const auto alive = cuttable.lock();
        if (alive) alive->cut();
    });
    serving_.spawn(detail::ServerConnection::run(std::move(connection)));
}

Task<> Server::stop(Deadline deadline) {
    state_->stopping = true;
    ErrorCodeAsio ignored;
    acceptor_.close(ignored);
    co_await accepting_.stop();
    for (detail::ServerConnection* connection : state_->connections) connection->close_if_idle();

    TaskGroup goodbyes(runtime_);
    for (const auto& socket : std::exchange(state_->websockets, {})) {
        const auto alive = socket.lock();
        if (alive) goodbyes.spawn(alive->close_with(1001, "the server is going away"));
    }
    while (!state_->connections.empty() || goodbyes.size() > 0) {
        state_->changed->reset();
        // WebSockets that outlive their handler's task tell nobody when they are gone, so look at least now and then.
        const Result<> waited = co_await Event::Impl::wait(state_->changed, deadline.at_most(Millis(20)));
        if (deadline.passed()) break;
        if (!waited && waited.error().code() == ErrorCode::cancelled) break;
    }
    co_await goodbyes.stop();
    co_await serving_.stop();
}

Result<Acceptor> bind_and_listen(const detail::Executor& executor, const HttpServerOptions& options) {
    ErrorCodeAsio ec;
    const auto address = asio::ip::make_address(options.address, ec);
    if (ec) return PINCER_FAIL(invalid_argument, "not an IP address to listen on: {}", options.address);
    const tcp::endpoint endpoint(address, options.port);
    const auto failed = [&](std::string_view step) {
        const ErrorCode code = ec == asio::error::access_denied ? ErrorCode::forbidden : ErrorCode::io;
        return Failure(Error(code, fmt::format("{} {}:{}: {}", step, options.address, options.port, ec.message())));
    };
    Acceptor acceptor(executor);
    acceptor.open(endpoint.protocol(), ec);
    if (ec) return failed("opening a socket for");
    acceptor.set_option(Acceptor::reuse_address(true), ec);
    acceptor.bind(endpoint, ec);
    if (ec) return failed("binding");
    acceptor.listen(Acceptor::max_listen_connections, ec);
    if (ec) return failed("listening on");
    return acceptor;
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::listen(Runtime& runtime, HttpServerOptions options,
                                                       HttpHandler handler) {
    const detail::Executor executor = runtime.impl().context.get_executor();
    PINCER_TRY(Acceptor acceptor, bind_and_listen(executor, options));
    auto state = std::make_shared<detail::ServerState>(executor, std::move(options), std::move(handler));
    return std::make_unique<Server>(runtime, std::move(acceptor), std::move(state));
}

}  // namespace pincer::io
