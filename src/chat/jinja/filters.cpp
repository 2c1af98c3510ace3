#include "chat/jinja/filter_tables.h"
#include "chat/jinja/function_table.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/runtime.h"
#include "chat/jinja/unicode.h"

namespace llm::chat::jinja {

Function find_filter(std::string_view name) {
  static const FunctionTable<NamedFunction, Function> table{
      text_filters(), html_filters(), value_filters(), sequence_filters(), selection_filters()};
  return table.find(name);
}

AttributePath::AttributePath(const Value& attribute) {
  if (attribute.is_none()) return;
  if (!attribute.is_string()) {
    parts_.push_back(attribute);
    return;
  }
  const std::string& path = attribute.text();
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    const bool is_index = !part.empty() && part.size() < 10 &&
                          part.find_first_not_of("0123456789") == std::string::npos;
    parts_.push_back(is_index ? Value(std::stoi(part)) : Value(part));
    begin = end + 1;
  }
}

Value AttributePath::of(Runtime& runtime, const Value& item, const Value* otherwise) const {
  Value value = item;
  for (const Value& part : parts_) {
    value = subscript(runtime, value, part);
    if (otherwise && value.is_undefined()) value = *otherwise;
  }
  return value;
}

Value without_case(Runtime& runtime, const Value& value) {
  return value.is_string() ? runtime.text(unicode::lower(value.text())) : value;
}

}  // namespace llm::chat::jinja
