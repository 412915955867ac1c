// Records in the database: rows out and in. Private to approval.
#pragma once

#include "approval/approval.hpp"

namespace pincer::approval::detail {

std::string to_json_text(const Request& request);
Result<Request> request_from_json(std::string_view text);

// A pending record, and the intention of a decision that a crash cut short ("" for none).
struct Shelved {
    Record record;
    std::string intent;
};

Result<std::vector<Shelved>> load_pending(storage::Database& db);
Result<std::optional<Record>> load_one(storage::Database& db, const ApprovalId& id);
// The latest moment that any row speaks of: the wall clock has been there.
Result<WallTime> latest_moment(storage::Database& db);

// Ids whose making a crash cut short: the chain may have a record of each, nobody was told of any.
Result<std::vector<ApprovalId>> load_unmade(storage::Database& db);

// Not pending yet, and found by nobody, until write_made().
Task<Result<>> insert(storage::Database& db, Record record);
Task<Result<>> write_made(storage::Database& db, ApprovalId id, std::string requested_ref);
Task<Result<>> erase_unmade(storage::Database& db, ApprovalId id);
// conflict when it is no longer pending.
Task<Result<>> write_intent(storage::Database& db, ApprovalId id, std::string intent);
Task<Result<>> write_settled(storage::Database& db, Record record);

}  // namespace pincer::approval::detail
