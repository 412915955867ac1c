// The web page's own chat, and the smallest channel there is: read it first. Messages come in through the Gateway's
// methods (chat.send), so nothing is polled here; what goes out is handed to the Gateway, which shows it on every page
// that is open and keeps it for those that are not.
#pragma once

#include "channels/channel.hpp"

namespace pincer::channels::webchat {

// The Gateway's side. Both answer when the message is durable there.
class WebchatSink {
public:
    virtual ~WebchatSink() = default;
    // Shows it under `message.delivery_id`: said twice, shown once. Route::to is the session.
    virtual Task<Result<Delivered>> show(Outgoing message) = 0;
    virtual Task<Result<std::optional<Delivered>>> find(std::string delivery_id) = 0;
    virtual Task<Result<>> answer(InboundAction action, std::string text) = 0;
};

inline constexpr ConfigField kFields[] = {
    {"enabled", FieldKind::boolean, "whether the web page may chat"},
};

Result<std::unique_ptr<Channel>> make(const AccountConfig& config, Services services);

inline constexpr ChannelType kType{.id = "webchat", .label = "Web chat", .fields = kFields, .make = make};

}  // namespace pincer::channels::webchat
