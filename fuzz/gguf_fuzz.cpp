// The GGUF parser must end in a File or an Error for any bytes, and every span of a File must be
// readable.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "gguf/reader.h"

namespace {

using llm::gguf::File;

std::uint64_t touch(const File& file) {
  std::uint64_t sum = file.data_bytes();
  for (const auto& tensor : file.tensors()) {
    for (const std::byte b : tensor.bytes) sum += static_cast<std::uint64_t>(b);
    sum += file.find_tensor(tensor.name) == &tensor;
  }
  // Conversions of every kind, each of which may refuse.
  const auto& metadata = file.metadata();
  const auto try_to = [&](auto&& read) {
    try {
      read();
    } catch (const llm::Error&) {
      ++sum;
    }
  };
  for (const auto& entry : metadata.entries()) {
    const std::string& key = entry.first;  // Clang 14 captures no structured bindings
    try_to([&] { sum += static_cast<std::uint64_t>(metadata.need<std::int64_t>(key)); });
    try_to([&] { sum += metadata.need<float>(key) > 0; });
    try_to([&] { sum += metadata.need<std::string>(key).size(); });
    try_to([&] { sum += metadata.need<std::vector<std::string>>(key).size(); });
    try_to([&] { sum += metadata.need<std::vector<std::int32_t>>(key).size(); });
    try_to([&] { sum += metadata.need<std::vector<float>>(key).size(); });
  }
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    volatile const std::uint64_t sink =
        touch(File::parse(std::as_bytes(std::span(data, size)), "fuzz"));
    (void)sink;  // read so that nothing is optimised away
  } catch (const llm::Error&) {
    // the usual end
  }
  return 0;
}
