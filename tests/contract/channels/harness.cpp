#include "tests/contract/channels/platform.hpp"

namespace pincer::channels::contract {

Task<Result<>> FakeInbox::message(InboundMessage message) {
    ++told;
    PINCER_CO_CHECK(co_await open_.wait());
    if (known_.insert(message.event_id).second) messages.push_back(std::move(message));
    co_return Result<>();
}

Task<Result<>> FakeInbox::action(InboundAction action) {
    ++told;
    PINCER_CO_CHECK(co_await open_.wait());
    if (known_.insert(action.event_id).second) actions.push_back(std::move(action));
    co_return Result<>();
}

Task<Result<>> FakeInbox::save_cursor(std::string, std::string, std::string position) {
    cursor_ = std::move(position);
    co_return Result<>();
}

Task<bool> until(std::function<bool()> holds) {
    const auto deadline = Deadline::after(Millis(5000));
    while (!holds() && !deadline.passed()) co_await io::yield();
    co_return holds();
}

}  // namespace pincer::channels::contract
