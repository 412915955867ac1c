// The built-in responder: a Model without a model. It reads the newest message by the rules of intents.hpp, calls the
// one tool that answers it and hands on what that tool said, word for word: it never adds a finding of its own.
//
// One turn is at most: ask -> text, or plan -> apply -> text. The apply call waits at the Gateway's gate for a person;
// nothing that is said in the chat can stand in for that.
#include <algorithm>

#include "agent/model.hpp"
#include "agent/models/builtin/intents.hpp"
#include "base/text.hpp"

namespace pincer::agent {
namespace {

using builtin::Intent;
using builtin::IntentKind;
using builtin::Topic;

constexpr std::size_t kMaxContextBytes = 32u << 10;

bool is_clanker_tool(std::string_view name, std::string_view tool) {
    return name.ends_with(std::string("__clanker_") + std::string(tool));
}

// The operator's own "clanker" server goes before any other that has tools of these names.
const ToolSpec* find_tool(const std::vector<ToolSpec>& tools, std::string_view tool) {
    const ToolSpec* found = nullptr;
    for (const ToolSpec& spec : tools) {
        if (!is_clanker_tool(spec.name, tool)) continue;
        if (spec.name.starts_with("clanker__")) return &spec;
        if (!found) found = &spec;
    }
    return found;
}

// Arguments that the tool's schema does not know are left out.
json::object fitting(json::object arguments, const ToolSpec& tool) {
    const json::object* properties = json::object_at(tool.input_schema, "properties");
    if (!properties) return arguments;
    json::object out;
    for (auto& member : arguments) {
        if (properties->contains(member.key())) out[member.key()] = std::move(member.value());
    }
    return out;
}

// "last hour", "last 30 minutes", "today": for tools that take a window of time and no question.
std::string window_of(std::string_view question) {
    const std::string text = to_lower(question);
    const auto after_last = [&](std::string_view unit, std::string_view letter) -> std::string {
        for (const std::string_view lead : {"last ", "past "}) {
            const std::size_t at = text.find(lead);
            if (at == std::string::npos) continue;
            std::size_t i = at + lead.size();
            const std::size_t digits = i;
            while (i < text.size() && text[i] >= '0' && text[i] <= '9' && i - digits < 5) ++i;
            const std::string number = i > digits ? text.substr(digits, i - digits) : "1";
            while (i < text.size() && text[i] == ' ') ++i;
            if (std::string_view(text).substr(i).starts_with(unit)) return number + std::string(letter);
        }
        return {};
    };
    for (const auto& [unit, letter] : {std::pair{"minute", "m"}, {"hour", "h"}, {"day", "d"}}) {
        if (std::string window = after_last(unit, letter); !window.empty()) return window;
    }
    return text.contains("today") ? "24h" : "1h";
}

// What the newest answer of clanker was about, so that "it" in a change request has something to stand for.
json::object context_of(const std::vector<Message>& messages) {
    for (auto message = messages.rbegin(); message != messages.rend(); ++message) {
        if (message->role != Role::tool || message->is_error || message->structured.empty()) continue;
        if (!message->tool_name.contains("__clanker_")) continue;
        json::object context;
        for (const auto* key : {"subject", "verdict", "as_of", "causes", "changes", "evidence"}) {
            const json::value* value = json::find(message->structured, key);
            if (!value) continue;
            context[key] = *value;
            if (json::write(context).size() > kMaxContextBytes) context.erase(key);
        }
        if (!context.empty()) return context;
    }
    return {};
}

std::string plan_digest_of(const Message& message) {
    const json::object* plan = json::object_at(message.structured, "plan");
    return plan ? json::string_or(*plan, "digest") : std::string();
}

class BuiltinResponder final : public Model {
public:
    std::string_view id() const override { return "builtin/responder"; }
    bool is_local() const override { return true; }

    Task<Result<ModelReply>> respond(ModelRequest request, DeltaSink on_delta, Deadline) override {
        ModelReply reply = decide(request);
        reply.message.role = Role::assistant;
        reply.stop = reply.message.tool_calls.empty() ? StopReason::end : StopReason::tool_use;
        if (on_delta && !reply.message.text.empty()) on_delta(reply.message.text);
        co_return reply;
    }

private:
    static ModelReply say(std::string text) {
        ModelReply reply;
        reply.message.text = std::move(text);
        return reply;
    }

    static ModelReply call(const ToolSpec& tool, json::object arguments, std::string text = {}) {
        ModelReply reply = say(std::move(text));
        ToolCall made;
        made.name = tool.name;
        made.arguments = fitting(std::move(arguments), tool);
        reply.message.tool_calls.push_back(std::move(made));
        return reply;
    }

    static ModelReply decide(const ModelRequest& request) {
        const auto& messages = request.messages;
        if (messages.empty()) return say(about(request.tools));
        if (messages.back().role == Role::tool) return after_tools(request);
        const auto newest =
            std::find_if(messages.rbegin(), messages.rend(), [](const Message& m) { return m.role == Role::user; });
        return newest == messages.rend() ? say(about(request.tools)) : answer(request, builtin::classify(newest->text));
    }

