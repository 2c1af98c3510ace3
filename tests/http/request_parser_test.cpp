#include "http/request_parser.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace llm::http {
namespace {

/// Offers the text as a connection does, `piece` bytes more at a time.
void parse(RequestParser& parser, std::string_view text, std::size_t piece) {
  std::size_t begin = 0, end = 0;
  while (!parser.is_complete() && parser.failure_status() == 0) {
    const std::size_t used = parser.feed(text.substr(begin, end - begin));
    begin += used;
    if (used > 0) continue;
    if (end == text.size()) break;
    end = std::min(text.size(), end + piece);
  }
}

TEST(RequestParser, WhatIsRefusedIsNeverComplete) {
  constexpr std::string_view kFolded = "GET /x HTTP/1.1\r\nHost: a\r\n\tb\r\n\r\n";
  for (const std::size_t piece : {1u, 7u, 100u}) {
    RequestParser parser(/*max_head_bytes=*/1024, /*max_body_bytes=*/1024);
    parse(parser, kFolded, piece);
    EXPECT_FALSE(parser.is_complete()) << piece;
    EXPECT_EQ(parser.failure_status(), 400) << piece;
  }
}

TEST(RequestParser, PiecesMakeTheSameRequest) {
  constexpr std::string_view kPlain = "GET /x?y=1 HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const std::size_t piece : {1u, 7u, 100u}) {
    RequestParser parser(/*max_head_bytes=*/1024, /*max_body_bytes=*/1024);
    parse(parser, kPlain, piece);
    EXPECT_TRUE(parser.is_complete()) << piece;
    EXPECT_EQ(parser.target(), "/x?y=1") << piece;
  }
}

}  // namespace
}  // namespace llm::http
