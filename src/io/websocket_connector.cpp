#include "io/detail/dial.hpp"
#include "io/detail/websocket_impl.hpp"

namespace pincer::io {
namespace {

class Connector final : public WebSocketConnector {
public:
    explicit Connector(Runtime& runtime) : runtime_(runtime) {}

    Task<Result<std::unique_ptr<WebSocket>>> connect(Url url, WsConnectOptions options, Deadline deadline) override {
        if (url.scheme != "ws" && url.scheme != "wss") {
            co_return PINCER_FAIL(invalid_argument, "not a WebSocket scheme: {}", url.scheme);
        }
        detail::DialOptions how{options.egress, options.tls};
        PINCER_CO_TRY(detail::NetStream stream, co_await detail::dial(runtime_, url, std::move(how), deadline));
        co_return co_await detail::open_websocket(std::move(stream), std::move(url), std::move(options), deadline);
    }

private:
    Runtime& runtime_;
};

}  // namespace

std::unique_ptr<WebSocketConnector> make_websocket_connector(Runtime& runtime) {
    return std::make_unique<Connector>(runtime);
}

}  // namespace pincer::io
