// What a handler holds of a connection: the exchange, and the writer of a body in pieces.
#pragma once

#include "io/detail/server_connection.hpp"

namespace pincer::io::detail {

class ExchangeImpl final : public Exchange {
public:
    ExchangeImpl(std::shared_ptr<ServerConnection> connection, ServerRequest request)
        : connection_(std::move(connection)), request_(std::move(request)) {}

    ServerRequest& request() override { return request_; }
    Task<Result<>> respond(ServerResponse response) override;
    Task<Result<std::unique_ptr<BodyWriter>>> start_body(int status, Headers headers) override;
    Task<Result<std::unique_ptr<WebSocket>>> accept_websocket(Headers extra, std::size_t max_message_bytes) override;
    // The handler has returned: the connection may be at its next request.
    void expire() { connection_.reset(); }

private:
    bool is_open() const { return connection_ && connection_->answer_ == ServerConnection::Answer::none; }

    std::shared_ptr<ServerConnection> connection_;
    ServerRequest request_;
};

class ChunkWriter final : public BodyWriter {
public:
    explicit ChunkWriter(std::shared_ptr<ServerConnection> connection) : connection_(std::move(connection)) {}
    ~ChunkWriter() override;
    ChunkWriter(const ChunkWriter&) = delete;
    ChunkWriter& operator=(const ChunkWriter&) = delete;

    Task<Result<>> write(std::string piece) override;
    Task<Result<>> wait_closed() override;

private:
    std::shared_ptr<ServerConnection> connection_;
};

}  // namespace pincer::io::detail
