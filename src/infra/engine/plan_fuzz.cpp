// Any bytes as a plan: what is accepted has one spelling and one digest, and a card within its limits.
#include "base/assert.hpp"
#include "base/text.hpp"
#include "infra/engine/plan.hpp"
#include "infra/engine/question.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace pincer;
    using namespace pincer::infra;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    (void)read_question(text);
    const auto plan = parse_plan(text);
    if (!plan) return 0;
    const std::string bytes = canonical_bytes(*plan);
    const auto again = parse_plan(bytes);
    PINCER_ASSERT(again && canonical_bytes(*again) == bytes, "canonical bytes read back to themselves");
    const auto card = make_card(bytes);
    PINCER_ASSERT(card && card->digest == digest_of(*plan), "the card is of the bytes that are hashed");
    PINCER_ASSERT(utf8_length(card->title) <= 80 && utf8_length(card->description) <= 512, "a card keeps its limits");
    (void)as_plan_v1(*plan);
    return 0;
}
