// An OpenSSL server on a thread of its own, over loopback: a TLS peer that shares no code with our client. One
// connection at a time, one request after the other.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "io/testing/certificates.hpp"

namespace pincer::io::testing {

struct TlsReply {
    enum class Then { keep, say_goodbye, cut };  // cut: the connection ends without TLS's farewell
    std::string bytes;
    Then then = Then::keep;
};

struct TlsPeerOptions {
    enum class Speaks { tls13, only_tls12, only_tls11, nothing };
    Identity identity;
    std::string client_authority_pem;  // empty: no client certificate is demanded
    Speaks speaks = Speaks::tls13;     // 1.2 as well
    // Head and body of a request in, what is written back out. Runs on the peer's thread.
    std::function<TlsReply(const std::string& request)> answer;
};

class TlsPeer {
public:
    explicit TlsPeer(TlsPeerOptions options);
    ~TlsPeer();  // ends connection and thread

    std::uint16_t port() const;
    struct Seen {
        int connections = 0;
        int requests = 0;
        std::vector<std::string> server_names;     // what each handshake asked for (SNI); empty: nothing
        std::vector<std::string> client_subjects;  // of the certificates that were shown
    };
    Seen seen() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace pincer::io::testing
