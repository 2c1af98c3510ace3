// The values that a template works with. They follow Python's: copying a list or a dict copies a
// reference, strings are sequences of code points, and dicts keep the order of insertion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace llm::chat::jinja {

class Runtime;
class BigInteger;
struct Arguments;

enum class Kind : std::uint8_t {
  undefined,
  none,
  boolean,
  integer,      // fits 64 bits
  big_integer,  // does not
  floating,
  string,
  list,
  tuple,
  range,
  dict,
  name_space,
  loop,
  callable,
};

/// Anything that lives on the heap; values share it.
struct Object {
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;
};

struct Text;
struct List;
struct Range;
struct Dict;
struct Namespace;
struct Loop;
struct Callable;

class Value {
 public:
  Value() = default;  // none
  Value(bool value) : kind_(Kind::boolean) { number_.integer = value; }
  Value(std::int64_t value) : kind_(Kind::integer) { number_.integer = value; }
  Value(int value) : Value(static_cast<std::int64_t>(value)) {}
  Value(std::size_t value) : Value(static_cast<std::int64_t>(value)) {}
  Value(double value) : kind_(Kind::floating) { number_.floating = value; }
  Value(std::string text);
  Value(std::string_view text) : Value(std::string(text)) {}
  Value(const char* text) : Value(std::string(text)) {}
  template <class T>
  Value(const T*) = delete;  // a pointer is not a truth value
  Value(Kind kind, std::shared_ptr<Object> object) : kind_(kind), object_(std::move(object)) {}

  /// A name that nothing is known by. `name` must outlive the value (names belong to the program).
  static Value undefined_name(const std::string* name) {
    return Value(Kind::undefined, name, false);
  }
  /// An attribute that a value of kind `owner` does not have.
  static Value undefined_member(Kind owner, const std::string* name) {
    Value value(Kind::undefined, name, true);
    value.owner_ = owner;
    return value;
  }
  /// An item that `owner` does not have; `key` is a string.
  static Value undefined_member(const Value& owner, const Value& key);
  /// Undefined for another reason, told by `message`.
  static Value undefined(std::string message);

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_undefined() const { return kind_ == Kind::undefined; }
  bool is_none() const { return kind_ == Kind::none; }
  bool is_string() const { return kind_ == Kind::string; }
  bool is_sequence() const { return kind_ == Kind::list || kind_ == Kind::tuple; }
  bool is_integer() const { return kind_ == Kind::integer || kind_ == Kind::big_integer; }
  bool is_number() const { return kind_ >= Kind::boolean && kind_ <= Kind::floating; }

  // Each of these may be called for its own kind only.
  bool boolean() const { return number_.integer != 0; }
  std::int64_t integer() const { return number_.integer; }  // also of a boolean
  double floating() const { return number_.floating; }
  const std::string& text() const;
  const BigInteger& big() const;
  List& list() const;  // also of a tuple
  Range& range() const;
  Dict& dict() const;
  Namespace& name_space() const;
  Loop& loop() const;
  Callable& callable() const;
  const std::shared_ptr<Object>& object() const { return object_; }

  /// Why an undefined value is undefined.
  std::string undefined_reason() const;

 private:
  Value(Kind kind, const std::string* name, bool member) : kind_(kind), member_(member) {
    number_.name = name;
  }

  Kind kind_ = Kind::none;
  Kind owner_ = Kind::none;  // of a missing member
  bool member_ = false;
  union {
    std::int64_t integer;
    double floating;
    const std::string* name;
  } number_{};
  std::shared_ptr<Object> object_;
};

struct Text final : Object {
  explicit Text(std::string text) : bytes(std::move(text)) {}
  const std::string bytes;  // UTF-8
};

/// How a list came about, where that shows: Python has other types for these. A group is a tuple
/// (key, members) made by `groupby`, whose parts have names.
enum class Flavor : std::uint8_t { plain, generator, keys, values, items, group };

struct List final : Object {
  explicit List(std::vector<Value> values, Flavor list_flavor = Flavor::plain)
      : items(std::move(values)), flavor(list_flavor) {}
  ~List() override;
  std::vector<Value> items;
  Flavor flavor;
};

struct Range final : Object {
  Range(std::int64_t from, std::int64_t to, std::int64_t by) : start(from), stop(to), step(by) {}
  std::int64_t size() const;
  std::int64_t at(std::int64_t index) const { return start + index * step; }
  std::int64_t start, stop, step;
};

/// Keys are any hashable values; nearly all are strings.
struct Dict final : Object {
  using Entry = std::pair<Value, Value>;
  Dict() = default;
  ~Dict() override;

  const Value* find(std::string_view key) const;
  const Value* find(Runtime& runtime, const Value& key) const;
  void set(std::string key, Value value);
  void set(Runtime& runtime, const Value& key, Value value);
  void append(std::string key, Value value);  // the key is known to be new
  bool erase(Runtime& runtime, const Value& key);
  void clear();
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::ptrdiff_t index_of(std::string_view key) const;
  std::ptrdiff_t index_of(Runtime& runtime, const Value& key) const;
  void insert(Value key, Value value);

  std::vector<Entry> entries_;
  // Positions of the string keys; kept for large dicts only, the views point into the keys.
  std::unordered_map<std::string_view, std::size_t> index_;
};

/// Attributes that `set ns.x = ...` may change.
struct Namespace final : Object {
  ~Namespace() override;
  const Value* find(std::string_view name) const;
  void set(const std::string& name, Value value);
  std::vector<std::pair<std::string, Value>> attributes;
};

/// The variable `loop` inside a for.
struct Loop : Object {
  ~Loop() override;
  std::vector<Value> items;
  std::size_t index = 0;  // from 0
  int depth = 0;          // from 0, of recursive loops
  bool changed_called = false;
  std::vector<Value> changed;
  /// The body once more over `items`, when the loop is recursive.
  virtual Value recurse(Runtime& runtime, const Value& items) = 0;
};

struct Callable : Object {
  virtual Value call(Runtime& runtime, const Arguments& arguments) = 0;
  virtual Value attribute(std::string_view /*name*/) const { return Value::undefined(""); }
  virtual std::string describe() const = 0;
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;

  const Value* find(std::string_view name) const {
    for (const auto& [key, value] : named)
      if (key == name) return &value;
    return nullptr;
  }
};

inline const std::string& Value::text() const {
  return static_cast<Text&>(*object_).bytes;
}
inline List& Value::list() const {
  return static_cast<List&>(*object_);
}
inline Range& Value::range() const {
  return static_cast<Range&>(*object_);
}
inline Dict& Value::dict() const {
  return static_cast<Dict&>(*object_);
}
inline Namespace& Value::name_space() const {
  return static_cast<Namespace&>(*object_);
}
inline Loop& Value::loop() const {
  return static_cast<Loop&>(*object_);
}
inline Callable& Value::callable() const {
  return static_cast<Callable&>(*object_);
}

Value make_list(std::vector<Value> items, Flavor flavor = Flavor::plain);
Value make_tuple(std::vector<Value> items, Flavor flavor = Flavor::plain);
Value make_range(std::int64_t start, std::int64_t stop, std::int64_t step);
Value make_dict(std::shared_ptr<Dict> dict);

/// Name of a value's type as Python says it: "str", "list", "NoneType", ...
std::string_view type_name(const Value& value);

}  // namespace llm::chat::jinja
