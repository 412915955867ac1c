#include <gtest/gtest.h>

#include <random>

#include "base/text.hpp"
#include "channels/markdown/render.hpp"

namespace pincer::channels::markdown {
namespace {

struct Row {
    std::string_view markdown, telegram, slack, plain;
};

TEST(Markdown, each_form_in_each_dialect) {
    const Row rows[] = {
        {"plain", "plain", "plain", "plain"},
        {"a **bold** and *italic* _too_", "a <b>bold</b> and <i>italic</i> <i>too</i>", "a *bold* and _italic_ _too_",
         "a bold and italic too"},
        {"***both***", "<b><i>both</i></b>", "*_both_*", "both"},
        {"__bold__ snake_case_name 2*3*4", "<b>bold</b> snake_case_name 2<i>3</i>4", "*bold* snake_case_name 2_3_4",
         "bold snake_case_name 234"},
        {"**not closed and *nor this", "**not closed and *nor this", "**not closed and *nor this",
         "**not closed and *nor this"},
        {"`kubectl <x> & **y**`", "<code>kubectl &lt;x&gt; &amp; **y**</code>", "`kubectl &lt;x&gt; &amp; **y**`",
         "kubectl <x> & **y**"},
        {"`` a`b ``", "<code>a`b</code>", "`a`b`", "a`b"},
        {"a ` alone", "a ` alone", "a ` alone", "a ` alone"},
        {"[run 7](https://ci.example/7?a=1&b=\\(2)", "[run 7](https://ci.example/7?a=1&amp;b=(2)",
         "[run 7](https://ci.example/7?a=1&amp;b=(2)", "[run 7](https://ci.example/7?a=1&b=(2)"},
        {"[run 7](https://ci.example/7?a=1&b=2)", "<a href=\"https://ci.example/7?a=1&amp;b=2\">run 7</a>",
         "<https://ci.example/7?a=1&amp;b=2|run 7>", "run 7 (https://ci.example/7?a=1&b=2)"},
        {"<https://x.example>", "<a href=\"https://x.example\">https://x.example</a>", "<https://x.example>",
         "https://x.example"},
        {"[a|b](https://x.example)", "<a href=\"https://x.example\">a|b</a>", "<https://x.example|a/b>",
         "a|b (https://x.example)"},
        {"[click](javascript:alert)", "[click](javascript:alert)", "[click](javascript:alert)",
         "[click](javascript:alert)"},
        {"<!channel> <script>", "&lt;!channel&gt; &lt;script&gt;", "&lt;!channel&gt; &lt;script&gt;",
         "<!channel> <script>"},
        {"## Verdict: `ok` #\ntext", "<b>Verdict: </b><code>ok</code>\ntext", "*Verdict:* `ok`\ntext",
         "Verdict: ok\ntext"},
        {"one\ntwo\n\nthree", "one\ntwo\n\nthree", "one\ntwo\n\nthree", "one\ntwo\n\nthree"},
        {"- a\n  - b\n2. c\n   more", "• a\n  • b\n2. c\nmore", "• a\n  • b\n2. c\nmore", "• a\n  • b\n2. c\nmore"},
        {"```json\n{\"a\": <1>}\n\n```\nend",
         "<pre><code class=\"language-json\">{\"a\": &lt;1&gt;}\n</code></pre>\n\nend",
         "```\n{\"a\": &lt;1&gt;}\n\n```\n\nend", "{\"a\": <1>}\n\n\nend"},
        {"~~~\na ``` b\n~~~", "<pre>a ``` b</pre>", "```\na `\u200B`\u200B` b\n```", "a ``` b"},
        {"```\nnever closed", "<pre>never closed</pre>", "```\nnever closed\n```", "never closed"},
        {"\\*literal\\* a\\b", "*literal* a\\b", "*literal* a\\b", "*literal* a\\b"},
        {"** x**", "** x**", "** x**", "** x**"},
        {"", "", "", ""},
    };
    for (const auto& row : rows) {
        const auto document = parse(row.markdown);
        EXPECT_EQ(render_telegram_html(document), row.telegram) << row.markdown;
        EXPECT_EQ(render_slack_mrkdwn(document), row.slack) << row.markdown;
        EXPECT_EQ(render_plain(document), row.plain) << row.markdown;
    }
}

TEST(Markdown, counts_utf16_units) {
    EXPECT_EQ(utf16_length("aé€"), 3u);
    EXPECT_EQ(utf16_length("😀"), 2u);
}

TEST(Markdown, ill_formed_bytes_become_the_replacement_character) {
    EXPECT_EQ(text_of(parse("a\xFF"
                            "b")),
              "a\uFFFDb");
}

TEST(Markdown, a_short_text_is_one_part) {
    EXPECT_EQ(split(parse("a\n\nb"), 4096, telegram_cost).size(), 1u);
    EXPECT_EQ(split(parse(""), 4096, telegram_cost).size(), 1u);
}

TEST(Markdown, a_cut_code_block_is_opened_again) {
    std::string lines;
    for (int i = 0; i < 40; ++i) lines += "line " + std::to_string(i) + "\n";
    const auto parts = split(parse("```log\n" + lines + "```"), 100, slack_cost);
    ASSERT_GT(parts.size(), 2u);
    std::string together;
    for (const auto& part : parts) {
        const auto text = render_slack_mrkdwn(part);
        EXPECT_TRUE(text.starts_with("```\nline ")) << text;
        EXPECT_TRUE(text.ends_with("\n```")) << text;
        EXPECT_LE(utf16_length(text), 100u);
        together += text_of(part) + "\n";
    }
    EXPECT_EQ(together, lines);
}

TEST(Markdown, a_cut_goes_between_paragraphs_first_then_words) {
    const std::string a(70, 'a');
    const auto parts = split(parse(a + "\n\n" + a), 100, telegram_cost);
    ASSERT_EQ(parts.size(), 2u);
    EXPECT_EQ(render_plain(parts[0]), a);
    const auto words = split(parse("**" + a + " " + a + "**"), 100, telegram_cost);
    ASSERT_EQ(words.size(), 2u);
    EXPECT_EQ(render_telegram_html(words[1]), "<b>" + a + "</b>");
}

TEST(Markdown, a_link_with_an_address_over_the_limit_becomes_text) {
    const std::string url = "https://x.example/" + std::string(300, 'q');
    const auto parts = split(parse("see [here](" + url + ") now"), 100, slack_cost);
    std::string together;
    for (const auto& part : parts) {
        EXPECT_LE(slack_cost(part), 100u);
        together += text_of(part);
    }
    EXPECT_NE(together.find(url), std::string::npos) << together;
}

std::string without_space(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c != ' ' && c != '\n' && c != '\t') out += c;
    }
    return out;
}

