#include "infra/engine/question.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace pincer::infra {
namespace {

using Flag = bool Intents::*;
struct Word {
    std::string_view word;
    Flag intent;
};

constexpr Word kWords[] = {
    {"healthy", &Intents::health},
    {"health", &Intents::health},
    {"ok", &Intents::health},
    {"okay", &Intents::health},
    {"fine", &Intents::health},
    {"up", &Intents::health},
    {"status", &Intents::health},
    {"well", &Intents::health},
    {"alive", &Intents::health},
    {"ready", &Intents::health},
    {"recovered", &Intents::health},
    {"stable", &Intents::health},
    {"changed", &Intents::changes},
    {"changes", &Intents::changes},
    {"change", &Intents::changes},
    {"deployed", &Intents::changes},
    {"deploys", &Intents::changes},
    {"released", &Intents::changes},
    {"shipped", &Intents::changes},
    {"merged", &Intents::changes},
    {"commits", &Intents::changes},
    {"happened", &Intents::changes},
    {"new", &Intents::changes},
    {"broken", &Intents::broken},
    {"broke", &Intents::broken},
    {"wrong", &Intents::broken},
    {"failing", &Intents::broken},
    {"failed", &Intents::broken},
    {"fails", &Intents::broken},
    {"fail", &Intents::broken},
    {"down", &Intents::broken},
    {"crashing", &Intents::broken},
    {"crash", &Intents::broken},
    {"why", &Intents::broken},
    {"cause", &Intents::broken},
    {"error", &Intents::broken},
    {"errors", &Intents::broken},
    {"slow", &Intents::broken},
    {"problem", &Intents::broken},
    {"incident", &Intents::broken},
    {"outage", &Intents::broken},
    {"matter", &Intents::broken},
    {"log", &Intents::logs},
    {"logs", &Intents::logs},
    {"tail", &Intents::logs},
    {"list", &Intents::inventory},
    {"inventory", &Intents::inventory},
    {"running", &Intents::inventory},
    {"workloads", &Intents::inventory},
    {"pods", &Intents::inventory},
    {"deployments", &Intents::inventory},
    {"services", &Intents::inventory},
    {"nodes", &Intents::inventory},
    {"cost", &Intents::cost},
    {"costs", &Intents::cost},
    {"spend", &Intents::cost},
    {"bill", &Intents::cost},
    {"expensive", &Intents::cost},
    {"money", &Intents::cost},
};

// What somebody wants done. All words of a row must be there; the first row that fits counts.
struct Order {
    std::vector<std::string_view> words;
    std::string_view operation;
};

const std::vector<Order>& orders() {
    static const std::vector<Order> kOrders{
        {{"rerun", "failed"}, "github.rerun_failed_jobs"},
        {{"re-run", "failed"}, "github.rerun_failed_jobs"},
        {{"retry", "failed"}, "github.rerun_failed_jobs"},
        {{"rerun"}, "github.rerun_run"},
        {{"re-run"}, "github.rerun_run"},
        {{"run", "again"}, "github.rerun_run"},
        {{"retry"}, "github.rerun_run"},
        {{"cancel"}, "github.cancel_run"},
        {{"roll", "back"}, "kubernetes.rollout_undo"},
        {{"rollback"}, "kubernetes.rollout_undo"},
        {{"roll-back"}, "kubernetes.rollout_undo"},
        {{"undo"}, "kubernetes.rollout_undo"},
        {{"revert"}, "kubernetes.rollout_undo"},
        {{"restart"}, "kubernetes.rollout_restart"},
        {{"bounce"}, "kubernetes.rollout_restart"},
        {{"scale"}, "kubernetes.scale"},
        {{"set", "image"}, "kubernetes.set_image"},
        {{"image", "to"}, "kubernetes.set_image"},
    };
    return kOrders;
}

bool is_word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || std::string_view("-_./:=@#").contains(c);
}

std::vector<std::string> lex(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    const auto finish = [&] {
        while (!word.empty() && std::string_view("./:-=").contains(word.back()))
            word.pop_back();  // the end of a sentence
        if (!word.empty() && words.size() < 512) words.push_back(word);
        word.clear();
    };
    for (const char c : to_lower(text)) {
        if (is_word_char(c))
            word += c;
        else
            finish();
    }
    finish();
    return words;
}

bool has(const std::vector<std::string>& words, std::string_view word) {
    return std::ranges::find(words, word) != words.end();
}

