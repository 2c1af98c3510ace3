#include "router/proxy.h"

#include <gtest/gtest.h>

namespace llm::router {
namespace {

TEST(EventStream, OnlyCompleteEventsGoOut) {
  EXPECT_EQ(complete_events("data: a\n\ndata: b"), 9u);
  EXPECT_EQ(complete_events("data: a\n\ndata: b\n\n"), 18u);
  EXPECT_EQ(complete_events("data: a\r\n\r\nda"), 11u);
  EXPECT_EQ(complete_events("data: a\n"), 0u);
  EXPECT_EQ(complete_events(""), 0u);
}

TEST(ErrorReply, HasTheShapeOfThePathsApi) {
  const RequestError error(503, "unavailable_error", "busy");
  EXPECT_EQ(error_reply("/completion", error).body,
            R"({"error":{"code":503,"message":"busy","type":"unavailable_error"}})");
  EXPECT_EQ(error_reply("/v1/messages", error).body,
            R"({"type":"error","error":{"code":503,"message":"busy","type":"overloaded_error"}})");
  EXPECT_EQ(error_reply("/completion", error).status, 503);
}

}  // namespace
}  // namespace llm::router
