#include "apps/openclaw/commands.hpp"
#include "apps/openclaw/gateway_session.hpp"
#include "apps/openclaw/table.hpp"
#include "base/text.hpp"

namespace pincer::openclaw {
namespace {

constexpr const char* kScope = "operator.approvals";

struct Open {
    std::string kind;
    json::object row;  // as KIND.approval.list has it
};

Result<std::vector<Open>> open_requests(const Local& local, const Arguments& arguments) {
    std::vector<GatewayQuestion> questions;
    questions.push_back({.method = "exec.approval.list"});
    questions.push_back({.method = "plugin.approval.list"});
    PINCER_TRY(GatewayAnswers answers, ask_gateway(local, arguments, {kScope}, std::move(questions)));
    std::vector<Open> out;
    const char* kinds[] = {"exec", "plugin"};
    for (std::size_t i = 0; i < 2; ++i) {
        PINCER_TRY(const json::value rows, std::move(answers.answers[i]));
        for (std::size_t r = 0; rows.is_array() && r < rows.get_array().size(); ++r) {
            if (const json::object* row = rows.get_array()[r].if_object()) out.push_back({kinds[i], *row});
        }
    }
    return out;
}

std::string title_of(const Open& open) {
    const json::object* request = json::object_at(open.row, "request");
    if (!request) return "";
    const std::string title = json::string_or(*request, "title");
    return title.empty() ? json::string_or(*request, "command") : title;
}

std::string left_of(const Open& open, WallTime now) {
    const auto expires = json::int_at(open.row, "expiresAtMs");
    if (!expires) return "";
    const Millis left = from_millis(*expires) - now;
    return left.count() > 0 ? format_duration(left) : "expired";
}

json::object with_kind(const Open& open) {
    json::object out{{"kind", open.kind}};
    for (const auto& [key, value] : open.row) out[key] = value;
    return out;
}

// By id or by the beginning of one, as long as that names a single request.
Result<Open> find_open(std::vector<Open> all, const std::string& id) {
    std::vector<Open> found;
    for (Open& open : all) {
        const std::string own = json::string_or(open.row, "id");
        if (own == id) return std::move(open);
        if (own.starts_with(id) || own.starts_with("plugin:" + id)) found.push_back(std::move(open));
    }
    if (found.empty())
        return Failure(Error(ErrorCode::not_found, fmt::format("no open approval has the id {}", id))
                           .with_reason("APPROVAL_NOT_FOUND"));
    if (found.size() > 1)
        return PINCER_FAIL(invalid_argument, "{} approvals begin with {}: give more of the id", found.size(), id);
    return std::move(found.front());
}

ExitCode list(const Local& local, const Arguments& arguments) {
    const auto open = open_requests(local, arguments);
    if (!open) return tell(open.error());
    if (arguments.json) {
        json::array rows;
        for (const Open& one : *open) rows.push_back(with_kind(one));
        print_json(json::value(json::object{{"approvals", std::move(rows)}}));
        return ExitCode::ok;
    }
    if (open->empty()) return print("Nothing waits for a decision."), ExitCode::ok;
    const WallTime now = SystemClock().wall();
    std::vector<Row> rows;
    for (const Open& one : *open)
        rows.push_back({json::string_or(one.row, "id"), one.kind, left_of(one, now), title_of(one)});
    print(table({"ID", "KIND", "LEFT", "WHAT"}, rows));
    return ExitCode::ok;
}

std::string status_of(const json::object& record) {
    const std::string status = json::string_or(record, "status", "pending");
    const std::string by = json::string_or(record, "resolvedBy");
    return by.empty() ? status : fmt::format("{} by {} via {}", status, by, json::string_or(record, "resolvedVia"));
}

// Whole, however long: what is approved is not cut.
void print_fact(const std::string& name, const std::string& text) {
    print(strip_control(fmt::format("{:<13} {}", name, text)));
}

void print_record(const json::object& record) {
    const json::object* request = json::object_at(record, "request");
    const std::string title = request ? json::string_or(*request, "title", json::string_or(*request, "command")) : "";
    print(strip_control(title) + "\n");
    print_fact("Id", json::string_or(record, "id"));
    print_fact("Status", status_of(record));
    std::string before;
    const json::array* facts = json::array_at(record, "facts");
    for (std::size_t i = 0; facts && i < facts->size(); ++i) {
        const json::object* fact = (*facts)[i].if_object();
        if (!fact) continue;
        const std::string name = json::string_or(*fact, "name");
        print_fact(name == before ? "" : name, json::string_or(*fact, "text"));
        before = name;
    }
}

ExitCode get(const Local& local, const Arguments& arguments) {
    auto open = open_requests(local, arguments);
    if (!open) return tell(open.error());
    const auto one = find_open(std::move(*open), arguments.id);
    if (!one && one.error().code() == ErrorCode::invalid_argument) return tell(one.error());
    // One that is open no more has its record all the same, under its whole id.
    const std::string id = one ? json::string_or(one->row, "id") : arguments.id;
    GatewayQuestion question{.method = "approval.describe", .params = json::object{{"id", id}}};
    const auto whole = ask_gateway(local, arguments, std::string(kScope), std::move(question));
    if (!whole) return tell(one || whole.error().code() != ErrorCode::not_found ? whole.error() : one.error());
    if (arguments.json || !whole->is_object()) return print_json(*whole), ExitCode::ok;
    print_record(whole->get_object());
    return ExitCode::ok;
}

ExitCode decide(const Local& local, const Arguments& arguments, std::string decision) {
    auto open = open_requests(local, arguments);
    if (!open) return tell(open.error());
    const auto one = find_open(std::move(*open), arguments.id);
    const std::string id = one ? json::string_or(one->row, "id") : arguments.id;
    const bool exec = one ? one->kind == "exec" : !arguments.id.starts_with("plugin:");
    // One that is not open is asked for all the same: the Gateway says whether it was decided, and how.
    GatewayQuestion question{.method = exec ? "exec.approval.resolve" : "plugin.approval.resolve",
                             .params = json::object{{"id", id}, {"decision", decision}}};
    const auto resolved = ask_gateway(local, arguments, std::string(kScope), std::move(question));
    if (!resolved) return tell(one || resolved.error().code() != ErrorCode::not_found ? resolved.error() : one.error());
    if (arguments.json) {
        print_json(json::value(json::object{{"id", id}, {"decision", decision}, {"ok", true}}));
    } else {
        print(fmt::format("{}: {}", decision == "deny" ? "Denied" : "Approved", strip_control(id)));
    }
    return ExitCode::ok;
}

}  // namespace

ExitCode approvals(const Local& local, const Arguments& arguments) {
    switch (arguments.command) {
        case Command::approvals_get: return get(local, arguments);
        case Command::approvals_approve:
            return decide(local, arguments, arguments.always ? "allow-always" : "allow-once");
        case Command::approvals_deny: return decide(local, arguments, "deny");
        default: return list(local, arguments);
    }
}

}  // namespace pincer::openclaw
