#include "hub/retry.h"

#include <algorithm>
#include <thread>

#include "base/log.h"

namespace llm::hub {
namespace {

using namespace std::chrono_literals;

constexpr int kMostFailures = 4;
constexpr std::chrono::milliseconds kFirstPause = 500ms, kLongestPause = 30s;
constexpr std::chrono::seconds kLongestWish = 300s;  // of a server, in Retry-After
constexpr std::uint64_t kProgress = 64 << 10;        // bytes; less does not begin a new row

bool may_pass(int status) {
  return status == 408 || status == 425 || status == 429 || status >= 500;
}

}  // namespace

StatusError::StatusError(const std::string& message, const Head& head)
    : TransferError(message, may_pass(head.status)),
      status(head.status),
      retry_after(head.retry_after) {}

void pause(std::chrono::milliseconds time, const Stopper& stopped) {
  const auto end = std::chrono::steady_clock::now() + time;
  do {
    if (stopped()) throw Cancelled();
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    std::this_thread::sleep_for(std::clamp<std::chrono::milliseconds>(left, 0ms, 50ms));
  } while (std::chrono::steady_clock::now() < end);
}

void with_retries(const Stopper& stopped, const std::function<std::uint64_t()>& done,
                  const std::function<void()>& work) {
  std::uint64_t before = done();
  for (int failures = 0;;) {
    std::chrono::milliseconds wait{};
    try {
      return work();
    } catch (const TransferError& error) {
      if (!error.may_retry) throw;
      const std::uint64_t now = done();
      if (now >= before + kProgress) failures = 0;
      before = now;
      if (++failures == kMostFailures) throw;
      wait = std::min(kFirstPause * (1 << (failures - 1)), kLongestPause);
      if (const auto* status = dynamic_cast<const StatusError*>(&error))
        wait = std::max<std::chrono::milliseconds>(wait, status->retry_after);
      if (wait > kLongestWish) throw;
      log::warn("{}; trying again in {:.1f} s", error.what(),
                std::chrono::duration<double>(wait).count());
    }
    pause(wait, stopped);
  }
}

}  // namespace llm::hub
