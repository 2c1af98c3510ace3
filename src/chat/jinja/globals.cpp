// The functions that templates call by name.
#include <ctime>

#include "chat/jinja/builtins.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/runtime.h"
#include "chat/jinja/text.h"

namespace llm::chat::jinja {
namespace {

// Jinja2's sandbox refuses longer ranges.
constexpr std::int64_t kLongestRange = 100000;
// Beyond this the bounds of a range might overflow when it is sliced.
constexpr std::int64_t kFarthest = std::int64_t{1} << 60;

using GlobalFunction = Value (*)(Runtime& runtime, const Arguments& arguments);

struct Global final : Callable {
  Global(std::string_view global_name, GlobalFunction global_function)
      : name(global_name), function(global_function) {}
  Value call(Runtime& runtime, const Arguments& arguments) override {
    return function(runtime, arguments);
  }
  std::string describe() const override { return "<function " + std::string(name) + ">"; }
  std::string_view name;
  GlobalFunction function;
};

struct BoundMethod final : Callable {
  BoundMethod(const Value& method_self, std::string_view method_name, Function method_function)
      : self(method_self), name(method_name), function(method_function) {}
  Value call(Runtime& runtime, const Arguments& arguments) override {
    return function(runtime, self, arguments);
  }
  std::string describe() const override {
    return "<built-in method " + name + " of " + std::string(type_name(self)) + " object>";
  }
  Value self;
  std::string name;
  Function function;
};

Value range(Runtime& runtime, const Arguments& arguments) {
  const Bound bound("range", arguments, {"start", "stop", "step"}, 1);
  const bool only_stop = !bound.has(1);
  const std::int64_t start = only_stop ? 0 : bound.integer(0, 0);
  const std::int64_t stop = only_stop ? bound.integer(0, 0) : bound.integer(1, 0);
  const std::int64_t step = bound.integer(2, 1);
  if (step == 0) refuse("range() arg 3 must not be zero");
  for (const std::int64_t bound_value : {start, stop, step})
    if (bound_value > kFarthest || bound_value < -kFarthest)
      refuse("range(): {} is too far away", bound_value);
  Value made = make_range(start, stop, step);
  if (made.range().size() > kLongestRange)
    refuse("range() of {} items is too long, at most {} are allowed", made.range().size(),
           kLongestRange);
  runtime.charge(sizeof(Range));
  return made;
}

void add_pairs(Runtime& runtime, Dict& dict, const Value& pairs) {
  if (pairs.is(Kind::dict)) {
    for (const auto& [key, value] : pairs.dict().entries()) dict.set(runtime, key, value);
    return;
  }
  for (const Value& pair : iterate(runtime, pairs)) {
    const std::vector<Value> parts = iterate(runtime, pair);
    if (parts.size() != 2) refuse("a dict is made of pairs, not of {} values", parts.size());
    dict.set(runtime, parts[0], parts[1]);
  }
}

Value dict(Runtime& runtime, const Arguments& arguments) {
  if (arguments.positional.size() > 1) refuse("dict expected at most 1 argument");
  auto made = std::make_shared<Dict>();
  for (const Value& argument : arguments.positional) add_pairs(runtime, *made, argument);
  for (const auto& [name, value] : arguments.named) made->set(runtime, runtime.text(name), value);
  return make_dict(std::move(made));
}

Value name_space(Runtime& runtime, const Arguments& arguments) {
  const Value attributes = dict(runtime, arguments);
  auto made = std::make_shared<Namespace>();
  for (const auto& [key, value] : attributes.dict().entries())
    made->set(to_text(runtime, key), value);
  runtime.track(made);
  return Value(Kind::name_space, std::move(made));
}

Value raise_exception(Runtime& runtime, const Arguments& arguments) {
  const Bound bound("raise_exception", arguments, {"message"}, 1);
  std::string message = to_text(runtime, bound[0]);
  for (const std::string_view text : runtime.harmless)
    if (std::string_view(message).starts_with(text)) return runtime.text("");
  throw Failure(FailureKind::raise, message);
}

/// C's format codes, without those that Python leaves empty or that C does not have.
std::string clock_format(std::string_view format) {
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out += format[i] == '%' ? "%%" : std::string(1, format[i]);
      continue;
    }
    const char code = format[++i];
    if (code == 'f') {
      out += "000000";
    } else if (code != 'z' && code != 'Z') {  // a time without a zone
      out += '%';
      out += code;
    }
  }
  return out;
}

