// The key/value part of a GGUF file: typed look-ups that name the key when it is wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace llm::gguf {

enum class ValueType : std::uint32_t {
  u8 = 0,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64
};

/// "u32", "string", ...
std::string_view name_of(ValueType type);

struct Value;

/// Arrays hold elements of one type. Numbers are kept in their own width: vocabularies have
/// hundreds of thousands of entries.
struct Array {
  ValueType type = ValueType::u8;  // of the elements, always that of the alternative held
  std::variant<std::vector<std::uint8_t>, std::vector<std::int8_t>, std::vector<std::uint16_t>,
               std::vector<std::int16_t>, std::vector<std::uint32_t>, std::vector<std::int32_t>,
               std::vector<float>, std::vector<bool>, std::vector<std::string>,
               std::vector<std::uint64_t>, std::vector<std::int64_t>, std::vector<double>,
               std::vector<Array>>
      elements;
  std::size_t size() const;
};

struct Value {
  std::variant<std::uint8_t, std::int8_t, std::uint16_t, std::int16_t, std::uint32_t, std::int32_t,
               float, bool, std::string, Array, std::uint64_t, std::int64_t, double>
      value;
  ValueType type() const { return static_cast<ValueType>(value.index()); }
};

/// An array value with the type that belongs to T.
template <class T>
Value array_value(std::vector<T> elements) {
  Array array;
  array.elements = std::move(elements);
  // The alternatives stand in the order of the types, without `array` itself.
  const auto index = static_cast<std::uint32_t>(array.elements.index());
  array.type = static_cast<ValueType>(index < 9 ? index : index + 1);
  return {std::move(array)};
}

/// Keys in file order. Look-ups are by hash.
class Metadata {
 public:
  const Value* find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }

  /// T: bool, std::int64_t, std::uint32_t, std::int32_t, float, double, std::string,
  /// std::vector<std::string>, std::vector<float>, std::vector<std::int32_t>,
  /// std::vector<std::uint32_t>, std::vector<bool>.
  /// Any integer type of the file converts when the value fits; f64 and integers convert to float.
  /// Arrays convert element by element; an array of bools may be read as integers (0, 1) and an
  /// array of integers as bools.
  /// Absent: nullopt. Present with a type or value that does not fit: Error naming the key.
  template <class T>
  std::optional<T> get(std::string_view key) const;

  /// As get(), but absence is an Error too.
  template <class T>
  T need(std::string_view key) const;

  template <class T>
  T get_or(std::string_view key, T otherwise) const {
    auto found = get<T>(key);
    return found ? std::move(*found) : std::move(otherwise);
  }

  /// Adds or replaces.
  void set(std::string key, Value value);
  const std::vector<std::pair<std::string, Value>>& entries() const { return entries_; }

 private:
  std::size_t slot_of(std::string_view key) const;
  void grow();

  std::vector<std::pair<std::string, Value>> entries_;
  std::vector<std::uint32_t> slots_;  // open addressing over entries_, index + 1
};

}  // namespace llm::gguf
