// First line a schema, second a value: no crash, bounded work, and check() agrees with accepts().
#include "base/assert.hpp"
#include "mcp/schema/validator.hpp"

using namespace pincer;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto cut = text.find('\n');
    if (cut == std::string_view::npos) return 0;
    const auto schema = json::parse(text.substr(0, cut), {.bytes = 1 << 16});
    const auto value = json::parse(text.substr(cut + 1), {.bytes = 1 << 16});
    if (!schema || !value) return 0;
    const auto validator = mcp::schema::Validator::compile(*schema, {.depth = 32, .work = 20'000, .violations = 8});
    if (!validator) return 0;
    const auto violations = validator->check(*value);
    PINCER_ASSERT(violations.empty() == validator->accepts(*value), "both ways of asking agree");
    PINCER_ASSERT(violations.size() <= 9, "bounded output");
    for (const auto& violation : violations) (void)(violation.pointer() + violation.dotted());
    return 0;
}
