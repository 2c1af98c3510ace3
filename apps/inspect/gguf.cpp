// llama-inspect gguf: what a model file holds.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <type_traits>
#include <variant>

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "gguf/reader.h"
#include "inspect/command.h"

namespace llm::inspect {
namespace {

using gguf::Array;
using gguf::Value;

// What is shown of long values.
constexpr std::size_t kShownElements = 6, kShownBytes = 120;

Json to_json(const Array& array, std::size_t limit);

template <class T>
Json scalar_to_json(const T& value, std::size_t limit) {
  if constexpr (std::is_same_v<T, std::string>) {
    const std::string text = utf8::sanitized(value);
    if (text.size() <= kShownBytes || limit == std::string::npos) return text;
    // Cut between characters.
    const std::size_t cut = kShownBytes - utf8::incomplete_tail(text.substr(0, kShownBytes));
    return text.substr(0, cut) + fmt::format("... ({} bytes)", value.size());
  } else if constexpr (std::is_same_v<T, Array>) {
    return to_json(value, limit);
  } else {
    return value;
  }
}

Json to_json(const Array& array, std::size_t limit) {
  return std::visit(
      [&](const auto& elements) {
        Json list = Json::array();
        for (std::size_t i = 0; i < std::min(limit, elements.size()); ++i) {
          using Element = typename std::decay_t<decltype(elements)>::value_type;
          list.push_back(scalar_to_json<Element>(elements[i], limit));
        }
        return list;
      },
      array.elements);
}

Json to_json(const Value& value, std::size_t limit) {
  return std::visit([&](const auto& held) { return scalar_to_json(held, limit); }, value.value);
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string type_of(const Value& value) {
  const Array* array = std::get_if<Array>(&value.value);
  if (!array) return std::string(name_of(value.type()));
  return fmt::format("{}[{}]", name_of(array->type), array->size());
}

void print_metadata(const gguf::File& file) {
  std::size_t width = 0;
  for (const auto& [key, value] : file.metadata().entries()) width = std::max(width, key.size());
  for (const auto& [key, value] : file.metadata().entries()) {
    std::string shown = dump(to_json(value, kShownElements));
    const Array* array = std::get_if<Array>(&value.value);
    if (array && array->size() > kShownElements) shown.insert(shown.size() - 1, ",...");
    fmt::print("{:{}}  {:<12} {}\n", utf8::sanitized(key), width, type_of(value), shown);
  }
}

std::int64_t bytes_of(const gguf::TensorInfo& tensor) {
  const std::int64_t columns = tensor.shape.empty() ? 1 : tensor.shape.back();
  return quant::row_bytes(tensor.type, columns) *
         (tensor.elements() / std::max<std::int64_t>(columns, 1));
}

struct Totals {
  std::int64_t tensors = 0, elements = 0, bytes = 0;
  void add(const gguf::TensorInfo& tensor) {
    ++tensors;
    elements += tensor.elements();
    bytes += bytes_of(tensor);
  }
};

void print_totals(std::string_view what, const Totals& totals) {
  fmt::print("{:<10} {:>6} tensors {:>16} values {:>16} bytes {:>8.4f} bits per value\n", what,
             totals.tensors, totals.elements, totals.bytes,
             8.0 * static_cast<double>(totals.bytes) /
                 static_cast<double>(std::max<std::int64_t>(totals.elements, 1)));
}

void print_tensors(const gguf::File& file) {
  std::size_t width = 0;
  for (const auto& tensor : file.tensors()) width = std::max(width, tensor.name.size());
  std::map<std::string_view, Totals> by_type;
  Totals all;
  for (const auto& tensor : file.tensors()) {
    const std::string_view type = quant::traits(tensor.type).name;
    fmt::print("{:{}}  {:<8} {:>16} bytes  [{}]\n", utf8::sanitized(tensor.name), width, type,
               bytes_of(tensor), fmt::join(tensor.shape, ", "));
    by_type[type].add(tensor);
    all.add(tensor);
  }
  fmt::print("\n");
  for (const auto& [type, totals] : by_type) print_totals(type, totals);
  print_totals("all", all);
}

void print_json(const gguf::File& file) {
  Json metadata = Json::object(), tensors = Json::array();
  for (const auto& [key, value] : file.metadata().entries())
    metadata[utf8::sanitized(key)] = {{"type", type_of(value)},
                                      {"value", to_json(value, std::string::npos)}};
  Totals all;
  for (const auto& tensor : file.tensors()) {
    tensors.push_back({{"name", utf8::sanitized(tensor.name)},
                       {"type", quant::traits(tensor.type).name},
                       {"shape", tensor.shape},
                       {"bytes", bytes_of(tensor)}});
    all.add(tensor);
  }
  const Json document = {
      {"version", file.version()},
      {"metadata", std::move(metadata)},
      {"tensors", std::move(tensors)},
      {"totals", {{"tensors", all.tensors}, {"values", all.elements}, {"bytes", all.bytes}}}};
  fmt::print("{}\n", dump(document));
}

}  // namespace

void show_gguf(Arguments arguments) {
  std::string path;
  bool as_json = false;
  for (const std::string& argument : arguments) {
    if (argument == "--json")
      as_json = true;
    else if (path.empty() && !argument.starts_with("-"))
      path = argument;
    else
      fail("gguf: unexpected argument '{}'", argument);
  }
  if (path.empty()) fail("gguf: which file?");
  const gguf::File file = gguf::File::open(path, {.with_data = false});
  if (as_json) return print_json(file);
  fmt::print("{}: GGUF version {}, {} keys, {} tensors\n\n", path, file.version(),
             file.metadata().entries().size(), file.tensors().size());
  print_metadata(file);
  fmt::print("\n");
  print_tensors(file);
}

}  // namespace llm::inspect
