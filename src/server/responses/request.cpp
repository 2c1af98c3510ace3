#include "server/responses/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/error.h"
#include "server/request/fields.h"

namespace llm::server {
namespace {

std::string need_text(const Json& object, const char* key, const std::string& path) {
  const Json* value = find(object, key);
  if (value == nullptr) bad_field("input", fmt::format("{}.{} is missing", path, key));
  return read_string(path + "." + key, *value);
}

std::string type_of(const Json& object) {
  const Json* type = object.is_object() ? find(object, "type") : nullptr;
  return type != nullptr && type->is_string() ? type->get<std::string>() : "";
}

Json input_part(const Json& part, const std::string& path) {
  const std::string type = type_of(part);
  if (type == "input_text") return {{"type", "text"}, {"text", need_text(part, "text", path)}};
  if (type == "input_image") {
    return {{"type", "image_url"}, {"image_url", {{"url", need_text(part, "image_url", path)}}}};
  }
  if (type == "input_file") {
    bad_field("input", "'input_file' is not supported by llamacpp at this moment");
  }
  bad_field("input", "'type' must be one of 'input_text', 'input_image', or 'input_file'");
}

Json output_part(const Json& part, const std::string& path) {
  const std::string type = type_of(part);
  if (type == "output_text") return {{"type", "text"}, {"text", need_text(part, "text", path)}};
  if (type == "refusal") return {{"type", "text"}, {"text", need_text(part, "refusal", path)}};
  bad_field("input", "'type' must be one of 'output_text' or 'refusal'");
}

using ReadPart = Json (*)(const Json&, const std::string&);

Json read_parts(const Json& content, const std::string& path, ReadPart read) {
  if (content.is_string()) return content;
  if (!content.is_array()) wrong_type(path, "string or array", content);
  Json parts = Json::array();
  for (std::size_t i = 0; i < content.size(); ++i) {
    parts.push_back(read(content[i], fmt::format("{}[{}]", path, i)));
  }
  return parts;
}

/// Items in, chat messages out. What an assistant's turn consists of (reasoning, text, calls) are
/// several items and one message.
class ItemReader {
 public:
  void read(const Json& item, const std::string& path) {
    if (!item.is_object()) bad_field("input", "'input' must be a string or array of objects");
    const std::string type = type_of(item);
    const bool is_message = type == "message" || (type.empty() && item.contains("role"));
    if (is_message) {
      read_message(item, path);
    } else if (type == "function_call") {
      turn_["tool_calls"].push_back({{"id", need_text(item, "call_id", path)},
                                     {"type", "function"},
                                     {"function",
                                      {{"name", need_text(item, "name", path)},
                                       {"arguments", need_text(item, "arguments", path)}}}});
    } else if (type == "function_call_output") {
      finish_turn();
      const Json* output = find(item, "output");
      if (output == nullptr) bad_field("input", path + ".output is missing");
      messages_.push_back({{"role", "tool"},
                           {"tool_call_id", need_text(item, "call_id", path)},
                           {"content", read_parts(*output, path + ".output", input_part)}});
    } else if (type == "reasoning") {
      read_reasoning(item, path);
    } else {
      bad_field("input", "Cannot determine type of 'item'");
    }
  }

  Json take() {
    finish_turn();
    return std::move(messages_);
  }

 private:
  void read_message(const Json& item, const std::string& path) {
    const std::string role = need_text(item, "role", path);
    const Json* content = find(item, "content");
    if (content == nullptr) bad_field("input", path + ".content is missing");
    if (role == "assistant") {
      if (turn_.contains("content") || turn_.contains("tool_calls")) finish_turn();
      Json parts = read_parts(*content, path + ".content", output_part);
      // One text stays one text, so that it can be continued.
      turn_["content"] = parts.is_array() && parts.size() == 1 ? parts[0]["text"] : parts;
      return;
    }
    finish_turn();
    messages_.push_back(
        {{"role", role}, {"content", read_parts(*content, path + ".content", input_part)}});
  }

  /// The full text, or its summary where that is all there is.
  void read_reasoning(const Json& item, const std::string& path) {
    if (turn_.contains("content") || turn_.contains("tool_calls")) finish_turn();
    std::string text;
    for (const char* name : {"content", "summary"}) {
      const Json* parts = find(item, name);
      if (parts == nullptr || !text.empty()) continue;
      if (!parts->is_array()) wrong_type(path + "." + name, "array", *parts);
      for (const Json& part : *parts) {
        if (!part.is_object()) wrong_type(path + "." + name, "object", part);
        text += need_text(part, "text", path + "." + name);
      }
    }
    if (!text.empty()) turn_["reasoning_content"] = text;
  }

