// llama-inspect render: chat templates on contexts from standard input.
#include <fstream>
#include <sstream>

#include "chat/jinja/program.h"
#include "gguf/reader.h"
#include "inspect/command.h"
#include "inspect/json_lines.h"

namespace llm::inspect {
namespace {

/// The file's text, or the template of a model file.
std::string read_template(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) fail("render: cannot open '{}'", path);
  std::ostringstream text;
  text << in.rdbuf();
  if (!text.str().starts_with("GGUF")) return text.str();
  return gguf::File::open(path, {.with_data = false})
      .metadata()
      .need<std::string>("tokenizer.chat_template");
}

/// The variables are in `context`, or are the object itself; `bos_token`, `eos_token` and `extra`
/// beside a context belong to them, too.
Json context_of(const Json& object) {
  const auto found = object.find("context");
  if (found == object.end()) return object;
  if (!found->is_object()) fail("context: expected an object, got {}", found->type_name());
  Json context = *found;
  for (const char* name : {"bos_token", "eos_token"}) {
    if (object.contains(name)) context[name] = object.at(name);
  }
  if (const auto extra = object.find("extra"); extra != object.end()) context.update(*extra);
  return context;
}

const char* kind_name(chat::jinja::FailureKind kind) {
  using chat::jinja::FailureKind;
  switch (kind) {
    case FailureKind::syntax:
      return "syntax";
    case FailureKind::raise:
      return "raise";
    default:
      return "runtime";
  }
}

std::int64_t now_of(const Json& object) {
  const auto now = object.find("now");
  return now != object.end() && now->is_number_integer() ? now->get<std::int64_t>() : 0;
}

}  // namespace

void render(Arguments arguments) {
  if (arguments.size() > 1) fail("render: expected one argument, a template or model file");
  const std::string common = arguments.empty() ? "" : read_template(arguments[0]);
  answer_lines([&](const Json& object) -> Json {
    const auto own = object.find("template");
    const bool has_own = own != object.end() && own->is_string() && arguments.empty();
    if (!has_own && arguments.empty()) fail("expected \"template\", or name a file");
    try {
      const chat::jinja::Program program(has_own ? own->get<std::string>() : common);
      const Json context = context_of(object);
      std::vector<chat::jinja::Variable> variables;
      for (const auto& [name, value] : context.items()) variables.push_back({name, &value});
      return {{"text", program.render(variables, now_of(object))}};
    } catch (const chat::jinja::Failure& failure) {
      return {{"error", {{"kind", kind_name(failure.kind)}, {"message", failure.what()}}}};
    }
  });
}

}  // namespace llm::inspect
