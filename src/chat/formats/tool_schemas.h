// What the offered functions say about their parameters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"

namespace llm::chat {

enum class ValueKind : std::uint8_t {
  text,       // may be a string: the text as it stands
  container,  // object or array
  scalar,     // number, boolean, null
  unknown     // no schema
};

/// A schema inside the parameters of a function; may be absent. References are followed, a
/// bounded number of steps.
class SchemaView {
 public:
  SchemaView() = default;
  SchemaView(const Json* schema, const Json* root);

  ValueKind kind() const;
  bool is_array() const;
  bool is_object() const;
  SchemaView property(const std::string& key) const;
  SchemaView items() const;
  /// Name of the property at `index`; "" when there is none.
  std::string property_name(std::size_t index) const;

 private:
  bool has_type(std::string_view type) const;

  const Json* schema_ = nullptr;
  const Json* root_ = nullptr;
};

/// Refers to the tools it is made from.
class ToolSchemas {
 public:
  explicit ToolSchemas(const Json* tools = nullptr) : tools_(tools) {}
  bool offers(std::string_view name) const { return find(name) != nullptr; }
  /// Of the function's parameters.
  SchemaView parameters(std::string_view name) const;
  /// The first of `names` that is offered, else the last one.
  std::string first_offered(std::initializer_list<const char*> names) const;

 private:
  const Json* find(std::string_view name) const;
  const Json* tools_;
};

}  // namespace llm::chat
