#include "server/anthropic/request.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "base/error.h"
#include "server/reply/pieces.h"
#include "server/request/fields.h"

namespace llm::server {
namespace {

constexpr int kDefaultMaxTokens = 4096;
constexpr int kDefaultBudget = 10'000;

const Json& need(const Json& object, const char* key, const std::string& path) {
  const Json* value = find(object, key);
  if (value == nullptr) bad_field(path, fmt::format("{}.{} is missing", path, key));
  return *value;
}

std::string need_text(const Json& object, const char* key, const std::string& path) {
  return read_string(path + "." + key, need(object, key, path));
}

std::string type_of(const Json& block, const std::string& path) {
  if (!block.is_object()) wrong_type(path, "object", block);
  return need_text(block, "type", path);
}

/// Anthropic's own command line sends a header with a checksum that changes with every request: a
/// fixed one keeps the beginning of the prompt, and so its cache.
void fix_billing_header(std::string& text) {
  constexpr std::string_view kHeader = "x-anthropic-billing-header:", kKey = "cch=";
  if (!text.starts_with(kHeader)) return;
  const std::size_t line = std::min(text.find('\n'), text.size());
  const std::size_t at = text.find(kKey);
  if (at >= line) return;
  const std::size_t value = at + kKey.size();
  const std::size_t end = std::min(text.find(';', value), line);
  text.replace(value, end - value, "00000");
}

std::string system_text(const Json& system) {
  if (system.is_string()) {
    std::string text = system.get<std::string>();
    fix_billing_header(text);
    return text;
  }
  if (!system.is_array()) wrong_type("system", "string or array", system);
  std::string all;
  for (std::size_t i = 0; i < system.size(); ++i) {
    const std::string path = fmt::format("system[{}]", i);
    const std::string type = type_of(system[i], path);
    if (type != "text") {
      bad_field("system", fmt::format("{}: type '{}' is not supported", path, type));
    }
    std::string text = need_text(system[i], "text", path);
    if (i == 0) fix_billing_header(text);
    all += text;
  }
  return all;
}

/// An image block; whether images are supported is decided where all requests meet.
Json image_part(const Json& block, const std::string& path) {
  const Json& source = need(block, "source", path);
  const std::string type = type_of(source, path + ".source");
  if (type == "url") {
    return {{"type", "image_url"},
            {"image_url", {{"url", need_text(source, "url", path + ".source")}}}};
  }
  if (type != "base64") {
    bad_field("messages", fmt::format("{}.source: type '{}' is not supported", path, type));
  }
  const std::string data =
      fmt::format("data:{};base64,{}", need_text(source, "media_type", path + ".source"),
                  need_text(source, "data", path + ".source"));
  return {{"type", "image_url"}, {"image_url", {{"url", data}}}};
}

/// A document of plain text; others need a reader for their format.
Json document_part(const Json& block, const std::string& path) {
  const Json& source = need(block, "source", path);
  const std::string type = type_of(source, path + ".source");
  if (type != "text") {
    bad_field("messages", fmt::format("{}.source: type '{}' is not supported", path, type));
  }
  return {{"type", "text"}, {"text", need_text(source, "data", path + ".source")}};
}

/// A block that is part of a content; null for other types.
Json content_part(const Json& block, const std::string& type, const std::string& path) {
  if (type == "text") return {{"type", "text"}, {"text", need_text(block, "text", path)}};
  if (type == "image") return image_part(block, path);
  if (type == "document") return document_part(block, path);
  return {};
}

/// Turns one message of Anthropic's into one or more of OpenAI's.
class MessageReader {
 public:
  explicit MessageReader(Json& out) : out_(out) {}

  void read(const Json& message, const std::string& path) {
    if (!message.is_object()) wrong_type(path, "object", message);
    role_ = need_text(message, "role", path);
    if (role_ != "user" && role_ != "assistant" && role_ != "system") {
      bad_field("messages", fmt::format("{}.role: '{}' is not a role", path, role_));
    }
    const Json& content = need(message, "content", path);
    if (content.is_string()) {
      out_.push_back({{"role", role_}, {"content", content}});
      return;
    }
    if (!content.is_array()) wrong_type(path + ".content", "string or array", content);
    for (std::size_t i = 0; i < content.size(); ++i) {
      read_block(content[i], fmt::format("{}.content[{}]", path, i));
    }
    if (role_ == "assistant") {
      finish_assistant();
    } else {
      finish_text();
    }
  }

 private:
  void read_block(const Json& block, const std::string& path) {
    const std::string type = type_of(block, path);
    if (Json part = content_part(block, type, path); !part.is_null()) {
      parts_.push_back(std::move(part));
    } else if (type == "thinking" && role_ == "assistant") {
      reasoning_ += need_text(block, "thinking", path);
    } else if (type == "redacted_thinking" && role_ == "assistant") {
      // Nobody but its maker can read it.
    } else if (type == "tool_use" && role_ == "assistant") {
      const Json* input = find(block, "input");
      calls_.push_back({{"id", need_text(block, "id", path)},
                        {"type", "function"},
                        {"function",
                         {{"name", need_text(block, "name", path)},
                          {"arguments", dump(input == nullptr ? Json::object() : *input)}}}});
    } else if (type == "tool_result" && role_ == "user") {
      finish_text();  // keeps the order
      out_.push_back({{"role", "tool"},
                      {"tool_call_id", need_text(block, "tool_use_id", path)},
                      {"content", result_content(block, path)}});
    } else {
      bad_field("messages", fmt::format("{}: type '{}' is not supported in a message of role '{}'",
                                        path, type, role_));
    }
  }

