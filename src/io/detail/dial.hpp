// A name and a port become an open connection: resolve, check the egress policy, connect to the very address that was
// checked, TLS. Errors say which step failed: timed_out ("connecting to H ..."), unavailable with reason
// NAME_NOT_FOUND, CONNECT_FAILED, TLS_NOT_VERIFIED or TLS_FAILED, refused (EGRESS_REFUSED).
#pragma once

#include "io/detail/net_stream.hpp"
#include "io/egress.hpp"
#include "io/http.hpp"
#include "io/tls.hpp"

namespace pincer::io::detail {

struct DialOptions {
    EgressPolicy egress;
    std::shared_ptr<TlsContext> tls;  // null: TlsContext::system()
};

Task<Result<NetStream>> dial(Runtime& runtime, Url url, DialOptions options, Deadline deadline);

}  // namespace pincer::io::detail
