#include "chat/jinja/value.h"

#include <algorithm>

#include "chat/jinja/big_integer.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/runtime.h"

namespace llm::chat::jinja {
namespace {

// Dicts of at most this many entries are searched from front to back.
constexpr std::size_t kLinearSearch = 12;

/// Destroys what a container held without recursion: a list nested a million deep must not use a
/// million stack frames. Containers that die meanwhile put their parts into the same heap.
class Graveyard {
 public:
  void bury(std::vector<Value>& values) {
    for (Value& value : values)
      if (value.object() && !value.is_string()) pending_.push_back(std::move(value));
    drain();
  }
  void bury(Value& value) {
    if (value.object() && !value.is_string()) pending_.push_back(std::move(value));
    drain();
  }

 private:
  void drain() {
    if (draining_) return;
    draining_ = true;
    while (!pending_.empty()) {
      const Value dying = std::move(pending_.back());
      pending_.pop_back();
    }
    draining_ = false;
  }
  std::vector<Value> pending_;
  bool draining_ = false;
};

Graveyard& graveyard() {
  thread_local Graveyard instance;
  return instance;
}

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::undefined:
      return "Undefined";
    case Kind::none:
      return "NoneType";
    case Kind::boolean:
      return "bool";
    case Kind::integer:
    case Kind::big_integer:
      return "int";
    case Kind::floating:
      return "float";
    case Kind::string:
      return "str";
    case Kind::list:
      return "list";
    case Kind::tuple:
      return "tuple";
    case Kind::range:
      return "range";
    case Kind::dict:
      return "dict";
    case Kind::name_space:
      return "Namespace";
    case Kind::loop:
      return "LoopContext";
    case Kind::callable:
      return "function";
  }
  return "object";
}

}  // namespace

Value::Value(std::string text)
    : kind_(Kind::string), object_(std::make_shared<Text>(std::move(text))) {}

Value Value::undefined(std::string message) {
  return Value(Kind::undefined, std::make_shared<Text>(std::move(message)));
}

Value Value::undefined_member(const Value& owner, const Value& key) {
  const bool has_kind_name = type_name(owner) == kind_name(owner.kind());
  if (!has_kind_name)
    return undefined("'" + std::string(type_name(owner)) + " object' has no attribute '" +
                     key.text() + "'");
  Value value(Kind::undefined, nullptr, true);
  value.owner_ = owner.kind();
  value.object_ = key.object_;
  return value;
}

const BigInteger& Value::big() const {
  return static_cast<BigNumber&>(*object_).value;
}

std::string Value::undefined_reason() const {
  const std::string& name = object_ ? static_cast<Text&>(*object_).bytes : *number_.name;
  if (!member_) return object_ ? name : "'" + name + "' is undefined";
  const std::string owner =
      owner_ == Kind::none ? "'None'" : "'" + std::string(kind_name(owner_)) + " object'";
  return owner + " has no attribute '" + name + "'";
}

List::~List() {
  graveyard().bury(items);
}

Dict::~Dict() {
  clear();
}

Namespace::~Namespace() {
  for (auto& attribute : attributes) graveyard().bury(attribute.second);
}

Loop::~Loop() {
  graveyard().bury(items);
  graveyard().bury(changed);
}

std::int64_t Range::size() const {
  if (step > 0) return start < stop ? (stop - start - 1) / step + 1 : 0;
  return start > stop ? (start - stop - 1) / -step + 1 : 0;
}

std::ptrdiff_t Dict::index_of(std::string_view key) const {
  if (!index_.empty()) {
    const auto found = index_.find(key);
    return found == index_.end() ? -1 : static_cast<std::ptrdiff_t>(found->second);
  }
  for (std::size_t i = 0; i < entries_.size(); ++i)
    if (entries_[i].first.is_string() && entries_[i].first.text() == key)
      return static_cast<std::ptrdiff_t>(i);
  return -1;
}

