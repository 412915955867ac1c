#include "gateway/store/conversation.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace pincer::gateway {
namespace {

using Turn = std::vector<agent::Message>;

void drop_halves(Turn& turn) {
    std::set<std::string> asked, answered;
    for (const agent::Message& m : turn) {
        for (const agent::ToolCall& call : m.tool_calls) asked.insert(call.id);
        if (m.role == agent::Role::tool) answered.insert(m.tool_call_id);
    }
    for (agent::Message& m : turn)
        std::erase_if(m.tool_calls, [&](const agent::ToolCall& call) { return !answered.contains(call.id); });
    std::erase_if(turn, [&](const agent::Message& m) {
        if (m.role == agent::Role::tool) return !asked.contains(m.tool_call_id);
        return m.role == agent::Role::assistant && m.text.empty() && m.tool_calls.empty();
    });
}

}  // namespace

std::vector<agent::Message> whole_turns(std::vector<Entry> entries) {
    std::vector<Turn> turns;
    std::map<std::string, std::size_t> turn_of_run;
    for (Entry& entry : entries) {
        const auto known = turn_of_run.find(entry.run_id);
        if (entry.run_id.empty() || known == turn_of_run.end()) {  // a note of nobody's run stands for itself
            if (!entry.run_id.empty()) turn_of_run.emplace(entry.run_id, turns.size());
            turns.emplace_back().push_back(std::move(entry.message));
        } else {
            turns[known->second].push_back(std::move(entry.message));
        }
    }
    std::vector<agent::Message> messages;
    for (Turn& turn : turns) {
        const bool cut = turn.front().role == agent::Role::tool || !turn.front().tool_calls.empty();
        if (cut) continue;
        drop_halves(turn);
        for (agent::Message& m : turn) messages.push_back(std::move(m));
    }
    const auto first = std::find_if(messages.begin(), messages.end(),
                                    [](const agent::Message& m) { return m.role == agent::Role::user; });
    messages.erase(messages.begin(), first);
    return messages;
}

}  // namespace pincer::gateway
