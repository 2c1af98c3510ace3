#include "chat/jinja/macro_value.h"

namespace llm::chat::jinja {

Value MacroValue::attribute(std::string_view name) const {
  if (name == "name") return signature.name;
  if (name == "catch_kwargs") return signature.uses_kwargs;
  if (name == "catch_varargs") return signature.uses_varargs;
  if (name == "caller") return signature.uses_caller;
  return Value::undefined("");
}

MacroBinding::MacroBinding(const MacroSignature& signature, const std::vector<std::string>& names,
                           const Arguments& arguments)
    : values(signature.parameters.size()), caller(Value::undefined("No caller defined")) {
  const std::size_t count = signature.parameters.size();
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) {
    if (i < count) {
      values[i] = &arguments.positional[i];
    } else if (signature.uses_varargs) {
      varargs.push_back(arguments.positional[i]);
    } else {
      refuse("macro '{}' takes not more than {} argument(s)", signature.name, count);
    }
  }
  auto surplus = std::make_shared<Dict>();
  for (const auto& [name, value] : arguments.named) {
    std::size_t i = 0;
    while (i < count && names[signature.parameters[i].name] != name) ++i;
    if (i < count) {
      if (values[i]) refuse("macro '{}' got two values for '{}'", signature.name, name);
      values[i] = &value;
    } else if (name == "caller" && signature.uses_caller) {
      caller = value;
    } else if (signature.uses_kwargs) {
      surplus->set(name, value);
    } else {
      refuse("macro '{}' takes no keyword argument '{}'", signature.name, name);
    }
  }
  kwargs = make_dict(std::move(surplus));
}

}  // namespace llm::chat::jinja
