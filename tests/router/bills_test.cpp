#include "router/bills.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

namespace llm::router {
namespace {

using namespace std::chrono_literals;
using Tokens = std::optional<std::int64_t>;

/// What the bill says, and whether it took the whole second to say nothing.
struct Said {
  Tokens tokens;
  bool has_waited;
};

Said wait_for(Bill& bill, std::chrono::milliseconds limit = 1s) {
  boost::asio::io_context io;
  Tokens tokens;
  const auto begin = std::chrono::steady_clock::now();
  const auto wait = [&]() -> http::Task<void> { tokens = co_await bill.wait(limit); };
  boost::asio::co_spawn(io, wait, [](std::exception_ptr) {});
  io.run();
  return {tokens, std::chrono::steady_clock::now() - begin >= limit};
}

TEST(Bills, WhatIsToldBeforeOrWhileSomeoneWaitsReachesItsBill) {
  Bills bills;
  Bill first(bills), second(bills);
  EXPECT_NE(first.number(), second.number());
  bills.settle(first.number() + " 250");
  EXPECT_EQ(wait_for(first).tokens, 250);
  std::thread process([&] {
    std::this_thread::sleep_for(20ms);
    bills.settle(second.number() + " 0");
  });
  const Said said = wait_for(second, 10s);
  process.join();
  EXPECT_EQ(said.tokens, 0);
  EXPECT_FALSE(said.has_waited);
}

TEST(Bills, WhatIsNoReportOfAnOpenBillIsPassedOver) {
  Bills bills;
  Bill bill(bills);
  { const Bill gone(bills); }
  for (const std::string& report :
       {std::string(""), std::string("x 5"), bill.number(), bill.number() + " ",
        bill.number() + " 5x", bill.number() + " -5", std::string("2 5"), std::string("99 5"),
        bill.number() + " 99999999999999999999"})
    bills.settle(report);
  const Said said = wait_for(bill, 50ms);
  EXPECT_EQ(said.tokens, std::nullopt);
  EXPECT_TRUE(said.has_waited);
}

TEST(Bills, AfterTheEndOfTheProcessNobodyWaits) {
  Bills bills;
  Bill told(bills), untold(bills);
  bills.settle(told.number() + " 7");
  std::thread process([&] {
    std::this_thread::sleep_for(20ms);
    bills.close();
  });
  const Said said = wait_for(untold, 10s);
  process.join();
  EXPECT_EQ(said.tokens, std::nullopt);
  EXPECT_FALSE(said.has_waited);
  EXPECT_EQ(wait_for(told).tokens, 7) << "what was told before counts";
}

}  // namespace
}  // namespace llm::router
