// A transcript as a model may read it. Private to the folder.
#pragma once

#include <vector>

#include "gateway/store/records.hpp"

namespace pincer::gateway {

// Runs overlap in a transcript (one waits for a person while the next is answered), but a model wants whole turns: the
// entries of each run together, in the order in which the runs began, every tool call with its result. What a cut at
// the beginning, or an aborted run, left without its other half is left out.
std::vector<agent::Message> whole_turns(std::vector<Entry> entries);

}  // namespace pincer::gateway
