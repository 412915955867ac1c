// Commands that ask the Gateway one thing and print the answer.
#include "apps/openclaw/commands.hpp"
#include "apps/openclaw/gateway_session.hpp"
#include "apps/openclaw/table.hpp"

namespace pincer::openclaw {
namespace {

constexpr const char* kRead = "operator.read";

Result<json::object> ask_object(const Local& local, const Arguments& arguments, const std::string& scope,
                                std::string method, json::object params = {}) {
    PINCER_TRY(json::value answer,
               ask_gateway(local, arguments, scope, GatewayQuestion{std::move(method), std::move(params)}));
    if (!answer.is_object()) return PINCER_FAIL(protocol, "the Gateway's answer is not an object");
    return std::move(answer.get_object());
}

std::string age_of(const json::object& row, std::string_view key, WallTime now) {
    const auto at = json::int_at(row, key);
    if (!at) return "";
    return format_duration(std::max(Millis(0), now - from_millis(*at)));
}

std::string first_text(const json::object& row, std::initializer_list<std::string_view> keys) {
    for (std::string_view key : keys) {
        if (std::string text = json::string_or(row, key); !text.empty()) return text;
    }
    return "";
}

const json::array& rows_at(const json::object& object, std::string_view key) {
    static const json::array kNone;
    const json::array* rows = json::array_at(object, key);
    return rows ? *rows : kNone;
}

std::vector<Row> account_rows(const json::object& payload) {
    std::vector<Row> rows;
    const json::object* accounts = json::object_at(payload, "channelAccounts");
    if (!accounts) return rows;
    for (const auto& [channel, list] : *accounts) {
        for (std::size_t i = 0; list.is_array() && i < list.get_array().size(); ++i) {
            const json::object* account = list.get_array()[i].if_object();
            if (!account) continue;
            const bool connected = json::bool_at(*account, "connected").value_or(false);
            const std::string state = json::string_or(*account, "state", connected ? "connected" : "not connected");
            rows.push_back({std::string(channel), json::string_or(*account, "accountId"), state,
                            json::string_or(*account, "lastError")});
        }
    }
    return rows;
}

std::vector<Row> server_rows(const json::object& status) {
    std::vector<Row> rows;
    for (const json::value& item : rows_at(status, "mcpServers")) {
        const json::object* server = item.if_object();
        if (server)
            rows.push_back({json::string_or(*server, "name"), json::string_or(*server, "health"),
                            json::string_or(*server, "lastError")});
    }
    return rows;
}

}  // namespace

ExitCode sessions_list(const Local& local, const Arguments& arguments) {
    json::object params{{"limit", arguments.limit}, {"includeDerivedTitles", true}, {"includeLastMessage", true}};
    const auto payload = ask_object(local, arguments, kRead, "sessions.list", std::move(params));
    if (!payload) return tell(payload.error());
    if (arguments.json) return print_json(json::value(*payload)), ExitCode::ok;
    const WallTime now = SystemClock().wall();
    std::vector<Row> rows;
    for (const json::value& item : rows_at(*payload, "sessions")) {
        const json::object* row = item.if_object();
        if (!row) continue;
        rows.push_back({json::string_or(*row, "key"), first_text(*row, {"lastChannel", "channel"}),
                        age_of(*row, "updatedAt", now), first_text(*row, {"displayName", "derivedTitle", "label"})});
    }
    if (rows.empty()) return print("No sessions yet."), ExitCode::ok;
    print(table({"SESSION", "CHANNEL", "AGE", "TITLE"}, rows));
    if (json::bool_at(*payload, "hasMore").value_or(false))
        say(fmt::format("{} of {}: see --limit", rows.size(), json::int_at(*payload, "totalCount").value_or(0)));
    return ExitCode::ok;
}

ExitCode channels_status(const Local& local, const Arguments& arguments) {
    const auto payload = ask_object(local, arguments, kRead, "channels.status");
    if (!payload) return tell(payload.error());
    if (arguments.json) return print_json(json::value(*payload)), ExitCode::ok;
    const auto rows = account_rows(*payload);
    if (rows.empty()) return print("No channels are configured."), ExitCode::ok;
    print(table({"CHANNEL", "ACCOUNT", "STATE", "LAST ERROR"}, rows));
    return ExitCode::ok;
}

ExitCode pairing(const Local& local, const Arguments& arguments) {
    if (arguments.command == Command::pairing_approve) {
        json::object params{{"channel", arguments.channel}, {"code", arguments.code}};
        const auto approved =
            ask_object(local, arguments, "operator.pairing", "channels.pairing.approve", std::move(params));
        if (!approved) return tell(approved.error());
        if (arguments.json) return print_json(json::value(*approved)), ExitCode::ok;
        print(fmt::format("Approved {} sender {}.", arguments.channel, json::string_or(*approved, "senderId")));
        return ExitCode::ok;
    }
    json::object params;
    if (!arguments.channel.empty()) params["channel"] = arguments.channel;
    const auto payload = ask_object(local, arguments, "operator.pairing", "channels.pairing.list", std::move(params));
    if (!payload) return tell(payload.error());
    if (arguments.json) return print_json(json::value(*payload)), ExitCode::ok;
    const WallTime now = SystemClock().wall();
    std::vector<Row> rows;
    for (const json::value& item : rows_at(*payload, "requests")) {
        const json::object* row = item.if_object();
        if (!row) continue;
        const auto expires = parse_rfc3339(json::string_or(*row, "expiresAt"));
        const std::string left = expires ? format_duration(std::max(Millis(0), *expires - now)) : "";
        rows.push_back({json::string_or(*row, "channel"), json::string_or(*row, "requestId"),
                        json::string_or(*row, "senderId"), left, json::string_or(*row, "senderLabel")});
    }
    if (rows.empty()) return print("Nobody waits to be let in."), ExitCode::ok;
    print(table({"CHANNEL", "CODE", "SENDER", "LEFT", "NAME"}, rows));
    return ExitCode::ok;
}

ExitCode health(const Local& local, const Arguments& arguments) {
    const auto payload = ask_object(local, arguments, kRead, "health");
    if (!payload) {
        const ExitCode code = tell(payload.error());
        return code == ExitCode::error ? ExitCode::unhealthy : code;  // one that does not answer is not well
    }
    const bool ok = json::bool_at(*payload, "ok").value_or(false);
    if (arguments.json) {
        print_json(json::value(*payload));
    } else {
        print(std::string(ok ? "The Gateway is well." : "The Gateway says that it is not well."));
    }
    return ok ? ExitCode::ok : ExitCode::unhealthy;
}

ExitCode status(const Local& local, const Arguments& arguments) {
    std::vector<GatewayQuestion> questions;
    questions.push_back({.method = "status"});
    questions.push_back({.method = "channels.status"});
    auto asked = ask_gateway(local, arguments, {kRead}, std::move(questions));
    if (!asked) return tell(asked.error());
    for (const auto& answer : asked->answers) {
        if (!answer) return tell(answer.error());
        if (!answer->is_object()) return tell(Error(ErrorCode::protocol, "the Gateway's answer is not an object"));
    }
    const json::object& overall = asked->answers[0]->get_object();
    if (arguments.json) {
        print_json(json::value(json::object{
            {"url", asked->url}, {"version", asked->version}, {"status", overall}, {"channels", *asked->answers[1]}}));
        return ExitCode::ok;
    }
    const json::object* sessions = json::object_at(overall, "sessions");
    const auto uptime = json::int_at(overall, "uptimeMs");
    print(fmt::format("Gateway    {} (version {}{})", asked->url, asked->version,
                      uptime ? ", up " + format_duration(Millis(*uptime)) : ""));
    if (sessions) print(fmt::format("Sessions   {}", json::int_at(*sessions, "count").value_or(0)));
    if (const auto waiting = json::int_at(overall, "pendingApprovals"))
        print(fmt::format("Approvals  {} waiting", *waiting));
    if (const auto waiting = json::int_at(overall, "deliveriesWaiting"))
        print(fmt::format("Delivery   {} waiting", *waiting));
    const auto rows = account_rows(asked->answers[1]->get_object());
    if (!rows.empty()) print("\n" + table({"CHANNEL", "ACCOUNT", "STATE", "LAST ERROR"}, rows));
    const auto servers = server_rows(overall);
    if (!servers.empty()) print("\n" + table({"MCP SERVER", "STATE", "LAST ERROR"}, servers));
    return ExitCode::ok;
}

ExitCode gateway_call(const Local& local, const Arguments& arguments) {
    auto params = json::parse(arguments.params);
    if (!params || !params->is_object())
        return tell(Error(ErrorCode::invalid_argument, "--params must be a JSON object"));
    std::vector<std::string> scopes = {"operator.admin", "operator.read", "operator.write", "operator.approvals",
                                       "operator.pairing"};
    std::vector<GatewayQuestion> questions;
    questions.push_back({arguments.method, std::move(*params)});
    auto asked = ask_gateway(local, arguments, std::move(scopes), std::move(questions));
    if (!asked) return tell(asked.error());
    const Result<json::value>& answer = asked->answers.front();
    if (!answer) return tell(answer.error());
    print_json(*answer);
    return ExitCode::ok;
}

}  // namespace pincer::openclaw
