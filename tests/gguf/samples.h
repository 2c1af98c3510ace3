// Small GGUF files for the tests, made in a folder that is removed afterwards.
#pragma once

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "gguf/writer.h"
#include "shared_files.h"

namespace llm::gguf::test {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    static std::atomic<int> number = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("gguf-test-" + std::to_string(::getpid()) + "-" + std::to_string(number++));
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline std::vector<std::byte> numbered_bytes(std::uint64_t count) {
  std::vector<std::byte> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::byte>(i * 7 + 1);
  return out;
}

/// One key of every type and an array of every type.
inline Metadata every_value() {
  Metadata m;
  m.set("general.architecture", {std::string("llama")});
  m.set("u8", {std::uint8_t{200}});
  m.set("i8", {std::int8_t{-5}});
  m.set("u16", {std::uint16_t{60000}});
  m.set("i16", {std::int16_t{-30000}});
  m.set("u32", {std::uint32_t{4000000000}});
  m.set("i32", {std::int32_t{-2000000000}});
  m.set("f32", {1.5F});
  m.set("bool", {true});
  m.set("string", {std::string("a\0b", 3)});
  m.set("u64", {std::uint64_t{1} << 63});
  m.set("i64", {std::int64_t{-1} << 62});
  m.set("f64", {0.1});
  m.set("a.u8", array_value<std::uint8_t>({1, 2}));
  m.set("a.i8", array_value<std::int8_t>({-1}));
  m.set("a.u16", array_value<std::uint16_t>({}));
  m.set("a.i16", array_value<std::int16_t>({-3, 4, 5}));
  m.set("a.u32", array_value<std::uint32_t>({7}));
  m.set("a.i32", array_value<std::int32_t>({-7, 8}));
  m.set("a.f32", array_value<float>({0.25F, -1}));
  m.set("a.bool", array_value<bool>({true, false, true}));
  m.set("a.string", array_value<std::string>({"one", "", "drei"}));
  m.set("a.u64", array_value<std::uint64_t>({1}));
  m.set("a.i64", array_value<std::int64_t>({-1}));
  m.set("a.f64", array_value<double>({2.5}));
  return m;
}

inline std::vector<TensorPlan> some_tensors() {
  return {{"scalar", quant::Type::f32, {}},
          {"vector", quant::Type::f32, {5}},
          {"matrix", quant::Type::q4_0, {3, 64}},
          {"stack", quant::Type::q4_k, {2, 2, 256}},
          {"four", quant::Type::f16, {2, 3, 1, 7}}};
}

inline void write_sample(const std::string& path, const Metadata& metadata,
                         const std::vector<TensorPlan>& tensors) {
  Writer writer(path, metadata, tensors);
  for (const TensorPlan& t : tensors) {
    std::int64_t rows = 1;
    for (std::size_t i = 0; i + 1 < t.shape.size(); ++i) rows *= t.shape[i];
    const std::int64_t cols = t.shape.empty() ? 1 : t.shape.back();
    writer.write_tensor(
        numbered_bytes(static_cast<std::uint64_t>(rows) * quant::row_bytes(t.type, cols)));
  }
  writer.finish();
}

inline std::vector<std::byte> sample_bytes(const TemporaryFolder& folder) {
  write_sample(folder.file("sample.gguf"), every_value(), some_tensors());
  return llm::test::read_file<std::byte>(folder.file("sample.gguf"));
}

}  // namespace llm::gguf::test
