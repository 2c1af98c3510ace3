#include "model/fingerprint.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

namespace llm {
namespace {

/// A few of a tensor's bytes, from its whole length: a fine-tuned model differs from its base in
/// nearly all of them.
constexpr std::size_t kSamples = 4, kSampleBytes = 64;

class Hash {
 public:
  Hash() : state_(XXH3_createState(), &XXH3_freeState) { XXH3_64bits_reset(state_.get()); }

  void add(const void* bytes, std::size_t count) { XXH3_64bits_update(state_.get(), bytes, count); }
  template <class T>
  requires std::is_arithmetic_v<T>
  void add(T value) { add(&value, sizeof value); }
  void add(std::string_view text) {
    add(text.size());
    add(text.data(), text.size());
  }
  void add(const gguf::Value& value) {
    add(value.value.index());
    std::visit([this](const auto& v) { add(v); }, value.value);
  }
  void add(const gguf::Array& array) {
    add(array.size());
    std::visit(
        [this](const auto& list) {
          for (const auto& v : list) add(unwrapped(v));
        },
        array.elements);
  }

  std::uint64_t value() const { return XXH3_64bits_digest(state_.get()); }

 private:
  template <class T>
  static const T& unwrapped(const T& value) {
    return value;
  }
  static bool unwrapped(std::vector<bool>::const_reference value) { return value; }

  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

bool counts(std::string_view key) {
  constexpr std::string_view kTexts[] = {"general.", "tokenizer.chat_template", "quantize.",
                                         "split."};
  return std::none_of(std::begin(kTexts), std::end(kTexts),
                      [&](std::string_view text) { return key.starts_with(text); }) ||
         key == "general.architecture";
}

}  // namespace

std::uint64_t fingerprint_of(const gguf::File& file, const LoadOptions& options) {
  Hash hash;
  for (const auto& [key, value] : file.metadata().entries()) {
    if (!counts(key)) continue;
    hash.add(key);
    hash.add(value);
  }
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    hash.add(tensor.name);
    hash.add(static_cast<std::uint32_t>(tensor.type));
    for (const std::int64_t length : tensor.shape) hash.add(length);
    const std::span<const std::byte> bytes = tensor.bytes;
    const std::size_t step = std::max(bytes.size() / kSamples, kSampleBytes);
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      hash.add(bytes.data() + at, std::min(kSampleBytes, bytes.size() - at));
    }
  }
  // The context chooses between two sets of factors, where a file has them.
  const bool has_sets = file.find_tensor("rope_factors_long.weight") != nullptr;
  hash.add(fmt::format("{} {} {} {} {} {} {} {} {} {}", has_sets ? options.context : 0,
                       options.rope_scaling, options.rope_scale, options.rope_freq_base,
                       options.rope_freq_scale, options.yarn_original_context,
                       options.yarn_ext_factor, options.yarn_attn_factor, options.yarn_beta_fast,
                       options.yarn_beta_slow));
  return hash.value();
}

}  // namespace llm
