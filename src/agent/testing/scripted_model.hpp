// A model that says what the test wrote down, in order, and keeps what it was asked.
#pragma once

#include <deque>
#include <variant>

#include "agent/model.hpp"

namespace pincer::agent::testing {

ModelReply text_reply(std::string text);
ModelReply call_reply(std::string tool, json::object arguments, std::string text = {});

class ScriptedModel final : public Model {
public:
    explicit ScriptedModel(std::string id = "test/scripted", bool local = true) : id_(std::move(id)), local_(local) {}

    ScriptedModel& then(ModelReply reply);
    ScriptedModel& then(Error error);
    ScriptedModel& then_hang();                  // until it is cancelled or its deadline passes
    ScriptedModel& streaming(std::string text);  // sent as deltas, a byte at a time, before the next step's answer

    std::string_view id() const override { return id_; }
    bool is_local() const override { return local_; }
    Task<Result<ModelReply>> respond(ModelRequest request, DeltaSink on_delta, Deadline deadline) override;

    std::vector<ModelRequest> asked;

private:
    struct Step {
        std::string deltas;
        std::variant<std::monostate, ModelReply, Error> answer;
    };
    std::string id_;
    bool local_;
    std::string deltas_;
    std::deque<Step> steps_;
};

}  // namespace pincer::agent::testing
