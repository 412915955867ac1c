#include "io/testing/tls_peer.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <mutex>
#include <thread>

#include "base/assert.hpp"

namespace pincer::io::testing {
namespace {

template <auto free_function>
struct Free {
    template <class T>
    void operator()(T* p) const {
        free_function(p);
    }
};
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Context = std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>>;
using Connection = std::unique_ptr<SSL, Free<SSL_free>>;

constexpr int kPatienceSeconds = 20;

void must(bool worked) { PINCER_ASSERT(worked, "the peer of a test can be set up"); }

Bio open_pem(const std::string& pem) { return Bio(BIO_new_mem_buf(pem.data(), int(pem.size()))); }

Context make_context(const TlsPeerOptions& options) {
    Context context(SSL_CTX_new(TLS_server_method()));
    const Certificate own(
        PEM_read_bio_X509(open_pem(options.identity.certificate_pem).get(), nullptr, nullptr, nullptr));
    const Key key(PEM_read_bio_PrivateKey(open_pem(options.identity.key_pem).get(), nullptr, nullptr, nullptr));
    must(SSL_CTX_use_certificate(context.get(), own.get()) == 1 &&
         SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1);
    if (options.speaks == TlsPeerOptions::Speaks::only_tls12)
        SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
    if (options.speaks == TlsPeerOptions::Speaks::only_tls11) {
        SSL_CTX_set_min_proto_version(context.get(), TLS1_1_VERSION);
        SSL_CTX_set_max_proto_version(context.get(), TLS1_1_VERSION);
        must(SSL_CTX_set_cipher_list(context.get(), "ALL:@SECLEVEL=0") == 1);
    }
    if (!options.client_authority_pem.empty()) {
        const Certificate authority(
            PEM_read_bio_X509(open_pem(options.client_authority_pem).get(), nullptr, nullptr, nullptr));
        must(X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), authority.get()) == 1);
        SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    return context;
}

std::string subject_of(SSL* tls) {
    const Certificate certificate(SSL_get1_peer_certificate(tls));
    char name[256] = "";
    if (certificate)
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name, sizeof name);
    return name;
}

// Head and body; empty when the client has gone.
std::string read_request(SSL* tls) {
    std::string request;
    std::size_t wanted = 0;  // unknown until the head is whole
    char buffer[4096];
    while (wanted == 0 || request.size() < wanted) {
        const int n = SSL_read(tls, buffer, sizeof buffer);
        if (n <= 0) return {};
        request.append(buffer, std::size_t(n));
        const std::size_t end = request.find("\r\n\r\n");
        if (wanted != 0 || end == std::string::npos) continue;
        const std::size_t length = request.find("Content-Length: ");
        wanted = end + 4 + (length < end ? std::strtoul(request.c_str() + length + 16, nullptr, 10) : 0);
    }
    return request;
}

bool write_all(SSL* tls, const std::string& bytes) {
    return bytes.empty() || SSL_write(tls, bytes.data(), int(bytes.size())) == int(bytes.size());
}

}  // namespace

class TlsPeer::Impl {
public:
    explicit Impl(TlsPeerOptions options) : options_(std::move(options)), context_(make_context(options_)) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        must(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 && ::listen(listener_, 16) == 0);
        must(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~Impl() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
            ::shutdown(listener_, SHUT_RDWR);
            if (connected_ >= 0) ::shutdown(connected_, SHUT_RDWR);
        }
        thread_.join();
        ::close(listener_);
    }

    std::uint16_t port() const { return port_; }
    Seen seen() const {
        const std::lock_guard lock(mutex_);
        return seen_;
    }

private:
    void serve() {
        sigset_t pipe;
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
        for (;;) {
            const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (fd < 0) return;
            if (!note_connection(fd)) return;
            converse(fd);
            ERR_clear_error();
            const std::lock_guard lock(mutex_);
            connected_ = -1;
            ::close(fd);
        }
    }

    bool note_connection(int fd) {
        const std::lock_guard lock(mutex_);
        if (stopping_) {
            ::close(fd);
            return false;
        }
        connected_ = fd;
        ++seen_.connections;
        const timeval patience{.tv_sec = kPatienceSeconds, .tv_usec = 0};
        ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        const int at_once = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
        return true;
    }

    void converse(int fd) {
        if (options_.speaks == TlsPeerOptions::Speaks::nothing) {
            char buffer[1024];
            while (::recv(fd, buffer, sizeof buffer, 0) > 0) continue;  // until the client gives up
            return;
        }
        const Connection tls(SSL_new(context_.get()));
        SSL_set_fd(tls.get(), fd);
        const bool accepted = SSL_accept(tls.get()) == 1;
        note_handshake(tls.get());
        if (!accepted) return linger(fd);
        for (;;) {
            const std::string request = read_request(tls.get());
            if (request.empty()) return;
            note_request();
            const TlsReply reply = options_.answer(request);
            if (!write_all(tls.get(), reply.bytes)) return;
            if (reply.then == TlsReply::Then::say_goodbye) SSL_shutdown(tls.get());
            if (reply.then != TlsReply::Then::keep) return linger(fd);
        }
    }

    // Closing on unread bytes would reset the connection, and the alert that says why would be lost with it.
    static void linger(int fd) {
        ::shutdown(fd, SHUT_WR);
        char buffer[4096];
        while (::recv(fd, buffer, sizeof buffer, 0) > 0) continue;
    }

    void note_handshake(SSL* tls) {
        const char* name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
        const std::string subject = subject_of(tls);
        const std::lock_guard lock(mutex_);
        seen_.server_names.emplace_back(name ? name : "");
        if (!subject.empty()) seen_.client_subjects.push_back(subject);
    }
    void note_request() {
        const std::lock_guard lock(mutex_);
        ++seen_.requests;
    }

    TlsPeerOptions options_;
    Context context_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    mutable std::mutex mutex_;
    int connected_ = -1;
    bool stopping_ = false;
    Seen seen_;
    std::thread thread_;
};

TlsPeer::TlsPeer(TlsPeerOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
TlsPeer::~TlsPeer() = default;
std::uint16_t TlsPeer::port() const { return impl_->port(); }
TlsPeer::Seen TlsPeer::seen() const { return impl_->seen(); }

}  // namespace pincer::io::testing
