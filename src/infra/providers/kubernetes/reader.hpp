// Reads a Snapshot: seven lists side by side, and what could not be read.
#pragma once

#include <set>

#include "infra/engine/fan_out.hpp"
#include "infra/providers/kubernetes/client.hpp"
#include "infra/providers/kubernetes/snapshot.hpp"

namespace pincer::infra::kubernetes {

class SnapshotReader {
public:
    // All references outlive the task. `scope`: one namespace, or empty for all (then, if that is forbidden, the
    // context's).
    SnapshotReader(Services services, Client& client, std::string scope, Deadline deadline, Reading& out)
        : services_(std::move(services)), client_(client), scope_(std::move(scope)), deadline_(deadline), out_(out) {}

    // Error: when nothing at all could be read, why.
    Task<Result<Snapshot>> read();

private:
    struct Resource {
        std::string_view root;  // "/apis/apps/v1"
        std::string_view name;  // "deployments"
        bool cluster_scoped = false;
        bool essential = true;  // its absence makes the coverage partial
    };
    using Take = void (SnapshotReader::*)(const json::object& item, const std::string& evidence);

    Task<> read_all(Resource resource, Take take);
    Task<Result<Listed>> list(Resource resource);
    std::string evidence_of(const json::object& item, const Resource& resource);
    void take_deployment(const json::object& item, const std::string& evidence);
    void take_stateful_set(const json::object& item, const std::string& evidence);
    void take_daemon_set(const json::object& item, const std::string& evidence);
    void take_replica_set(const json::object& item, const std::string& evidence);
    void take_controller_revision(const json::object& item, const std::string& evidence);
    void take_pod(const json::object& item, const std::string& evidence);
    void take_event(const json::object& item, const std::string& evidence);
    void take_node(const json::object& item, const std::string& evidence);
    void note_missing(const Resource& resource, const Error& error);

    Services services_;
    Client& client_;
    std::string scope_;
    Deadline deadline_;
    Reading& out_;
    Snapshot snapshot_;
    std::optional<Error> first_error_;
    std::set<std::string> forbidden_everywhere_;
    std::set<std::string> narrowed_;
    std::set<std::string> read_;
};

}  // namespace pincer::infra::kubernetes
