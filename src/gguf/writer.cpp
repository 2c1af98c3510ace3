#include "gguf/writer.h"

#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <type_traits>
#include <unordered_set>

#include "base/error.h"

namespace llm::gguf {
namespace {

static_assert(std::endian::native == std::endian::little, "fields are written as they lie");

constexpr std::uint32_t kVersion = 3;
constexpr std::size_t kMaxNameBytes = 63;
constexpr std::size_t kMaxDimensions = 4;

std::uint64_t rounded_up(std::uint64_t n, std::uint64_t alignment) {
  return (n + alignment - 1) / alignment * alignment;
}

/// The head of the file, field after field.
class Fields {
 public:
  template <class T>
  void number(T value) {
    static_assert(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  void boolean(bool value) { number<std::uint8_t>(value ? 1 : 0); }
  void string(std::string_view text) {
    number<std::uint64_t>(text.size());
    bytes_.append(text);
  }
  void value(const std::string& key, const Value& value);
  const std::string& bytes() const { return bytes_; }

 private:
  void array(const std::string& key, const Array& array);
  std::string bytes_;
};

void Fields::value(const std::string& key, const Value& value) {
  number(static_cast<std::uint32_t>(value.type()));
  std::visit(
      [&]<class T>(const T& held) {
        if constexpr (std::is_same_v<T, std::string>) {
          string(held);
        } else if constexpr (std::is_same_v<T, Array>) {
          array(key, held);
        } else if constexpr (std::is_same_v<T, bool>) {
          boolean(held);
        } else {
          number(held);
        }
      },
      value.value);
}

void Fields::array(const std::string& key, const Array& array) {
  number(static_cast<std::uint32_t>(array.type));
  number<std::uint64_t>(array.size());
  std::visit(
      [&]<class T>(const std::vector<T>& elements) {
        if constexpr (std::is_same_v<T, std::string>) {
          for (const std::string& text : elements) string(text);
        } else if constexpr (std::is_same_v<T, bool>) {
          for (const bool flag : elements) boolean(flag);
        } else if constexpr (std::is_same_v<T, Array>) {
          fail("key '{}': an array of arrays cannot be written", key);
        } else {
          bytes_.append(reinterpret_cast<const char*>(elements.data()),
                        elements.size() * sizeof(T));
        }
      },
      array.elements);
}

std::uint64_t alignment_of(const Metadata& metadata) {
  const Value* value = metadata.find("general.alignment");
  if (!value) return 32;
  const auto* alignment = std::get_if<std::uint32_t>(&value->value);
  if (!alignment || !std::has_single_bit(*alignment))
    fail("key 'general.alignment' must be a power of two of type u32");
  return *alignment;
}

/// Bytes of a tensor; an Error where a reader would refuse it.
std::uint64_t checked_bytes(const TensorPlan& plan) {
  if (plan.name.empty() || plan.name.size() > kMaxNameBytes ||
      plan.name.find('\0') != plan.name.npos) {
    fail("tensor '{}': a name must have 1 to {} bytes and no NUL", plan.name, kMaxNameBytes);
  }
  if (plan.shape.size() > kMaxDimensions)
    fail("tensor '{}': {} dimensions, at most {} are possible", plan.name, plan.shape.size(),
         kMaxDimensions);
  std::int64_t elements = 1;
  for (const std::int64_t length : plan.shape) {
    if (length <= 0 || __builtin_mul_overflow(elements, length, &elements))
      fail("tensor '{}': dimension {} is not possible", plan.name, length);
  }
  const quant::Traits& traits = quant::traits(plan.type);
  const std::int64_t row = plan.shape.empty() ? 1 : plan.shape.back();
  if (row % traits.block_length != 0)
    fail("tensor '{}': rows of {} elements, type {} needs a multiple of {}", plan.name, row,
         traits.name, traits.block_length);
  return static_cast<std::uint64_t>(elements / traits.block_length) *
         static_cast<std::uint64_t>(traits.block_bytes);
}

std::string head_of(const Metadata& metadata, const std::vector<TensorPlan>& tensors,
                    std::uint64_t alignment) {
  Fields out;
  for (const char c : {'G', 'G', 'U', 'F'}) out.number(c);
  out.number(kVersion);
  out.number<std::int64_t>(static_cast<std::int64_t>(tensors.size()));
  out.number<std::int64_t>(static_cast<std::int64_t>(metadata.entries().size()));
  for (const auto& [key, value] : metadata.entries()) {
    if (key.empty() || key.find('\0') != key.npos)
      fail("key '{}': a key must not be empty or hold a NUL", key);
    out.string(key);
    out.value(key, value);
  }
  std::unordered_set<std::string_view> names;
  std::uint64_t offset = 0;
  for (const TensorPlan& plan : tensors) {
    const std::uint64_t bytes = checked_bytes(plan);
    if (!names.insert(plan.name).second) fail("tensor '{}': the name occurs twice", plan.name);
    out.string(plan.name);
    out.number(static_cast<std::uint32_t>(plan.shape.size()));
    for (auto length = plan.shape.rbegin(); length != plan.shape.rend(); ++length)
      out.number(*length);
    out.number(static_cast<std::uint32_t>(plan.type));
    out.number(offset);
    offset += rounded_up(bytes, alignment);
  }
  return out.bytes();
}

}  // namespace

Writer::Writer(std::string path, const Metadata& metadata, std::vector<TensorPlan> tensors)
    : path_(std::move(path)), part_path_(path_ + ".part"), tensors_(std::move(tensors)) {
  alignment_ = alignment_of(metadata);
  const std::string head = head_of(metadata, tensors_, alignment_);
  out_.open(part_path_, std::ios::binary | std::ios::trunc);
  if (!out_) fail("cannot create '{}': {}", part_path_, std::strerror(errno));
  put(head.data(), head.size());
  if (!tensors_.empty()) {
    pad();
    pending_ = checked_bytes(tensors_.front());
  }
}

Writer::~Writer() {
  if (finished_) return;
  out_.close();
  std::remove(part_path_.c_str());
}

void Writer::give_up(std::string_view what) {
  fail("cannot {} '{}': {}", what, part_path_, std::strerror(errno));
}

void Writer::put(const void* bytes, std::size_t count) {
  out_.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(count));
  if (!out_) give_up("write");
  position_ += count;
}

void Writer::pad() {
  constexpr char kZeros[4096] = {};
  for (std::uint64_t left = rounded_up(position_, alignment_) - position_; left > 0;) {
    const std::uint64_t piece = left < sizeof(kZeros) ? left : sizeof(kZeros);
    put(kZeros, piece);
    left -= piece;
  }
}

void Writer::write_tensor(std::span<const std::byte> bytes) {
  if (next_ < tensors_.size() && bytes.size() != pending_) {
    fail("tensor '{}': {} bytes were given, {} are needed", tensors_[next_].name, bytes.size(),
         pending_);
  }
  write_part(bytes);
}

void Writer::write_part(std::span<const std::byte> bytes) {
  if (next_ >= tensors_.size()) fail("'{}': all {} tensors are written", path_, tensors_.size());
  if (bytes.size() > pending_) {
    fail("tensor '{}': {} bytes were given, only {} are left", tensors_[next_].name, bytes.size(),
         pending_);
  }
  put(bytes.data(), bytes.size());
  pending_ -= bytes.size();
  if (pending_ > 0) return;
  pad();
  ++next_;
  if (next_ < tensors_.size()) pending_ = checked_bytes(tensors_[next_]);
}

void Writer::finish() {
  if (next_ < tensors_.size())
    fail("'{}': tensor '{}' was not written", path_, tensors_[next_].name);
  out_.close();
  if (!out_) give_up("write");
  if (std::rename(part_path_.c_str(), path_.c_str()) != 0)
    fail("cannot rename '{}' to '{}': {}", part_path_, path_, std::strerror(errno));
  finished_ = true;
}

}  // namespace llm::gguf
