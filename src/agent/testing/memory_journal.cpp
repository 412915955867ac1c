#include "agent/testing/memory_journal.hpp"

namespace pincer::agent::testing {

Task<Result<>> MemoryJournal::append(Message message) {
    if (write_fails()) co_return PINCER_FAIL(io, "the disk is full");
    messages.push_back(std::move(message));
    co_return Result<>();
}

Task<Result<Gate>> MemoryJournal::gate(ToolCall call, ToolSpec) {
    gated.push_back(std::move(call));
    if (on_gate) on_gate();
    if (decision) PINCER_CO_CHECK(co_await decision->wait());
    co_return answer;
}

Task<Result<CallState>> MemoryJournal::begin_call(ToolCall call, ToolSpec) {
    if (write_fails()) co_return PINCER_FAIL(io, "the disk is full");
    co_return begun.insert(call.id).second ? CallState::fresh : CallState::begun;
}

Task<Result<>> MemoryJournal::model_egress(EgressReport report) {
    if (disk) PINCER_CO_CHECK(co_await disk->wait());
    if (write_fails()) co_return PINCER_FAIL(io, "the disk is full");
    egress.push_back(std::move(report));
    co_return Result<>();
}

void MemoryJournal::phase(std::string_view name, json::object detail) {
    phases.push_back(std::string(name) + ":" + json::string_or(detail, "state", json::string_or(detail, "fallback")));
}

}  // namespace pincer::agent::testing
