// llama-inspect parse: what model texts are as messages.
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/json.h"
#include "chat/format.h"
#include "inspect/command.h"
#include "inspect/json_lines.h"

namespace llm::inspect {
namespace {

using chat::MessageDelta;
using chat::ReplySettings;

std::string text_member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// A file's text, or the text itself.
std::string template_source(const std::string& name) {
  std::error_code none;
  if (name.find('\n') != std::string::npos || !std::filesystem::is_regular_file(name, none))
    return name;
  std::ifstream in(name, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// Templates are analysed once.
class Formats {
 public:
  const chat::DetectedFormat& of(const Json& object) {
    const std::string name = text_member(object, "format");
    const std::string source = text_member(object, "template");
    if (name.empty() && source.empty()) fail("expected \"template\" or \"format\"");
    const auto [entry, is_new] = known_.try_emplace(name.empty() ? "t" + source : "f" + name);
    if (is_new) entry->second = name.empty() ? detect(source) : find(name);
    return entry->second;
  }

 private:
  static chat::DetectedFormat detect(const std::string& source) {
    return chat::detect_format(*chat::Template::compile(template_source(source)));
  }
  static chat::DetectedFormat find(const std::string& name) {
    auto format = chat::find_format(name);
    if (!format) fail("format: unknown '{}'", name);
    return {std::move(format), "by name"};
  }

  std::map<std::string, chat::DetectedFormat> known_;
};

ReplySettings settings_of(const Json& object) {
  ReplySettings settings;
  const Json request = object.value("request", Json::object());
  if (const auto tools = object.find("tools"); tools != object.end() && tools->is_array())
    settings.tools = *tools;
  const Json choice = request.value("tool_choice", Json("auto"));
  if (choice == "none") settings.tool_choice = chat::ToolChoice::none;
  if (choice == "required") settings.tool_choice = chat::ToolChoice::required;
  settings.parallel_calls = request.value("parallel_tool_calls", false);
  const std::string reasoning = request.value("reasoning_format", "deepseek");
  if (reasoning == "none") settings.reasoning = chat::ReasoningOutput::inlined;
  if (reasoning == "deepseek-legacy") settings.reasoning = chat::ReasoningOutput::both;
  settings.schema = request.value("json_schema", Json());
  settings.generation_prompt = text_member(object, "generation_prompt");
  return settings;
}

Json as_json(const MessageDelta& delta) {
  Json json = Json::object();
  if (!delta.reasoning.empty()) json["reasoning_content"] = delta.reasoning;
  if (!delta.content.empty()) json["content"] = delta.content;
  for (const chat::CallPiece& piece : delta.calls) {
    Json call = {{"index", piece.index}};
    if (!piece.name.empty()) call.update({{"id", piece.id}, {"type", "function"}});
    call["function"] = Json::object();
    if (!piece.name.empty()) call["function"]["name"] = piece.name;
    call["function"]["arguments"] = piece.arguments;
    json["tool_calls"].push_back(std::move(call));
  }
  return json;
}

Json as_json(const chat::Message& message) {
  Json calls = Json::array();
  for (const chat::ToolCall& call : message.calls)
    calls.push_back({{"id", call.id},
                     {"type", "function"},
                     {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
  return {{"content", message.content},
          {"reasoning_content", message.reasoning},
          {"tool_calls", std::move(calls)}};
}

/// The text in the pieces that `cuts`, ascending offsets in bytes, divide it into.
std::vector<std::string_view> pieces_of(std::string_view text, const Json& cuts) {
  std::vector<std::string_view> pieces;
  std::size_t from = 0;
  for (const Json& cut : cuts) {
    if (!cut.is_number_unsigned()) fail("cuts: expected numbers");
    const std::size_t to = std::min(cut.get<std::size_t>(), text.size());
    if (to < from) fail("cuts: expected ascending numbers");
    pieces.push_back(text.substr(from, to - from));
    from = to;
  }
  pieces.push_back(text.substr(from));
  return pieces;
}

}  // namespace

void parse(Arguments arguments) {
  if (!arguments.empty()) fail("parse: expected no arguments");
  Formats formats;
  answer_lines([&](const Json& object) -> Json {
    const chat::DetectedFormat& detected = formats.of(object);
    const auto parser = detected.format->parser(settings_of(object));
    const std::string output = text_member(object, "output");
    const auto cuts = object.find("cuts");
    const bool shows_deltas = cuts != object.end() && cuts->is_array();
    Json deltas = Json::array();
    for (const std::string_view piece : pieces_of(output, shows_deltas ? *cuts : Json::array()))
      deltas.push_back(as_json(parser->feed(piece)));
    deltas.push_back(as_json(parser->finish(object.value("finish", "stop") != "length")));
    Json answer = {{"id", object.value("id", Json())},
                   {"format", detected.format->name()},
                   {"reason", detected.reason},
                   {"message", as_json(parser->message())},
                   {"warnings", parser->message().warnings}};
    if (shows_deltas) answer["deltas"] = std::move(deltas);
    return answer;
  });
}

}  // namespace llm::inspect
