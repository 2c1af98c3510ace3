#include "chat/formats/tool_schemas.h"

#include <algorithm>

#include "grammar/json_schema.h"

namespace llm::chat {
namespace {

const Json* resolve(const Json* schema, const Json* root) {
  for (int steps = 0; steps < 32; ++steps) {
    const Json* reference = find_member(schema, "$ref");
    if (reference == nullptr || !reference->is_string() || root == nullptr) return schema;
    const std::string path = reference->get<std::string>();
    if (!path.starts_with('#')) return schema;
    try {
      schema = &root->at(Json::json_pointer(path.substr(1)));
    } catch (const Json::exception&) {
      return nullptr;
    }
  }
  return nullptr;
}

bool names_type(const Json& type, std::string_view name) {
  if (type.is_string()) return type.get_ref<const std::string&>() == name;
  return type.is_array() && std::any_of(type.begin(), type.end(), [&](const Json& one) {
           return one.is_string() && one.get_ref<const std::string&>() == name;
         });
}

}  // namespace

SchemaView::SchemaView(const Json* schema, const Json* root)
    : schema_(resolve(schema, root)), root_(root) {}

bool SchemaView::has_type(std::string_view type) const {
  const Json* types = find_member(schema_, "type");
  return types != nullptr && names_type(*types, type);
}

bool SchemaView::is_array() const {
  return has_type("array") || find_member(schema_, "items") != nullptr;
}

bool SchemaView::is_object() const {
  return has_type("object") || find_member(schema_, "properties") != nullptr;
}

ValueKind SchemaView::kind() const {
  if (schema_ == nullptr || !schema_->is_object() || schema_->empty()) return ValueKind::unknown;
  if (grammar::can_be_string(*schema_, root_ == nullptr ? *schema_ : *root_))
    return ValueKind::text;
  if (is_array() || is_object()) return ValueKind::container;
  for (const char* says : {"type", "enum", "const", "anyOf", "oneOf", "allOf"})
    if (schema_->contains(says)) return ValueKind::scalar;
  return ValueKind::unknown;
}

SchemaView SchemaView::property(const std::string& key) const {
  return {find_member(find_member(schema_, "properties"), key.c_str()), root_};
}

SchemaView SchemaView::items() const {
  return {find_member(schema_, "items"), root_};
}

std::string SchemaView::property_name(std::size_t index) const {
  const Json* properties = find_member(schema_, "properties");
  if (properties == nullptr || !properties->is_object() || index >= properties->size()) return {};
  return std::next(properties->begin(), static_cast<std::ptrdiff_t>(index)).key();
}

const Json* ToolSchemas::find(std::string_view name) const {
  if (tools_ == nullptr || !tools_->is_array()) return nullptr;
  for (const Json& tool : *tools_) {
    const Json* function = find_member(&tool, "function");
    const Json* own = find_member(function, "name");
    if (own != nullptr && own->is_string() && own->get_ref<const std::string&>() == name)
      return function;
  }
  return nullptr;
}

SchemaView ToolSchemas::parameters(std::string_view name) const {
  const Json* schema = find_member(find(name), "parameters");
  return {schema, schema};
}

std::string ToolSchemas::first_offered(std::initializer_list<const char*> names) const {
  for (const char* name : names)
    if (offers(name)) return name;
  return *(names.end() - 1);
}

}  // namespace llm::chat