Value strftime_now(Runtime& runtime, const Arguments& arguments) {
  const Bound bound("strftime_now", arguments, {"format"}, 1);
  const auto now = static_cast<std::time_t>(runtime.now_unix_s());
  std::tm local{};
  localtime_r(&now, &local);
  const std::string format = clock_format(bound.text(0));
  if (format.empty()) return runtime.text("");
  constexpr std::size_t kLongest = 4096;
  std::string out(kLongest, '\0');
  const std::size_t size = std::strftime(out.data(), out.size(), format.c_str(), &local);
  if (size == 0 && bound.text(0).size() > 64) refuse("strftime_now(): the format is too long");
  out.resize(size);
  return runtime.text(std::move(out));
}

/// `{% set sep = joiner(', ') %}`: nothing at the first call, then the separator.
struct Joiner final : Callable {
  explicit Joiner(std::string text) : separator(std::move(text)) {}
  Value call(Runtime& runtime, const Arguments& arguments) override {
    const Bound bound("joiner", arguments, {});
    const bool first = !used;
    used = true;
    return first ? runtime.text("") : runtime.text(separator);
  }
  std::string describe() const override { return "<joiner>"; }
  std::string separator;
  bool used = false;
};

Value joiner(Runtime&, const Arguments& arguments) {
  const Bound bound("joiner", arguments, {"sep"});
  return Value(Kind::callable, std::make_shared<Joiner>(bound.text(0, ", ")));
}

/// `cycler('odd', 'even')`: next() runs around the items.
struct Cycler final : Callable, std::enable_shared_from_this<Cycler> {
  explicit Cycler(std::vector<Value> values) : items(std::move(values)) {}
  Value call(Runtime&, const Arguments&) override { refuse("'Cycler' object is not callable"); }
  Value attribute(std::string_view attribute_name) const override {
    if (attribute_name == "current") return items[at];
    if (attribute_name != "next" && attribute_name != "reset") return Value::undefined("");
    auto self = std::const_pointer_cast<Cycler>(shared_from_this());
    return bind_method(Value(Kind::callable, self), attribute_name,
                       attribute_name == "next" ? next : reset);
  }
  std::string describe() const override { return "<cycler>"; }

  static Value next(Runtime&, const Value& self, const Arguments& arguments) {
    const Bound bound("next", arguments, {});
    auto& cycler = static_cast<Cycler&>(self.callable());
    const Value current = cycler.items[cycler.at];
    cycler.at = (cycler.at + 1) % cycler.items.size();
    return current;
  }
  static Value reset(Runtime&, const Value& self, const Arguments& arguments) {
    const Bound bound("reset", arguments, {});
    static_cast<Cycler&>(self.callable()).at = 0;
    return {};
  }

  std::vector<Value> items;
  std::size_t at = 0;
};

Value cycler(Runtime&, const Arguments& arguments) {
  if (arguments.positional.empty()) refuse("at least one item has to be provided");
  if (!arguments.named.empty()) refuse("cycler() takes no named arguments");
  return Value(Kind::callable, std::make_shared<Cycler>(arguments.positional));
}

/// Filler text, of which a prompt needs none: the name exists, but a call is refused.
Value lipsum(Runtime&, const Arguments&) {
  refuse("lipsum() is not available in chat templates");
}

struct GlobalRow {
  std::string_view name;
  GlobalFunction function;
};

constexpr GlobalRow kGlobals[] = {
    {"cycler", cycler},        {"dict", dict},
    {"joiner", joiner},        {"lipsum", lipsum},
    {"namespace", name_space}, {"raise_exception", raise_exception},
    {"range", range},          {"strftime_now", strftime_now},
};

}  // namespace

Value find_global(std::string_view name) {
  for (const GlobalRow& row : kGlobals)
    if (row.name == name)
      return Value(Kind::callable, std::make_shared<Global>(row.name, row.function));
  return Value::undefined("");
}

Value bind_method(const Value& self, std::string_view name, Function function) {
  return Value(Kind::callable, std::make_shared<BoundMethod>(self, name, function));
}

}  // namespace llm::chat::jinja
