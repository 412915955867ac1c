#include "mcp/detail/conversation.hpp"

#include <algorithm>

namespace pincer::mcp {

Conversation::Conversation(io::Runtime& runtime, Server& server, Principal principal)
    : server_(server),
      session_(server, std::move(principal)),
      runner_(runtime, [this](CallKey key, Result<ToolResult> result) {
          if (stopping_) return;
          session_.finish(key, std::move(result), out_);
          route();
      }) {
    session_.set_on_outbox([this] {
        session_.take_outbox(out_);
        route();
    });
}

Conversation::~Conversation() {
    if (hearing_) server_.detach(*this);
}

Conversation::Taken Conversation::take(jsonrpc::Decoded&& message) {
    Taken taken;
    const auto note_request = [&](const jsonrpc::Item& item) {
        const auto* m = std::get_if<jsonrpc::Message>(&item);
        if (const auto* request = m ? std::get_if<jsonrpc::Request>(m) : nullptr) taken.open.push_back(request->id);
    };
    if (const auto* single = std::get_if<jsonrpc::Message>(&message)) {
        if (const auto* request = std::get_if<jsonrpc::Request>(single)) taken.open.push_back(request->id);
    } else if (const auto* batch = std::get_if<jsonrpc::Batch>(&message)) {
        for (const auto& item : batch->items) note_request(item);
    }
    // An immediate tool may speak before it answers; that must not go to a stream of an older request with this id.
    session_.set_on_outbox(nullptr);
    session_.receive(std::move(message), out_);
    session_.set_on_outbox([this] {
        session_.take_outbox(out_);
        route();
    });
    const bool only_answer = out_.send.size() == 1 && out_.send.front().is_response && out_.start.empty();
    if (only_answer) {
        taken.at_once = std::move(out_.send.front());
        taken.open.clear();
        out_.send.clear();
    }
    return taken;
}

void Conversation::bind(const std::vector<jsonrpc::RequestId>& ids, StreamRef stream) {
    for (const auto& id : ids) streams_.insert_or_assign(id, stream);
}

void Conversation::start_calls() { route(); }

void Conversation::route() {
    for (auto& message : std::exchange(out_.send, {})) {
        StreamRef stream = standing_;
        if (message.about) {
            const auto found = streams_.find(*message.about);
            stream = found == streams_.end() ? nullptr : found->second;
        }
        if (!stream) continue;  // nobody listens
        stream->push(std::move(message.text));
        if (!message.is_response) continue;
        stream->finish();
        std::erase_if(streams_, [&](const auto& entry) { return entry.second == stream; });
    }
    for (const auto& cancel : std::exchange(out_.cancel, {})) {
        runner_.cancel(cancel.key);
        const auto found = streams_.find(cancel.id);
        if (found == streams_.end()) continue;
        const StreamRef stream = found->second;
        streams_.erase(found);
        const bool last =
            std::none_of(streams_.begin(), streams_.end(), [&](const auto& entry) { return entry.second == stream; });
        if (last) stream->finish();
    }
    for (auto& start : std::exchange(out_.start, {})) runner_.start(std::move(start));
}

void Conversation::hear_notifications() {
    if (!std::exchange(hearing_, true)) server_.attach(*this);
}

void Conversation::on_notify(const ServerNotification& notification) {
    session_.notify(notification, out_);
    route();
}

void Conversation::drop(const std::vector<jsonrpc::RequestId>& ids) {
    for (const auto& id : ids) session_.drop(id, out_);
    route();
}

void Conversation::end_now() {
    session_.end_subscriptions(out_);
    route();
    stopping_ = true;
    for (const auto& [id, stream] : std::exchange(streams_, {})) stream->finish();
    if (standing_) standing_->finish();
}

Task<> Conversation::stop() {
    end_now();
    if (std::exchange(hearing_, false)) server_.detach(*this);
    co_await runner_.stop();
}

}  // namespace pincer::mcp
