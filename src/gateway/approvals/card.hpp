// What a person sees of a request, made from the bytes that were hashed and nothing else.
#pragma once

#include <string>
#include <vector>

#include "approval/approval.hpp"
#include "gateway/approvals/approval_center.hpp"

namespace pincer::gateway {

// The request to put before the Desk: digest, risk, card fields in the Gateway's wire form.
Result<approval::Request> make_request(const GatedCall& call, approval::Principal requester,
                                       const channels::Route& origin);

// What a person should know before deciding, in the order of reading: what, where, how far it reaches, on which
// conditions, how it is taken back, the risk, who asks, until when, the digest. Each text is one line;
// several of one name follow one another.
struct Fact {
    std::string name;
    std::string text;
};
std::vector<Fact> facts_of(const approval::Record& record);

std::string card_markdown(const approval::Record& record);
std::string outcome_markdown(const approval::Record& record);  // what the card becomes once it is decided

// "plugin.approval.requested" and its like, by kind and status.
std::string approval_event_name(const approval::Record& record);
// {approvalKind, id, request, createdAtMs, expiresAtMs} and {id, decision, resolvedBy, ts, request}.
json::object requested_payload(const approval::Record& record);
json::object resolved_payload(const approval::Record& record);

}  // namespace pincer::gateway
