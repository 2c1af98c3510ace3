#include "server/chat/job.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "server/chat/prompt.h"
#include "server/chat/tool_choice.h"
#include "server/reply/pieces.h"
#include "server/request/shown_tokens.h"

namespace llm::server {
namespace {

using Kind = Shape::Kind;

bool flag(const Json& body, const char* name, bool otherwise) {
  const Json* value = find(body, name);
  return value == nullptr ? otherwise : read_bool(name, *value);
}

chat::ReasoningOutput reasoning_output(const std::string& format) {
  if (format == "none") return chat::ReasoningOutput::inlined;
  if (format == "deepseek-legacy") return chat::ReasoningOutput::both;
  return chat::ReasoningOutput::separate;
}

/// Only the functions that the choice leaves.
Json allowed_tools(Json tools, const ToolChoiceField& choice) {
  if (!tools.is_array() || choice.allowed.is_null()) return tools;
  Json left = Json::array();
  for (Json& tool : tools) {
    const Json& name = tool["function"]["name"];
    const auto& allowed = choice.allowed;
    if (std::find(allowed.begin(), allowed.end(), name) != allowed.end()) left.push_back(tool);
  }
  return left.empty() ? Json() : left;
}

chat::ReplySettings reply_settings(const Serving& serving, const Json& body,
                                   const CompletionParams& params) {
  Json tools = read_tools(body);
  const ToolChoiceField choice = read_tool_choice(body, tools);
  chat::ReplySettings settings;
  settings.tools = allowed_tools(std::move(tools), choice);
  settings.tool_choice = choice.mode;
  settings.named_tool = choice.name;
  settings.parallel_calls =
      flag(body, "parallel_tool_calls", serving.chat_template->caps().supports_parallel_tool_calls);
  settings.reasoning = reasoning_output(params.reasoning_format);
  settings.generation_prompt = params.generation_prompt;
  if (params.shape.kind == Kind::schema) settings.schema = params.shape.schema;
  settings.strict_schema = params.shape.strict || wants_strict_tools(body);
  settings.make_id = [] { return random_letters(32); };
  return settings;
}

bool offers_calls(const chat::ReplySettings& settings) {
  return !settings.tools.is_null() && settings.tool_choice != chat::ToolChoice::none;
}

std::string key_of(const chat::Format& format, const chat::ReplySettings& s) {
  return dump({format.name(), s.tools, static_cast<int>(s.tool_choice), s.named_tool,
               s.parallel_calls, static_cast<int>(s.reasoning), s.generation_prompt, s.schema,
               s.strict_schema});
}

Prepared make_reply_constraint(const chat::Format& format, const chat::ReplySettings& settings,
                               const std::string& schema_field) {
  try {
    chat::ReplyConstraint reply = format.constraint(settings);
    Prepared prepared{.warnings = std::move(reply.warnings)};
    if (!reply.active) return prepared;
    prepared.constraint = {.grammar = grammar::compile(reply.expressions, reply.root),
                           .lazy = reply.lazy,
                           .triggers = std::move(reply.triggers),
                           .thinking = format.thinking(settings.generation_prompt),
                           .already_read = std::move(reply.already_read)};
    return prepared;
  } catch (const grammar::GrammarError& error) {
    const std::string field = settings.schema.is_null() ? "tools" : schema_field;
    bad_field(field,
              fmt::format("Field '{}': JSON schema conversion failed:\n{}", field, error.what()));
  }
}

/// The part of the reply that the prompt ends with counts as written, if the grammar can read it.
void read_prefill(grammar::Constraint& constraint, const std::string& prefill) {
  if (!constraint.grammar || constraint.lazy || prefill.empty()) return;
  const std::string text = constraint.already_read + prefill;
  grammar::Matcher matcher(constraint.grammar);
  if (matcher.feed(text) == text.size()) constraint.already_read = text;
}

Prepared constraint_of(Serving& serving, const CompletionParams& params,
                       const chat::ReplySettings& settings) {
  const Shape& shape = params.shape;
  const bool is_own = shape.kind == Kind::regex || shape.kind == Kind::choice;
  if (offers_calls(settings) && (is_own || shape.kind == Kind::gbnf)) {
    bad_field(shape.field, "Cannot use custom grammar constraints with tools.");
  }
  if (shape.kind == Kind::gbnf) {  // describes the text from its first token on
    Prepared prepared = serving.grammars.get(shape);
    prepared.constraint.lazy = params.grammar_lazy;
    prepared.constraint.triggers = params.grammar_triggers;
    if (serving.format && params.grammar_lazy) {
      prepared.constraint.thinking = serving.format->thinking(params.generation_prompt);
    }
    return prepared;
  }
  if (!serving.format) return serving.grammars.get(shape);
  if (is_own) {
    return serving.grammars.get(shape, serving.format->thinking(params.generation_prompt));
  }
  if (!offers_calls(settings) && settings.schema.is_null()) return {};
  return serving.grammars.get(key_of(*serving.format, settings), [&] {
    return make_reply_constraint(*serving.format, settings, shape.field);
  });
}

ReasoningLimit limit_of(const Serving& serving, const CompletionParams& params,
                        std::shared_ptr<const ReasoningSwitch> control) {
  if (!serving.format) return {};
  return {.budget = params.reasoning.budget,
          .message = params.reasoning.message,
          .tags = serving.format->thinking(params.generation_prompt),
          .control = std::move(control)};
}

}  // namespace

ChatJob make_chat_job(Service& service, const Json& body) {
  Serving& serving = service.serving();
  const ChatOptions& options = service.options().chat;
  ChatJob out;
  Job& job = out.job;
  job.params = parse_chat_params(body, serving.defaults, serving.limits());
  ChatPrompt prompt = render_chat(service, body);
  job.params.generation_prompt = prompt.generation_prompt;
  chat::ReplySettings settings = reply_settings(serving, body, job.params);
  // Calls cannot have the shape that the command line gives to texts.
  if (offers_calls(settings) && job.params.shape.field.starts_with("--")) {
    job.params.shape = {};
    settings.schema = {};
  }
  serving.resolver.resolve(job.params);
  if (job.params.reasoning.control) out.control = std::make_shared<ReasoningSwitch>();

  job.prepared = constraint_of(serving, job.params, settings);
  read_prefill(job.prepared.constraint, prompt.prefill);
  job.limit = limit_of(serving, job.params, out.control);
  job.show_special = options.special;
  job.shown_tokens =
      shown_tokens(serving.tokenizer, serving.preserved_tokens, job.params.preserved_tokens);
  job.more_stop = std::move(prompt.stop);
  if (serving.format) {
    const auto stops = serving.format->stops();
    job.more_stop.insert(job.more_stop.end(), stops.begin(), stops.end());
  }
  job.prompts.push_back(std::move(prompt.tokens));

  const bool reads_calls = flag(body, "parse_tool_calls", true) && offers_calls(settings);
  if (!reads_calls) settings.tools = {};
  out.plan = {.format = options.skip_parsing ? nullptr : serving.format,
              .settings = std::move(settings),
              .prefill = std::move(prompt.prefill),
              .streams_prefill = prompt.streams_prefill,
              .warnings = job.prepared.warnings};
  return out;
}

}  // namespace llm::server
