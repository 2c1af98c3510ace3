// Filters that make one sequence or value out of a sequence.
#include <algorithm>

#include "chat/jinja/filter_tables.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/runtime.h"
#include "chat/jinja/text.h"
#include "chat/jinja/unicode.h"

namespace llm::chat::jinja {
namespace {

Value size_of(Runtime&, const Value& self, const Arguments& arguments) {
  const Bound bound("length", arguments, {});
  return length(self);
}

Value first(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("first", arguments, {});
  const std::vector<Value> items = iterate(runtime, self);
  return items.empty() ? Value::undefined("No first item, sequence was empty.") : items.front();
}

Value last(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("last", arguments, {});
  const std::vector<Value> items = iterate(runtime, self);
  return items.empty() ? Value::undefined("No last item, sequence was empty.") : items.back();
}

Value random(Runtime& runtime, const Value& self, const Arguments& arguments) {
  // A prompt must not depend on chance, so this is always the first item.
  const Bound bound("random", arguments, {});
  const std::vector<Value> items = iterate(runtime, self);
  return items.empty() ? Value::undefined("No random item, sequence was empty.") : items.front();
}

Value list(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("list", arguments, {});
  return runtime.list(iterate(runtime, self));
}

Value reverse(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("reverse", arguments, {});
  std::vector<Value> items = iterate(runtime, self);
  std::reverse(items.begin(), items.end());
  if (!self.is_string()) return runtime.list(std::move(items), Flavor::generator);
  std::string out;
  for (const Value& item : items) out += item.text();
  return runtime.text(std::move(out));
}

Value join(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("join", arguments, {"d", "attribute"});
  const std::string separator = bound.has(0) ? to_text(runtime, bound[0]) : "";
  const AttributePath path = bound.some(1) ? AttributePath(bound[1]) : AttributePath();
  std::string out;
  bool is_first = true;
  for (const Value& item : iterate(runtime, self)) {
    if (!is_first) {
      runtime.charge(separator.size());
      out += separator;
    }
    is_first = false;
    append_text(runtime, out, path.of(runtime, item));
  }
  return Value(std::move(out));
}

Value sum(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("sum", arguments, {"attribute", "start"});
  const AttributePath path = bound.some(0) ? AttributePath(bound[0]) : AttributePath();
  Value total = bound.has(1) ? bound[1] : Value(0);
  if (total.is_string()) refuse("sum() can't sum strings");
  for (const Value& item : iterate(runtime, self))
    total = binary(runtime, BinaryOperator::add, total, path.of(runtime, item));
  return total;
}

template <bool largest>
Value extreme(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound(largest ? "max" : "min", arguments, {"case_sensitive", "attribute"});
  const AttributePath path = bound.some(1) ? AttributePath(bound[1]) : AttributePath();
  const bool case_sensitive = bound.truth(0, false);
  const auto key = [&](const Value& item) {
    const Value value = path.of(runtime, item);
    return case_sensitive ? value : without_case(runtime, value);
  };
  const std::vector<Value> items = iterate(runtime, self);
  if (items.empty()) return Value::undefined("No aggregated item, sequence was empty.");
  std::size_t best = 0;
  Value best_key = key(items[0]);
  for (std::size_t i = 1; i < items.size(); ++i) {
    Value candidate = key(items[i]);
    const bool better =
        largest ? less(runtime, best_key, candidate, ">") : less(runtime, candidate, best_key);
    if (!better) continue;
    best = i;
    best_key = std::move(candidate);
  }
  return items[best];
}

struct Keyed {
  Value key, item;
};

void sort_keyed(Runtime& runtime, std::vector<Keyed>& keyed, bool down) {
  std::stable_sort(keyed.begin(), keyed.end(), [&](const Keyed& a, const Keyed& b) {
    return down ? less(runtime, b.key, a.key) : less(runtime, a.key, b.key);
  });
}

/// Sorts by one or several attributes, separated by commas.
Value sort(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("sort", arguments, {"reverse", "case_sensitive", "attribute"});
  std::vector<AttributePath> paths;
  if (bound.some(2) && bound[2].is_string()) {
    const std::string& names = bound.text(2);
    for (std::size_t begin = 0; begin <= names.size();) {
      const std::size_t end = std::min(names.find(',', begin), names.size());
      paths.emplace_back(Value(names.substr(begin, end - begin)));
      begin = end + 1;
    }
  } else {
    paths.push_back(bound.some(2) ? AttributePath(bound[2]) : AttributePath());
  }
  const bool case_sensitive = bound.truth(1, false);
  std::vector<Keyed> keyed;
  for (const Value& item : iterate(runtime, self)) {
    std::vector<Value> keys;
    for (const AttributePath& path : paths) {
      const Value key = path.of(runtime, item);
      keys.push_back(case_sensitive ? key : without_case(runtime, key));
    }
    keyed.push_back({runtime.list(std::move(keys)), item});
  }
  sort_keyed(runtime, keyed, bound.truth(0, false));
  std::vector<Value> items;
  for (Keyed& entry : keyed) items.push_back(std::move(entry.item));
  return runtime.list(std::move(items));
}

Value dictsort(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("dictsort", arguments, {"case_sensitive", "by", "reverse"});
  const std::string by = bound.text(1, "key");
  if (by != "key" && by != "value") refuse("You can only sort by either \"key\" or \"value\"");
  if (self.is_undefined()) refuse("{}", self.undefined_reason());
  if (!self.is(Kind::dict)) refuse("dictsort wants a dict, not '{}'", type_name(self));
  std::vector<Keyed> keyed;
  for (const auto& [key, value] : self.dict().entries()) {
    const Value& sorted_by = by == "key" ? key : value;
    runtime.charge_items(3);
    keyed.push_back({bound.truth(0, false) ? sorted_by : without_case(runtime, sorted_by),
                     make_tuple({key, value})});
  }
  sort_keyed(runtime, keyed, bound.truth(2, false));
  std::vector<Value> items;
  for (Keyed& entry : keyed) items.push_back(std::move(entry.item));
  return runtime.list(std::move(items));
}

Value unique(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("unique", arguments, {"case_sensitive", "attribute"});
  const AttributePath path = bound.some(1) ? AttributePath(bound[1]) : AttributePath();
  Dict seen;
  std::vector<Value> items;
  for (const Value& item : iterate(runtime, self)) {
    Value key = path.of(runtime, item);
    if (!bound.truth(0, false)) key = without_case(runtime, key);
    if (seen.find(runtime, key)) continue;
    seen.set(runtime, key, Value());
    items.push_back(item);
  }
  return runtime.list(std::move(items), Flavor::generator);
}

Value groupby(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("groupby", arguments, {"attribute", "default", "case_sensitive"}, 1);
  const AttributePath path(bound[0]);
  const Value* otherwise = bound.some(1) ? &bound[1] : nullptr;
  const bool case_sensitive = bound.truth(2, false);
  std::vector<Keyed> keyed;
  for (const Value& item : iterate(runtime, self)) {
    const Value key = path.of(runtime, item, otherwise);
    keyed.push_back({case_sensitive ? key : without_case(runtime, key), item});
  }
  sort_keyed(runtime, keyed, false);
  std::vector<Value> groups;
  for (std::size_t i = 0; i < keyed.size();) {
    std::vector<Value> members;
    const std::size_t first = i;
    for (; i < keyed.size() && equal(runtime, keyed[first].key, keyed[i].key); ++i)
      members.push_back(keyed[i].item);
    const Value shown = path.of(runtime, members.front(), otherwise);
    groups.push_back(make_tuple({shown, runtime.list(std::move(members))}, Flavor::group));
    if (i == first) ++i;  // NaN equals nothing, itself included
  }
  return runtime.list(std::move(groups));
}

Value batch(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("batch", arguments, {"linecount", "fill_with"}, 1);
  const std::int64_t size = bound.integer(0, 1);
  std::vector<Value> lines, line;
  for (const Value& item : iterate(runtime, self)) {
    if (static_cast<std::int64_t>(line.size()) == size) {
      lines.push_back(runtime.list(std::move(line)));
      line.clear();
    }
    line.push_back(item);
  }
  if (!line.empty()) {
    const std::int64_t missing = size - static_cast<std::int64_t>(line.size());
    if (bound.some(1) && missing > 0) {
      runtime.charge_items(static_cast<std::uint64_t>(missing));
      line.insert(line.end(), static_cast<std::size_t>(missing), bound[1]);
    }
    lines.push_back(runtime.list(std::move(line)));
  }
  return runtime.list(std::move(lines), Flavor::generator);
}

Value slice_into(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("slice", arguments, {"slices", "fill_with"}, 1);
  const std::int64_t slices = bound.integer(0, 1);
  const std::vector<Value> items = iterate(runtime, self);
  if (slices == 0) refuse("integer division or modulo by zero");
  std::vector<Value> parts;
  if (slices > 0) runtime.charge_items(static_cast<std::uint64_t>(slices));
  const auto count = static_cast<std::int64_t>(items.size());
  std::int64_t at = 0;
  for (std::int64_t i = 0; i < slices; ++i) {
    const bool longer = i < count % slices;
    const std::int64_t size = count / slices + (longer ? 1 : 0);
    std::vector<Value> part(items.begin() + at, items.begin() + at + size);
    if (bound.some(1) && !longer) part.push_back(bound[1]);
    parts.push_back(runtime.list(std::move(part)));
    at += size;
  }
  return runtime.list(std::move(parts), Flavor::generator);
}

Value items(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("items", arguments, {});
  if (self.is_undefined()) return runtime.list({}, Flavor::generator);
  if (!self.is(Kind::dict)) refuse("Can only get item pairs from a mapping.");
  std::vector<Value> pairs;
  for (const auto& [key, value] : self.dict().entries()) {
    runtime.charge_items(3);
    pairs.push_back(make_tuple({key, value}));
  }
  return runtime.list(std::move(pairs), Flavor::generator);
}

constexpr NamedFunction kFilters[] = {
    {"batch", batch},     {"count", size_of},   {"dictsort", dictsort}, {"first", first},
    {"groupby", groupby}, {"items", items},     {"join", join},         {"last", last},
    {"length", size_of},  {"list", list},       {"max", extreme<true>}, {"min", extreme<false>},
    {"random", random},   {"reverse", reverse}, {"slice", slice_into},  {"sort", sort},
    {"sum", sum},         {"unique", unique},
};

}  // namespace

std::span<const NamedFunction> sequence_filters() {
  return kFilters;
}

}  // namespace llm::chat::jinja
