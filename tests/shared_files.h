// Where the expected numbers that are kept outside the repository lie.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace llm::test {

/// ../shared beside the sources, or what the environment says. May not exist.
inline std::filesystem::path shared_dir() {
  const char* place = std::getenv("LLAMA_SHARED");
  return place ? place : SOURCE_DIR "/../shared";
}

/// The whole file as values of type T.
template <class T = char>
std::vector<T> read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  std::vector<T> out(bytes.size() / sizeof(T));
  std::copy_n(bytes.data(), out.size() * sizeof(T), reinterpret_cast<char*>(out.data()));
  return out;
}

inline std::string read_text_file(const std::filesystem::path& path) {
  const std::vector<char> bytes = read_file(path);
  return {bytes.begin(), bytes.end()};
}

}  // namespace llm::test

/// Ends the test with a message when `path` below the shared files is absent.
#define LLM_NEED_SHARED(path)                                       \
  if (!std::filesystem::exists(::llm::test::shared_dir() / (path))) \
  GTEST_SKIP() << "not here: " << (::llm::test::shared_dir() / (path))
