// Parsers of replies: for any bytes in any pieces the deltas are the message, and a reply that
// ended by itself has arguments that are JSON.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "chat/format.h"

namespace {

using namespace llm;

const std::vector<std::shared_ptr<const chat::Format>>& formats() {
  static const auto all = [] {
    std::vector<std::shared_ptr<const chat::Format>> list;
    for (const std::string& name : chat::format_names()) list.push_back(chat::find_format(name));
    return list;
  }();
  return all;
}

const Json& tools() {
  static const Json list = Json::parse(R"([{"type": "function", "function": {"name": "f",
      "parameters": {"properties": {"a": {"type": "string"}, "b": {"type": "array"},
      "d": {"type": "integer"}, "o": {"type": "object"}}}}}])");
  return list;
}

void require(bool holds) {
  if (!holds) std::abort();
}

struct Sum {
  chat::Message message;
  void add(const chat::MessageDelta& delta) {
    message.reasoning += delta.reasoning;
    message.content += delta.content;
    for (const chat::CallPiece& piece : delta.calls) {
      const auto index = static_cast<std::size_t>(piece.index);
      require(index <= message.calls.size() && index + 1 >= message.calls.size());
      if (index == message.calls.size()) message.calls.push_back({piece.id, piece.name, ""});
      message.calls[index].arguments += piece.arguments;
    }
  }
};

chat::Message read(const chat::Format& format, const chat::ReplySettings& settings,
                   std::string_view text, std::size_t piece, bool natural) {
  const auto parser = format.parser(settings);
  Sum sum;
  for (std::size_t at = 0; at < text.size(); at += piece)
    sum.add(parser->feed(text.substr(at, piece)));
  sum.add(parser->finish(natural));
  require(sum.message.content == parser->message().content);
  require(sum.message.reasoning == parser->message().reasoning);
  require(sum.message.calls.size() == parser->message().calls.size());
  for (std::size_t i = 0; i < sum.message.calls.size(); ++i)
    require(sum.message.calls[i].arguments == parser->message().calls[i].arguments);
  return sum.message;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const chat::Format& format = *formats()[data[0] % formats().size()];
  const bool natural = (data[1] & 1) != 0;
  chat::ReplySettings settings;
  settings.tools = (data[1] & 2) != 0 ? tools() : Json();
  settings.reasoning = static_cast<chat::ReasoningOutput>(data[1] / 4 % 3);
  if ((data[1] & 64) != 0) settings.schema = Json::object();
  constexpr const char* kPrompts[] = {"", "<think>\n", ">>>", "<|start|>assistant"};
  settings.generation_prompt = kPrompts[data[1] / 16 % 4];
  settings.make_id = [] { return std::string("id"); };
  const std::string_view text(reinterpret_cast<const char*>(data + 3), size - 3);
  const chat::Message whole = read(format, settings, text, size, natural);
  const chat::Message parts = read(format, settings, text, 1 + data[2] % 7, natural);
  require(whole.content == parts.content && whole.reasoning == parts.reasoning);
  require(whole.calls.size() == parts.calls.size());
  for (const chat::ToolCall& call : whole.calls)
    if (natural) require(Json::accept(call.arguments));
  return 0;
}