// Random documents of markup, words in three scripts and emoji: parts hold all the text, in order, within the limit.
TEST(Markdown, parts_hold_all_the_text_within_the_limit) {
    const std::string_view atoms[] = {"**",
                                      "*",
                                      "_",
                                      "`",
                                      "```\n",
                                      "\n```\n",
                                      "\n",
                                      "\n\n",
                                      "- ",
                                      "1. ",
                                      "# ",
                                      " ",
                                      " ",
                                      "word",
                                      "слово",
                                      "日本語",
                                      "😀",
                                      "&",
                                      "<b>",
                                      "[link](https://x.example/a)",
                                      "https://a.example/?q=1&r=2",
                                      "\\*",
                                      "longlonglonglonglonglong",
                                      "  "};
    std::mt19937 random(7);
    for (int round = 0; round < 600; ++round) {
        std::string text;
        const auto length = random() % 200;
        for (unsigned i = 0; i < length; ++i) text += atoms[random() % std::size(atoms)];
        const auto document = parse(text);
        for (const auto limit : {64u, 100u, 333u}) {
            for (const auto& cost : {Cost(telegram_cost), Cost(slack_cost)}) {
                std::string together;
                for (const auto& part : split(document, limit, cost)) {
                    ASSERT_LE(cost(part), limit) << text;
                    ASSERT_TRUE(is_valid_utf8(render_slack_mrkdwn(part))) << text;
                    together += text_of(part);
                }
                ASSERT_EQ(without_space(together), without_space(text_of(document))) << text;
            }
        }
    }
}

}  // namespace
}  // namespace pincer::channels::markdown
