// map, select and their relatives. Jinja2 makes lazy generators of them; here they are lists that
// are marked as generators.
#include "chat/jinja/filter_tables.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/runtime.h"

namespace llm::chat::jinja {
namespace {

Value map_attribute(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Bound bound("map", arguments, {"attribute", "default"});
  const AttributePath path(bound[0]);
  std::vector<Value> out;
  for (const Value& item : iterate(runtime, self))
    out.push_back(path.of(runtime, item, bound.some(1) ? &bound[1] : nullptr));
  return runtime.list(std::move(out), Flavor::generator);
}

/// The name given as argument number `i`, and the arguments behind it.
std::pair<std::string, Arguments> split_arguments(std::string_view filter,
                                                  const Arguments& arguments, std::size_t i) {
  if (!arguments.positional[i].is_string())
    refuse("{} wants a name, not '{}'", filter, type_name(arguments.positional[i]));
  Arguments rest;
  rest.positional.assign(arguments.positional.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                         arguments.positional.end());
  rest.named = arguments.named;
  return {arguments.positional[i].text(), std::move(rest)};
}

Value map(Runtime& runtime, const Value& self, const Arguments& arguments) {
  if (!truth(self)) return runtime.list({}, Flavor::generator);  // none counts as empty
  if (arguments.positional.empty() && arguments.find("attribute"))
    return map_attribute(runtime, self, arguments);
  if (arguments.positional.empty()) refuse("map requires a filter argument");
  const auto [name, rest] = split_arguments("map", arguments, 0);
  const Function filter = find_filter(name);
  if (!filter) refuse("No filter named '{}'.", name);
  std::vector<Value> out;
  for (const Value& item : iterate(runtime, self)) {
    const Runtime::Nested nested(runtime);
    runtime.step();
    out.push_back(filter(runtime, item, rest));
  }
  return runtime.list(std::move(out), Flavor::generator);
}

/// Items whose attribute (with `by_attribute`) or self passes the test named next; without a test
/// those that are true.
template <bool wanted, bool by_attribute>
Value select(Runtime& runtime, const Value& self, const Arguments& arguments) {
  if (!truth(self)) return runtime.list({}, Flavor::generator);  // none counts as empty
  const std::size_t offset = by_attribute ? 1 : 0;
  if (arguments.positional.size() < offset) refuse("Missing parameter for attribute name");
  const AttributePath path =
      by_attribute ? AttributePath(arguments.positional[0]) : AttributePath();
  TestFunction test = nullptr;
  Arguments rest;
  if (arguments.positional.size() > offset) {
    std::string name;
    std::tie(name, rest) = split_arguments("select", arguments, offset);
    test = find_test(name);
    if (!test) refuse("No test named '{}'.", name);
  }
  std::vector<Value> out;
  for (const Value& item : iterate(runtime, self)) {
    const Runtime::Nested nested(runtime);
    runtime.step();
    const Value value = path.of(runtime, item);
    if ((test ? test(runtime, value, rest) : truth(value)) == wanted) out.push_back(item);
  }
  return runtime.list(std::move(out), Flavor::generator);
}

constexpr NamedFunction kFilters[] = {
    {"map", map},
    {"reject", select<false, false>},
    {"rejectattr", select<false, true>},
    {"select", select<true, false>},
    {"selectattr", select<true, true>},
};

}  // namespace

std::span<const NamedFunction> selection_filters() {
  return kFilters;
}

}  // namespace llm::chat::jinja
