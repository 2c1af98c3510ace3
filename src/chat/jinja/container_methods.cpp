// Methods of lists, tuples, dicts, loops and numbers.
#include <algorithm>
#include <cmath>

#include "chat/jinja/builtins.h"
#include "chat/jinja/function_table.h"
#include "chat/jinja/method_tables.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/runtime.h"
#include "chat/jinja/text.h"

namespace llm::chat::jinja {
namespace {

// Lists

Value append(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("append", arguments, {"object"}, 1);
  runtime.charge_items(1);
  runtime.track(self.object());
  self.list().items.push_back(bound[0]);
  return {};
}

Value extend(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("extend", arguments, {"iterable"}, 1);
  const std::vector<Value> more = iterate(runtime, bound[0]);
  runtime.track(self.object());
  self.list().items.insert(self.list().items.end(), more.begin(), more.end());
  return {};
}

Value insert(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("insert", arguments, {"index", "object"}, 2);
  auto& items = self.list().items;
  const auto size = static_cast<std::int64_t>(items.size());
  std::int64_t at = bound.integer(0, 0);
  if (at < 0) at = std::max<std::int64_t>(0, at + size);
  runtime.charge_items(1);
  runtime.step(items.size());
  runtime.track(self.object());
  items.insert(items.begin() + std::min(at, size), bound[1]);
  return {};
}

Value pop(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("pop", arguments, {"index"});
  auto& items = self.list().items;
  std::int64_t at = bound.integer(0, -1);
  if (at < 0) at += static_cast<std::int64_t>(items.size());
  if (items.empty()) refuse("pop from empty list");
  if (at < 0 || at >= static_cast<std::int64_t>(items.size())) refuse("pop index out of range");
  runtime.step(items.size() - static_cast<std::size_t>(at));
  Value taken = std::move(items[static_cast<std::size_t>(at)]);
  items.erase(items.begin() + at);
  return taken;
}

std::size_t position(Runtime& runtime, const Value& self, const Value& wanted) {
  const auto& items = self.list().items;
  const auto found = std::find_if(items.begin(), items.end(),
                                  [&](const Value& item) { return equal(runtime, item, wanted); });
  if (found == items.end()) refuse("{} is not in {}", repr(runtime, wanted), type_name(self));
  return static_cast<std::size_t>(found - items.begin());
}

Value remove(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("remove", arguments, {"value"}, 1);
  auto& items = self.list().items;
  runtime.step(items.size());
  items.erase(items.begin() + static_cast<std::ptrdiff_t>(position(runtime, self, bound[0])));
  return {};
}

Value index(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("index", arguments, {"value"}, 1);
  return position(runtime, self, bound[0]);
}

Value count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("count", arguments, {"value"}, 1);
  const auto& items = self.list().items;
  return std::count_if(items.begin(), items.end(),
                       [&](const Value& item) { return equal(runtime, item, bound[0]); });
}

Value reverse(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("reverse", arguments, {});
  auto& items = self.list().items;
  runtime.step(items.size());
  std::reverse(items.begin(), items.end());
  return {};
}

Value clear_list(Runtime&, const Value& self, const Arguments& arguments) {
  const Bound bound("clear", arguments, {});
  self.list().items.clear();
  return {};
}

Value copy_list(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("copy", arguments, {});
  return runtime.list(self.list().items);
}

Value sort_list(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("sort", arguments, {"reverse"});
  std::vector<Value> items = self.list().items;  // an error must leave the list as it was
  const bool down = bound.truth(0, false);
  std::stable_sort(items.begin(), items.end(), [&](const Value& a, const Value& b) {
    return down ? less(runtime, b, a) : less(runtime, a, b);
  });
  self.list().items = std::move(items);
  return {};
}

// Dicts

Value items(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("items", arguments, {});
  std::vector<Value> pairs;
  for (const auto& [key, value] : self.dict().entries()) {
    runtime.charge_items(3);
    pairs.push_back(make_tuple({key, value}));
  }
  return runtime.list(std::move(pairs), Flavor::items);
}

Value keys(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("keys", arguments, {});
  return runtime.list(iterate(runtime, self), Flavor::keys);
}

Value values(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("values", arguments, {});
  std::vector<Value> found;
  for (const auto& entry : self.dict().entries()) found.push_back(entry.second);
  return runtime.list(std::move(found), Flavor::values);
}

Value get(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("get", arguments, {"key", "default"}, 1);
  if (const Value* value = self.dict().find(runtime, bound[0])) return *value;
  return bound.has(1) ? bound[1] : Value();
}

void merge(Runtime& runtime, Dict& into, const Value& more) {
  if (more.is(Kind::dict)) {
    const auto entries = more.dict().entries();  // a copy: `into` may be the same dict
    for (const auto& [key, value] : entries) into.set(runtime, key, value);
    return;
  }
  for (const Value& pair : iterate(runtime, more)) {
    const std::vector<Value> parts = iterate(runtime, pair);
    if (parts.size() != 2) refuse("a dict is made of pairs, not of {} values", parts.size());
    into.set(runtime, parts[0], parts[1]);
  }
}

Value update(Runtime& runtime, const Value& self, const Arguments& arguments) {
  if (arguments.positional.size() > 1) refuse("update expected at most 1 argument");
  runtime.track(self.object());
  if (!arguments.positional.empty()) merge(runtime, self.dict(), arguments.positional[0]);
  for (const auto& [name, value] : arguments.named)
    self.dict().set(runtime, runtime.text(name), value);
  return {};
}

Value setdefault(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("setdefault", arguments, {"key", "default"}, 1);
  if (const Value* value = self.dict().find(runtime, bound[0])) return *value;
  const Value value = bound.has(1) ? bound[1] : Value();
  runtime.track(self.object());
  self.dict().set(runtime, bound[0], value);
  return value;
}

Value pop_key(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("pop", arguments, {"key", "default"}, 1);
  const Value* found = self.dict().find(runtime, bound[0]);
  if (!found) {
    if (!bound.has(1)) refuse("pop: the dict has no key {}", repr(runtime, bound[0]));
    return bound[1];
  }
  Value taken = *found;
  self.dict().erase(runtime, bound[0]);
  return taken;
}

Value popitem(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("popitem", arguments, {});
  if (self.dict().entries().empty()) refuse("popitem(): dictionary is empty");
  const Dict::Entry last = self.dict().entries().back();
  self.dict().erase(runtime, last.first);
  return make_tuple({last.first, last.second});
}

Value clear_dict(Runtime&, const Value& self, const Arguments& arguments) {
  const Bound bound("clear", arguments, {});
  self.dict().clear();
  return {};
}

Value copy_dict(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("copy", arguments, {});
  auto copy = std::make_shared<Dict>();
  merge(runtime, *copy, self);
  return make_dict(std::move(copy));
}

// Loops

Value cycle(Runtime&, const Value& self, const Arguments& arguments) {
  if (arguments.positional.empty()) refuse("no items for cycling given");
  return arguments.positional[self.loop().index % arguments.positional.size()];
}

Value changed(Runtime& runtime, const Value& self, const Arguments& arguments) {
  Loop& loop = self.loop();
  bool same = loop.changed_called && loop.changed.size() == arguments.positional.size();
  for (std::size_t i = 0; same && i < loop.changed.size(); ++i)
    same = equal(runtime, loop.changed[i], arguments.positional[i]);
  if (same) return false;
  runtime.track(self.object());
  loop.changed_called = true;
  loop.changed = arguments.positional;
  return true;
}

// Numbers

Value is_integer(Runtime&, const Value& self, const Arguments&) {
  return !self.is(Kind::floating) || self.floating() == std::trunc(self.floating());
}

constexpr NamedFunction kListMethods[] = {
    {"append", append}, {"clear", clear_list}, {"copy", copy_list}, {"count", count},
    {"extend", extend}, {"index", index},      {"insert", insert},  {"pop", pop},
    {"remove", remove}, {"reverse", reverse},  {"sort", sort_list},
};

constexpr NamedFunction kTupleMethods[] = {{"count", count}, {"index", index}};

constexpr NamedFunction kDictMethods[] = {
    {"clear", clear_dict}, {"copy", copy_dict}, {"get", get},         {"items", items},
    {"keys", keys},        {"pop", pop_key},    {"popitem", popitem}, {"setdefault", setdefault},
    {"update", update},    {"values", values},
};

constexpr NamedFunction kLoopMethods[] = {{"changed", changed}, {"cycle", cycle}};

constexpr NamedFunction kNumberMethods[] = {{"is_integer", is_integer}};

using Table = FunctionTable<NamedFunction, Function>;

struct Tables {
  Table strings{string_methods()};
  Table lists{std::span(kListMethods)};
  Table tuples{std::span(kTupleMethods)};
  Table dicts{std::span(kDictMethods)};
  Table loops{std::span(kLoopMethods)};
  Table numbers{std::span(kNumberMethods)};
};

const Tables& tables() {
  static const Tables instance;
  return instance;
}

/// The member of `all` that belongs to values like `self`.
template <class All, class Member>
const Member& pick(const All& all, const Value& self, const Member& none) {
  switch (self.kind()) {
    case Kind::string:
      return all.strings;
    case Kind::list:
      return self.list().flavor == Flavor::plain ? all.lists : none;
    case Kind::tuple:
      return all.tuples;
    case Kind::dict:
      return all.dicts;
    case Kind::loop:
      return all.loops;
    case Kind::boolean:
    case Kind::integer:
    case Kind::floating:
      return all.numbers;
    default:
      return none;
  }
}

}  // namespace

Methods find_methods(std::string_view name) {
  const Tables& all = tables();
  return {.strings = all.strings.find(name),
          .lists = all.lists.find(name),
          .tuples = all.tuples.find(name),
          .dicts = all.dicts.find(name),
          .loops = all.loops.find(name),
          .numbers = all.numbers.find(name)};
}

Function Methods::of(const Value& self) const {
  return pick(*this, self, Function(nullptr));
}

Function find_method(const Value& self, std::string_view name) {
  static const Table none{};
  return pick(tables(), self, none).find(name);
}

}  // namespace llm::chat::jinja
