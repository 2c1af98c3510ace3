// Any bytes as a chat template must end in text or in a Failure, in bounded time and memory. The
// first line, when it is JSON, is what the template is rendered with.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "chat/jinja/program.h"

namespace {

using llm::Json;
using namespace llm::chat::jinja;

const Json& usual_messages() {
  static const Json messages = Json::parse(R"([
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "H\u00e9llo \ud83d\ude00"},
    {"role": "assistant", "content": "", "reasoning_content": "hm",
     "tool_calls": [{"id": "a", "type": "function",
                     "function": {"name": "f", "arguments": {"x": [1, 2.5, null, true]}}}]},
    {"role": "tool", "tool_call_id": "a", "content": "{}"}])");
  return messages;
}

// Far below those of a server, so that the fuzzer does not wait for endless loops.
constexpr Limits kLimits = {.depth = 500, .steps = 200'000, .bytes = std::uint64_t{16} << 20};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view source(reinterpret_cast<const char*>(data), size);
  Json context = {{"messages", usual_messages()}};
  if (const std::size_t line = source.find('\n'); line != std::string_view::npos) {
    Json given = Json::parse(source.substr(0, line), nullptr, false);
    if (given.is_object()) {
      context = std::move(given);
      source.remove_prefix(line + 1);
    }
  }
  std::vector<Variable> variables;
  for (const auto& [name, value] : context.items()) variables.push_back({name, &value});
  try {
    Program(source).render(variables, 1772719629, kLimits);
  } catch (const Failure&) {
    // the usual end
  }
  return 0;
}
