#include "agent/testing/scripted_model.hpp"

#include "io/runtime.hpp"

namespace pincer::agent::testing {

ModelReply text_reply(std::string text) {
    ModelReply reply;
    reply.message.role = Role::assistant;
    reply.message.text = std::move(text);
    return reply;
}

ModelReply call_reply(std::string tool, json::object arguments, std::string text) {
    ModelReply reply = text_reply(std::move(text));
    ToolCall call;
    call.id = "call_0";  // models repeat their ids
    call.name = std::move(tool);
    call.arguments = std::move(arguments);
    reply.message.tool_calls.push_back(std::move(call));
    reply.stop = StopReason::tool_use;
    return reply;
}

ScriptedModel& ScriptedModel::then(ModelReply reply) {
    steps_.push_back(Step{std::exchange(deltas_, {}), std::move(reply)});
    return *this;
}

ScriptedModel& ScriptedModel::then(Error error) {
    steps_.push_back(Step{std::exchange(deltas_, {}), std::move(error)});
    return *this;
}

ScriptedModel& ScriptedModel::then_hang() {
    steps_.push_back(Step{std::exchange(deltas_, {}), std::monostate()});
    return *this;
}

ScriptedModel& ScriptedModel::streaming(std::string text) {
    deltas_ = std::move(text);
    return *this;
}

Task<Result<ModelReply>> ScriptedModel::respond(ModelRequest request, DeltaSink on_delta, Deadline deadline) {
    asked.push_back(std::move(request));
    if (steps_.empty()) co_return PINCER_FAIL(internal, "the script of {} has ended", id_);
    Step step = std::move(steps_.front());
    steps_.pop_front();
    for (const char c : step.deltas) {
        if (on_delta) on_delta(std::string_view(&c, 1));
    }
    if (auto* reply = std::get_if<ModelReply>(&step.answer)) co_return std::move(*reply);
    if (auto* error = std::get_if<Error>(&step.answer)) co_return Failure(std::move(*error));
    PINCER_CO_CHECK(co_await io::sleep_until(deadline));
    co_return PINCER_FAIL(timed_out, "{} did not answer in time", id_);
}

}  // namespace pincer::agent::testing
