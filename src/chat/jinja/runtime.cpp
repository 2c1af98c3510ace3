#include "chat/jinja/runtime.h"

#include <algorithm>

#include "chat/jinja/operators.h"

namespace llm::chat::jinja {

Runtime::~Runtime() {
  release_tracked();
}

void Runtime::track(const std::shared_ptr<Object>& container) {
  step();  // bounds the list below
  if (tracked_.empty() || tracked_.back() != container) tracked_.push_back(container);
}

void Runtime::release_tracked() {
  for (const std::shared_ptr<Object>& object : tracked_) {
    if (auto* list = dynamic_cast<List*>(object.get())) list->items.clear();
    if (auto* dict = dynamic_cast<Dict*>(object.get())) dict->clear();
    if (auto* names = dynamic_cast<Namespace*>(object.get())) names->attributes.clear();
    if (auto* loop = dynamic_cast<Loop*>(object.get())) loop->changed.clear();
  }
  tracked_.clear();
}

Value Runtime::call(const Value& callee, const Arguments& arguments) {
  if (callee.is_undefined()) refuse("{}", callee.undefined_reason());
  const Nested nested(*this);
  if (callee.is(Kind::loop)) {
    const Bound bound("loop", arguments, {"iterable"}, 1);
    return callee.loop().recurse(*this, bound[0]);
  }
  if (!callee.is(Kind::callable)) refuse("'{}' object is not callable", type_name(callee));
  return callee.callable().call(*this, arguments);
}

Bound::Bound(std::string_view function, const Arguments& arguments,
             std::initializer_list<std::string_view> names, std::size_t required)
    : function_(function) {
  if (arguments.positional.size() > names.size())
    refuse("{}() takes at most {} arguments, {} were given", function, names.size(),
           arguments.positional.size());
  for (std::size_t i = 0; i < arguments.positional.size(); ++i)
    values_[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto found = std::find(names.begin(), names.end(), std::string_view(name));
    if (found == names.end()) refuse("{}() has no parameter '{}'", function, name);
    const Value*& slot = values_[found - names.begin()];
    if (slot) refuse("{}() got two values for its parameter '{}'", function, name);
    slot = &value;
  }
  for (std::size_t i = 0; i < required; ++i)
    if (!values_[i]) refuse("{}() needs the argument '{}'", function, names.begin()[i]);
}

bool Bound::truth(std::size_t i, bool otherwise) const {
  return has(i) ? jinja::truth(*values_[i]) : otherwise;
}

std::int64_t Bound::integer(std::size_t i, std::int64_t otherwise) const {
  if (!has(i)) return otherwise;
  const Value& value = *values_[i];
  if (value.is(Kind::integer) || value.is(Kind::boolean)) return value.integer();
  if (value.is(Kind::big_integer)) refuse("{}(): the number is too large", function_);
  refuse("{}() wants an integer, not '{}'", function_, type_name(value));
}

const std::string& Bound::text(std::size_t i) const {
  if (!values_[i]->is_string())
    refuse("{}() wants a string, not '{}'", function_, type_name(*values_[i]));
  return values_[i]->text();
}

std::string Bound::text(std::size_t i, std::string_view otherwise) const {
  return has(i) ? text(i) : std::string(otherwise);
}

}  // namespace llm::chat::jinja
