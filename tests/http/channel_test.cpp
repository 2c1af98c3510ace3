#include "http/channel.h"

#include <gmock/gmock.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <thread>

namespace llm::http {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

/// Runs a coroutine to its end on this thread.
template <class T>
T run(Task<T> task) {
  asio::io_context io;
  auto result = asio::co_spawn(io, std::move(task), asio::use_future);
  io.run();
  return result.get();
}

Task<std::vector<int>> read_all(Channel<int> channel) {
  std::vector<int> out;
  for (;;) {
    const auto value = co_await channel.next();
    if (!value) break;
    out.push_back(*value);
  }
  co_return out;
}

TEST(Channel, ValuesComeInOrderAndTheEndAfterThem) {
  Channel<int> channel;
  channel.push(1);
  channel.push(2);
  channel.close();
  channel.push(3);
  EXPECT_THAT(run(read_all(channel)), testing::ElementsAre(1, 2));
  EXPECT_TRUE(channel.closed());
}

TEST(Channel, AnotherThreadWakesTheReader) {
  Channel<int> channel;
  constexpr int kCount = 20000;
  std::thread writer([channel]() mutable {
    for (int i = 0; i < kCount; ++i) {
      channel.push(i);
      if (i % 1000 == 0) std::this_thread::sleep_for(milliseconds(1));
    }
    channel.close();
  });
  const auto values = run(read_all(channel));
  writer.join();
  ASSERT_EQ(values.size(), static_cast<std::size_t>(kCount));
  for (int i = 0; i < kCount; ++i) ASSERT_EQ(values[static_cast<std::size_t>(i)], i);
}

TEST(Channel, TimeoutsAreToldFromTheEnd) {
  Channel<int> channel;
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_FALSE(run(channel.next(milliseconds(30))));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, milliseconds(30));
  EXPECT_TRUE(channel.timed_out());
  channel.push(5);
  EXPECT_THAT(run(channel.next(milliseconds(30))), testing::Optional(5));
  EXPECT_FALSE(channel.timed_out());
  channel.close();
  EXPECT_FALSE(run(channel.next(milliseconds(30))));
  EXPECT_FALSE(channel.timed_out());
}

TEST(Channel, AtTheLimitItCloses) {
  Channel<int> channel(2);
  for (int i = 0; i < 4; ++i) channel.push(i);
  EXPECT_TRUE(channel.overflowed());
  EXPECT_THAT(run(read_all(channel)), testing::ElementsAre(0, 1));
}

TEST(Channel, TryNextDoesNotWait) {
  Channel<int> channel;
  EXPECT_FALSE(channel.try_next());
  channel.push(1);
  EXPECT_THAT(channel.try_next(), testing::Optional(1));
}

TEST(Channel, AReaderThatIsDestroyedWhileItWaitsIsForgotten) {
  Channel<int> channel;
  {
    asio::io_context io;
    asio::co_spawn(io, channel.next(), asio::use_future);
    io.poll();
  }
  channel.push(1);  // must not touch the io_context that is gone
  EXPECT_THAT(channel.try_next(), testing::Optional(1));
}

}  // namespace
}  // namespace llm::http
