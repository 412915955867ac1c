// The methods that our Gateway knows, the scope that each needs and the shape of its parameters, and the events it
// sends. One table; adding a method is one line here and one handler in gateway/methods/.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "wire/errors.hpp"
#include "wire/schema.hpp"
#include "wire/scopes.hpp"

namespace pincer::wire {

struct Method {
    std::string_view name;
    Scope scope;
    const Schema* params;    // null: anything that is an object
    bool advertised = true;  // listed in hello-ok.features.methods
};

std::span<const Method> methods();  // sorted by name
const Method* find_method(std::string_view name);
std::span<const std::string_view> events();
std::span<const std::string_view> capabilities();

// May this connection call it? A name that is not in the table needs admin, and only an admin is told that it is
// unknown. Nothing when the call may go on.
std::optional<WireError> refuse_call(std::string_view method, ScopeSet scopes);

// "invalid sessions.list params: at root: unexpected property 'bogus'"; invalid_argument.
Result<> validate_params(const Method& method, const json::value& params);

}  // namespace pincer::wire
