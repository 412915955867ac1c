#include "io/detail/http_parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "base/text.hpp"

namespace pincer::io::detail {

namespace http = boost::beast::http;
using boost::beast::error_code;
using BeastView = boost::beast::string_view;

class HttpParser::Impl {
public:
    virtual ~Impl() = default;
    virtual std::size_t put(std::string_view bytes, error_code& ec) = 0;
    virtual void put_eof(error_code& ec) = 0;
    virtual bool got_some() const = 0;
    virtual bool is_header_done() const = 0;
    virtual bool is_done() const = 0;
    virtual bool need_eof() const = 0;

    MessageHead head;
    std::string body;
    std::string_view refusal;  // why we refuse what Beast would take
};

namespace {

std::string text(BeastView view) { return std::string(view.data(), view.size()); }

bool is_no_body_status(int status) { return status / 100 == 1 || status == 204 || status == 304; }

template <bool is_request>
class Parser final : public HttpParser::Impl, public http::basic_parser<is_request> {
    using Base = http::basic_parser<is_request>;

public:
    Parser(HttpParser::Limits limits, HttpParser::AnswerTo answer_to) : body_left_(limits.body_bytes) {
        this->header_limit(static_cast<std::uint32_t>(limits.head_bytes));
        this->body_limit(boost::none);  // counted below, so that the decoded size counts
        this->eager(true);
        if (answer_to == HttpParser::AnswerTo::head) this->skip(true);
    }

    std::size_t put(std::string_view bytes, error_code& ec) override {
        // Beast asserts that nobody offers the last chunk again before it has five bytes: "0", two line ends. Between
        // two chunks nothing shorter is worth a look; inside one every byte is passed on as it comes.
        const bool between_chunks = Base::is_header_done() && this->chunked() && chunk_left_ == 0;
        if (between_chunks && bytes.size() < kShortestEnd) {
            ec = http::error::need_more;
            return 0;
        }
        return Base::put(boost::asio::buffer(bytes), ec);
    }
    void put_eof(error_code& ec) override { Base::put_eof(ec); }
    bool got_some() const override { return Base::got_some(); }
    bool is_header_done() const override { return Base::is_header_done(); }
    bool is_done() const override { return Base::is_done(); }
    bool need_eof() const override { return Base::need_eof(); }

private:
    void on_request_impl(http::verb, BeastView method, BeastView target, int version, error_code&) override {
        head.method = text(method);
        head.target = text(target);
        head.is_http10 = version == 10;
    }
    void on_response_impl(int status, BeastView, int version, error_code&) override {
        head.status = status;
        head.is_http10 = version == 10;
    }
    void on_field_impl(http::field, BeastView name, BeastView value, error_code& ec) override {
        if (this->is_header_done()) return;  // a trailer: nobody here reads them
        if (head.headers.size() >= kMaxFields) {
            ec = http::error::header_limit;
            return;
        }
        head.headers.add(text(name), text(value));
    }
    void on_header_impl(error_code& ec) override {
        head.keep_alive = this->keep_alive();
        head.upgrade = this->upgrade();
        head.chunked = this->chunked();
        const auto length = this->content_length();
        if (length) head.content_length = *length;
        check_framing(ec);
    }
    void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code& ec) override {
        if (length && *length > body_left_) ec = http::error::body_limit;
    }
    std::size_t on_body_impl(BeastView bytes, error_code& ec) override { return take(bytes, ec); }
    void on_chunk_header_impl(std::uint64_t size, BeastView, error_code&) override { chunk_left_ = size; }
    std::size_t on_chunk_body_impl(std::uint64_t, BeastView bytes, error_code& ec) override {
        const std::size_t taken = take(bytes, ec);
        chunk_left_ -= taken;
        return taken;
    }
    void on_finish_impl(error_code& ec) override { ec = {}; }

    std::size_t take(BeastView bytes, error_code& ec) {
        if (bytes.size() > body_left_) {
            ec = http::error::body_limit;
            return 0;
        }
        body_left_ -= bytes.size();
        body.append(bytes.data(), bytes.size());
        ec = {};
        return bytes.size();
    }

    // Both lengths at once is refused by Beast; what it lets pass is an encoding that it does not know, which would
    // leave the body to be read as the next request.
    void check_framing(error_code& ec) {
        const auto encodings = head.headers.get_all("transfer-encoding");
        if (encodings.size() > 1 || (encodings.size() == 1 && !iequals(encodings[0], "chunked"))) {
            return refuse("a Transfer-Encoding other than chunked", ec);
        }
        // Beast takes the same length twice; whoever stands before us may join the two, or take either.
        if (is_request && head.headers.get_all("content-length").size() > 1)
            return refuse("two Content-Length fields", ec);
        if (!encodings.empty() && head.is_http10) return refuse("Transfer-Encoding in HTTP/1.0", ec);
        if (!encodings.empty() && head.headers.has("content-length")) return refuse("two lengths", ec);
        if (!is_request && !encodings.empty() && is_no_body_status(head.status))
            return refuse("a body where none may be", ec);
        ec = {};
    }
    void refuse(std::string_view why, error_code& ec) {
        refusal = why;
        ec = http::error::bad_transfer_encoding;
    }

    static constexpr std::size_t kMaxFields = 256;
    static constexpr std::size_t kShortestEnd = 5;
    std::uint64_t body_left_;
    std::uint64_t chunk_left_ = 0;
};

}  // namespace

HttpParser HttpParser::for_requests(Limits limits) {
    return HttpParser(std::make_unique<Parser<true>>(limits, AnswerTo::other));
}
HttpParser HttpParser::for_responses(Limits limits, AnswerTo answer_to) {
    return HttpParser(std::make_unique<Parser<false>>(limits, answer_to));
}
HttpParser::HttpParser(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpParser::HttpParser(HttpParser&&) noexcept = default;
HttpParser& HttpParser::operator=(HttpParser&&) noexcept = default;
HttpParser::~HttpParser() = default;

static Failure failed(const error_code& ec, std::string_view refusal) {
    if (ec == http::error::header_limit || ec == http::error::body_limit) {
        return PINCER_FAIL(too_large, "the {} of the message is over the limit",
                           ec == http::error::body_limit ? "body" : "head");
    }
    if (!refusal.empty()) return PINCER_FAIL(protocol, "not acceptable HTTP: {}", refusal);
    return PINCER_FAIL(protocol, "not acceptable HTTP: {}", ec.message());
}

Result<std::size_t> HttpParser::feed(std::string_view bytes) {
    std::size_t taken = 0;
    while (taken < bytes.size() && !impl_->is_done()) {
        error_code ec;
        const std::size_t n = impl_->put(bytes.substr(taken), ec);
        taken += n;
        if (ec == http::error::need_more) break;
        if (ec) return failed(ec, impl_->refusal);
        if (n == 0) break;
    }
    return taken;
}

Result<> HttpParser::feed_end() {
    if (!impl_->got_some()) return PINCER_FAIL(protocol, "the connection ended before the message began");
    error_code ec;
    impl_->put_eof(ec);
    if (ec) return failed(ec, impl_->refusal);
    return {};
}

bool HttpParser::started() const { return impl_->got_some(); }
bool HttpParser::head_done() const { return impl_->is_header_done(); }
bool HttpParser::done() const { return impl_->is_done(); }
bool HttpParser::ends_with_connection() const { return impl_->is_header_done() && impl_->need_eof(); }
MessageHead& HttpParser::head() { return impl_->head; }
std::string& HttpParser::body() { return impl_->body; }

}  // namespace pincer::io::detail
