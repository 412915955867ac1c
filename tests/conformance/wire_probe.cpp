// Shows our wire protocol to test_wire_schema.py: `wire_probe frames` writes one frame of each kind as JSON lines
// {"schema": NAME, "frame": ...}; `wire_probe methods` our method table; `wire_probe check` reads {"method", "params"}
// lines and writes the fault that we find ("" when there is none).
#include <cstdio>
#include <iostream>
#include <string>

#include "wire/connect.hpp"
#include "wire/frame.hpp"
#include "wire/methods.hpp"

namespace {

using namespace pincer;

void show(std::string_view schema, std::string_view frame_text) {
    fmt::print("{{\"schema\":\"{}\",\"frame\":{}}}\n", schema, frame_text);
}

void show_failures() {
    namespace f = wire::connect_failure;
    const wire::ConnectFailure all[] = {f::first_must_be_connect(),
                                        f::invalid_params("invalid connect params: x"),
                                        f::protocol_mismatch(2, 3),
                                        f::origin_not_allowed(),
                                        f::token_missing(),
                                        f::token_mismatch(),
                                        f::password_missing(),
                                        f::password_mismatch(),
                                        f::device_token_mismatch(),
                                        f::rate_limited(1000),
                                        f::device_identity_required(),
                                        f::device_id_mismatch(),
                                        f::device_public_key_invalid(),
                                        f::device_nonce_mismatch(),
                                        f::device_signature_stale(),
                                        f::device_signature_invalid(),
                                        f::pairing_required(f::PairingReason::scope_upgrade, "req-1"),
                                        f::starting_up(500)};
    for (const auto& failure : all) show("ResponseFrame", wire::write_failure("1", failure.error));
    for (int code = 0; code <= int(ErrorCode::internal); ++code) {
        const Error error = Error(ErrorCode(code), "m").with_reason("R").with_retry_after(Millis(5));
        show("ResponseFrame", wire::write_failure("1", wire::to_wire(error)));
    }
    show("ResponseFrame", wire::write_failure("1", wire::missing_scope("operator.admin")));
    show("ResponseFrame", wire::write_failure("1", wire::unknown_method("x")));
}

void show_frames() {
    wire::HelloOk hello{.server_version = "1",
                        .boot_id = "b",
                        .conn_id = "c",
                        .scopes = {"operator.read"},
                        .device_token = Secret("t"),
                        .issued_at_ms = 1};
    hello.snapshot = json::object{{"presence", json::array{json::object{{"ts", 1}}}},
                                  {"health", json::object{{"ok", true}}},
                                  {"stateVersion", json::object{{"presence", 1}, {"health", 1}}},
                                  {"uptimeMs", 1}};
    show("HelloOk", json::write(hello.to_json()));
    show("ResponseFrame", wire::write_response("1", hello.to_json()));
    show("EventFrame", wire::write_event("connect.challenge", wire::Challenge{"n", 1}.payload()));
    show("EventFrame", *wire::SharedEvent("tick", json::object{{"ts", 1}}).for_connection(1));
    show("EventFrame", *wire::SharedEvent("presence", json::object(), wire::StateVersion{1, 2}).for_connection(7));
    show_failures();

    crypto::SystemRandom random;
    const auto key = crypto::Ed25519KeyPair::generate(random);
    wire::ConnectParams params;
    params.client.version = "1";
    params.client.platform = "linux";
    params.client.display_name = "OpenClaw MCP";
    params.client.device_family = "Linux";
    params.caps = {"approvals"};
    params.scopes = {"operator.read", "operator.write", "operator.approvals"};
    params.auth.token = Secret("t");
    wire::sign_device(params, key, "nonce", 1);
    show("ConnectParams", json::write(wire::to_json(params)));
    show("RequestFrame", wire::write_request("1:a", "connect", wire::to_json(params)));
}

void show_methods() {
    for (const wire::Method& method : wire::methods()) {
        fmt::print("{}\n", json::write(json::object{{"name", method.name},
                                                    {"scope", wire::name_of(method.scope)},
                                                    {"strict", method.params != nullptr}}));
    }
    for (std::string_view event : wire::events()) fmt::print("{}\n", json::write(json::object{{"event", event}}));
}

std::string fault_of(const json::object& line) {
    const std::string name = json::string_or(line, "method");
    const json::value& params = *json::find(line, "params");
    if (name == "connect") {
        const auto parsed = wire::parse_connect(params);
        return parsed ? "" : parsed.error().message();
    }
    const wire::Method* method = wire::find_method(name);
    if (!method) return "no such method";
    const auto checked = wire::validate_params(*method, params);
    return checked ? "" : checked.error().message();
}

int check_lines() {
    std::string line;
    while (std::getline(std::cin, line)) {
        const auto parsed = json::parse_object(line);
        if (!parsed) return 2;
        fmt::print("{}\n", json::write(json::value(fault_of(*parsed))));
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view what = argc > 1 ? argv[1] : "";
    if (what == "frames") return show_frames(), 0;
    if (what == "methods") return show_methods(), 0;
    if (what == "check") return check_lines();
    std::fputs("usage: wire_probe frames|methods|check\n", stderr);
    return 2;
}
