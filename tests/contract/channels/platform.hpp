// What the contract suite needs to know of a platform: people who write and press, what it saw of us, and its moods.
// One for each channel of all_channels(); a channel without one fails the suite.
#pragma once

#include <functional>
#include <set>

#include "base/clock.hpp"
#include "channels/channel.hpp"
#include "crypto/testing/seeded_random.hpp"

namespace pincer::channels::contract {

inline constexpr std::string_view kCanary =
    "canaryS3cret";  // part of every token; must never be seen in an error or a log

struct Seen {
    std::string ref;
    std::string text;
    std::vector<std::string> tokens;  // of its buttons
};

class Platform {
public:
    virtual ~Platform() = default;
    virtual AccountConfig config() const = 0;
    virtual Services services() = 0;
    virtual Route route() const = 0;               // where the person writes
    virtual std::size_t longest_part() const = 0;  // bytes of plain ASCII that a part may have

    // False: messages do not come in through the channel at all (the web chat's come through the Gateway).
    virtual bool speaks() const { return true; }
    // The same id is the same event told again.
    virtual void says(int id, std::string text) = 0;
    virtual void presses(int id, std::string message_ref, std::string token) = 0;
    virtual bool acknowledged(int id) const = 0;

    void limit_next_send(Millis retry_after) { limit_send_after(0, retry_after); }
    void limit_send_after(std::size_t sends, Millis retry_after) {
        sends_before_limit_ = sends;
        limit_ = retry_after;
    }
    virtual void lose_next_answer() = 0;  // the send arrives, its answer does not
    virtual bool has_tokens() const { return true; }
    virtual void refuse_tokens() = 0;

    std::vector<Seen> seen;
    std::vector<std::string> answers;  // to buttons
    std::size_t requests = 0;          // everything that left for the platform

protected:
    // The wait that this send is to be refused with, once.
    std::optional<Millis> take_limit() {
        if (!limit_ || sends_before_limit_-- > 0) return std::nullopt;
        return std::exchange(limit_, std::nullopt);
    }

private:
    std::optional<Millis> limit_;
    std::size_t sends_before_limit_ = 0;
};

std::unique_ptr<Platform> make_telegram_platform(io::Runtime& runtime);
std::unique_ptr<Platform> make_slack_platform(io::Runtime& runtime);
std::unique_ptr<Platform> make_webchat_platform(io::Runtime& runtime);

// An HTTP client whose server is a function.
class FunctionHttp final : public io::HttpClient {
public:
    using Serve = std::function<Task<Result<io::HttpResponse>>(io::HttpRequest)>;
    explicit FunctionHttp(Serve serve) : serve_(std::move(serve)) {}
    Task<Result<io::HttpResponse>> send(io::HttpRequest request, Deadline) override {
        return serve_(std::move(request));
    }
    Task<Result<std::unique_ptr<io::HttpStream>>> open(io::HttpRequest, Deadline) override {
        co_return PINCER_FAIL(unsupported, "no streams here");
    }

private:
    Serve serve_;
};

// An Inbox that a test can hold shut.
class FakeInbox final : public Inbox {
public:
    explicit FakeInbox(io::Runtime& runtime) : open_(runtime) { open_.set(); }
    Task<Result<>> message(InboundMessage message) override;
    Task<Result<>> action(InboundAction action) override;
    std::optional<std::string> cursor(const std::string&, const std::string&) override { return cursor_; }
    Task<Result<>> save_cursor(std::string channel, std::string account, std::string position) override;

    void shut() { open_.reset(); }
    void reopen() { open_.set(); }

    std::vector<InboundMessage> messages;  // each event once
    std::vector<InboundAction> actions;
    std::size_t told = 0;  // how often an event was handed in, repeated or not

private:
    io::Event open_;
    std::set<std::string> known_;
    std::optional<std::string> cursor_;
};

// Lets the io thread run until `holds`; false after five seconds.
Task<bool> until(std::function<bool()> holds);

}  // namespace pincer::channels::contract
