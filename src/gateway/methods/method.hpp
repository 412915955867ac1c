// One method of the protocol: a name of wire::methods(), and a function. Scope and parameters have been checked against
// wire's table before the function is called. `quick` answers at once from memory or an index; `slow` may wait.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "gateway/core.hpp"
#include "wire/methods.hpp"

namespace pincer::gateway {

// Who calls, as the server's own record of the connection has it.
struct Caller {
    std::string conn_id;
    std::string device_id;
    wire::ScopeSet scopes;
    approval::Principal principal;
    std::string client_mode;
    bool subscribed = false;                     // to all conversations: sessions.subscribe
    std::set<std::string, std::less<>> watched;  // to these: sessions.messages.subscribe; at most kMostWatched
};

inline constexpr std::size_t kMostWatched = 256;

struct Answer {
    std::string payload;  // JSON text
    std::optional<wire::WireError> error;

    static Answer of(const json::object& payload) { return {json::write(payload), std::nullopt}; }
    static Answer failed(const Error& error) { return {{}, wire::to_wire(error)}; }
    static Answer failed(wire::WireError error) { return {{}, std::move(error)}; }
};

struct MethodCall {
    Core& core;
    Caller& caller;  // lives as long as its connection, which outlives the call
    json::object params;
    std::function<void(const json::object& payload)> first_answer;  // twoPhase: an answer before the answer
};

// "main" is short for the agent's main session, as in the original.
std::string full_key(const Core& core, const std::string& key);

struct Method {
    std::string_view name;
    Answer (*quick)(MethodCall& call) = nullptr;
    Task<Answer> (*slow)(MethodCall call) = nullptr;
};

// Every method there is, by name (all.cpp). A test holds it against wire::methods(): none without a handler.
std::span<const Method> all_methods();
const Method* find_handler(std::string_view name);

}  // namespace pincer::gateway