std::ptrdiff_t Dict::index_of(Runtime& runtime, const Value& key) const {
  if (key.is_string()) return index_of(key.text());
  check_hashable(runtime, key);
  for (std::size_t i = 0; i < entries_.size(); ++i)
    if (!entries_[i].first.is_string() && equal(runtime, entries_[i].first, key))
      return static_cast<std::ptrdiff_t>(i);
  return -1;
}

const Value* Dict::find(std::string_view key) const {
  const std::ptrdiff_t i = index_of(key);
  return i < 0 ? nullptr : &entries_[i].second;
}

const Value* Dict::find(Runtime& runtime, const Value& key) const {
  const std::ptrdiff_t i = index_of(runtime, key);
  return i < 0 ? nullptr : &entries_[i].second;
}

void Dict::insert(Value key, Value value) {
  entries_.emplace_back(std::move(key), std::move(value));
  if (entries_.size() <= kLinearSearch) return;
  const std::size_t first = index_.empty() ? 0 : entries_.size() - 1;
  for (std::size_t i = first; i < entries_.size(); ++i)
    if (entries_[i].first.is_string()) index_.emplace(entries_[i].first.text(), i);
}

void Dict::append(std::string key, Value value) {
  insert(Value(std::move(key)), std::move(value));
}

void Dict::set(std::string key, Value value) {
  const std::ptrdiff_t i = index_of(key);
  if (i >= 0) {
    entries_[i].second = std::move(value);
  } else {
    insert(Value(std::move(key)), std::move(value));
  }
}

void Dict::set(Runtime& runtime, const Value& key, Value value) {
  const std::ptrdiff_t i = index_of(runtime, key);
  if (i >= 0) {
    entries_[i].second = std::move(value);
  } else {
    runtime.charge(sizeof(Entry));
    insert(key, std::move(value));
  }
}

bool Dict::erase(Runtime& runtime, const Value& key) {
  const std::ptrdiff_t i = index_of(runtime, key);
  if (i < 0) return false;
  runtime.step(entries_.size());
  index_.clear();  // the positions behind `key` shift
  entries_.erase(entries_.begin() + i);
  if (entries_.size() > kLinearSearch)
    for (std::size_t at = 0; at < entries_.size(); ++at)
      if (entries_[at].first.is_string()) index_.emplace(entries_[at].first.text(), at);
  return true;
}

void Dict::clear() {
  index_.clear();
  for (Entry& entry : entries_) {
    graveyard().bury(entry.first);
    graveyard().bury(entry.second);
  }
  entries_.clear();
}

const Value* Namespace::find(std::string_view name) const {
  for (const auto& [key, value] : attributes)
    if (key == name) return &value;
  return nullptr;
}

void Namespace::set(const std::string& name, Value value) {
  for (auto& attribute : attributes) {
    if (attribute.first != name) continue;
    attribute.second = std::move(value);
    return;
  }
  attributes.emplace_back(name, std::move(value));
}

Value make_list(std::vector<Value> items, Flavor flavor) {
  return Value(Kind::list, std::make_shared<List>(std::move(items), flavor));
}

Value make_tuple(std::vector<Value> items, Flavor flavor) {
  return Value(Kind::tuple, std::make_shared<List>(std::move(items), flavor));
}

Value make_range(std::int64_t start, std::int64_t stop, std::int64_t step) {
  return Value(Kind::range, std::make_shared<Range>(start, stop, step));
}

Value make_dict(std::shared_ptr<Dict> dict) {
  return Value(Kind::dict, std::move(dict));
}

std::string_view type_name(const Value& value) {
  if (value.is(Kind::list)) {
    switch (value.list().flavor) {
      case Flavor::generator:
        return "generator";
      case Flavor::keys:
        return "dict_keys";
      case Flavor::values:
        return "dict_values";
      case Flavor::items:
        return "dict_items";
      case Flavor::plain:
      case Flavor::group:
        break;
    }
  }
  return kind_name(value.kind());
}

}  // namespace llm::chat::jinja