    // The results of the newest turn. A plan is followed by its apply, once; everything else is handed on as it is.
    static ModelReply after_tools(const ModelRequest& request) {
        const auto& messages = request.messages;
        std::size_t first = messages.size();
        while (first > 0 && messages[first - 1].role == Role::tool) --first;
        const Message& last = messages.back();
        if (first == messages.size() - 1 && is_clanker_tool(last.tool_name, "plan") && !last.is_error) {
            const std::string digest = plan_digest_of(last);
            const ToolSpec* apply = find_tool(request.tools, "apply");
            if (!digest.empty() && apply) {
                json::object arguments;
                arguments["plan_digest"] = digest;
                return call(*apply, std::move(arguments), last.text);
            }
            if (!digest.empty()) return say(last.text + "\n\nNo tool at hand can apply a plan, so it stays a plan.");
        }
        std::string text;
        for (std::size_t i = first; i < messages.size(); ++i) {
            if (messages[i].text.empty()) continue;
            text += (text.empty() ? "" : "\n\n") + messages[i].text;
        }
        return say(text.empty() ? "The tool answered without a text." : text);
    }

    static ModelReply answer(const ModelRequest& request, const Intent& intent) {
        switch (intent.kind) {
            case IntentKind::question: return ask(request, intent);
            case IntentKind::change: return plan(request, intent);
            case IntentKind::clarify: return say(intent.text);
            case IntentKind::declined: return say("Understood: I do nothing about that.");
            case IntentKind::approval:
                return say(
                    "A message in the chat approves nothing. A change that waits is decided on its own request: the "
                    "buttons in the channel, "
                    "the web page, or `openclaw approvals`. If nothing waits there, say what is to be changed.");
            case IntentKind::dismissal:
                return say(
                    "Nothing was started. A request that already waits for approval stays until somebody denies it or "
                    "it expires.");
            case IntentKind::about: return say(about(request.tools));
            case IntentKind::thanks: return say("You are welcome.");
            case IntentKind::none: break;
        }
        return say("I have no answer to that: I work without a language model, and answer from tools only.\n\n" +
                   about(request.tools));
    }

    static ModelReply ask(const ModelRequest& request, const Intent& intent) {
        json::object arguments;
        arguments["question"] = intent.text;
        if (const ToolSpec* tool = find_tool(request.tools, "ask")) return call(*tool, std::move(arguments));
        const std::string_view narrower = intent.topic == Topic::changes ? "changes" : "health";
        const ToolSpec* tool = find_tool(request.tools, narrower);
        if (!tool) tool = find_tool(request.tools, intent.topic == Topic::changes ? "health" : "changes");
        if (!tool) return say("I cannot look at your infrastructure: no tool for it is connected. " + way_out(request));
        json::object window;
        // Only a tool that says it takes a window gets one.
        const json::object* properties = json::object_at(tool->input_schema, "properties");
        if (properties && properties->contains("since")) window["since"] = window_of(intent.text);
        return call(*tool, std::move(window));
    }

    // A server that is configured and down is another matter than none.
    static std::string way_out(const ModelRequest& request) {
        if (request.absent_servers.empty()) return "`openclaw mcp set clanker ...` connects one.";
        return fmt::format("Configured, but not reachable just now: {}. `openclaw status` says why.",
                           join(request.absent_servers, ", "));
    }

    static ModelReply plan(const ModelRequest& request, const Intent& intent) {
        const ToolSpec* tool = find_tool(request.tools, "plan");
        if (!tool)
            return say("I cannot change anything: no tool that makes plans is connected. Nothing was touched. " +
                       way_out(request));
        json::object arguments;
        arguments["request"] = intent.text;
        if (json::object context = context_of(request.messages); !context.empty())
            arguments["context"] = std::move(context);
        return call(*tool, std::move(arguments));
    }

    static std::string about(const std::vector<ToolSpec>& tools) {
        const bool can_ask = find_tool(tools, "ask") || find_tool(tools, "health") || find_tool(tools, "changes");
        const bool can_plan = find_tool(tools, "plan");
        if (!can_ask && !can_plan)
            return "No tool that I know is connected, so I can answer nothing yet. `openclaw mcp set clanker ...` "
                   "connects one.";
        std::string text = "I am the built-in responder. What I say comes from the tools at hand, with their evidence.";
        if (can_ask)
            text +=
                "\n\nAsk, for example:\n- Is production healthy after the last deploy?\n- What changed in the last "
                "hour?\n- Why is checkout failing?";
        if (can_plan) {
            text +=
                "\n\nOr say what is to be done, for example:\n- Roll back checkout\n- Restart checkout\n- Scale web to "
                "5\n- Re-run the failed workflow\n"
                "I draft a plan; nothing is touched before a person has approved it.";
        }
        return text;
    }
};

}  // namespace

std::unique_ptr<Model> make_builtin_responder() { return std::make_unique<BuiltinResponder>(); }

}  // namespace pincer::agent
