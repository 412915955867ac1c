#include "cli/completion.hpp"

#include <gtest/gtest.h>

namespace pincer::cli {
namespace {

CommandTree example() {
    const Option help{{"-h", "--help"}, "this help", "", false, {}};
    const Option format{
        {"--format"}, "how to print", "", true, Value{Value::Kind::choice, "format", {"plan", "plain", "json"}}};
    const Option key{{"-k", "--key-file"}, "where the key is", "", true, Value{Value::Kind::file, "file"}};
    const Option name{{"--name"}, "any", "", true, Value{Value::Kind::text, "name"}};
    CommandTree list{"list", "all of them"};
    list.options = {format, key, name, help};
    list.arguments = {Value{Value::Kind::folder, "folder", {}, "where", false, true}};
    CommandTree things{"things", "what there is"};
    things.commands = {list, CommandTree{"lose", "forget one"}};
    things.options = {help};
    CommandTree program{"tool", "a tool"};
    program.commands = {things, completion_command("tool")};
    program.options = {help};
    return program;
}

std::string offered(std::vector<std::string> words) {
    const auto completion = complete(example(), words);
    std::string out;
    for (const auto& candidate : completion.candidates) out += (out.empty() ? "" : " ") + candidate.word;
    if (completion.paths == Completion::Paths::files) out += "+files";
    if (completion.paths == Completion::Paths::folders) out += "+folders";
    return out;
}

TEST(Completion, offers_what_fits_at_the_cursor) {
    const struct {
        std::vector<std::string> words;
        std::string offered;
    } cases[] = {
        {{""}, "things completion"},
        {{"th"}, "things"},
        {{"nothing-like-it"}, ""},
        {{"things", ""}, "list lose"},
        {{"things", "li"}, "list"},
        {{"things", "list", "--"}, "--format --key-file --name --help"},
        {{"things", "list", "--f"}, "--format"},
        {{"things", "list", "-k"}, "-k"},
        {{"things", "list", "--format", ""}, "plan plain json"},
        {{"things", "list", "--format", "pla"}, "plan plain"},
        {{"things", "list", "--format=pla"}, "--format=plan --format=plain"},  // zsh and fish
        {{"things", "list", "--format", "="}, "plan plain json"},              // bash: the word is split
        {{"things", "list", "--format", "=", "js"}, "json"},
        {{"things", "list", "--format", "json", "--n"}, "--name"},
        {{"things", "list", "--format=json", "--n"}, "--name"},
        {{"things", "list", "-k", ""}, "+files"},
        {{"things", "list", "--key-file", "a"}, "+files"},
        {{"things", "list", "--name", "x"}, ""},
        {{"things", "list", ""}, "+folders"},
        {{"things", "list", "one", ""}, "+folders"},
        {{"things", "list", "--", "-"}, "+folders"},
        {{"completion", ""}, "bash zsh fish"},
        {{"completion", "bash", ""}, ""},
        {{}, ""},
    };
    for (const auto& one : cases) EXPECT_EQ(offered(one.words), one.offered) << testing::PrintToString(one.words);
}

TEST(Completion, lines_carry_the_sentence_and_end_with_what_else_fits) {
    const std::vector<std::string> words{"things", "l"};
    EXPECT_EQ(completion_lines(complete(example(), words)), "list\tall of them\nlose\tforget one\n:none\n");
}

TEST(Completion, scripts_name_the_program_and_no_other_shell_is_known) {
    for (const std::string shell : {"bash", "zsh", "fish"}) {
        const auto script = completion_script(shell, "tool");
        ASSERT_TRUE(script);
        EXPECT_EQ(script->find("PROGRAM"), std::string::npos);
        EXPECT_NE(script->find("__complete"), std::string::npos);
    }
    const auto none = completion_script("tcsh", "tool");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code(), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace pincer::cli
