// Result<T> and the three words that go with it: PINCER_FAIL makes an error, PINCER_TRY and PINCER_CO_TRY pass one on.
//
//     PINCER_TRY(auto plan, read_plan(path));            // in a function
//     PINCER_CO_TRY(auto entry, co_await store.take(id)); // in a coroutine
//     PINCER_CHECK(store.close());                        // nothing to keep (PINCER_CO_CHECK in a coroutine)
//     return PINCER_FAIL(not_found, "no session named {}", key);
#pragma once

#include <fmt/core.h>

#include <expected>
#include <utility>

#include "base/error.hpp"

namespace pincer {

// A class of its own and not an alias, because only a class can be [[nodiscard]].
template <class T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
public:
    using std::expected<T, Error>::expected;
};

using Failure = std::unexpected<Error>;

}  // namespace pincer

#define PINCER_FAIL(code, ...) ::pincer::Failure(::pincer::Error(::pincer::ErrorCode::code, ::fmt::format(__VA_ARGS__)))

#define PINCER_CAT_(a, b) a##b
#define PINCER_CAT(a, b) PINCER_CAT_(a, b)
#define PINCER_TRY_(tmp, ret, decl, ...)                     \
    auto tmp = (__VA_ARGS__);                                \
    if (!tmp) ret ::pincer::Failure(std::move(tmp).error()); \
    decl = *std::move(tmp)
#define PINCER_TRY(decl, ...) PINCER_TRY_(PINCER_CAT(pincer_try_, __LINE__), return, decl, __VA_ARGS__)
#define PINCER_CO_TRY(decl, ...) PINCER_TRY_(PINCER_CAT(pincer_try_, __LINE__), co_return, decl, __VA_ARGS__)
#define PINCER_CHECK_(tmp, ret, ...) \
    if (auto tmp = (__VA_ARGS__); !tmp) ret ::pincer::Failure(std::move(tmp).error())
#define PINCER_CHECK(...) PINCER_CHECK_(PINCER_CAT(pincer_check_, __LINE__), return, __VA_ARGS__)
#define PINCER_CO_CHECK(...) PINCER_CHECK_(PINCER_CAT(pincer_check_, __LINE__), co_return, __VA_ARGS__)
