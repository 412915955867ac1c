// What the methods work with: the Gateway's parts, all of which outlive every connection.
#pragma once

#include <string>

#include "gateway/approvals/approval_center.hpp"
#include "gateway/auth/authenticator.hpp"
#include "gateway/channels_host/channel_host.hpp"
#include "gateway/config/gateway_config.hpp"
#include "gateway/events/event_bus.hpp"
#include "gateway/inbound/inbox.hpp"
#include "gateway/runs/run_manager.hpp"
#include "gateway/store/store.hpp"
#include "registry/registry.hpp"

namespace pincer::gateway {

struct Core {
    io::Runtime& runtime;
    const GatewayConfig& config;
    const Clock& clock;
    crypto::Random& random;
    Store& store;
    audit::Chain& chain;
    EventBus& events;
    Outbox& outbox;
    ApprovalCenter& approvals;
    RunManager& runs;
    GatewayInbox& inbox;
    ChannelHost& channels;
    registry::Registry& registry;
    Authenticator& authenticator;
    std::string version;
    std::string boot_id;
    std::string config_path;
    std::string store_path;
    WallTime started_at{};
    Pauses* pauses = nullptr;
    const io::Event* tools_ready = nullptr;
};

}  // namespace pincer::gateway