  static Json result_content(const Json& block, const std::string& path) {
    const Json* content = find(block, "content");
    if (content == nullptr) return "";
    if (content->is_string()) return *content;
    if (!content->is_array()) wrong_type(path + ".content", "string or array", *content);
    Json parts = Json::array();
    for (std::size_t i = 0; i < content->size(); ++i) {
      const std::string place = fmt::format("{}.content[{}]", path, i);
      const std::string type = type_of((*content)[i], place);
      Json part = content_part((*content)[i], type, place);
      if (part.is_null()) {
        bad_field("messages",
                  fmt::format("{}: type '{}' is not supported in a tool result", place, type));
      }
      parts.push_back(std::move(part));
    }
    return parts;
  }

  void finish_text() {
    if (!parts_.empty()) out_.push_back({{"role", role_}, {"content", std::move(parts_)}});
    parts_ = Json::array();
  }

  void finish_assistant() {
    Json message = {{"role", role_}};
    // One text stays one text, so that it can be continued.
    message["content"] = parts_.empty()       ? Json("")
                         : parts_.size() == 1 ? parts_[0].value("text", Json(parts_))
                                              : Json(parts_);
    if (!reasoning_.empty()) message["reasoning_content"] = reasoning_;
    if (!calls_.empty()) message["tool_calls"] = std::move(calls_);
    out_.push_back(std::move(message));
  }

  Json& out_;
  std::string role_;
  Json parts_ = Json::array(), calls_ = Json::array();
  std::string reasoning_;
};

Json messages_of(const Json& body) {
  const Json* messages = find(body, "messages");
  if (messages == nullptr) bad_field("messages", "'messages' is required");
  if (!messages->is_array()) bad_field("messages", "Expected 'messages' to be an array");
  Json out = Json::array();
  if (const Json* system = find(body, "system")) {
    const std::string text = system_text(*system);
    if (!text.empty()) out.push_back({{"role", "system"}, {"content", text}});
  }
  for (std::size_t i = 0; i < messages->size(); ++i) {
    MessageReader(out).read((*messages)[i], fmt::format("messages[{}]", i));
  }
  return out;
}

Json tools_of(const Json& tools) {
  if (!tools.is_array()) wrong_type("tools", "array", tools);
  Json out = Json::array();
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const std::string path = fmt::format("tools[{}]", i);
    const Json& tool = tools[i];
    if (!tool.is_object()) wrong_type(path, "object", tool);
    const Json* type = find(tool, "type");
    if (type != nullptr && *type != "custom") {
      bad_field("tools", fmt::format("{}: type {} is not supported; this server runs no tools of "
                                     "its own",
                                     path, dump(*type)));
    }
    Json function = {{"name", need_text(tool, "name", path)}};
    if (const Json* text = find(tool, "description")) function["description"] = *text;
    const Json* schema = find(tool, "input_schema");
    function["parameters"] = schema == nullptr ? Json::object() : *schema;
    if (const Json* strict = find(tool, "strict")) function["strict"] = *strict;
    out.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  return out;
}

void read_choice(const Json& choice, Json& out) {
  if (!choice.is_object()) wrong_type("tool_choice", "object", choice);
  out["tool_choice"] = choice;
  const Json* alone = find(choice, "disable_parallel_tool_use");
  if (alone != nullptr && read_bool("tool_choice.disable_parallel_tool_use", *alone)) {
    out["parallel_tool_calls"] = false;
  }
}

void read_thinking(const Json& thinking, Json& out) {
  const std::string type = type_of(thinking, "thinking");
  if (type == "enabled") {
    const Json* budget = find(thinking, "budget_tokens");
    out["reasoning_budget_tokens"] = budget == nullptr ? Json(kDefaultBudget) : *budget;
    out["enable_thinking"] = true;
  } else if (type == "disabled") {
    out["enable_thinking"] = false;
  } else if (type != "adaptive") {
    bad_field("thinking", fmt::format("thinking.type: '{}' is not supported", type));
  }
}

/// {"type":"json_schema","schema":...}
void read_format(const Json& format, const std::string& path, Json& out) {
  const std::string type = type_of(format, path);
  if (type != "json_schema") {
    bad_field(path, fmt::format("{}: type '{}' is not supported", path, type));
  }
  out["response_format"] = {
      {"type", "json_schema"},
      {"json_schema", {{"schema", need(format, "schema", path)}, {"strict", true}}}};
}

void read_output(const Json& body, Json& out) {
  if (const Json* format = find(body, "output_format")) read_format(*format, "output_format", out);
  const Json* config = find(body, "output_config");
  if (config == nullptr) return;
  if (!config->is_object()) wrong_type("output_config", "object", *config);
  if (const Json* format = find(*config, "format")) {
    read_format(*format, "output_config.format", out);
  }
  if (const Json* effort = find(*config, "effort")) out["reasoning_effort"] = *effort;
}

}  // namespace

Json chat_body_of_anthropic(const Json& body) {
  Json out = {{"messages", messages_of(body)}};
  if (const Json* tools = find(body, "tools")) out["tools"] = tools_of(*tools);
  if (const Json* choice = find(body, "tool_choice")) read_choice(*choice, out);
  if (const Json* stops = find(body, "stop_sequences")) {
    out["stop"] = read_strings("stop_sequences", *stops);
  }
  const Json* limit = find(body, "max_tokens");
  out["max_tokens"] = limit == nullptr ? Json(kDefaultMaxTokens) : *limit;
  for (const char* name : {"temperature", "top_p", "top_k", "stream", "chat_template_kwargs"}) {
    if (const Json* value = find(body, name)) out[name] = *value;
  }
  if (const Json* thinking = find(body, "thinking")) read_thinking(*thinking, out);
  read_output(body, out);
  return out;
}

}  // namespace llm::server
