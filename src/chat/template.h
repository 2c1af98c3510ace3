// A model's chat template: Jinja source compiled once, rendered per request.
// The room knows neither engine nor HTTP. Jinja itself is in chat/jinja/.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/json.h"
#include "chat/family.h"

namespace llm::chat {

/// What a template can express, found by probing renders; key names of /props.
struct TemplateCaps {
  bool supports_object_arguments = false;
  bool supports_parallel_tool_calls = false;
  bool supports_preserve_reasoning = false;
  bool supports_string_content = false;
  bool supports_system_role = false;
  bool supports_tool_calls = false;
  bool supports_tools = false;
  bool supports_typed_content = false;
};

/// How an assistant's turn is written in front of its content. Used to continue a turn.
struct ReasoningFormat {
  bool supported = false;
  std::string start, end;     // around the reasoning, with the white space that belongs to them
  std::string none;           // what stands for no reasoning; empty: `start` and `end`
  std::string content_start;  // in front of the content, of some families
};

struct TemplateInput {
  Json messages = Json::array();  // in the shape that the template reads; see render.h
  Json tools;                     // array or null
  // False leaves the variable undefined, which nearly all templates read as false. A template
  // whose default is true is told false through `extra`.
  bool add_generation_prompt = true;
  Json extra = Json::object();  // chat_template_kwargs and the like, by variable name; these win
  std::string bos_token, eos_token;
  std::int64_t now_unix_s = 0;  // what strftime_now shows; 0: the clock
};

/// Immutable: render() may be called from every thread.
class Template {
 public:
  /// Throws Error with line and column when the source does not parse.
  static std::unique_ptr<Template> compile(std::string source);
  virtual ~Template() = default;

  /// Throws RequestError(400) with the template's own words when it raises an exception, and with
  /// line and column when it fails otherwise or exceeds a limit.
  virtual std::string render(const TemplateInput& input) const = 0;
  /// With and without the generation prompt, whatever `input` says: as two renderings, but quicker.
  struct Texts {
    std::string with, without;
  };
  virtual Texts render_both(const TemplateInput& input) const = 0;
  virtual const TemplateCaps& caps() const = 0;
  virtual const ReasoningFormat& reasoning() const = 0;
  virtual Family family() const = 0;
  virtual const std::string& source() const = 0;
};

/// Built-in templates by the names of --chat-template ("chatml", "llama3", ...); null when there is
/// none of that name. Throws Error for the names of llama-server that are not supported yet. They
/// print no BOS: the tokenizer adds it.
const char* builtin_template(const std::string& name);

}  // namespace llm::chat