std::optional<std::int64_t> number_of(std::string_view word) {
    std::int64_t number = 0;
    const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (problem != std::errc() || end != word.data() + word.size()) return std::nullopt;
    return number;
}

std::optional<Millis> unit_of(std::string_view word) {
    if (word.ends_with('s')) word.remove_suffix(1);
    if (word == "second" || word == "sec") return Millis(1000);
    if (word == "minute" || word == "min") return Millis(60'000);
    if (word == "hour") return Millis(3'600'000);
    if (word == "day") return Millis(86'400'000);
    if (word == "week") return Millis(7 * 86'400'000LL);
    return std::nullopt;
}

// "last hour", "past 30 minutes", "since 2h", "today", "yesterday".
std::optional<Millis> window_of(const std::vector<std::string>& words) {
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i] == "today") return Millis(86'400'000);
        if (words[i] == "yesterday") return Millis(2 * 86'400'000LL);
        if (words[i] != "last" && words[i] != "past" && words[i] != "since" && words[i] != "within") continue;
        if (i + 1 >= words.size()) break;
        if (const auto unit = unit_of(words[i + 1])) return unit;
        const auto count = number_of(words[i + 1]);
        if (count && *count > 0 && *count <= 10'000 && i + 2 < words.size()) {
            if (const auto unit = unit_of(words[i + 2])) return *unit * *count;
        }
        if (!count) {
            if (const auto parsed = parse_duration(words[i + 1])) return *parsed;
        }
    }
    return std::nullopt;
}

bool is_after_deploy(const std::vector<std::string>& words) {
    const bool about_deploy = has(words, "deploy") || has(words, "deployment") || has(words, "release") ||
                              has(words, "rollout") || has(words, "deployed");
    return about_deploy && (has(words, "after") || has(words, "last") || has(words, "latest") || has(words, "since"));
}

void read_order(Question& question) {
    for (const auto& order : orders()) {
        if (!std::ranges::all_of(order.words, [&](std::string_view word) { return has(question.words, word); }))
            continue;
        question.operation = order.operation;
        question.intents.plan = true;
        break;
    }
    const bool asks_for_plan =
        has(question.words, "plan") || has(question.words, "draft") || has(question.words, "propose");
    if (asks_for_plan) question.intents.plan = true;
    for (std::size_t i = 0; i < question.words.size(); ++i) {
        const std::string& word = question.words[i];
        const bool after_to = i > 0 && (question.words[i - 1] == "to" || question.words[i - 1] == "revision" ||
                                        question.words[i - 1] == "run");
        if (const auto number = number_of(word); number && (after_to || !question.number)) question.number = *number;
        if (question.operation == "kubernetes.set_image" && after_to && !number_of(word)) question.image = word;
    }
}

}  // namespace

Question read_question(std::string_view text) {
    Question question;
    question.text = sanitize_utf8(text.substr(0, kMaxQuestionBytes));
    question.words = lex(question.text);
    for (const auto& word : question.words) {
        for (const auto& known : kWords) {
            if (known.word == word) question.intents.*known.intent = true;
        }
    }
    question.window = window_of(question.words);
    question.after_deploy = is_after_deploy(question.words);
    if (question.after_deploy && !question.intents.changes) question.intents.health = true;
    read_order(question);
    return question;
}

std::vector<ObjectRef> mentioned(const Question& question, const std::vector<InventoryItem>& inventory) {
    const auto find_by = [&](auto matches) {
        std::vector<ObjectRef> out;
        for (const auto& word : question.words) {
            for (const auto& item : inventory) {
                if (matches(word, item.object) && std::ranges::find(out, item.object) == out.end())
                    out.push_back(item.object);
            }
        }
        return out;
    };
    auto exact = find_by([](const std::string& word, const ObjectRef& object) {
        const std::string name = to_lower(object.name);
        const std::string kind = to_lower(object.kind);
        return word == name || word == to_lower(object.scope) + "/" + name || word == kind + "/" + name ||
               word == "#" + name;
    });
    if (!exact.empty()) return exact;
    auto begun = find_by([](const std::string& word, const ObjectRef& object) {
        return word.size() >= 4 && object.provider == "kubernetes" && to_lower(object.name).starts_with(word + "-");
    });
    return begun.size() == 1 ? begun : std::vector<ObjectRef>();
}

}  // namespace pincer::infra
