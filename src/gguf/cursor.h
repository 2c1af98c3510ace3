// Reads the fields of a GGUF file one after the other and never beyond its end.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace llm::gguf {

static_assert(std::endian::native == std::endian::little, "fields are read as they lie");

inline constexpr std::uint64_t kMaxStringBytes = std::uint64_t{1} << 30;
inline constexpr std::uint64_t kMaxArrayCount = std::uint64_t{1} << 30;

/// Errors begin with the file's name and the subject last set.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, std::string file)
      : bytes_(bytes), file_(std::move(file)) {}

  /// What is being read: "key 'general.name'", "tensor 'output.weight'".
  void set_subject(std::string subject) { subject_ = std::move(subject); }

  template <class... Args>
  [[noreturn]] void reject(fmt::format_string<Args...> format, Args&&... args) const {
    fail("{}: {}: {}", file_, subject_, fmt::format(format, std::forward<Args>(args)...));
  }

  std::uint64_t position() const { return at_; }
  std::uint64_t size() const { return bytes_.size(); }
  std::uint64_t left() const { return bytes_.size() - at_; }

  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }

  std::string_view string() {
    const auto length = number<std::uint64_t>();
    if (length > kMaxStringBytes) {
      reject("a string is said to have {} bytes, at most {} are possible", length, kMaxStringBytes);
    }
    const auto bytes = take(length);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  std::span<const std::byte> take(std::uint64_t count) {
    if (count > left()) {
      reject("the file ends too early: {} bytes are needed at byte {}, {} are left", count, at_,
             left());
    }
    const auto taken = bytes_.subspan(at_, count);
    at_ += count;
    return taken;
  }

 private:
  std::span<const std::byte> bytes_;
  std::string file_;
  std::string subject_ = "header";
  std::uint64_t at_ = 0;
};

}  // namespace llm::gguf
