#include "cli/parser.hpp"

#include <CLI/CLI.hpp>

#include <gtest/gtest.h>

namespace pincer::cli {
namespace {

struct Example {
    CLI::App app{"a tool for tests", "tool"};
    std::string transport = "stdio";
    std::string file;
    std::string id;

    Example() {
        app.require_subcommand(1);
        app.footer("Exit codes: 0 ok");
        auto* things = app.add_subcommand("things", "what there is");
        things->require_subcommand(1);
        auto* list = things->add_subcommand("list", "all of them");
        list->add_option("--transport", transport, "how it speaks")->check(CLI::IsMember({"stdio", "http"}));
        list->add_option("-f,--file", file, "what to read")->type_name("file")->group("Where from");
        list->footer("Examples:\n  tool things list");
        auto* show = things->add_subcommand("show", "one of them");
        show->add_option("id", id, "which one")->required();
    }

    // What was told, out of both streams, and the exit code; -1: nothing, go on.
    std::pair<int, std::string> run(std::vector<std::string> words) {
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        const auto code = parse(app, std::move(words));
        const std::string out = testing::internal::GetCapturedStdout();
        const std::string err = testing::internal::GetCapturedStderr();
        EXPECT_TRUE(out.empty() || err.empty());
        return {code.value_or(-1), out + err};
    }
};

TEST(Parser, a_tree_says_what_cli11_was_told) {
    Example example;
    const auto tree = tree_of(example.app);
    ASSERT_NE(tree.find("things"), nullptr);
    const auto* list = tree.find("things")->find("list");
    ASSERT_NE(list, nullptr);
    ASSERT_EQ(list->options.size(), 3U);
    EXPECT_EQ(list->options[0].value.choices, (std::vector<std::string>{"stdio", "http"}));
    EXPECT_EQ(list->options[1].names, (std::vector<std::string>{"-f", "--file"}));
    EXPECT_EQ(list->options[1].value.kind, Value::Kind::file);
    EXPECT_EQ(list->options[2].names.back(), "--help");  // last, always
    EXPECT_FALSE(list->options[2].takes_value);
    EXPECT_TRUE(tree.find("things")->find("show")->arguments.at(0).required);
    EXPECT_EQ(tree.notes, "Exit codes: 0 ok");
    EXPECT_EQ(tree.find("things")->notes, "") << "each command's notes are its own";
    EXPECT_EQ(list->notes, "Examples:\n  tool things list");
}

TEST(Parser, help_is_of_the_command_that_was_typed) {
    const std::string expected =
        "All of them.\n\n"
        "Usage: tool things list [options]\n\n"
        "Options:\n"
        "      --transport stdio|http  how it speaks\n"
        "  -h, --help                  this help\n\n"
        "Where from:\n"
        "  -f, --file <file>           what to read\n\n"
        "Examples:\n  tool things list\n";
    EXPECT_EQ(Example().run({"things", "list", "--help"}), std::pair(0, expected));
    EXPECT_EQ(Example().run({"help", "things", "list"}), std::pair(0, expected));
    const auto [code, text] = Example().run({"things", "show", "-h"});
    EXPECT_EQ(code, 0);
    EXPECT_NE(text.find("Usage: tool things show <id> [options]\n\nArguments:\n  <id>  "), std::string::npos) << text;
}

TEST(Parser, a_mistake_names_the_nearest_right_word) {
    EXPECT_EQ(Example().run({"thigns"}),
              std::pair(2, std::string("tool: no command 'thigns'; did you mean 'things'?\nSee tool --help\n")));
    EXPECT_EQ(
        Example().run({"things", "lst"}),
        std::pair(2, std::string("tool things: no command 'lst'; did you mean 'list'?\nSee tool things --help\n")));
    EXPECT_EQ(Example().run({"things", "list", "--trasnport=http"}),
              std::pair(2, std::string("tool things list: no option '--trasnport=http'; did you mean "
                                       "'--transport'?\nSee tool things list --help\n")));
    EXPECT_EQ(Example().run({"things", "list", "more"}),
              std::pair(2, std::string("tool things list: unexpected argument 'more'\nSee tool things list --help\n")));
    EXPECT_EQ(Example().run({"things", "show"}),
              std::pair(2, std::string("tool things show: id is required\nSee tool things show --help\n")));
}

TEST(Parser, without_a_command_the_help_is_told_and_it_is_a_mistake) {
    const auto [code, text] = Example().run({"things"});
    EXPECT_EQ(code, 2);
    EXPECT_EQ(text.find("What there is.\n\nUsage: tool things <command> [options]\n\nCommands:\n"), 0U) << text;
}

TEST(Parser, right_words_go_on) {
    Example example;
    EXPECT_EQ(example.run({"things", "list", "--transport", "http", "-f", "x"}), std::pair(-1, std::string()));
    EXPECT_EQ(example.transport, "http");
    EXPECT_EQ(example.file, "x");
}

TEST(Parser, completion_is_answered_before_anything_is_required) {
    EXPECT_EQ(Example().run({"__complete", "things", "list", "--transport", ""}),
              std::pair(0, std::string("stdio\t\nhttp\t\n:none\n")));
    const auto [code, script] = Example().run({"completion", "bash"});
    EXPECT_EQ(code, 0);
    EXPECT_NE(script.find("complete -F _tool_complete tool"), std::string::npos);
    EXPECT_EQ(Example().run({"completion"}).first, 2);
    EXPECT_EQ(Example().run({"completion", "tcsh"}).first, 2);
    EXPECT_EQ(Example().run({"completion", "--help"}).first, 0);
}

}  // namespace
}  // namespace pincer::cli
