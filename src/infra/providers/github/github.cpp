#include "infra/providers/github/github.hpp"

#include "infra/providers/github/operations.hpp"
#include "infra/providers/github/reader.hpp"

namespace pincer::infra::github {
namespace {

constexpr std::string_view kPublicApi = "https://api.github.com";

class GitHub final : public Provider {
public:
    GitHub(Services services, Settings settings, io::Url api, Secret token)
        : services_(services),
          repository_(settings.repository),
          client_(services, std::move(settings), std::move(api), std::move(token)),
          operations_(services, client_) {}

    Task<Result<>> observe(Query query, Reading& out) override;
    Planner* planner() override { return &operations_; }
    Applier* applier() override { return &operations_; }

private:
    Services services_;
    std::string repository_;  // as configured; else what the cluster names
    Client client_;
    Operations operations_;
};

Task<Result<>> GitHub::observe(Query query, Reading& out) {
    std::string repository = repository_;
    if (repository.empty() && query.hints) {
        const Result<> settled = co_await query.hints->settled.wait(query.deadline.at_most(query.deadline.left() / 2));
        if (!settled && query.hints->repositories.empty()) {
            // Not "none": nobody knows yet.
            co_return PINCER_FAIL(timed_out,
                                  "the cluster, which names the repository, had not answered yet "
                                  "(--repo owner/name names it at once)");
        }
        if (!query.hints->repositories.empty()) repository = query.hints->repositories.front();
        if (query.hints->repositories.size() > 1) {
            out.gaps.push_back(fmt::format("only {} of {} repositories was read (choose with --repo)", repository,
                                           query.hints->repositories.size()));
        }
    }
    if (repository.empty())
        co_return not_connected("no repository: name one with --repo owner/name (no workload names one)");
    PINCER_CO_TRY(std::string checked, parse_repository(repository));
    Reader reader(services_, client_, std::move(checked), query, out);
    co_return co_await reader.read();
}

Result<std::unique_ptr<Provider>> make(const Settings& settings, Services services) {
    std::string token = settings.environment("GITHUB_TOKEN");
    if (token.empty()) token = settings.environment("GH_TOKEN");
    if (token.empty()) return not_connected("no GITHUB_TOKEN or GH_TOKEN");
    if (!settings.repository.empty()) PINCER_CHECK(parse_repository(settings.repository));
    const std::string named = settings.environment("GITHUB_API_URL");
    PINCER_TRY(io::Url api, parse_api_url(named.empty() ? kPublicApi : std::string_view(named)));
    return std::make_unique<GitHub>(std::move(services), settings, std::move(api), Secret(std::move(token)));
}

}  // namespace

constinit const ProviderType type{
    .id = "github",
    .label = "GitHub",
    .configured_by =
        "GITHUB_TOKEN or GH_TOKEN; --repo owner/name (else the workloads' annotations say); GITHUB_API_URL",
    .health = true,
    .make = make,
};

}  // namespace pincer::infra::github
