#include "gguf/reader.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "gguf/parser.h"

namespace llm::gguf {
namespace {

constexpr std::int64_t kMaxParts = 99999;  // names have five digits

/// Maps or reads one file and parses it; the bytes stay owned by the result.
struct Part {
  std::shared_ptr<MappedFile> bytes;
  File file;
};

Part open_part(const std::string& path, const OpenOptions& options) {
  // Without the data a mapping is always right: only the head of the file is touched.
  const auto mode =
      options.use_mmap || !options.with_data ? MappedFile::Mode::map : MappedFile::Mode::read;
  auto bytes = std::make_shared<MappedFile>(path, mode, options.lock && options.with_data);
  File file = File::parse(bytes->bytes(), path);
  if (options.with_data && mode == MappedFile::Mode::map) bytes->prefetch();
  return {std::move(bytes), std::move(file)};
}

/// "model-00001-of-00003.gguf" without "-00001-of-00003.gguf".
std::string split_prefix(const std::string& path, std::int64_t count) {
  const std::string suffix = fmt::format("-00001-of-{:05}.gguf", count);
  if (!path.ends_with(suffix)) {
    fail("{}: the model is split into {} files, so the name of the first must end in '{}'", path,
         count, suffix);
  }
  return path.substr(0, path.size() - suffix.size());
}

std::int64_t part_count(const File& first) {
  const auto count = first.metadata().get_or<std::int64_t>("split.count", 0);
  if (count <= 1) return 1;
  if (count > kMaxParts)
    fail("{}: key 'split.count' is {}, at most {} is possible", first.path(), count, kMaxParts);
  const auto number = first.metadata().need<std::int64_t>("split.no");
  if (number != 0) {
    fail("{}: this is part {} of a model of {} files; give the name of the first", first.path(),
         number + 1, count);
  }
  return count;
}

}  // namespace

std::int64_t TensorInfo::elements() const {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>{});
}

std::uint64_t TensorInfo::byte_size() const {
  const quant::Traits& t = quant::traits(type);
  return static_cast<std::uint64_t>(elements() / t.block_length) *
         static_cast<std::uint64_t>(t.block_bytes);
}

File File::parse(std::span<const std::byte> bytes, const std::string& name) {
  return Parser(bytes, name).parse();
}

File File::open(const std::string& path, const OpenOptions& options) {
  Part first = open_part(path, options);
  File file = std::move(first.file);
  file.parts_.push_back(std::move(first.bytes));
  file.append_parts(options);
  if (!options.with_data) {
    for (TensorInfo& tensor : file.tensors_) tensor.bytes = {};
    file.parts_.clear();
  }
  return file;
}

/// The tensors of the other files of a split model; its metadata is that of the first.
void File::append_parts(const OpenOptions& options) {
  const std::int64_t count = part_count(*this);
  if (count == 1) return;
  const std::string prefix = split_prefix(path_, count);
  for (std::int64_t i = 1; i < count; ++i) {
    Part part = open_part(fmt::format("{}-{:05}-of-{:05}.gguf", prefix, i + 1, count), options);
    std::optional<std::int64_t> number;
    try {
      number = part.file.metadata_.need<std::int64_t>("split.no");
    } catch (const Error& error) {
      fail("{}: {}", part.file.path_, error.what());
    }
    if (*number != i) fail("{}: key 'split.no' is {}, {} is expected", part.file.path_, *number, i);
    std::ranges::move(part.file.tensors_, std::back_inserter(tensors_));
    parts_.push_back(std::move(part.bytes));
  }
  Parser::index_names(*this);
  const auto announced = metadata_.need<std::int64_t>("split.tensors.count");
  if (announced != static_cast<std::int64_t>(tensors_.size())) {
    fail("{}: the {} files hold {} tensors, key 'split.tensors.count' says {}", path_, count,
         tensors_.size(), announced);
  }
}

const TensorInfo* File::find_tensor(std::string_view name) const {
  const auto name_at = [&](std::uint32_t i) -> std::string_view { return tensors_[i].name; };
  const auto found = std::ranges::lower_bound(by_name_, name, {}, name_at);
  return found == by_name_.end() || name_at(*found) != name ? nullptr : &tensors_[*found];
}

std::uint64_t File::data_bytes() const {
  std::uint64_t sum = 0;
  for (const TensorInfo& tensor : tensors_) sum += tensor.byte_size();
  return sum;
}

}  // namespace llm::gguf
