// Bytes as HTTP/1 requests, at once and in pieces: both must give the same request or the same
// refusal. The first byte is the size of a piece.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/request_parser.h"
#include "http/target.h"

namespace {

constexpr std::size_t kMaxHead = 4 << 10, kMaxBody = 16 << 10;

struct Outcome {
  bool is_complete = false;
  int failure = 0;
  std::string method, target, body;

  bool operator==(const Outcome&) const = default;
};

/// Offers the input as a connection does: what was not used comes again with `piece` bytes more.
Outcome parse(std::string_view input, std::size_t piece) {
  llm::http::RequestParser parser(kMaxHead, kMaxBody);
  Outcome out;
  std::size_t begin = 0, end = 0;
  bool has_body = false;
  while (!parser.is_complete() && parser.failure_status() == 0) {
    const std::size_t used = parser.feed(input.substr(begin, end - begin));
    if (used > end - begin) std::abort();
    begin += used;
    if (parser.failure_status() == 0 && parser.has_head() && !has_body) {
      has_body = true;
      out.method = parser.method();
      out.target = parser.target();
      static_cast<void>(llm::http::parse_target(out.target));
      parser.begin_body();
      continue;
    }
    if (used > 0) continue;
    if (end == input.size() || parser.is_complete()) break;
    end = std::min(input.size(), end + piece);
  }
  out.is_complete = parser.is_complete();
  out.failure = parser.failure_status();
  if (out.is_complete) out.body = parser.take_body();
  if (out.body.size() > kMaxBody) std::abort();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = parse(input, input.size() + 1);
  const Outcome pieces = parse(input, 1 + data[0]);
  // How much of a refused request was understood may differ with the pieces.
  if (whole.is_complete != pieces.is_complete) std::abort();
  if (whole.is_complete && !(whole == pieces)) std::abort();
  return 0;
}
