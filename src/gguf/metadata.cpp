#include "gguf/metadata.h"

#include <array>
#include <functional>
#include <type_traits>

#include "base/error.h"

namespace llm::gguf {
namespace {

template <class T>
inline constexpr bool kIsInteger = std::is_integral_v<T> && !std::is_same_v<T, bool>;

template <class T>
struct ElementOf;
template <class T>
struct ElementOf<std::vector<T>> {
  using type = T;
};

/// How an error calls the wanted type.
template <class T>
constexpr std::string_view wanted_name() {
  if constexpr (std::is_same_v<T, bool>) return "a bool";
  if constexpr (std::is_same_v<T, std::uint32_t>) return "an integer from 0 to 4294967295";
  if constexpr (std::is_same_v<T, std::int32_t>) return "an integer of 32 bits";
  if constexpr (std::is_same_v<T, std::int64_t>) return "an integer";
  if constexpr (std::is_floating_point_v<T>) return "a number";
  if constexpr (std::is_same_v<T, std::string>) return "a string";
}

/// The conversions that are harmless; nullopt where type or value does not fit.
template <class To, class From>
std::optional<To> convert(const From& from) {
  if constexpr (std::is_same_v<To, From>) {
    return from;
  } else if constexpr (kIsInteger<To> && kIsInteger<From>) {
    if (!std::in_range<To>(from)) return std::nullopt;
    return static_cast<To>(from);
  } else if constexpr (std::is_floating_point_v<To> &&
                       (kIsInteger<From> || std::is_floating_point_v<From>)) {
    return static_cast<To>(from);
  }
  return std::nullopt;
}

/// Inside arrays bools and integers stand for each other.
template <class To, class From>
std::optional<To> convert_element(const From& from) {
  if constexpr (std::is_same_v<From, bool> && kIsInteger<To>) return static_cast<To>(from);
  if constexpr (kIsInteger<From> && std::is_same_v<To, bool>) return from != 0;
  return convert<To>(from);
}

template <class To>
std::vector<To> convert_array(std::string_view key, const Array& array) {
  return std::visit(
      [&](const auto& elements) {
        using From = typename ElementOf<std::decay_t<decltype(elements)>>::type;
        std::vector<To> out;
        out.reserve(elements.size());
        for (std::size_t i = 0; i < elements.size(); ++i) {
          const From& element = elements[i];
          auto converted = convert_element<To>(element);
          if (!converted) {
            fail("key '{}' holds {} elements; element {} cannot be used as {}", key,
                 name_of(array.type), i, wanted_name<To>());
          }
          out.push_back(std::move(*converted));
        }
        return out;
      },
      array.elements);
}

template <class T>
struct Reader {
  static T read(std::string_view key, const Value& value) {
    auto out = std::visit([](const auto& held) { return convert<T>(held); }, value.value);
    if (!out) {
      fail("key '{}' has a value of type {} that cannot be used as {}", key, name_of(value.type()),
           wanted_name<T>());
    }
    return std::move(*out);
  }
};

template <class T>
struct Reader<std::vector<T>> {
  static std::vector<T> read(std::string_view key, const Value& value) {
    const Array* array = std::get_if<Array>(&value.value);
    if (!array) fail("key '{}' has type {}, an array is expected", key, name_of(value.type()));
    return convert_array<T>(key, *array);
  }
};

}  // namespace

std::string_view name_of(ValueType type) {
  static constexpr std::array<std::string_view, 13> kNames = {
      "u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
      "bool", "string", "array", "u64", "i64", "f64"};
  const auto number = static_cast<std::uint32_t>(type);
  return number < kNames.size() ? kNames[number] : "unknown";
}

std::size_t Array::size() const {
  return std::visit([](const auto& held) { return held.size(); }, elements);
}

/// The slot that holds `key`, or the free one where it belongs. REQUIRES a free slot.
std::size_t Metadata::slot_of(std::string_view key) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = std::hash<std::string_view>{}(key)&mask;
  while (slots_[slot] != 0 && entries_[slots_[slot] - 1].first != key) slot = (slot + 1) & mask;
  return slot;
}

void Metadata::grow() {
  slots_.assign(slots_.empty() ? 64 : slots_.size() * 2, 0);
  for (std::size_t i = 0; i < entries_.size(); ++i)
    slots_[slot_of(entries_[i].first)] = static_cast<std::uint32_t>(i + 1);
}

const Value* Metadata::find(std::string_view key) const {
  if (slots_.empty()) return nullptr;
  const std::uint32_t entry = slots_[slot_of(key)];
  return entry == 0 ? nullptr : &entries_[entry - 1].second;
}

void Metadata::set(std::string key, Value value) {
  if ((entries_.size() + 1) * 2 > slots_.size()) grow();
  std::uint32_t& slot = slots_[slot_of(key)];
  if (slot != 0) {
    entries_[slot - 1].second = std::move(value);
    return;
  }
  entries_.emplace_back(std::move(key), std::move(value));
  slot = static_cast<std::uint32_t>(entries_.size());
}

template <class T>
std::optional<T> Metadata::get(std::string_view key) const {
  const Value* value = find(key);
  if (!value) return std::nullopt;
  return Reader<T>::read(key, *value);
}

template <class T>
T Metadata::need(std::string_view key) const {
  const Value* value = find(key);
  if (!value) fail("key '{}' is missing", key);
  return Reader<T>::read(key, *value);
}

#define LLM_INSTANTIATE(T)                                            \
  template std::optional<T> Metadata::get<T>(std::string_view) const; \
  template T Metadata::need<T>(std::string_view) const
LLM_INSTANTIATE(bool);
LLM_INSTANTIATE(std::int64_t);
LLM_INSTANTIATE(std::uint32_t);
LLM_INSTANTIATE(std::int32_t);
LLM_INSTANTIATE(float);
LLM_INSTANTIATE(double);
LLM_INSTANTIATE(std::string);
LLM_INSTANTIATE(std::vector<std::string>);
LLM_INSTANTIATE(std::vector<float>);
LLM_INSTANTIATE(std::vector<std::int32_t>);
LLM_INSTANTIATE(std::vector<std::uint32_t>);
LLM_INSTANTIATE(std::vector<bool>);
#undef LLM_INSTANTIATE

}  // namespace llm::gguf
