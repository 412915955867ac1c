// Task<T> is the coroutine type of the whole project. This is the one public header that names Asio.
//
// Rules (docs/style.md, Coroutines): name a temporary before you await; pass by value, or by reference to what
// outlives the task by construction; no capturing lambda coroutines; nothing is detached: spawn into a TaskGroup.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "base/result.hpp"

namespace pincer::io {

template <class T = void>
using Task = boost::asio::awaitable<T>;

}  // namespace pincer::io

namespace pincer {
using io::Task;
}
