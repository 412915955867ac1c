#include "infra/providers/kubernetes/kubeconfig.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "infra/providers/kubernetes/exec_plugin.hpp"

namespace pincer::infra::kubernetes {
namespace {

constexpr std::string_view kTwo = R"(
apiVersion: v1
kind: Config
current-context: prod
clusters:
- name: big
  cluster: {server: "https://k8s.example:6443/", certificate-authority-data: Q0E=, tls-server-name: api.internal}
- name: small
  cluster: {server: "http://127.0.0.1:8080", insecure-skip-tls-verify: true}
users:
- name: op
  user: {token: t0k3n}
- name: robot
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: ./bin/get-token
      args: [--cluster, big]
      env: [{name: REGION, value: eu}]
      provideClusterInfo: true
contexts:
- {name: prod, context: {cluster: big, user: op, namespace: shop}}
- {name: ci, context: {cluster: small, user: robot}}
- {name: broken, context: {cluster: nowhere, user: op}}
- {name: nobody, context: {cluster: big, user: ghost}}
)";

TEST(Kubeconfig, token_and_authority) {
    const auto config = parse_kubeconfig(kTwo, "/etc/k");
    ASSERT_TRUE(config) << config.error().message();
    const auto access = resolve(*config, "");
    ASSERT_TRUE(access);
    EXPECT_EQ(access->context, "prod");
    EXPECT_EQ(access->namespace_name, "shop");
    EXPECT_EQ(access->cluster.server, "https://k8s.example:6443");
    EXPECT_EQ(access->cluster.ca_pem, "CA");
    EXPECT_EQ(access->cluster.tls_server_name, "api.internal");
    EXPECT_EQ(access->user.token.reveal(), "t0k3n");
}

TEST(Kubeconfig, exec_plugin_stands_beside_its_file) {
    const auto access = resolve(*parse_kubeconfig(kTwo, "/etc/k"), "ci");
    ASSERT_TRUE(access);
    ASSERT_TRUE(access->user.exec);
    EXPECT_EQ(access->user.exec->command, "/etc/k/bin/get-token");
    EXPECT_EQ(access->user.exec->arguments, (std::vector<std::string>{"--cluster", "big"}));
    EXPECT_EQ(access->user.exec->environment.front().second, "eu");
    EXPECT_TRUE(access->user.exec->provide_cluster_info);
    EXPECT_TRUE(access->cluster.insecure_skip_tls_verify);
    EXPECT_EQ(access->namespace_name, "default");
}

struct Mistake {
    std::string_view text;
    std::string_view context;
    std::string_view message;
};

TEST(Kubeconfig, mistakes_are_named) {
    const Mistake cases[] = {
        {kTwo, "stage", "kubeconfig has no context named stage; it has: prod, ci, broken, nobody"},
        {kTwo, "broken", "context broken names cluster nowhere, which the kubeconfig does not define"},
        {kTwo, "nobody", "context nobody names user ghost, which the kubeconfig does not define"},
        {"clusters: []", "", "kubeconfig has no current-context; name one with --context"},
    };
    for (const auto& c : cases) {
        const auto access = resolve(*parse_kubeconfig(c.text, "/"), c.context);
        ASSERT_FALSE(access);
        EXPECT_EQ(access.error().message(), c.message);
        EXPECT_EQ(access.error().code(), ErrorCode::not_found);
    }
}

TEST(Kubeconfig, what_is_not_one_is_refused_with_its_line) {
    const std::pair<std::string_view, std::string_view> cases[] = {
        {"- a\n- b\n", "kubeconfig: expected a map of clusters, users and contexts"},
        {"clusters: 3\n", "kubeconfig, line 1: clusters must be a list"},
        {"clusters:\n- 3\n", "kubeconfig, line 2: clusters must hold maps"},
        {"users:\n- name: a\n  user: {client-key-data: '***'}\n", "kubeconfig, line 3: client-key-data is not base64"},
        {"users:\n- name: a\n  user: {exec: {args: []}}\n", "kubeconfig, line 3: exec needs a command"},
    };
    for (const auto& [text, message] : cases) {
        const auto parsed = parse_kubeconfig(text, "/");
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().message(), message);
    }
    EXPECT_FALSE(parse_kubeconfig("a: [", "/"));
    EXPECT_FALSE(parse_kubeconfig(std::string(10'000, '['), "/"));
    EXPECT_TRUE(parse_kubeconfig("", "/"));
}

TEST(Kubeconfig, the_first_file_that_names_something_wins) {
    const auto second = parse_kubeconfig(
        "current-context: other\nusers: [{name: op, user: {token: second}}, {name: more, user: {token: m}}]", "/");
    const auto first = parse_kubeconfig("users: [{name: op, user: {token: first}}]", "/");
    ASSERT_TRUE(first && second);
    const Kubeconfig merged = merge({*first, *second});
    ASSERT_EQ(merged.users.size(), 2u);
    EXPECT_EQ(merged.users[0].user.token.reveal(), "first");
    EXPECT_EQ(merged.users[1].name, "more");
    EXPECT_EQ(merged.current_context, "other");
}

class Files : public ::testing::Test {
protected:
    void SetUp() override {
        folder_ =
            std::filesystem::temp_directory_path() / ("infra-" + std::to_string(::getpid()) + "-" +
                                                      ::testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::create_directories(folder_);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    std::string write(const std::string& name, std::string_view text) const {
        std::filesystem::create_directories((folder_ / name).parent_path());
        std::ofstream(folder_ / name) << text;
        return (folder_ / name).string();
    }
    std::filesystem::path folder_;
};

TEST_F(Files, a_list_may_name_files_that_are_not_there) {
    const std::string there = write("a", kTwo);
    Locations where;
    where.kubeconfig_list = (folder_ / "absent").string() + "::" + there;
    const auto access = load_access(where, "");
    ASSERT_TRUE(access);
    EXPECT_EQ(access->context, "prod");
    where.kubeconfig_list = (folder_ / "absent").string();
    EXPECT_EQ(load_access(where, "").error().reason(), "NOT_CONNECTED");
    where.kubeconfig_flag = (folder_ / "absent").string();
    EXPECT_EQ(load_access(where, "").error().code(), ErrorCode::not_found);
}

TEST_F(Files, certificates_are_read_beside_the_file) {
    write("ca.crt", "CA-PEM");
    write("tls/client.crt", "CERT");
    write("tls/client.key", "KEY");
    Locations where;
    where.kubeconfig_flag = write("config", R"(
current-context: c
clusters: [{name: c, cluster: {server: "https://x", certificate-authority: ca.crt}}]
users: [{name: u, user: {client-certificate: tls/client.crt, client-key: tls/client.key}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
)");
    const auto access = load_access(where, "");
    ASSERT_TRUE(access) << access.error().message();
    EXPECT_EQ(access->cluster.ca_pem, "CA-PEM");
    EXPECT_EQ(access->user.client_certificate_pem, "CERT");
    EXPECT_EQ(access->user.client_key_pem.reveal(), "KEY");
}

TEST_F(Files, service_account_of_the_pod_when_there_is_nothing_else) {
    write("sa/ca.crt", "CA");
    write("sa/token", "secret");
    write("sa/namespace", "shop\n");
    Locations where;
    where.home = folder_.string();
    where.service_account = folder_ / "sa";
    EXPECT_EQ(load_access(where, "").error().reason(), "NOT_CONNECTED");
    where.service_host = "fd00::1";
    where.service_port = "443";
    const auto access = load_access(where, "");
    ASSERT_TRUE(access);
    EXPECT_EQ(access->cluster.server, "https://[fd00::1]:443");
    EXPECT_EQ(access->namespace_name, "shop");
    EXPECT_TRUE(access->user.token_file.ends_with("sa/token"));
}

TEST(ExecPlugin, credentials_of_both_versions) {
    const WallTime now = *parse_rfc3339("2026-11-21T22:00:00Z");
    const auto parse = [&](std::string_view text) {
        return parse_exec_credential(text, "client.authentication.k8s.io/v1", now);
    };
    const auto good = parse(R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",
        "status":{"token":"t","expirationTimestamp":"2026-11-21T23:00:00Z"}})");
    ASSERT_TRUE(good);
    EXPECT_EQ(good->token.reveal(), "t");
    EXPECT_EQ(to_rfc3339(*good->expires_at), "2026-11-21T23:00:00Z");
    EXPECT_EQ(parse(R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",
        "status":{"token":"t","expirationTimestamp":"2026-11-21T21:00:00Z"}})")
                  .error()
                  .code(),
              ErrorCode::expired);
    for (
        const auto* bad :
        {"", "{}", "token",
         R"({"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","status":{"token":"t"}})",
         R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{}})",
         R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"clientKeyData":"k"}})"}) {
        const auto refused = parse(bad);
        ASSERT_FALSE(refused) << bad;
        EXPECT_EQ(refused.error().code(), ErrorCode::protocol);
    }
}

}  // namespace
}  // namespace pincer::infra::kubernetes
