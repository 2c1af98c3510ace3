// Every connection runs on a strand over the I/O threads. Internal to the room.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

namespace llm::http {

using Strand = boost::asio::strand<boost::asio::io_context::executor_type>;

/// A coroutine that is there already must not be dispatched: each time would be one level of
/// recursion deeper, and a fast stream overflows the stack.
inline bool runs_on(const boost::asio::any_io_executor& executor) {
  const auto* strand = executor.target<Strand>();
  return strand && strand->running_in_this_thread();
}

}  // namespace llm::http
