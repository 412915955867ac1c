// Reads what one repository has to tell, in two rounds: first the lists, then what they point at.
#pragma once

#include <set>

#include "infra/engine/fan_out.hpp"
#include "infra/providers/github/client.hpp"
#include "infra/providers/github/model.hpp"

namespace pincer::infra::github {

class Reader {
public:
    // All references outlive the task.
    Reader(Services services, Client& client, std::string repository, Query query, Reading& out)
        : services_(std::move(services)),
          client_(client),
          repository_(std::move(repository)),
          query_(std::move(query)),
          out_(out) {}

    // Error: the repository itself cannot be read, and why.
    Task<Result<>> read();

private:
    Task<> read_repository();
    Task<> read_runs();
    Task<> read_deployments();
    Task<> read_commits();
    Task<> read_pulls();
    Task<> read_statuses(json::object deployment);
    Task<> read_commit(std::string sha);
    Task<> read_pulls_of(std::string sha);
    Task<> read_failure(Run run);

    Task<> second_round();
    std::string cite(const Answer& answer, std::string object, std::string facts);
    std::string cite(std::string source, std::string object, const json::object& item);
    void add(Change change, std::string evidence);
    void note(const std::string& what, const Error& error);

    Services services_;
    Client& client_;
    std::string repository_;
    Query query_;
    Reading& out_;
    std::optional<Error> fatal_;
    std::string default_branch_;
    std::vector<Run> runs_;
    std::vector<std::string> run_evidence_;
    json::array deployments_;
    std::set<std::string> commits_;  // sha of those that were read
    std::set<std::string> pulls_;    // number of those that were read
};

}  // namespace pincer::infra::github
