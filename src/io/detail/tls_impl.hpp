// A TlsContext as the dialler sees it.
#pragma once

#include <boost/asio/ssl/context.hpp>

#include "io/tls.hpp"

namespace pincer::io {

class TlsContext::Impl {
public:
    // Ready for a handshake: the system's bundle is loaded now if it is wanted and was not yet (about 25 ms).
    // Error: unavailable.
    Result<boost::asio::ssl::context*> ready();

    boost::asio::ssl::context context{boost::asio::ssl::context::tls_client};
    std::string server_name;
    bool verify = true;
    bool wants_system_bundle = false;
};

}  // namespace pincer::io
