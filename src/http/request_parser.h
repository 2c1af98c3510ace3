// HTTP/1 request syntax: bytes in, one request out. Boost.Beast does the work and stays inside.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/exchange.h"

namespace llm::http {

class RequestParser {
 public:
  RequestParser(std::size_t max_head_bytes, std::size_t max_body_bytes);
  ~RequestParser();

  /// Parses up to the end of the head, and after begin_body() up to the end of the request.
  /// Returns how many bytes were used; the rest is offered again with more behind it.
  std::size_t feed(std::string_view bytes);
  bool has_head() const;
  bool is_complete() const;
  void begin_body();

  /// Why it cannot go on: 0, or the status to answer with (400, 413, 431) and its explanation.
  int failure_status() const;
  std::string failure_text() const;

  // Of the head.
  std::string method() const;
  std::string_view target() const;
  Headers headers() const;
  bool is_http_1_0() const;
  bool wants_keep_alive() const;
  bool is_chunked() const;
  std::optional<std::uint64_t> content_length() const;

  std::string take_body();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace llm::http
