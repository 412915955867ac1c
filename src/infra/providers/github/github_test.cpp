#include <gtest/gtest.h>

#include "infra/providers/github/client.hpp"
#include "infra/providers/github/github.hpp"
#include "infra/providers/github/model.hpp"

namespace pincer::infra::github {
namespace {

TEST(GitHubApi, plain_http_only_on_loopback) {
    for (const auto* good : {"https://api.github.com", "https://ghe.corp/api/v3/", "http://127.0.0.1:8080",
                             "http://localhost:1", "http://[::1]:1"}) {
        EXPECT_TRUE(parse_api_url(good)) << good;
    }
    for (const auto* bad : {"http://api.github.com", "http://10.0.0.1", "ftp://x", "", "http://127.0.0.1.evil.example",
                            "https://user:pw@x"}) {
        EXPECT_FALSE(parse_api_url(bad)) << bad;
    }
    EXPECT_EQ(parse_api_url("https://ghe.corp/api/v3/")->target, "/api/v3");
}

TEST(GitHubApi, repository_is_two_plain_names) {
    EXPECT_EQ(*parse_repository("acme/shop.web_1"), "acme/shop.web_1");
    for (const auto* bad :
         {"", "acme", "acme/", "/shop", "a/b/c", "acme/../x", "acme/..", "acme/sh op", "acme/shop?x=1", "acme/%2e"}) {
        EXPECT_FALSE(parse_repository(bad)) << bad;
    }
}

TEST(GitHubApi, next_page_of_a_link_header) {
    EXPECT_EQ(
        next_link(
            R"(<https://api/x?page=1>; rel="prev", <https://api/x?page=3>; rel="next", <https://api/x?page=9>; rel="last")"),
        "https://api/x?page=3");
    EXPECT_EQ(next_link(R"(<https://api/x?page=1>; rel="first")"), "");
    EXPECT_EQ(next_link("<<<>;rel=next"), "");
    EXPECT_EQ(next_link(""), "");
}

Run run(std::string workflow, int number, std::string conclusion, std::string branch = "main",
        std::string event = "push") {
    Run r;
    r.id = workflow + std::to_string(number);
    r.workflow_id = workflow;
    r.number = number;
    r.status = conclusion.empty() ? "in_progress" : "completed";
    r.conclusion = conclusion;
    r.branch = branch;
    r.event = event;
    r.created = from_millis(number);
    return r;
}

TEST(Failing, only_the_newest_run_that_says_something) {
    const auto ids = [](std::vector<github::Run> runs) {
        std::string out;
        for (const auto& r : failing(runs, "main")) out += r.id + " ";
        return out;
    };
    EXPECT_EQ(ids({run("ci", 1, "failure")}), "ci1 ");
    EXPECT_EQ(ids({run("ci", 1, "failure"), run("ci", 2, "success")}), "");
    EXPECT_EQ(ids({run("ci", 1, "failure"), run("ci", 2, "cancelled")}), "ci1 ");
    EXPECT_EQ(ids({run("ci", 1, "failure"), run("ci", 2, "")}), "") << "one that is under way may mend it";
    EXPECT_EQ(ids({run("ci", 1, "failure", "topic")}), "");
    EXPECT_EQ(ids({run("ci", 1, "failure", "main", "pull_request")}), "");
    EXPECT_EQ(ids({run("ci", 1, "timed_out"), run("deploy", 2, "startup_failure")}), "deploy2 ci1 ");
}

TEST(FailureLines, end_at_the_last_error_and_lose_their_stamps) {
    const auto lines = failure_lines(
        "\xef\xbb\xbf"
        "2026-11-21T22:05:09.1234567Z ##[group]Run tests\n2026-11-21T22:05:09.1234567Z ##[endgroup]\n"
        "2026-11-21T22:05:10.1234567Z --- FAIL: TestX\n2026-11-21T22:05:11.1234567Z ##[error]Process completed with "
        "exit code 1.\n"
        "2026-11-21T22:05:12.1234567Z Post job cleanup.\n",
        10);
    EXPECT_EQ(lines, (std::vector<std::string>{"--- FAIL: TestX", "##[error]Process completed with exit code 1."}));
    EXPECT_EQ(failure_lines("a\nb\nc\n", 2), (std::vector<std::string>{"b", "c"}));
    EXPECT_TRUE(failure_lines("", 5).empty());
}

TEST(Deployment, newest_status_and_the_run_behind_it) {
    const auto deployment = *json::parse_object(
        R"({"id":7,"sha":"abc","ref":"main","environment":"production","created_at":"2026-11-21T22:00:00Z",
        "payload":{"image":"shop/checkout:v1"},"creator":{"login":"bot"}})");
    const auto statuses = json::parse(
        R"([{"state":"failure","created_at":"2026-11-21T22:01:00Z","log_url":"https://x/a/b/actions/runs/176/job/9"},{"state":"in_progress"}])");
    const Change change = change_of_deployment(deployment, statuses->get_array(), "a/b");
    EXPECT_EQ(change.outcome, Outcome::failed);
    EXPECT_EQ(change.release.run_id, "176");
    EXPECT_EQ(change.release.image, "shop/checkout:v1");
    EXPECT_EQ(to_rfc3339(change.at), "2026-11-21T22:01:00Z");
}

TEST(Pull, only_merged_ones_are_changes) {
    EXPECT_FALSE(change_of_pull(*json::parse_object(R"({"number":1,"merged_at":null})"), "a/b"));
    const auto change = change_of_pull(
        *json::parse_object(R"({"number":57,"merged_at":"2026-11-21T22:00:00Z","merge_commit_sha":"abc","title":"t"})"),
        "a/b");
    ASSERT_TRUE(change);
    EXPECT_EQ(change->summary, "pull request #57 was merged");
}

// The cluster names the repository. Whether it named none or said nothing yet are two answers.
TEST(GitHub, a_cluster_that_said_nothing_yet_is_not_one_without_repositories) {
    io::Runtime runtime;
    SystemClock clock;
    crypto::SystemRandom random;
    Settings settings;
    settings.environment = [](std::string_view name) { return name == "GITHUB_TOKEN" ? "token" : ""; };
    Services services{runtime, clock, random,
                      [&](io::HttpClientOptions options) { return io::make_http_client(runtime, std::move(options)); }};
    for (const bool answered : {false, true}) {
        auto provider = type.make(settings, services);
        ASSERT_TRUE(provider);
        Hints hints(runtime);
        if (answered) hints.settled.set();
        Query query;
        query.deadline = Deadline::after(Millis(20));
        query.hints = &hints;
        Reading reading;
        const auto read = runtime.run_until_done((*provider)->observe(query, reading));
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code(), answered ? ErrorCode::unavailable : ErrorCode::timed_out);
        EXPECT_EQ(read.error().reason(), answered ? "NOT_CONNECTED" : "");
    }
}

}  // namespace
}  // namespace pincer::infra::github
