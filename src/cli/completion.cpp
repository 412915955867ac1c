#include "cli/completion.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"

namespace pincer::cli {
namespace {

// Where the words typed so far lead to.
struct Place {
    const CommandTree* command;
    std::size_t arguments = 0;        // positional ones given already
    const Option* pending = nullptr;  // an option that waits for its value
    bool only_arguments = false;      // behind "--"
};

const Option* find_option(const CommandTree& command, std::string_view name) {
    for (const auto& option : command.options)
        if (std::ranges::find(option.names, name) != option.names.end()) return &option;
    return nullptr;
}

void take(Place& place, const std::string& word) {
    if (place.pending != nullptr) {
        if (word != "=") place.pending = nullptr;
        return;
    }
    if (place.only_arguments || word.size() < 2 || word.front() != '-') {
        const auto* sub = place.only_arguments || place.arguments > 0 ? nullptr : place.command->find(word);
        if (sub != nullptr)
            place = Place{sub};
        else
            ++place.arguments;
    } else if (word == "--") {
        place.only_arguments = true;
    } else if (word.find('=') == std::string::npos) {
        const auto* option = find_option(*place.command, word);
        if (option != nullptr && option->takes_value) place.pending = option;
    }
}

void offer(Completion& out, std::string_view typed, const std::string& word, const std::string& about) {
    if (word.starts_with(typed)) out.candidates.push_back({word, about});
}

// `before` stands in front of the value within the same word: "--format=".
void offer_value(Completion& out, const Value& value, std::string_view typed, const std::string& before = "") {
    for (const auto& choice : value.choices)
        if (choice.starts_with(typed)) out.candidates.push_back({before + choice, ""});
    if (value.kind == Value::Kind::file) out.paths = Completion::Paths::files;
    if (value.kind == Value::Kind::folder) out.paths = Completion::Paths::folders;
}

void offer_options(Completion& out, const CommandTree& command, std::string_view typed) {
    for (const auto& option : command.options) {
        const auto name =
            std::ranges::find_if(option.names, [&](const std::string& n) { return n.starts_with(typed); });
        if (name == option.names.end()) continue;
        // One spelling each: the long one unless a short one was typed.
        const std::string& word = option.names.back().starts_with(typed) ? option.names.back() : *name;
        out.candidates.push_back({word, option.about});
    }
}

const Value* next_argument(const Place& place) {
    const auto& arguments = place.command->arguments;
    if (place.arguments < arguments.size()) return &arguments[place.arguments];
    return !arguments.empty() && arguments.back().many ? &arguments.back() : nullptr;
}

constexpr std::string_view kBash = R"(# bash completion for PROGRAM. Load it with: source <(PROGRAM completion bash)
_PROGRAM_complete() {
    local line paths= word=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]/#\~/$HOME}
    [ "$word" != "=" ] || word=
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            :*) paths=${line#:} ;;
            *) COMPREPLY+=("${line%%$'\t'*}") ;;
        esac
    done < <("$program" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    case $paths in
        files) compopt -o filenames; while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$word") ;;
        folders) compopt -o filenames; while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$word") ;;
    esac
}
complete -F _PROGRAM_complete PROGRAM
)";

constexpr std::string_view kZsh = R"(#compdef PROGRAM
# zsh completion for PROGRAM. Load it with: source <(PROGRAM completion zsh)
_PROGRAM() {
    local line paths
    local -a candidates
    for line in "${(@f)$("${words[1]/#\~/$HOME}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        case $line in
            :*) paths=${line#:} ;;
            *$'\t'*) candidates+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
        esac
    done
    (( ${#candidates} )) && _describe -t commands PROGRAM candidates
    case $paths in
        files) _files ;;
        folders) _files -/ ;;
    esac
}
if [ "$funcstack[1]" = _PROGRAM ]; then
    _PROGRAM "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
    compdef _PROGRAM PROGRAM
fi
)";

constexpr std::string_view kFish = R"(# fish completion for PROGRAM. Load it with: PROGRAM completion fish | source
function __PROGRAM_complete
    set -l words (commandline -opc)
    set -l program $words[1]
    set -e words[1]
    set -l typed (commandline -ct)
    for line in ($program __complete $words "$typed" 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path "$typed"
            case :folders
                __fish_complete_directories "$typed"
            case ':*'
            case '*'
                echo $line
        end
    end
end
complete -c PROGRAM -f -a '(__PROGRAM_complete)'
)";

}  // namespace

Completion complete(const CommandTree& program, std::span<const std::string> words) {
    Completion out;
    if (words.empty()) return out;
    Place place{&program};
    for (const auto& word : words.first(words.size() - 1)) take(place, word);
    std::string_view typed = words.back();
    if (place.pending != nullptr) {
        if (typed == "=") typed = {};  // bash: the cursor stands right behind it
        offer_value(out, place.pending->value, typed);
        return out;
    }
    if (!place.only_arguments && typed.starts_with('-')) {
        const auto equals = typed.find('=');
        if (equals == std::string_view::npos) {
            offer_options(out, *place.command, typed);
        } else if (const auto* option = find_option(*place.command, typed.substr(0, equals));
                   option && option->takes_value) {
            offer_value(out, option->value, typed.substr(equals + 1), std::string(typed.substr(0, equals + 1)));
        }
        return out;
    }
    if (place.arguments == 0 && !place.only_arguments)
        for (const auto& command : place.command->commands) offer(out, typed, command.name, command.about);
    if (const auto* argument = next_argument(place)) offer_value(out, *argument, typed);
    return out;
}

std::string completion_lines(const Completion& completion) {
    std::string out;
    for (const auto& candidate : completion.candidates) out += candidate.word + "\t" + candidate.about + "\n";
    switch (completion.paths) {
        case Completion::Paths::none: return out + ":none\n";
        case Completion::Paths::files: return out + ":files\n";
        case Completion::Paths::folders: return out + ":folders\n";
    }
    return out;
}

Result<std::string> completion_script(std::string_view shell, const std::string& program) {
    const std::string_view text = shell == "bash" ? kBash : shell == "zsh" ? kZsh : shell == "fish" ? kFish : "";
    if (text.empty()) return PINCER_FAIL(invalid_argument, "no completion for the shell {}: bash, zsh or fish", shell);
    std::string out(text);
    constexpr std::string_view kPlace = "PROGRAM";
    for (auto at = out.find(kPlace); at != std::string::npos; at = out.find(kPlace, at + program.size()))
        out.replace(at, kPlace.size(), program);
    return out;
}

CommandTree completion_command(const std::string& program) {
    CommandTree out;
    out.name = "completion";
    out.about = "print what makes the shell complete this program's commands";
    out.arguments = {
        Value{Value::Kind::choice, "shell", {"bash", "zsh", "fish"}, "the shell that will load it", true, false}};
    out.notes = "Examples:\n  source <(" + program +
                " completion bash)            # this shell; put it into ~/.bashrc for every one\n  source <(" +
                program + " completion zsh)             # ~/.zshrc\n  " + program +
                " completion fish > ~/.config/fish/completions/" + program + ".fish";
    return out;
}

}  // namespace pincer::cli
