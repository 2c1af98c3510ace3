// Trying again, with growing pauses, what failed for a reason that may pass.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "hub/transfer.h"

namespace llm::hub {

/// An answer with an error status.
class StatusError : public TransferError {
 public:
  StatusError(const std::string& message, const Head& head);
  int status;
  std::chrono::seconds retry_after;  // 0: the server named none
};

/// Calls `work` until it returns. Four failures in a row without progress, or one that cannot
/// pass, are thrown. `done` counts bytes: an attempt that moved it begins a new row.
void with_retries(const Stopper& stopped, const std::function<std::uint64_t()>& done,
                  const std::function<void()>& work);

/// Sleeps in small pieces. Throws Cancelled.
void pause(std::chrono::milliseconds time, const Stopper& stopped);

}  // namespace llm::hub
