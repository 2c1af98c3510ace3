#include "gguf/parser.h"

#include <algorithm>
#include <bit>

namespace llm::gguf {
namespace {

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF" as a little-endian number
constexpr std::uint64_t kHeaderBytes = 24;
constexpr std::uint64_t kMinEntryBytes = 8 + 1 + 4 + 1;   // key length, key, type, value
constexpr std::uint64_t kMinTensorBytes = 8 + 4 + 4 + 8;  // name length, rank, type, offset
constexpr std::size_t kMaxNameBytes = 63;
constexpr std::uint32_t kMaxDimensions = 4;
constexpr std::uint32_t kDefaultAlignment = 32;

/// For messages: a name from a hostile file may be long or hold control characters.
std::string printable(std::string_view text) {
  constexpr std::size_t kShown = 100;
  std::string out(text.substr(0, kShown));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  if (text.size() > kShown) out += "...";
  return out;
}

/// Bytes of one element in the file, of a string at least that many; 0 for an unknown type.
std::uint64_t element_bytes(ValueType type) {
  switch (type) {
    case ValueType::u8:
    case ValueType::i8:
    case ValueType::boolean:
      return 1;
    case ValueType::u16:
    case ValueType::i16:
      return 2;
    case ValueType::u32:
    case ValueType::i32:
    case ValueType::f32:
      return 4;
    case ValueType::string:
    case ValueType::u64:
    case ValueType::i64:
    case ValueType::f64:
      return 8;
    case ValueType::array:
      break;
  }
  return 0;
}

}  // namespace

Parser::Parser(std::span<const std::byte> bytes, std::string name)
    : bytes_(bytes), name_(std::move(name)), cursor_(bytes, name_) {}

File Parser::parse() {
  file_.path_ = name_;
  read_header();
  read_entries();
  read_tensor_infos();
  place_tensors();
  index_names(file_);
  return std::move(file_);
}

void Parser::read_header() {
  if (bytes_.size() < kHeaderBytes) {
    cursor_.reject("the file has {} bytes, a GGUF file has at least {}", bytes_.size(),
                   kHeaderBytes);
  }
  const auto magic = cursor_.number<std::uint32_t>();
  if (magic != kMagic)
    cursor_.reject("not a GGUF file: it begins with the bytes {:08x}, not with 'GGUF'",
                   __builtin_bswap32(magic));
  const auto version = cursor_.number<std::uint32_t>();
  if (version != 0 && (version & 0xffff) == 0)
    cursor_.reject(
        "the file is big-endian (version field {:#010x}); a little-endian file is needed", version);
  if (version != 2 && version != 3)
    cursor_.reject("GGUF version {} is not supported, only 2 and 3 are", version);
  file_.version_ = version;

  const auto tensors = cursor_.number<std::int64_t>();
  const auto entries = cursor_.number<std::int64_t>();
  // Only a bound: the counts are never used to reserve memory.
  if (tensors < 0 || static_cast<std::uint64_t>(tensors) > cursor_.left() / kMinTensorBytes)
    cursor_.reject("{} tensors are announced, the file has no room for them", tensors);
  if (entries < 0 || static_cast<std::uint64_t>(entries) > cursor_.left() / kMinEntryBytes)
    cursor_.reject("{} keys are announced, the file has no room for them", entries);
  tensor_count_ = static_cast<std::uint64_t>(tensors);
  entry_count_ = static_cast<std::uint64_t>(entries);
}

void Parser::read_entries() {
  for (std::uint64_t i = 0; i < entry_count_; ++i) {
    cursor_.set_subject(fmt::format("key number {} of {}", i + 1, entry_count_));
    const std::string_view key = cursor_.string();
    if (key.empty()) cursor_.reject("the key is empty");
    cursor_.set_subject(fmt::format("key '{}'", printable(key)));
    if (key.find('\0') != key.npos) cursor_.reject("the key holds a NUL byte");
    if (file_.metadata_.has(key)) cursor_.reject("the key occurs twice");
    file_.metadata_.set(std::string(key), read_value());
  }
}

Value Parser::read_value() {
  const auto type = cursor_.number<std::uint32_t>();
  switch (static_cast<ValueType>(type)) {
    case ValueType::u8:
      return {cursor_.number<std::uint8_t>()};
    case ValueType::i8:
      return {cursor_.number<std::int8_t>()};
    case ValueType::u16:
      return {cursor_.number<std::uint16_t>()};
    case ValueType::i16:
      return {cursor_.number<std::int16_t>()};
    case ValueType::u32:
      return {cursor_.number<std::uint32_t>()};
    case ValueType::i32:
      return {cursor_.number<std::int32_t>()};
    case ValueType::f32:
      return {cursor_.number<float>()};
    case ValueType::boolean:
      return {cursor_.number<std::uint8_t>() != 0};
    case ValueType::string:
      return {std::string(cursor_.string())};
    case ValueType::array:
      return {read_array()};
    case ValueType::u64:
      return {cursor_.number<std::uint64_t>()};
    case ValueType::i64:
      return {cursor_.number<std::int64_t>()};
    case ValueType::f64:
      return {cursor_.number<double>()};
  }
  cursor_.reject("value type {} is unknown (0 to 12 are known)", static_cast<std::int32_t>(type));
}

template <class T>
std::vector<T> Parser::read_numbers(std::uint64_t count) {
  std::vector<T> out(count);
  const auto bytes = cursor_.take(count * sizeof(T));
  if (count > 0) std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

Array Parser::read_array() {
  Array out;
  const auto type = cursor_.number<std::uint32_t>();
  const auto count = cursor_.number<std::uint64_t>();
  out.type = static_cast<ValueType>(type);
  if (out.type == ValueType::array) cursor_.reject("an array of arrays is not supported");
  const std::uint64_t each = element_bytes(out.type);
  if (each == 0)
    cursor_.reject("array element type {} is unknown", static_cast<std::int32_t>(type));
  if (count > kMaxArrayCount)
    cursor_.reject("an array is said to have {} elements, at most {} are possible", count,
                   kMaxArrayCount);
  if (count * each > cursor_.left())
    cursor_.reject("the array of {} {} elements does not fit into the {} bytes left", count,
                   name_of(out.type), cursor_.left());

  const auto numbers = [&]<class T>(T) { out.elements = read_numbers<T>(count); };
  switch (out.type) {
    case ValueType::u8:
      numbers(std::uint8_t{});
      break;
    case ValueType::i8:
      numbers(std::int8_t{});
      break;
    case ValueType::u16:
      numbers(std::uint16_t{});
      break;
    case ValueType::i16:
      numbers(std::int16_t{});
      break;
    case ValueType::u32:
      numbers(std::uint32_t{});
      break;
    case ValueType::i32:
      numbers(std::int32_t{});
      break;
    case ValueType::f32:
      numbers(float{});
      break;
    case ValueType::u64:
      numbers(std::uint64_t{});
      break;
    case ValueType::i64:
      numbers(std::int64_t{});
      break;
    case ValueType::f64:
      numbers(double{});
      break;
    case ValueType::boolean: {
      std::vector<bool> flags(count);
      const auto bytes = cursor_.take(count);
      for (std::size_t i = 0; i < count; ++i) flags[i] = bytes[i] != std::byte{0};
      out.elements = std::move(flags);
      break;
    }
    default: {
      // Grows as the strings are found: a count alone must not claim memory.
      std::vector<std::string> strings;
      for (std::uint64_t i = 0; i < count; ++i) strings.emplace_back(cursor_.string());
      out.elements = std::move(strings);
      break;
    }
  }
  return out;
}

void Parser::read_shape(TensorInfo& tensor) {
  const auto rank = cursor_.number<std::uint32_t>();
  if (rank > kMaxDimensions)
    cursor_.reject("{} dimensions, at most {} are possible", rank, kMaxDimensions);
  std::int64_t elements = 1;
  for (std::uint32_t i = 0; i < rank; ++i) {
    const auto length = cursor_.number<std::int64_t>();
    if (length <= 0) cursor_.reject("dimension {} is {}, it must be positive", i, length);
    if (__builtin_mul_overflow(elements, length, &elements))
      cursor_.reject("the number of elements overflows 63 bits");
    tensor.shape.push_back(length);
  }
}

std::uint64_t Parser::byte_count(const TensorInfo& tensor) const {
  const quant::Traits& traits = quant::traits(tensor.type);
  const std::int64_t row = tensor.shape.empty() ? 1 : tensor.shape.front();  // still file order
  if (row % traits.block_length != 0) {
    cursor_.reject("its rows have {} elements, type {} needs a multiple of {}", row, traits.name,
                   traits.block_length);
  }
  std::uint64_t bytes = 0;
  const auto blocks = static_cast<std::uint64_t>(tensor.elements() / traits.block_length);
  if (__builtin_mul_overflow(blocks, static_cast<std::uint64_t>(traits.block_bytes), &bytes))
    cursor_.reject("its size in bytes overflows 64 bits");
  return bytes;
}

void Parser::read_tensor_infos() {
  for (std::uint64_t i = 0; i < tensor_count_; ++i) {
    cursor_.set_subject(fmt::format("tensor number {} of {}", i + 1, tensor_count_));
    const std::string_view name = cursor_.string();
    if (name.empty()) cursor_.reject("the name is empty");
    cursor_.set_subject(fmt::format("tensor '{}'", printable(name)));
    if (name.size() > kMaxNameBytes)
      cursor_.reject("the name has {} bytes, at most {} are possible", name.size(), kMaxNameBytes);
    if (name.find('\0') != name.npos) cursor_.reject("the name holds a NUL byte");

    TensorInfo tensor;
    tensor.name = name;
    read_shape(tensor);
    const auto type = cursor_.number<std::uint32_t>();
    const quant::Traits* traits = quant::find_traits(type);
    if (!traits)
      cursor_.reject("tensor type {} is unknown or was removed", static_cast<std::int32_t>(type));
    tensor.type = traits->type;
    const auto offset = cursor_.number<std::uint64_t>();
    placed_.push_back({offset, byte_count(tensor)});
    while (tensor.shape.size() > 1 && tensor.shape.back() == 1) tensor.shape.pop_back();
    std::ranges::reverse(tensor.shape);
    file_.tensors_.push_back(std::move(tensor));
  }
}

std::uint64_t Parser::read_alignment() {
  const Value* value = file_.metadata_.find("general.alignment");
  if (!value) return kDefaultAlignment;
  cursor_.set_subject("key 'general.alignment'");
  const auto* alignment = std::get_if<std::uint32_t>(&value->value);
  if (!alignment) cursor_.reject("the value has type {}, u32 is expected", name_of(value->type()));
  if (!std::has_single_bit(*alignment))
    cursor_.reject("the alignment is {}, it must be a power of two", *alignment);
  return *alignment;
}

void Parser::place_tensors() {
  const std::uint64_t alignment = read_alignment();
  if (file_.tensors_.empty()) return;  // then there need not even be padding
  // Neither can wrap: positions are below the size of a file, the alignment is at most 2^31.
  const auto rounded_up = [&](std::uint64_t n) { return (n + alignment - 1) & ~(alignment - 1); };
  const std::uint64_t start = rounded_up(cursor_.position());
  if (start > bytes_.size()) {
    cursor_.set_subject("data section");
    cursor_.reject("it begins at byte {} (alignment {}), the file has {} bytes", start, alignment,
                   bytes_.size());
  }
  std::uint64_t expected = 0;
  for (std::size_t i = 0; i < placed_.size(); ++i) {
    TensorInfo& tensor = file_.tensors_[i];
    cursor_.set_subject(fmt::format("tensor '{}'", printable(tensor.name)));
    const auto [offset, bytes] = placed_[i];
    // This one check rules out holes, overlap, disorder and misalignment.
    if (offset != expected)
      cursor_.reject("its data is said to be at offset {}, {} is expected", offset, expected);
    const std::uint64_t room = bytes_.size() - start;
    if (offset > room || bytes > room - offset) {
      cursor_.reject("the file is cut off: {} bytes are needed at byte {}, the file has {} bytes",
                     bytes, start + offset, bytes_.size());
    }
    tensor.bytes = bytes_.subspan(start + offset, bytes);
    expected = rounded_up(offset + bytes);
  }
}

void Parser::index_names(File& file) {
  const auto name_at = [&](std::uint32_t i) -> const std::string& { return file.tensors_[i].name; };
  file.by_name_.resize(file.tensors_.size());
  for (std::uint32_t i = 0; i < file.by_name_.size(); ++i) file.by_name_[i] = i;
  std::ranges::sort(file.by_name_, {}, name_at);
  const auto twin = std::ranges::adjacent_find(file.by_name_, {}, name_at);
  if (twin != file.by_name_.end())
    fail("{}: tensor '{}': the name occurs twice", file.path_, printable(name_at(*twin)));
}

}  // namespace llm::gguf
