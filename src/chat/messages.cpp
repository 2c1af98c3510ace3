#include "chat/messages.h"

#include <fmt/format.h>

#include <string_view>

#include "base/error.h"

namespace llm::chat {
namespace {

std::string shown(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

[[noreturn]] void bad_messages(const std::string& why) {
  bad_field("messages", "Failed to parse messages: " + why);
}

/// Where something stands in the request: put into words for errors only.
struct Place {
  const char* name;
  std::ptrdiff_t index = -1;      // of an item of the array `name`
  const Place* around = nullptr;  // what has the member `name`

  std::string text() const {
    std::string out = around ? around->text() + "." + name : name;
    return index < 0 ? out : out + "[" + std::to_string(index) + "]";
  }
};

const std::string& text_of(const Json& object, const char* name, const Place& place) {
  const Json* value = find_value(object, name);
  if (!value) bad_messages(fmt::format("{}.{} is missing", place.text(), name));
  if (!value->is_string())
    bad_messages(
        fmt::format("{}.{} must be a string, not {}", place.text(), name, value->type_name()));
  return value->get_ref<const std::string&>();
}

bool is_text(const Json* value, std::string_view text) {
  return value && value->is_string() && value->get_ref<const std::string&>() == text;
}

void check_shape(const Json& message) {
  if (!message.is_object())
    bad_messages("Expected each message to be an object, got " + shown(message));
  const Json* role = find_member(message, "role");
  const Json* content = find_member(message, "content");
  const bool assistant = is_text(role, "assistant");
  if (!assistant && !content)
    bad_field("messages", "All non-assistant messages must contain 'content'");
  if (assistant && !content && !message.contains("tool_calls"))
    bad_field("messages", "Assistant message must contain either 'content' or 'tool_calls'!");
  if (content && !content->is_null() && !content->is_string() && !content->is_array())
    bad_field("messages", "Expected 'content' to be a string or an array");
  if (!role) bad_messages("Missing 'role' in message: " + shown(message));
}

struct MediaKind {
  std::string_view type, name;
  bool Modalities::*supported;
};

constexpr MediaKind kMediaKinds[] = {
    {"image_url", "image", &Modalities::image},
    {"input_audio", "audio", &Modalities::audio},
    {"input_video", "video", &Modalities::video},
};

class Reader {
 public:
  Reader(const Modalities& modalities, const std::string& marker, bool keep_parts)
      : modalities_(modalities), marker_(marker), keep_parts_(keep_parts) {}

  void read(const Json& message, std::size_t index) {
    check_shape(message);
    const Place place = {.name = "messages", .index = static_cast<std::ptrdiff_t>(index)};
    Json out = Json::object();
    // The members of a growing object are copied, their texts with them.
    out.get_ref<Json::object_t&>().reserve(kMostMembers);
    out["role"] = text_of(message, "role", place);
    out["content"] = content(message, place);
    for (const char* name : {"reasoning_content", "name", "tool_call_id"}) {
      if (!find_value(message, name)) continue;
      const std::string& text = text_of(message, name, place);
      if (!text.empty()) out[name] = text;
    }
    if (const Json* calls = find_value(message, "tool_calls")) add_calls(out, *calls, place);
    conversation.messages.push_back(std::move(out));
  }

  Conversation conversation;

 private:
  static constexpr std::size_t kMostMembers = 6;

  Json content(const Json& message, const Place& place) {
    const Json* content = find_value(message, "content");
    if (!content) return "";
    if (content->is_string()) return *content;
    Json parts = Json::array();
    for (std::size_t i = 0; i < content->size(); ++i)
      parts.push_back(
          part((*content)[i],
               {.name = "content", .index = static_cast<std::ptrdiff_t>(i), .around = &place}));
    return keep_parts_ ? parts : Json(joined(parts));
  }

  /// A text part; media become their marker.
  Json part(const Json& part, const Place& place) {
    if (!part.is_object()) bad_messages(place.text() + " must be an object");
    const Json* type = find_value(part, "type");
    if (!type || !type->is_string()) bad_field("messages", "unsupported content[].type");
    if (*type == "text") return {{"type", "text"}, {"text", text_of(part, "text", place)}};
    for (const MediaKind& kind : kMediaKinds) {
      if (*type != kind.type) continue;
      if (!(modalities_.*kind.supported))
        bad_field("messages",
                  fmt::format("{} input is not supported - hint: if this is unexpected, you may "
                              "need to provide the mmproj",
                              kind.name));
      conversation.media.push_back(part);
      return {{"type", "text"}, {"text", marker_}};
    }
    bad_field("messages", "unsupported content[].type");
  }

  /// Line feeds between texts, but none beside a marker.
  std::string joined(const Json& parts) const {
    std::string out;
    bool after_text = false;
    for (const Json& part : parts) {
      const std::string& text = part.at("text").get_ref<const std::string&>();
      const bool is_text = text != marker_ || marker_.empty();
      if (after_text && is_text) out += '\n';
      out += text;
      after_text = is_text;
    }
    return out;
  }

  static void add_calls(Json& out, const Json& calls, const Place& place) {
    if (!calls.is_array()) bad_messages(place.text() + ".tool_calls must be an array");
    Json list = Json::array();
    for (std::size_t i = 0; i < calls.size(); ++i)
      list.push_back(
          call(calls[i],
               {.name = "tool_calls", .index = static_cast<std::ptrdiff_t>(i), .around = &place}));
    if (!list.empty()) out["tool_calls"] = std::move(list);
  }

  static Json call(const Json& call, const Place& place) {
    if (!call.is_object()) bad_messages(place.text() + " must be an object");
    if (const Json* type = find_value(call, "type"); type && !is_text(type, "function"))
      bad_messages(fmt::format("Unsupported tool call type: {}", shown(call)));
    const Json* function = find_value(call, "function");
    if (!function || !function->is_object())
      bad_messages(place.text() + ".function must be an object");
    Json out = {{"type", "function"},
                {"function",
                 {{"name", text_of(*function, "name", {.name = "function", .around = &place})},
                  {"arguments", arguments(*function)}}}};
    if (find_value(call, "id")) {
      const std::string& id = text_of(call, "id", place);
      if (!id.empty()) out["id"] = id;
    }
    return out;
  }

  /// Always JSON text; clients that send an object get it serialised.
  static std::string arguments(const Json& function) {
    const Json* arguments = find_value(function, "arguments");
    if (!arguments) return "{}";
    if (arguments->is_string()) return arguments->get<std::string>();
    return shown(*arguments);
  }

  const Modalities& modalities_;
  const std::string& marker_;
  bool keep_parts_;
};

/// What is wrong with one entry of `tools`; empty when nothing is.
std::string fault_of(const Json& tool) {
  const Json* type = tool.is_object() ? find_value(tool, "type") : nullptr;
  if (!type) return "Missing tool type: " + shown(tool);
  if (*type != "function") return "Unsupported tool type: " + shown(tool);
  const Json* function = find_value(tool, "function");
  if (!function || !function->is_object()) return "Missing tool function: " + shown(tool);
  const Json* name = find_value(*function, "name");
  if (!name || !name->is_string() || name->get_ref<const std::string&>().empty())
    return "Missing tool function name: " + shown(tool);
  return {};
}

Json normalized_tool(const Json& tool) {
  const Json& function = tool.at("function");
  const Json* description = find_value(function, "description");
  const Json* parameters = find_value(function, "parameters");
  return {{"type", "function"},
          {"function",
           {{"name", function.at("name")},
            {"description", description ? *description : Json("")},
            {"parameters", parameters ? *parameters : Json::object()}}}};
}

Json read_tools(const Json& body) {
  const Json* tools = find_value(body, "tools");
  if (!tools) return {};
  const auto refuse = [&](const std::string& why) {
    bad_field("tools", fmt::format("Failed to parse tools: {}; tools = {}", why,
                                   tools->dump(2, ' ', false, Json::error_handler_t::replace)));
  };
  if (!tools->is_array()) refuse("Expected 'tools' to be an array, got " + shown(*tools));
  Json out = Json::array();
  for (const Json& tool : *tools) {
    if (const std::string fault = fault_of(tool); !fault.empty()) refuse(fault);
    out.push_back(normalized_tool(tool));
  }
  return out.empty() ? Json() : out;
}

}  // namespace

Conversation read_conversation(const Json& body, const Modalities& modalities,
                               const std::string& marker, bool keep_parts) {
  const Json* messages = find_value(body, "messages");
  if (!messages) bad_field("messages", "'messages' is required");
  if (!messages->is_array()) bad_field("messages", "Expected 'messages' to be an array");
  Reader reader(modalities, marker, keep_parts);
  for (std::size_t i = 0; i < messages->size(); ++i) reader.read((*messages)[i], i);
  reader.conversation.tools = read_tools(body);
  return std::move(reader.conversation);
}

}  // namespace llm::chat