  void finish_turn() {
    if (turn_.empty()) return;
    Json message = {{"role", "assistant"}, {"content", turn_.value("content", Json(""))}};
    for (const char* name : {"reasoning_content", "tool_calls"}) {
      if (turn_.contains(name)) message[name] = turn_[name];
    }
    turn_ = Json::object();
    // Thoughts alone are left over when a reply was cut off: nothing can follow from them.
    const bool has_text = message["content"] != Json("") || message.contains("tool_calls");
    if (has_text || !message.contains("reasoning_content")) messages_.push_back(std::move(message));
  }

  Json messages_ = Json::array();
  Json turn_ = Json::object();  // the assistant's, so far
};

Json tools_of(const Json& tools) {
  constexpr const char* kShape = "'tools' must be an array of objects";
  if (!tools.is_array()) bad_field("tools", kShape);
  Json out = Json::array();
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const Json& tool = tools[i];
    if (!tool.is_object()) bad_field("tools", kShape);
    if (type_of(tool) != "function") continue;  // those that OpenAI's servers run themselves
    Json function = Json::object();
    for (const char* name : {"name", "description", "parameters", "strict"}) {
      if (const Json* value = find(tool, name)) function[name] = *value;
    }
    out.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  return out;
}

/// text.format is what chat requests call response_format, with the schema one level up.
void read_text(const Json& text, Json& out) {
  if (!text.is_object()) wrong_type("text", "object", text);
  const Json* format = find(text, "format");
  if (format == nullptr) return;
  if (!format->is_object()) wrong_type("text.format", "object", *format);
  if (type_of(*format) != "json_schema") {
    out["response_format"] = *format;
    return;
  }
  Json schema = *format;
  schema.erase("type");
  out["response_format"] = {{"type", "json_schema"}, {"json_schema", std::move(schema)}};
}

bool includes_logprobs(const Json& body) {
  const Json* include = find(body, "include");
  return include != nullptr && include->is_array() &&
         std::find(include->begin(), include->end(), Json("message.output_text.logprobs")) !=
             include->end();
}

void refuse_unsupported(const Json& body) {
  const Json* background = find(body, "background");
  if (background != nullptr && *background != Json(false)) {
    bad_field("background", "'background' is not supported");
  }
  for (const char* name : {"conversation", "prompt"}) {
    if (find(body, name) != nullptr) bad_field(name, fmt::format("'{}' is not supported", name));
  }
}

}  // namespace

Json response_items(const Json& body) {
  const Json* input = find(body, "input");
  if (input == nullptr) bad_field("input", "'input' is required");
  if (input->is_string()) {
    return Json::array({{{"type", "message"}, {"role", "user"}, {"content", *input}}});
  }
  if (!input->is_array()) bad_field("input", "'input' must be a string or array of objects");
  return *input;
}

Json chat_body_of_response(const Json& body, const Json& items) {
  refuse_unsupported(body);
  ItemReader reader;
  for (std::size_t i = 0; i < items.size(); ++i) reader.read(items[i], fmt::format("input[{}]", i));
  Json messages = Json::array();
  if (const Json* instructions = find(body, "instructions")) {
    messages.push_back(
        {{"role", "system"}, {"content", read_string("instructions", *instructions)}});
  }
  for (Json& message : reader.take()) messages.push_back(std::move(message));

  Json out = body;
  for (const char* name :
       {"input", "instructions", "previous_response_id", "max_output_tokens", "tools", "text",
        "reasoning", "top_logprobs", "logprobs", "n", "n_cmpl"}) {
    out.erase(name);
  }
  out["messages"] = std::move(messages);
  if (const Json* limit = find(body, "max_output_tokens")) out["max_tokens"] = *limit;
  if (const Json* tools = find(body, "tools")) out["tools"] = tools_of(*tools);
  if (const Json* text = find(body, "text")) read_text(*text, out);
  if (const Json* reasoning = find(body, "reasoning")) {
    if (!reasoning->is_object()) wrong_type("reasoning", "object", *reasoning);
    if (const Json* effort = find(*reasoning, "effort")) out["reasoning_effort"] = *effort;
  }
  if (includes_logprobs(body)) {
    out["logprobs"] = true;
    if (const Json* top = find(body, "top_logprobs")) out["top_logprobs"] = *top;
  }
  return out;
}

}  // namespace llm::server
