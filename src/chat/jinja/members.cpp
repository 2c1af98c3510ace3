// `value.name`, `value[key]` and slices.
#include <algorithm>
#include <limits>

#include "chat/jinja/big_integer.h"
#include "chat/jinja/builtins.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/runtime.h"
#include "chat/jinja/text.h"
#include "chat/jinja/unicode.h"

namespace llm::chat::jinja {
namespace {

constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max();

/// Sets `found`; false when a loop has no attribute `name`.
bool loop_attribute(const Loop& loop, std::string_view name, Value& found) {
  const std::size_t count = loop.items.size();
  if (name == "index") {
    found = loop.index + 1;
  } else if (name == "index0") {
    found = loop.index;
  } else if (name == "first") {
    found = loop.index == 0;
  } else if (name == "last") {
    found = loop.index + 1 == count;
  } else if (name == "length") {
    found = count;
  } else if (name == "revindex") {
    found = count - loop.index;
  } else if (name == "revindex0") {
    found = count - loop.index - 1;
  } else if (name == "depth") {
    found = loop.depth + 1;
  } else if (name == "depth0") {
    found = loop.depth;
  } else if (name == "previtem") {
    found = loop.index == 0 ? Value::undefined("there is no previous item")
                            : loop.items[loop.index - 1];
  } else if (name == "nextitem") {
    found = loop.index + 1 >= count ? Value::undefined("there is no next item")
                                    : loop.items[loop.index + 1];
  } else {
    return false;
  }
  return true;
}

/// Null when `value` has no attribute or method `name` (keys do not count). What is not a part of
/// `value` is put into `made`, which may be `value` itself.
const Value* own_attribute(const Value& value, const std::string& name, Function method,
                           Value& made) {
  switch (value.kind()) {
    case Kind::name_space:
      return value.name_space().find(name);
    case Kind::tuple:
      if (value.list().flavor != Flavor::group) break;
      if (name == "grouper") return &value.list().items[0];
      if (name == "list") return &value.list().items[1];
      break;
    case Kind::loop:
      if (loop_attribute(value.loop(), name, made)) return &made;
      break;
    case Kind::callable:
      made = value.callable().attribute(name);
      return made.is_undefined() ? nullptr : &made;
    default:
      break;
  }
  if (!method) return nullptr;
  made = bind_method(value, name, method);
  return &made;
}

bool is_index(const Value& key) {
  return key.is(Kind::integer) || key.is(Kind::boolean);
}

/// The item number `index`, from the end when negative; false when it is out of range.
bool resolve(std::int64_t& index, std::size_t count) {
  if (index < 0) index += static_cast<std::int64_t>(count);
  return index >= 0 && index < static_cast<std::int64_t>(count);
}

Value missing_item(const Value& value, const Value& key) {
  return Value::undefined(std::string(type_name(value)) + " object has no element " +
                          std::to_string(key.integer()));
}

Value character(Runtime& runtime, const Value& value, const Value& key) {
  const std::string& text = value.text();
  std::int64_t index = key.integer();
  const bool ascii = unicode::is_ascii(text);
  runtime.step(text.size() / 64);
  if (!resolve(index, ascii ? text.size() : unicode::count(text))) return missing_item(value, key);
  if (ascii) return runtime.text(text.substr(static_cast<std::size_t>(index), 1));
  const std::size_t at = unicode::offset_of(text, static_cast<std::size_t>(index));
  return runtime.text(text.substr(at, unicode::width_at(text, at)));
}

/// Null when values of this kind have no numbered items. What is not a part of `value` is put into
/// `made`, which may be `value` itself.
const Value* item(Runtime& runtime, const Value& value, const Value& key, Value& made) {
  std::int64_t index = key.integer();
  switch (value.kind()) {
    case Kind::string:
      made = character(runtime, value, key);
      return &made;
    case Kind::list:
    case Kind::tuple: {
      const Flavor flavor = value.list().flavor;
      if (flavor == Flavor::keys || flavor == Flavor::values || flavor == Flavor::items)
        return nullptr;
      const auto& items = value.list().items;
      if (resolve(index, items.size())) return &items[static_cast<std::size_t>(index)];
      made = missing_item(value, key);
      return &made;
    }
    case Kind::range: {
      const Range& range = value.range();
      made = resolve(index, static_cast<std::size_t>(range.size())) ? Value(range.at(index))
                                                                    : missing_item(value, key);
      return &made;
    }
    default:
      return nullptr;
  }
}

std::int64_t bound_of(const Value& value, std::int64_t otherwise) {
  if (value.is_none()) return otherwise;
  if (value.is(Kind::big_integer)) return value.big().is_negative() ? -kFar : kFar;
  if (!is_index(value)) refuse("slice indices must be integers or none, not {}", type_name(value));
  return value.integer();
}

/// Which items a slice takes: `count` of them, from `first` on, `step` apart.
struct Picked {
  std::int64_t first, count, step;
};

Picked pick(std::int64_t length, const Value& start, const Value& stop, const Value& step) {
  const std::int64_t by = std::max(-kFar, bound_of(step, 1));
  if (by == 0) refuse("slice step cannot be zero");
  const std::int64_t low = by > 0 ? 0 : -1;
  const std::int64_t high = by > 0 ? length : length - 1;
  const auto clamp = [&](const Value& value, std::int64_t otherwise) {
    if (value.is_none()) return otherwise;
    std::int64_t at = bound_of(value, otherwise);
    if (at < 0) at = at < -length ? low : at + length;
    return std::clamp(at, low, high);
  };
  const std::int64_t from = clamp(start, by > 0 ? low : high);
  const std::int64_t to = clamp(stop, by > 0 ? high : low);
  const std::int64_t distance = by > 0 ? to - from : from - to;
  const std::int64_t stride = by > 0 ? by : -by;
  return {from, distance > 0 ? (distance - 1) / stride + 1 : 0, by};
}

Value slice_text(Runtime& runtime, const std::string& text, const Value& start, const Value& stop,
                 const Value& step) {
  runtime.step(text.size() / 64);
  const bool ascii = unicode::is_ascii(text);
  const std::size_t length = ascii ? text.size() : unicode::count(text);
  const Picked picked = pick(static_cast<std::int64_t>(length), start, stop, step);
  const auto offset = [&](std::int64_t index) {
    return ascii ? static_cast<std::size_t>(index)
                 : unicode::offset_of(text, static_cast<std::size_t>(index));
  };
  if (picked.count == 0) return runtime.text("");
  if (picked.step == 1) {
    const std::size_t from = offset(picked.first);
    const std::string_view rest = std::string_view(text).substr(from);
    const std::size_t size = ascii
                                 ? static_cast<std::size_t>(picked.count)
                                 : unicode::offset_of(rest, static_cast<std::size_t>(picked.count));
    return runtime.text(std::string(rest.substr(0, size)));
  }
  std::vector<std::size_t> starts;  // byte offset of every code point
  runtime.charge(length * sizeof(std::size_t));
  for (std::size_t at = 0; at < text.size(); at += unicode::width_at(text, at))
    starts.push_back(at);
  std::string out;
  for (std::int64_t i = 0; i < picked.count; ++i) {
    const std::size_t at = starts[static_cast<std::size_t>(picked.first + i * picked.step)];
    out.append(text, at, unicode::width_at(text, at));
  }
  return runtime.text(std::move(out));
}

}  // namespace

const Value& attribute(Runtime& runtime, const Value& value, const std::string& name,
                       const Methods& methods, Value& made) {
  if (value.is_undefined()) refuse("{}", value.undefined_reason());
  runtime.step();
  if (const Value* own = own_attribute(value, name, methods.of(value), made)) return *own;
  if (value.is(Kind::dict)) {
    if (const Value* entry = value.dict().find(name)) return *entry;
  }
  return made = Value::undefined_member(value.kind(), &name);
}

const Value& subscript(Runtime& runtime, const Value& value, const Value& key, Value& made) {
  if (value.is_undefined()) refuse("{}", value.undefined_reason());
  if (value.is(Kind::dict)) {
    const bool hashable = !key.is(Kind::list) && !key.is(Kind::dict);
    if (const Value* entry = hashable ? value.dict().find(runtime, key) : nullptr) return *entry;
  } else if (is_index(key)) {
    if (const Value* found = item(runtime, value, key, made)) return *found;
  }
  if (!key.is_string())
    return made = Value::undefined(std::string(type_name(value)) + " object has no element " +
                                   repr(runtime, key));
  if (const Value* own = own_attribute(value, key.text(), find_method(value, key.text()), made))
    return *own;
  return made = Value::undefined_member(value, key);
}

Value subscript(Runtime& runtime, const Value& value, const Value& key) {
  Value made;
  return subscript(runtime, value, key, made);
}

Value slice(Runtime& runtime, const Value& value, const Value& start, const Value& stop,
            const Value& step) {
  switch (value.kind()) {
    case Kind::undefined:
      refuse("{}", value.undefined_reason());
    case Kind::string:
      return slice_text(runtime, value.text(), start, stop, step);
    case Kind::list:
    case Kind::tuple: {
      const auto& items = value.list().items;
      const Picked picked = pick(static_cast<std::int64_t>(items.size()), start, stop, step);
      std::vector<Value> out;
      runtime.charge_items(static_cast<std::uint64_t>(picked.count) + 1);
      out.reserve(static_cast<std::size_t>(picked.count));
      for (std::int64_t i = 0; i < picked.count; ++i)
        out.push_back(items[static_cast<std::size_t>(picked.first + i * picked.step)]);
      return value.is(Kind::tuple) ? make_tuple(std::move(out)) : make_list(std::move(out));
    }
    case Kind::range: {
      const Range& range = value.range();
      const Picked picked = pick(range.size(), start, stop, step);
      if (picked.count == 0) return make_range(range.start, range.start, range.step);
      const std::int64_t by = picked.count == 1 ? range.step : range.step * picked.step;
      const std::int64_t first = range.at(picked.first);
      return make_range(first, first + picked.count * by, by);
    }
    default:
      refuse("'{}' object is not subscriptable", type_name(value));
  }
}

}  // namespace llm::chat::jinja
