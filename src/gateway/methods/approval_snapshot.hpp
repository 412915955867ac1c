// An approval as the published protocol shows it (ApprovalSnapshot): approval.get, approval.resolve.
#pragma once

#include "approval/approval.hpp"
#include "base/json.hpp"

namespace pincer::gateway {

json::object approval_snapshot(const approval::Record& record);
json::array decisions_of(const approval::Record& record);

}  // namespace pincer::gateway
