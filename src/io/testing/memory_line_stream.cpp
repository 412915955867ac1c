#include "io/testing/memory_line_stream.hpp"

#include <deque>

#include "base/text.hpp"

namespace pincer::io::testing {
namespace {

struct Channel {
    explicit Channel(Runtime& runtime) : changed(runtime) {}
    std::deque<std::string> lines;
    bool closed = false;
    Event changed;
};

class End final : public LineStream {
public:
    End(std::shared_ptr<Channel> in, std::shared_ptr<Channel> out) : in_(std::move(in)), out_(std::move(out)) {}
    ~End() override {
        for (const auto& channel : {in_, out_}) {
            channel->closed = true;
            channel->changed.set();
        }
    }

    Task<Result<std::optional<std::string>>> read_line() override {
        const auto in = in_;
        while (in->lines.empty()) {
            if (in->closed) co_return std::optional<std::string>();
            in->changed.reset();
            PINCER_CO_CHECK(co_await in->changed.wait());
        }
        std::optional<std::string> line = std::move(in->lines.front());
        in->lines.pop_front();
        co_return line;
    }

    Task<Result<>> write_line(std::string line) override {
        if (out_->closed) co_return PINCER_FAIL(unavailable, "the other side closed the pipe");
        for (std::string_view part : split(line, '\n')) out_->lines.emplace_back(part);
        out_->changed.set();
        co_return Result<>();
    }

private:
    std::shared_ptr<Channel> in_;  // shared with the other end
    std::shared_ptr<Channel> out_;
};

}  // namespace

LinePipe make_line_pipe(Runtime& runtime) {
    auto there = std::make_shared<Channel>(runtime);
    auto back = std::make_shared<Channel>(runtime);
    return {std::make_unique<End>(there, back), std::make_unique<End>(back, there)};
}

}  // namespace pincer::io::testing
